import Foundation

// Numbers as people read them. The locale plays no part: a report looks the same everywhere.

/// Whole seconds as `m:ss`, or `h:mm:ss` from an hour on.
func formatDuration(_ seconds: Double) -> String {
  let whole = Int(min(max(finite(seconds), 0), 359_999).rounded())
  let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
  return hours > 0
    ? String(format: "%d:%02d:%02d", hours, minutes, rest)
    : String(format: "%d:%02d", minutes, rest)
}

/// Seconds with two digits, or as milliseconds below one.
func formatSeconds(_ seconds: Double) -> String {
  seconds < 1 ? String(format: "%.1f ms", seconds * 1e3) : String(format: "%.2f s", seconds)
}

/// A rate with a digit after the point where it is small.
func formatRate(_ rate: Double) -> String {
  String(format: rate < 1000 ? "%.1f" : "%.0f", rate)
}

/// Bytes in binary units, for example "12.5 MiB".
func formatBytes(_ bytes: Int) -> String {
  var value = Double(bytes)
  for unit in ["B", "KiB", "MiB", "GiB"] {
    if value < 1024 { return String(format: unit == "B" ? "%.0f " : "%.1f ", value) + unit }
    value /= 1024
  }
  return String(format: "%.1f TiB", value)
}

/// A count with its noun, for example "1 rank" or "8 ranks".
func formatCount(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}

import Foundation

/// What the ranks of one host need: `generate` refuses to start by it, and `inspect` shows it.
///
/// Weights in mapped files can be read again from them, so they do not count.
struct HostMemory {
  /// Bytes that the ranks share, such as converted weights.
  let sharedBytes: Int
  /// Bytes of each rank's own.
  let rankBytes: [Int]

  var bytes: Int { sharedBytes + rankBytes.reduce(0, +) }

  /// Whether it is there; true where nobody knows.
  func fits(available: Int?) -> Bool { available.map { bytes <= $0 } ?? true }
}

/// Such as "12.3 GB" or "0.6 MB".
func decimalSize(_ bytes: Int) -> String {
  bytes < 1_000_000_000
    ? String(format: "%.1f MB", Double(bytes) / 1e6)
    : String(format: "%.1f GB", Double(bytes) / 1e9)
}

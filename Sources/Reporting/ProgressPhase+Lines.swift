extension ProgressPhase {
  /// The line that is redrawn on a terminal, for example
  ///
  ///     prefill [########............] layer 12/36  1834 tokens/s  0:41 left
  ///
  /// Its length stays under `width`, because many terminals wrap when the last column is filled.
  /// Where room is short, first the rate, then the bar, then the time left is given up.
  public func terminalLine(width: Int) -> String {
    let room = max(width - 1, 0)
    let left = remainingSeconds.map { "  \(formatDuration($0)) left" } ?? ""
    let speed = tokensPerSecond.map { "  \(formatRate($0)) tokens/s" } ?? ""

    let frame = "[] ".count
    let shortestBar = 10
    let longestBar = 40
    let fixed = name.count + 1 + count.count + left.count
    for speed in [speed, ""] {
      let barWidth = min(room - fixed - speed.count - frame, longestBar)
      if barWidth >= shortestBar {
        return "\(name) [\(bar(width: barWidth))] \(count)\(speed)\(left)"
      }
    }
    for line in ["\(name) \(count)\(left)", "\(name) \(count)"] where line.count <= room {
      return line
    }
    return String(count.prefix(room))
  }

  /// The line that is now and then appended to a log file.
  public var logLine: String {
    let speed = tokensPerSecond.map { ", \(formatRate($0)) tokens/s" } ?? ""
    let left = remainingSeconds.map { ", \(formatDuration($0)) left" } ?? ""
    return "\(name): \(count), \(Int(fraction * 100)) %\(speed)\(left)"
  }

  /// The line that ends the phase in a log file.
  public var closingLine: String {
    let speed = tokensPerSecond.map { ", \(formatRate($0)) tokens/s" } ?? ""
    return
      "\(name): \(completedUnits)/\(total) \(unit)s in \(formatSeconds(elapsedSeconds))\(speed)"
  }

  private var count: String {
    countedTokens == nil ? "\(unit) \(currentUnit)/\(total)" : "\(completedUnits)/\(total)"
  }

  private func bar(width: Int) -> String {
    let filled = Int(fraction * Double(width))
    return String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
  }
}

/// How much of a text is encoded, told at every 64 kB.
struct EncodingProgress {
  private static let interval = 65_536

  private let byteCount: Int
  private let report: ((Double) -> Void)?
  /// The part of the text that is at hand, and how long it is once it is normalized.
  private var part = 0..<0
  private var normalizedByteCount = 1
  /// Of the normalized part.
  private var done = 0
  private var nextReport = EncodingProgress.interval

  /// - Parameter report: given a fraction, from above 0 to 1, that never falls.
  init(byteCount: Int, report: ((Double) -> Void)?) {
    self.byteCount = max(1, byteCount)
    self.report = report
    if report == nil { nextReport = .max }
  }

  mutating func begin(_ part: Range<Int>, normalizedByteCount: Int) {
    self.part = part
    self.normalizedByteCount = max(1, normalizedByteCount)
    done = 0
    if report != nil, part.lowerBound >= nextReport { tell(part.lowerBound) }
  }

  @inline(__always)
  mutating func advance(by count: Int) {
    done += count
    if done >= nextReport - part.lowerBound { tellDone() }
  }

  private mutating func tellDone() {
    guard report != nil else { return }
    // A step may have made the part longer than it was when it began.
    let fraction = min(1, Double(done) / Double(normalizedByteCount))
    let position = part.lowerBound + Int(fraction * Double(part.count))
    if position >= nextReport { tell(position) }
  }

  private mutating func tell(_ position: Int) {
    nextReport = position + Self.interval
    report?(Double(position) / Double(byteCount))
  }

  mutating func finish() {
    report?(1)
  }
}

/// What the ranks of one host need: `Job.checkMemory` refuses to start by it.
///
/// Weights in mapped files can be read again from them, so they do not count.
public struct HostMemoryRequirement {
  /// Bytes that the ranks share, such as converted weights.
  public let sharedBytes: Int
  /// Bytes of each rank's own.
  public let rankBytes: [Int]

  public init(sharedBytes: Int, rankBytes: [Int]) {
    self.sharedBytes = sharedBytes
    self.rankBytes = rankBytes
  }

  public var bytes: Int { sharedBytes + rankBytes.reduce(0, +) }

  /// Whether it is there; true where nobody knows.
  public func fits(available: Int?) -> Bool { available.map { bytes <= $0 } ?? true }
}

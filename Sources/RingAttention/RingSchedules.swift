import Kernels

/// The ring's schedules for all attention patterns of a model: a value that is the same for every rank.
public struct RingSchedules: Sendable {
  private let schedules: [AttentionPattern: RingSchedule]

  /// - Parameters:
  ///   - patterns: every one that a layer will use; some may be equal.
  ///   - firstBlock: the first one whose tokens attend.
  public init(
    partition: SequencePartition, patterns: [AttentionPattern], from firstBlock: Int = 0
  ) {
    schedules = Set(patterns).reduce(into: [:]) {
      $0[$1] = RingSchedule(partition: partition, pattern: $1, from: firstBlock)
    }
  }

  var patterns: some Sequence<AttentionPattern> { schedules.keys }

  public subscript(pattern: AttentionPattern) -> RingSchedule {
    guard let schedule = schedules[pattern] else {
      preconditionFailure("the pattern \(pattern) was not announced")
    }
    return schedule
  }

  /// The most blocks that a rank receives in one hop, by pattern.
  func largestMessages(to rank: Int) -> [AttentionPattern: Int] {
    schedules.mapValues { $0.largestMessage(to: rank) }
  }
}

import Kernels

/// The ring's schedules for all attention patterns of a model: a value that is the same for every rank.
public struct RingSchedules: Sendable {
  private let schedules: [AttentionPattern: RingSchedule]

  /// - Parameter patterns: every one that a layer will use; some may be equal.
  public init(partition: SequencePartition, patterns: [AttentionPattern]) {
    schedules = Set(patterns).reduce(into: [:]) {
      $0[$1] = RingSchedule(partition: partition, pattern: $1)
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

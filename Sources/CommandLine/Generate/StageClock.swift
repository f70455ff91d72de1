import Reporting

/// Where the time of a run goes: one stage after the other, by one clock.
final class StageClock {
  private(set) var seconds = RunRecord.Seconds()
  private var last = ContinuousClock.now

  /// Counts the time since the last call for a stage.
  func end(
    _ stage: WritableKeyPath<RunRecord.Seconds, Double>, at end: ContinuousClock.Instant = .now
  ) {
    seconds[keyPath: stage] += (end - last).seconds
    last = end
  }

  /// Counts the time since the last call for none.
  func skip() { last = .now }
}

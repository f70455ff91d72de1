/// What one rank did when: spans of time, for a picture of the whole job.
///
/// A timeline belongs to one thread. What a rank's other threads did is recorded by that thread
/// after it has joined them, under a lane of their own. The spans of one lane either follow or
/// enclose each other; things that overlap, such as an exchange and the computation that hides it,
/// go to different lanes.
///
/// While `isEnabled` is false nothing is recorded, and nothing reads the clock.
public final class Timeline {
  struct Span {
    let name: StaticString
    let category: StaticString
    let lane: Int
    let startNanoseconds: Int64
    let durationNanoseconds: Int64
  }

  /// Whether anything is recorded.
  public let isEnabled: Bool
  let rank: Int
  let host: String
  let lanes: [StaticString]
  let start: ContinuousClock.Instant
  private(set) var spans: [Span] = []

  /// - Parameters:
  ///   - isEnabled: whether anything is recorded.
  ///   - rank: this process.
  ///   - host: the name of its host.
  ///   - lanes: names of the lanes 0, 1, …; a lane beyond them is called by its number.
  ///   - start: time zero. Hosts' clocks differ, so every rank gives the moment at which it left
  ///     the same barrier.
  public init(
    isEnabled: Bool, rank: Int, host: String, lanes: [StaticString] = ["main"],
    start: ContinuousClock.Instant = .now
  ) {
    self.isEnabled = isEnabled
    self.rank = rank
    self.host = host
    self.lanes = lanes
    self.start = start
    // 1 MiB or so; enough for the prefill of a deep model without growing in the middle of it.
    if isEnabled { spans.reserveCapacity(16384) }
  }

  /// Runs `body` and records the time that it took, also if it throws.
  @inlinable
  public func measure<Result, Failure: Error>(
    _ name: StaticString, category: StaticString, lane: Int = 0,
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard isEnabled else { return try body() }
    let from = ContinuousClock.now
    defer { record(name, category: category, lane: lane, from: from, to: .now) }
    return try body()
  }

  /// Records a span that is over.
  public func record(
    _ name: StaticString, category: StaticString, lane: Int = 0,
    from: ContinuousClock.Instant, to: ContinuousClock.Instant
  ) {
    guard isEnabled else { return }
    spans.append(
      Span(
        name: name, category: category, lane: lane,
        startNanoseconds: nanoseconds(from - start), durationNanoseconds: nanoseconds(to - from)))
  }

  private func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}

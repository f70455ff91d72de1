import Ranks
import Reporting

extension Timeline {
  /// Does `body` as a stage of the run, and records what it takes.
  func stage<Result>(
    _ name: StaticString, _ body: () throws -> Result
  ) rethrows -> Result {
    let start = ContinuousClock.now
    defer { record(name, category: "stage", from: start, to: .now) }
    return try WorkLocation.within(stage: name, body)
  }
}

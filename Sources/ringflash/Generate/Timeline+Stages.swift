import MPI
import Reporting

extension Timeline {
  /// Records what `body` takes as a stage of the run, and tells the job's watch of the stage.
  func measured<Result>(
    _ name: StaticString, on job: Job, _ body: () throws -> Result
  ) rethrows -> Result {
    let start = ContinuousClock.now
    job.communicator.place = Place(stage: name)
    defer { record(name, category: "stage", from: start, to: .now) }
    return try body()
  }
}

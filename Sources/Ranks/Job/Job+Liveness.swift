import Foundation
import MPI

extension Job {
  /// Has the ranks watch each other from now on, so that the job ends when one has stopped: by
  /// `communicator.tick()`, which every wait for other ranks does, and which all that takes long
  /// without one must call. Every rank calls this.
  ///
  /// - Parameter remedy: what to do about a silent rank, for the message.
  /// - Throws: `MPIError`.
  public func startWatching(timeoutSeconds: Int, remedy: String) throws {
    heartbeat = try Heartbeat(
      communicator: communicator, timeout: .seconds(timeoutSeconds)
    ) { [self] in end(silence(of: $0, remedy: remedy)) }
  }

  /// Changes how long a rank may be silent from now on.
  public func setWatchTimeout(seconds: Int) { heartbeat?.timeout = .seconds(seconds) }

  /// Ends what goes on beside the work, in order, on every rank.
  ///
  /// - Parameter exitCode: which the process will have.
  /// - Throws: `MPIError`.
  public func finish(exitCode: Int32 = 0) throws {
    try WorkLocation.within(stage: "end") {
      try interruption?.finish()
      if let heartbeat {
        try heartbeat.finish()
        // What is left is MPI's own end, in which nobody can be watched: a signal ends a rank that
        // waits for another one there.
        alarm(UInt32(clamping: heartbeat.timeout.components.seconds + 1))
      }
      leaveSignalsToHandlers(exitCode: exitCode)
      communicator.whileWaiting = nil
      (interruption, heartbeat) = (nil, nil)
    }
  }

  private func silence(of heartbeat: Heartbeat, remedy: String) -> Failure {
    let seconds = heartbeat.timeout.components.seconds
    return Failure(
      .unavailable,
      """
      rank \(rank) on \(MPIEnvironment.processorName) waits for rank \(heartbeat.watchedRank) on \
      \(heartbeat.watchedHost) in \(WorkLocation.current): no sign of life for \(seconds) \
      second\(seconds == 1 ? "" : "s"); \(remedy)
      """)
  }
}

import Foundation
import MPI

extension Job {
  /// Has the ranks watch each other from now on, so that the job ends when one has stopped: by
  /// `communicator.tick()`, which every wait for other ranks does, and which all that takes long
  /// without one must call. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  func startWatching(timeoutSeconds: Int) throws {
    heartbeat = try Heartbeat(
      communicator: communicator, timeout: .seconds(timeoutSeconds)
    ) { [self] in endForSilence(of: $0) }
    attendWhileWaiting()
  }

  /// What a rank does in every wait.
  func attendWhileWaiting() {
    communicator.whileWaiting = { [unowned self] in
      do { try heartbeat?.tick() } catch { abort(error, during: "in \(communicator.place)") }
      noted?.poll()
    }
  }

  /// Runs what may take long and calls no MPI, such as reading from a pipe, on another thread, while
  /// this one gives signs of life.
  func whileTicking<Value>(_ body: @escaping () throws -> Value) throws -> Value {
    let isDone = DispatchSemaphore(value: 0)
    // Both threads use these by turns.
    nonisolated(unsafe) let body = body
    nonisolated(unsafe) var result: Result<Value, any Error>?
    let thread = Thread {
      result = Result { try body() }
      isDone.signal()
    }
    thread.stackSize = 64 << 20
    thread.start()
    while isDone.wait(timeout: .now() + .milliseconds(20)) == .timedOut { communicator.tick() }
    return try result!.get()
  }

  /// Ends what goes on beside the work, in order, on every rank.
  ///
  /// - Throws: `MPIError`.
  func finish() throws {
    communicator.place = Place(stage: "end")
    try noted?.finish()
    if let heartbeat {
      try heartbeat.finish()
      // What is left is MPI's own end, in which nobody can be watched: a signal ends a rank that waits
      // for another one there.
      alarm(UInt32(clamping: heartbeat.timeout.components.seconds + 1))
    }
    communicator.whileWaiting = nil
    (noted, heartbeat) = (nil, nil)
  }

  private func endForSilence(of heartbeat: Heartbeat) -> Never {
    let seconds = heartbeat.timeout.components.seconds
    end(
      Failure(
        .unavailable,
        """
        rank \(rank) on \(MPIEnvironment.processorName) waits for rank \(heartbeat.watchedRank) on \
        \(heartbeat.watchedHost) in \(communicator.place): no sign of life for \(seconds) \
        second\(seconds == 1 ? "" : "s"); look at that host and the network, and start the job again \
        (from a saved context with --resume DIR, or with a longer --stall-timeout where hosts pause)
        """))
  }
}

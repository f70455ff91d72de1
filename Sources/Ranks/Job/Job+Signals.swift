import CSystemShims
import Foundation
import MPI

extension Job {
  /// How many microseconds a rank on another host than rank 0 is silent about a signal, or one that has
  /// nothing to say: another rank has got it too, says so, and ends all.
  private static let silence: UInt32 = 300_000

  /// Has the job end within a second from now on, with one message, when this process gets a signal that
  /// asks for it and that is not kept, a signal of a crash from outside, or SIGBUS for a mapped file.
  public func endOnSignals() {
    rf_begin_events()
    nonisolated(unsafe) let job = self
    Self.startThread {
      let event = rf_wait_for_event()
      let failure = job.failure(for: event)
      // What the launcher sends goes to rank 0, too.
      let isForAll = event.sender == getppid() && !job.isBesideRoot
      if !job.isBesideRoot { usleep(Self.silence) }
      if !isForAll, job.tell(failure) { job.communicator.abort(code: failure.exitCode.rawValue) }
      usleep(Self.silence)
      _exit(failure.exitCode.rawValue)
    }
  }

  /// Leaves signals to their handlers while MPI ends, in which no other thread may call it.
  func leaveSignalsToHandlers(exitCode: Int32) { rf_end_events(exitCode) }

  private func failure(for event: rf_event) -> Failure {
    let name = CaughtSignal(number: event.number).name
    let place = "rank \(rank) on \(MPIEnvironment.processorName)"
    if let file = event.file {
      return Failure(
        .inputOutput,
        """
        \(place), in \(WorkLocation.current): \(String(cString: file)): was cut short or could not be \
        read while it was in use (\(name)); start the job again when the file is whole
        """)
    }
    if !event.asks_for_end {
      return Failure(
        .internalError,
        "\(place) was ended by \(name) from process \(event.sender), in \(WorkLocation.current)")
    }
    return Failure(
      .interrupted,
      "interrupted by \(name) in \(WorkLocation.current); \(adviceOnInterruption)")
  }
}

import MPI
import RingAttention

extension Job {
  /// The wish, by SIGTERM, SIGUSR1 or SIGINT to any rank, that the work ends early; the program notes
  /// these signals from its start on. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  func interruption() throws -> Interruption {
    if let noted { return noted }
    let interruption = try Interruption(communicator: communicator) { CaughtSignal.isThere }
    noted = interruption
    attendWhileWaiting()
    return interruption
  }

  /// What interrupted the work, such as "SIGTERM", on every rank. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  func interruptionName() throws -> String {
    let number = try communicator.allReduce(
      value: Int(CaughtSignal.last?.number ?? 0), .maximum)
    return CaughtSignal(number: Int32(number)).name
  }
}

import MPI

extension Job {
  /// The wish, by SIGTERM, SIGUSR1 or SIGINT to any rank, that the work ends early; looked for from
  /// the first call on, and in every wait. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  public func listenForInterruption() throws -> Interruption {
    if let interruption { return interruption }
    let started = try Interruption(communicator: communicator) { CaughtSignal.last != nil }
    interruption = started
    return started
  }

  /// What interrupted the work, such as "SIGTERM", on every rank. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  public func interruptionName() throws -> String {
    let number = try communicator.allReduce(
      value: Int(CaughtSignal.last?.number ?? 0), .maximum)
    return CaughtSignal(number: Int32(number)).name
  }
}

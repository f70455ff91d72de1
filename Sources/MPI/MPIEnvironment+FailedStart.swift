import CMPIShims

// Whatever is wrong when MPI starts, Open MPI 4 writes a page about it and ends the process: before MPI
// runs there is no communicator whose error handler could be set, and what the standard has for that
// since MPI 4.0 it does not know.

extension MPIEnvironment {
  // Written before MPI starts and after, by the thread that starts it; read when the process ends.
  nonisolated(unsafe) private static var onFailedStart: (() -> Never)?

  /// Starts MPI by `start`; where MPI ends the process in it instead of returning, `handler` has the
  /// last word.
  static func withLastWord<Result>(
    _ handler: (() -> Never)?, _ start: () throws -> Result
  ) rethrows -> Result {
    onFailedStart = handler
    rf_mpi_set_last_word { MPIEnvironment.sayLastWord() }
    defer {
      rf_mpi_set_last_word(nil)
      onFailedStart = nil
    }
    return try start()
  }

  private static func sayLastWord() { onFailedStart?() }
}

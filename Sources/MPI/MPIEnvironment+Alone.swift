import CMPIShims

extension MPIEnvironment {
  /// A communicator of this rank alone, with the same interface as the one of all ranks: for work
  /// that no other rank takes part in. Only while MPI runs.
  ///
  /// The corresponding MPI object is `MPI_COMM_SELF`.
  public static func communicatorOfThisRank() throws -> Communicator {
    try Communicator(rf_mpi_comm_self(), isOwned: false)
  }
}

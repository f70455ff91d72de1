import MPI

extension Communicator {
  /// What `body` gives on rank 0, on every rank.
  package func fromRank0<Element: BitwiseCopyable>(_ body: () throws -> [Element]) throws
    -> [Element]
  {
    try broadcast(array: rank == 0 ? body() : [], from: 0)
  }
}

/// For tests of which one rank is enough, as all numbers of them give the same.
@MPIThread package func isOneRank() -> Bool { world.size == 1 }

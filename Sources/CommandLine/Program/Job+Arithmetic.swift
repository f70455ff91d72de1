import Kernels
import MPI
import Ranks

extension Job {
  /// This rank's arithmetic: the instruction set that all ranks agree on, and its threads, which
  /// wait for each other and for messages as suits the cores that the host has for them.
  ///
  /// - Parameter threads: of each rank; nil for its share of the cores.
  /// - Throws: `AgreedFailure`, `MPIError`.
  func arithmetic(
    _ numerics: Numerics, threads: Int?, _ resources: HostResources
  ) throws -> Arithmetic {
    let threads = threads ?? resources.threadsPerRank
    communicator.waitPolicy = .chosen(
      ranksOnHost: resources.ranks, threadsPerRank: threads, usableCores: resources.cores)
    let arithmetic = Arithmetic(
      numerics, instructionSet: try agreedInstructionSet(),
      team: ThreadTeam(
        threads: threads,
        spins: communicator.waitPolicy == .spin ? ThreadTeam.defaultSpins : 0))
    if !arithmetic.multipliesPanels {
      try onEveryRank { try OpenBLAS.prepare(threads: threads) }
    }
    return arithmetic
  }
}

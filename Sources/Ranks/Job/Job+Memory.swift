import Foundation
import Kernels
import MPI

extension Job {
  /// Has a refusal of memory or threads end all ranks with one message from now on.
  ///
  /// - Parameter remedy: what to do about it, for the message.
  public func endOnExhaustion(remedy: String) {
    nonisolated(unsafe) let job = self
    MemoryExhaustion.onExhaustion { reason in
      job.end(
        Failure(
          .unavailable,
          """
          rank \(job.rank) on \(MPIEnvironment.processorName), in \(WorkLocation.current): \
          \(reason); \(remedy)
          """))
    }
  }

  /// Compares what the ranks of each host will need with what it has, before any of it is taken.
  ///
  /// - Parameters:
  ///   - bytes: what this rank will need; `shared`: what the ranks of its host will need together.
  ///   - purpose: what for; `remedy`: what to do where there is too little.
  /// - Throws: `AgreedFailure` (69), `MPIError`.
  public func checkMemory(_ bytes: Int, shared: Int = 0, for purpose: String, remedy: String) throws
  {
    let needed = HostMemoryRequirement(
      sharedBytes: shared, rankBytes: try host.allGather(value: bytes))
    try onEveryRank {
      guard let available = AvailableMemory(), !needed.fits(available: available.bytes)
      else { return }
      let ranks = host.size == 1 ? "the rank" : "the \(host.size) ranks"
      throw Failure(
        .unavailable,
        """
        \(ranks) on host \(MPIEnvironment.processorName) would need \(decimalSize(needed.bytes)) for \
        \(purpose), available is \(available); \(remedy)
        """)
    }
  }
}

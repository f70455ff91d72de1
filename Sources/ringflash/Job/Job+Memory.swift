import Foundation
import MPI

extension Job {
  /// Compares what the ranks of each host will need with what it has, before any of it is taken.
  ///
  /// Weights in a mapped file can be read again from it, so they do not count.
  ///
  /// - Parameters:
  ///   - bytes: what this rank will need.
  ///   - purpose: what for; `remedy`: what to do where there is too little.
  /// - Throws: `AgreedFailure` (69), `MPIError`.
  func checkMemory(_ bytes: Int, for purpose: String, remedy: String) throws {
    let needed = try host.allReduce(value: bytes, .sum)
    try onEveryRank {
      guard let available = HostResources.availableMemory, needed > available else { return }
      let ranks = host.size == 1 ? "the rank" : "the \(host.size) ranks"
      throw Failure(
        .unavailable,
        """
        \(ranks) on host \(MPIEnvironment.processorName) would need \(gigabytes(needed)) for \
        \(purpose), \(gigabytes(available)) is available; \(remedy)
        """)
    }
  }

  private func gigabytes(_ bytes: Int) -> String {
    String(format: "%.1f GB", Double(bytes) / 1e9)
  }
}

import Inference
import Kernels
import Planning
import Ranks
import RingAttention
import Transformer

/// The memory that a host needs for its part of a run, by the numbers by which `generate` decides whether
/// to start and whether to divide the weights; weights in mapped files count here, since a host that has
/// no room for them reads them again for every token.
struct HostMemory {
  let outline: ModelOutline
  let arithmetic: Arithmetic
  let sequence: SequenceDescription
  /// Of a host; nil if nobody knows.
  let availableBytes: Int?

  struct Need {
    let bytes: Int
    let dividesWeights: Bool
    let fits: Bool
  }

  /// What the first of some hosts needs, which has as much as any.
  ///
  /// - Throws: `ModelError`.
  func need(hosts: Int, ranksPerHost: Int, _ dividing: WeightDividing) throws -> Need {
    let rankBytes = MemoryRequirement.ofAllRanks(
      configuration: outline.configuration, arithmetic: arithmetic, sequence: sequence,
      ranks: hosts * ranksPerHost, numbers: 0..<ranksPerHost
    ).map(\.bytes)
    let placement = try WeightPlacement(
      of: outline, dividing, hosts: hosts, rankBytes: rankBytes, available: availableBytes)
    let memory = HostMemoryRequirement(
      sharedBytes: placement.hostBytes + (placement.isDivided ? 0 : outline.weights.mappedBytes),
      rankBytes: rankBytes.map { $0 + placement.rankBytes })
    return Need(
      bytes: memory.bytes, dividesWeights: placement.isDivided,
      fits: memory.fits(available: availableBytes))
  }
}

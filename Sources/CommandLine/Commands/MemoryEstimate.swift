import Inference
import Kernels
import Ranks
import RingAttention
import Transformer

/// What a run would need of this host if it were the first of the run's: by the same numbers `generate`
/// decides whether to start.
struct MemoryEstimate: Codable {
  let precision: String
  let partition: String
  let ranks: Int
  let hosts: Int
  /// Whether each host would hold only its part of the weights.
  let weightsDivided: Bool
  let threadsPerRank: Int
  let contextTokens: Int
  let maxTokens: Int
  /// Of the rank that has the most.
  let kvBytesPerRank: Int
  /// Activations, softmax states, buffers for messages and scratch; of the rank that has the most.
  let activationBytesPerRank: Int
  /// Norms and biases.
  let vectorBytesPerRank: Int
  /// Made or converted weights, once; or the host's part, and room for two layers.
  let sharedWeightBytes: Int
  /// Whether the weights are not there, and counted as they are taken to be stored.
  let assumesWeights: Bool
  /// Weights read from mapped files, once; page cache, not part of the total.
  let mappedWeightBytes: Int
  let totalBytes: Int
  /// Null where the system does not say.
  let availableBytes: Int?
  /// The control group whose limit that follows from; null where it is the host's memory.
  let limitingControlGroup: String?
  let fits: Bool

  init(
    _ outline: ModelOutline, _ arithmetic: Arithmetic, _ sequence: SequenceDescription, ranks: Int,
    hosts: Int = 1, _ dividing: WeightDividing = .auto
  ) throws {
    let requirements = MemoryRequirement.ofAllRanks(
      configuration: outline.configuration, arithmetic: arithmetic, sequence: sequence,
      ranks: ranks)
    let ranksOfHost = (ranks + hosts - 1) / hosts
    let rankBytes = requirements.prefix(ranksOfHost).map(\.bytes)
    let weights = outline.weights
    let available = AvailableMemory()
    let placement = try WeightPlacement(
      of: outline, dividing, hosts: hosts, rankBytes: rankBytes, available: available?.bytes)
    let memory = HostMemoryRequirement(
      sharedBytes: placement.hostBytes, rankBytes: rankBytes.map { $0 + placement.rankBytes })
    precision = arithmetic.precision.rawValue
    partition = sequence.partition.rawValue
    self.ranks = ranks
    self.hosts = hosts
    weightsDivided = placement.isDivided
    threadsPerRank = arithmetic.team.threads
    contextTokens = sequence.contextTokens
    maxTokens = sequence.maximumAppended
    kvBytesPerRank = requirements.map(\.keyValueBytes).max() ?? 0
    activationBytesPerRank = requirements.map(\.activationBytes).max() ?? 0
    vectorBytesPerRank = placement.rankBytes
    sharedWeightBytes = placement.hostBytes
    assumesWeights = weights.assumption != nil
    mappedWeightBytes = placement.isDivided ? 0 : weights.mappedBytes
    totalBytes = memory.bytes
    availableBytes = available?.bytes
    limitingControlGroup = available?.group?.group
    fits = memory.fits(available: availableBytes)
  }

  /// Labels and what stands behind them.
  var lines: [(String, String)] {
    let ranksText =
      (ranks == 1 ? "1 rank" : "\(ranks) ranks")
      + (hosts == 1 ? " on this host" : " on \(hosts) hosts like this one")
    return [
      (
        "a run",
        "\(contextTokens) tokens and up to \(maxTokens) more, \(ranksText), "
          + "\(precision), \(partition)"
      ),
      ("KV cache", "\(decimalSize(kvBytesPerRank)) on the fullest rank"),
      ("activations", "\(decimalSize(activationBytesPerRank)) on the rank with the most"),
      (
        "weights",
        weightsDivided
          ? "\(decimalSize(sharedWeightBytes)) of memory that the ranks share: divided over the hosts, "
            + "with room for two layers"
          : "\(decimalSize(sharedWeightBytes)) of memory that the ranks share"
      ),
      ("total", "\(decimalSize(totalBytes)) on this host"),
      (
        "available",
        (availableBytes.map(decimalSize) ?? "unknown")
          + (limitingControlGroup.map { ", by the control group \($0)" } ?? "")
          + (fits ? ": fits" : ": does not fit")
          + (assumesWeights ? ", with weights stored as assumed" : "")
      ),
    ]
  }
}

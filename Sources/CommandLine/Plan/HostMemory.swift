import Inference
import Kernels
import Planning
import Ranks
import RingAttention
import Transformer

/// The memory that a host needs for its part of a run, by the numbers by which `generate` decides
/// whether to start; weights in mapped files count here, since a host that has no room for them reads
/// them again for every token.
struct HostMemory {
  let outline: ModelOutline
  /// The model's matrices, with nothing in them.
  let shapes: ModelWeights
  let arithmetic: Arithmetic
  let sequence: SequenceDescription

  /// Bytes of the host that has the most ranks' blocks, the first.
  func bytes(_ cluster: Cluster) -> Int {
    let ranks = MemoryRequirement.ofAllRanks(
      configuration: outline.configuration, arithmetic: arithmetic, sequence: sequence,
      ranks: cluster.ranks, numbers: 0..<cluster.ranksPerHost)
    return HostMemoryRequirement(
      sharedBytes: weightBytes(cluster),
      rankBytes: ranks.map { $0.bytes + outline.weights.vectorBytes }
    ).bytes
  }

  /// Of matrices; where they are divided, all of the embedding, a part of the rest, and room for two
  /// layers on their way.
  private func weightBytes(_ cluster: Cluster) -> Int {
    let plan = outline.weights
    let all = plan.mappedBytes + plan.sharedBytes
    guard cluster.dividesWeights else { return all }
    let divided = all - min(all, shapes.embedding.bytes)
    let largest = shapes.layers.map(Self.bytes).max() ?? 0
    return all - divided + divided / cluster.hosts
      + 2 * (largest - largest / cluster.hosts)
  }

  private static func bytes(of layer: LayerWeights) -> Int {
    let attention = layer.attention
    let matrices = [attention.query, attention.key, attention.value, attention.output]
    return matrices.reduce(0) { $0 + ($1?.bytes ?? 0) }
      + layer.feedForward.linearLayers.reduce(0) { $0 + $1.bytes }
  }
}

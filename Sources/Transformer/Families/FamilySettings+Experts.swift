import Kernels

extension FamilySettings {
  /// A mixture of gated MLPs, all of one size.
  ///
  /// - Parameters:
  ///   - count: the keys that may say how many there are, the first that is there counts; then how many
  ///     of them a token goes to.
  ///   - size: the key of their intermediate size.
  ///   - defaults: of these three.
  func mixture(
    count: [String], perToken: String = "num_experts_per_tok", size: String,
    defaults: (count: Int, perToken: Int, size: Int), routing: RoutingConfiguration,
    shared: SharedExpertConfiguration? = nil
  ) throws -> MixtureConfiguration {
    MixtureConfiguration(
      experts: try count.lazy.compactMap { try source.integer($0) }.first ?? defaults.count,
      expertsPerToken: try source.integer(perToken) ?? defaults.perToken,
      expert: DenseFeedForwardConfiguration(
        intermediateSize: try source.integer(size) ?? defaults.size,
        activation: try activation("hidden_act", default: .swiGLU)),
      routing: routing, shared: shared)
  }

  /// What `qwenFeedForwards(_:)` reads.
  static let qwenExpertKeys: Set<String> = [
    "decoder_sparse_step", "hidden_act", "mlp_only_layers", "moe_intermediate_size",
    "norm_topk_prob", "num_experts", "num_experts_per_tok", "num_local_experts",
  ]

  /// The feed-forwards of all layers of Qwen's mixtures: every so-many-th one has experts, but those that
  /// are listed.
  func qwenFeedForwards(_ mixture: MixtureConfiguration) throws -> [FeedForwardConfiguration] {
    let step = try source.integer("decoder_sparse_step") ?? 1
    guard step >= 1 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \(source.title("decoder_sparse_step")) to \(step), but it must "
          + "be at least 1")
    }
    let denseLayers = Set(try source.integers("mlp_only_layers") ?? [])
    let dense = try dense(activation: "hidden_act")
    return (0..<layerCount).map { layer in
      mixture.experts != 0 && (layer + 1) % step == 0 && !denseLayers.contains(layer)
        ? .mixture(mixture) : dense
    }
  }
}

/// What a reader of a model's answers ought to know of its configuration, beside what is computed.
public struct ConfigurationRemarks: Equatable, Sendable {
  /// Keys of which nobody here knows what they ask for, by their whole names, such as
  /// `rope_scaling.magic`; what they ask for, if anything, is not done.
  public let unknownKeys: [String]
  /// So many tokens a sequence may have without the dual chunk attention that its makers use beyond
  /// (arXiv:2402.17463), and which is not supported; nil where they use none.
  public let tokensWithoutDualChunks: Int?
  /// The type of the multimodal model of which only the text model is computed; nil for a text model.
  public let multimodalType: String?

  public init(
    unknownKeys: [String] = [], tokensWithoutDualChunks: Int? = nil, multimodalType: String? = nil
  ) {
    self.unknownKeys = unknownKeys
    self.tokensWithoutDualChunks = tokensWithoutDualChunks
    self.multimodalType = multimodalType
  }
}

extension ModelFamilies {
  /// - Parameters:
  ///   - source: one that `configuration(from:)` has read.
  ///   - unknownKeys: what else is unknown where the source comes from.
  /// - Throws: `ModelError`, what the source's look-ups throw.
  public static func remarks(
    on source: any ConfigurationSource, besides unknownKeys: [String] = []
  ) throws -> ConfigurationRemarks {
    let wrapper = try MultimodalWrapper(source)
    let source = wrapper?.text ?? source
    let family = try family(ofType: source.required("model_type", source.string))
    return ConfigurationRemarks(
      unknownKeys: KeyReview(source, of: family).unknown + (wrapper?.unknownKeys ?? [])
        + unknownKeys,
      tokensWithoutDualChunks: try tokensWithoutDualChunks(source),
      multimodalType: wrapper?.type.modelType)
  }

  /// Within one chunk dual chunk attention is attention.
  private static func tokensWithoutDualChunks(_ source: any ConfigurationSource) throws -> Int? {
    guard let chunks = try source.object("dual_chunk_attention_config") else { return nil }
    let tokens = try chunks.required("chunk_size", chunks.integer)
    guard tokens > 0 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \"\(chunks.prefix)chunk_size\" to \(tokens), but it must be above 0")
    }
    return tokens
  }
}

import Kernels

/// The built-in model: retrieval by constructed weights.
///
/// Its weights are constructed, not trained: an induction head that finds the place in the context
/// that best matches the last 15 bytes, and copies what followed there. It retrieves and copies; it
/// is not a language model. One wrong block, mask or merge in the attention, and what it copies out
/// is wrong.
///
/// Tokens are bytes, and two specials. It has the architecture of SmolLM3: layers 0 to 3 gather the
/// history of each position, layer 4 matches and copies (see `NeedleModel+Weights.swift`).
public struct NeedleModel: Sendable {
  /// Of the text's bytes, the tokens 0…255 are the bytes themselves.
  public static let beginningOfSequenceToken = 256
  public static let endOfSequenceToken = 257

  static let hiddenSize = 256
  static let headDimension = 128
  static let intermediateSize = 32
  static let vocabularySize = 258
  static let ropeTheta = 10000.0
  /// Layers 0…3 look no further back than 8 tokens, so that a window serves them.
  static let gatheringLayers = 4
  static let slidingWindow = 64

  public let configuration: ModelConfiguration
  public let weights: ModelWeights
  /// All tensors under SmolLM3's names, bfloat16, for export.
  public let tensors: [TensorView]

  /// Takes a few milliseconds and 2 MB.
  public init() {
    do {
      configuration = try ModelConfiguration(
        modelType: "smollm3", hiddenSize: Self.hiddenSize,
        vocabulary: VocabularyConfiguration(size: Self.vocabularySize, isTied: false),
        attention: AttentionConfiguration(
          queryHeads: 1, keyValueHeads: 1, headDimension: Self.headDimension, hasBias: true),
        normalization: NormalizationConfiguration(epsilon: 1e-6),
        sequence: SequenceConfiguration(
          maximumPositions: 16_777_216, beginningToken: Self.beginningOfSequenceToken,
          endTokens: [Self.endOfSequenceToken]),
        layers: (0...Self.gatheringLayers).map {
          let gathers = $0 < Self.gatheringLayers
          return LayerConfiguration(
            rope: gathers ? RoPEParameters(theta: Self.ropeTheta) : nil,
            pattern: gathers ? .slidingWindow(tokens: Self.slidingWindow) : .causal,
            feedForward: .dense(
              DenseFeedForwardConfiguration(intermediateSize: Self.intermediateSize)))
        })
      let store = TensorStore(Self.recipes())
      tensors = store.tensors
      weights = try ModelFamilies.weights(for: configuration, from: store)
    } catch {
      preconditionFailure("the built-in model contradicts itself: \(error)")
    }
  }
}

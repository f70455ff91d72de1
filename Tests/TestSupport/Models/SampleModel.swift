import Kernels
import Transformer

/// The models that the tests run, by what they are there for.
package enum SampleModel: String, CaseIterable {
  /// Grouped heads, biases, windows of 100, layers without RoPE; head dimension 32.
  case narrow
  /// The same with a head dimension of 64 and a tied head.
  case tied
  /// Matrices so large that the appending path divides them over the ranks, and of sizes that leave
  /// remainders everywhere.
  case wide
  /// All that a stack can have: norms of heads and of outputs, soft caps, scaled embeddings, GeGLU,
  /// two rotations of which one is scaled and one turns a part of a head; a head dimension that is
  /// padded.
  case everything
  /// The narrow one, its pairs rotated side by side.
  case adjacent
  /// Weights of every format of blocks of small integers, and some of bfloat16 among them.
  case quantized
  /// Formats as before, in layers whose inputs are several chunks, with heads that lie in two of them.
  case chunked
  /// Experts, of which every token goes to three and to a gated one, between layers without; so large that
  /// the appending path divides them over the ranks.
  case experts
  /// Experts in groups, chosen by sigmoids with a bias, and one for all.
  case groupedExperts
  /// Experts with biases and clamped gates, and attention sinks.
  case clampedExperts
  /// Experts of formats of blocks of small integers, not all of one format.
  case quantizedExperts
  /// Experts whose last layers have several chunks of inputs, most of them in blocks of small integers, and
  /// a gated one for all of another size.
  case chunkedExperts
  /// Layers whose heads differ, in number and dimension, and all that attention can have besides: keys
  /// that are values, norms of values and of all heads together, sinks, clamped heads, a rotation of
  /// some pairs of the whole head, scaled outputs.
  case mixed
  /// The built-in model.
  case needle

  /// Those that have experts.
  package static let mixtures: [SampleModel] = [
    .experts, .groupedExperts, .clampedExperts, .quantizedExperts, .chunkedExperts,
  ]

  private static let geGLU = FeedForwardConfiguration.dense(
    DenseFeedForwardConfiguration(intermediateSize: 200, activation: .geGLU))

  private static let normedHeads = AttentionConfiguration(
    queryHeads: 4, keyValueHeads: 2, headDimension: 20, hasBias: true, norms: .ofHeads,
    scale: 0.3, scoreSoftCap: 2)

  private static func heads(
    _ queryHeads: Int, _ keyValueHeads: Int, dimension: Int
  ) -> AttentionConfiguration {
    AttentionConfiguration(
      queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: dimension, hasBias: true)
  }

  private static let mixedLayers: [LayerConfiguration] = {
    var sliding = AttentionConfiguration(
      queryHeads: 4, keyValueHeads: 2, headDimension: 32, norms: .ofHeads, scale: 0.3)
    sliding.hasValueNorms = true
    sliding.hasSinks = true
    var full = AttentionConfiguration(
      queryHeads: 6, keyValueHeads: 1, headDimension: 64, hasBias: true, norms: .ofHeads, scale: 0.2
    )
    full.keysAreValues = true
    full.hasValueNorms = true
    var clamped = AttentionConfiguration(
      queryHeads: 3, keyValueHeads: 3, headDimension: 20, norms: .ofWidth)
    clamped.clip = 1.25
    clamped.hasSinks = true
    return [
      LayerConfiguration(
        attention: sliding, rope: RoPEParameters(theta: 10_000),
        pattern: .slidingWindow(tokens: 70), feedForward: geGLU, hasOutputScale: true),
      LayerConfiguration(
        attention: full,
        rope: RoPEParameters(
          theta: 50_000, rotaryDimension: 24, scaling: .proportional(factor: 2)),
        feedForward: geGLU, hasOutputScale: true),
      LayerConfiguration(
        attention: clamped, rope: RoPEParameters(theta: 10_000),
        pattern: .slidingWindow(tokens: 300), feedForward: geGLU),
    ]
  }()

  package func weights() throws -> ModelWeights {
    switch self {
    case .narrow:
      try RandomModel(RandomModel.sampleConfiguration(), seed: 1).weights
    case .tied:
      try RandomModel(
        RandomModel.sampleConfiguration(headDimension: 64, tiedEmbeddings: true), seed: 2
      ).weights
    case .wide:
      try RandomModel(
        ModelConfiguration(
          modelType: "smollm3", hiddenSize: 536,
          vocabulary: VocabularyConfiguration(size: 2003, isTied: false),
          normalization: NormalizationConfiguration(epsilon: 1e-5),
          sequence: SequenceConfiguration(maximumPositions: 4096),
          layers: [
            LayerConfiguration(
              attention: Self.heads(7, 1, dimension: 80), rope: RoPEParameters(theta: 10_000),
              pattern: .slidingWindow(tokens: 300),
              feedForward: .dense(
                DenseFeedForwardConfiguration(intermediateSize: 1101, hasBias: true))),
            // Narrower: no layer's sizes are another one's.
            LayerConfiguration(
              attention: Self.heads(7, 1, dimension: 80), rope: nil,
              feedForward: .dense(
                DenseFeedForwardConfiguration(intermediateSize: 700, hasBias: true))),
          ]), seed: 3
      ).weights
    case .everything:
      try RandomModel(
        ModelConfiguration(
          modelType: "gemma3_text", hiddenSize: 120,
          vocabulary: VocabularyConfiguration(
            size: 301, embeddingScale: 11, isTied: true, logitSoftCap: 1.5),
          normalization: NormalizationConfiguration(epsilon: 1e-6, hasOutputNorms: true),
          sequence: SequenceConfiguration(maximumPositions: 300),
          layers: [
            LayerConfiguration(
              attention: Self.normedHeads, rope: RoPEParameters(theta: 10_000, rotaryDimension: 12),
              pattern: .slidingWindow(tokens: 70), feedForward: Self.geGLU),
            LayerConfiguration(
              attention: Self.normedHeads,
              rope: RoPEParameters(theta: 500, scaling: .linear(factor: 3)),
              feedForward: Self.geGLU),
          ]), seed: 4,
        standardDeviation: 0.2
      ).weights
    case .adjacent:
      try RandomModel(
        RandomModel.sampleConfiguration().rotating(.adjacent), seed: 5
      ).weights
    case .quantized:
      try RandomModel(
        ModelConfiguration(
          modelType: "smollm3", hiddenSize: 256,
          vocabulary: VocabularyConfiguration(size: 301, isTied: false),
          normalization: NormalizationConfiguration(epsilon: 1e-5),
          sequence: SequenceConfiguration(maximumPositions: 4096),
          layers: [RoPEParameters(theta: 10_000), nil].map {
            LayerConfiguration(
              attention: Self.heads(4, 2, dimension: 64), rope: $0,
              feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 512)))
          }), seed: 5, formats: WeightFormat.quantized + [.bfloat16]
      ).weights
    case .chunked:
      try RandomModel(
        ModelConfiguration(
          modelType: "smollm3", hiddenSize: 256,
          vocabulary: VocabularyConfiguration(size: 301, isTied: false),
          normalization: NormalizationConfiguration(epsilon: 1e-5),
          sequence: SequenceConfiguration(maximumPositions: 4096),
          layers: [1792, 1280, 2048].map {
            LayerConfiguration(
              attention: Self.heads(16, 4, dimension: 80), rope: RoPEParameters(theta: 10_000),
              feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: $0)))
          }), seed: 7, formats: WeightFormat.quantized + [.bfloat16]
      ).weights
    case .experts, .groupedExperts, .clampedExperts, .quantizedExperts, .chunkedExperts:
      try mixtureWeights()
    case .mixed:
      try RandomModel(
        ModelConfiguration(
          modelType: "gemma3_text", hiddenSize: 120,
          vocabulary: VocabularyConfiguration(size: 301, embeddingScale: 11, isTied: true),
          normalization: NormalizationConfiguration(epsilon: 1e-6, hasOutputNorms: true),
          sequence: SequenceConfiguration(maximumPositions: 300), layers: Self.mixedLayers),
        seed: 6, standardDeviation: 0.2
      ).weights
    case .needle:
      NeedleModel().weights
    }
  }
}

import Kernels
import ModelFiles
import Transformer

/// A model of any configuration with reproducible random bfloat16 weights.
///
/// Each tensor's elements depend on the seed and its name alone, and are the same on every machine:
/// sums of uniform integers, no transcendental function. `make_fixtures.py` among the fixtures
/// draws the same ones.
package struct RandomModel: Sendable {
  package let weights: ModelWeights
  /// Under the family's names, in the order in which it asks for them.
  package let tensors: [TensorView]

  /// - Parameters:
  ///   - standardDeviation: of matrices and biases; elements of norms and output scales lie round 1 with it.
  ///   - formats: of matrices in turn, each where its blocks fit; none for bfloat16.
  /// - Throws: `ModelError` if no family has the configuration's model type.
  package init(
    _ configuration: ModelConfiguration, seed: UInt64, standardDeviation: Float = 0.05,
    formats: [WeightFormat] = []
  ) throws {
    let source = RandomSource(
      seed: seed, standardDeviation: standardDeviation, formats: formats)
    weights = try ModelFamilies.weights(for: configuration, from: source)
    tensors = source.tensors
  }

  package var configuration: ModelConfiguration { weights.configuration }

  /// A small configuration with all that may vary: grouped heads, attention biases, and layers with
  /// and without RoPE, with and without a window of 100.
  package static func sampleConfiguration(headDimension: Int = 32, tiedEmbeddings: Bool = false)
    throws -> ModelConfiguration
  {
    let attention = AttentionConfiguration(
      queryHeads: 6, keyValueHeads: 2, headDimension: headDimension, hasBias: true)
    let rope = RoPEParameters(theta: 50_000)
    let feedForward = FeedForwardConfiguration.dense(
      DenseFeedForwardConfiguration(intermediateSize: 352))
    return try ModelConfiguration(
      modelType: "smollm3", hiddenSize: 192,
      vocabulary: VocabularyConfiguration(size: 300, isTied: tiedEmbeddings),
      normalization: NormalizationConfiguration(epsilon: 1e-6),
      sequence: SequenceConfiguration(
        maximumPositions: 65_536, beginningToken: 256, endTokens: [257]),
      layers: [
        LayerConfiguration(attention: attention, rope: rope, feedForward: feedForward),
        LayerConfiguration(
          attention: attention, rope: rope, pattern: .slidingWindow(tokens: 100),
          feedForward: feedForward),
        LayerConfiguration(attention: attention, rope: nil, feedForward: feedForward),
        LayerConfiguration(
          attention: attention, rope: nil, pattern: .slidingWindow(tokens: 100),
          feedForward: feedForward),
      ])
  }
}

/// Makes each tensor when it is asked for.
private final class RandomSource: WeightSource {
  private let seed: UInt64
  private let standardDeviation: Float
  private let formats: [WeightFormat]
  private var matrices = 0
  private var expertFormats: [String: WeightFormat?] = [:]
  private(set) var tensors: [TensorView] = []

  init(seed: UInt64, standardDeviation: Float, formats: [WeightFormat]) {
    self.seed = seed
    self.standardDeviation = standardDeviation
    self.formats = formats
  }

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    if shape.count == 2, let format = nextFormat(name, inputs: shape[1]) {
      let matrix = RandomBlocks.matrix(
        format, outputs: shape[0], inputs: shape[1], standardDeviation: standardDeviation,
        seed: seed ^ Self.hash(name))
      tensors.append(
        TensorView(
          name: name, shape: shape, format: format, elements: matrix.elements, owner: Box(matrix)))
      return tensors.last!
    }
    return try exactTensor(named: name, shape: shape)
  }

  /// Of numbers of their own.
  func exactTensor(named name: String, shape: [Int]) throws -> TensorView {
    var generator = SplitMix64(seed: seed ^ Self.hash(name))
    let center: Float = name.hasSuffix("norm.weight") || name.hasSuffix("layer_scalar") ? 1 : 0
    let memory = Tensor(
      name: name, elementType: .bfloat16, shape: shape,
      copying: (0..<shape.reduce(1, *)).map { _ in
        BFloat16(center + standardDeviation * generator.nextNormal())
      })
    let tensor = TensorView(
      name: name, shape: shape, format: .bfloat16, elements: memory.bytes.baseAddress!,
      owner: memory.owner)
    tensors.append(tensor)
    return tensor
  }

  /// Nil for bfloat16. All experts of a layer have one, as they have in files.
  private func nextFormat(_ name: String, inputs: Int) -> WeightFormat? {
    guard !formats.isEmpty else { return nil }
    if let expert = ExpertTensorName(name) {
      let stack = expert.prefix + expert.suffix
      if let format = expertFormats[stack] { return format }
      let format = nextFormat(inputs: inputs)
      expertFormats[stack] = .some(format)
      return format
    }
    return nextFormat(inputs: inputs)
  }

  private func nextFormat(inputs: Int) -> WeightFormat? {
    matrices += 1
    let turn = (0..<formats.count).map { formats[(matrices - 1 + $0) % formats.count] }
    let format = turn.first { inputs % $0.elementsPerBlock == 0 }
    return format == .bfloat16 ? nil : format
  }

  /// FNV-1a, 64 bits.
  private static func hash(_ name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

/// Keeps a value.
private final class Box {
  private let matrix: WeightMatrix

  init(_ matrix: WeightMatrix) { self.matrix = matrix }
}

extension SplitMix64 {
  /// Nearly normal, mean 0 and variance 1: the sum of four uniform 16-bit integers, whose variance
  /// is 4 · 2^32 / 12.
  fileprivate mutating func nextNormal() -> Float {
    let bits = next()
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + bits >> 48
    return (Float(sum) - 131_070) * (1.732_050_8 / 65_536)
  }
}

import Kernels
import Transformer

/// The models that the tests run, by what they are there for.
enum SampleModel: String, CaseIterable {
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
  /// The built-in model.
  case needle

  func weights() throws -> ModelWeights {
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
          modelType: "smollm3", hiddenSize: 536, intermediateSize: 1101, vocabularySize: 2003,
          queryHeads: 7, keyValueHeads: 1, headDimension: 80, rmsNormEpsilon: 1e-5,
          attentionBias: true, mlpBias: true, tiedEmbeddings: false, maximumPositions: 4096,
          layers: [
            LayerConfiguration(rope: RoPEParameters(theta: 10_000), slidingWindow: 300),
            LayerConfiguration(rope: nil, slidingWindow: nil),
          ], beginningOfSequenceToken: nil, endOfSequenceTokens: []), seed: 3
      ).weights
    case .everything:
      try RandomModel(
        ModelConfiguration(
          modelType: "gemma3_text", hiddenSize: 120, intermediateSize: 200, vocabularySize: 301,
          queryHeads: 4, keyValueHeads: 2, headDimension: 20, rmsNormEpsilon: 1e-6,
          attentionBias: true, headNorms: true, outputNorms: true, activation: .geGLU,
          attentionScale: 0.3, scoreSoftCap: 2, logitSoftCap: 1.5, embeddingScale: 11,
          tiedEmbeddings: true, maximumPositions: 300,
          layers: [
            LayerConfiguration(
              rope: RoPEParameters(theta: 10_000, rotaryDimension: 12), slidingWindow: 70),
            LayerConfiguration(
              rope: RoPEParameters(
                theta: 500, scaling: .linear(factor: 3)),
              slidingWindow: nil),
          ], beginningOfSequenceToken: nil, endOfSequenceTokens: []), seed: 4,
        standardDeviation: 0.2
      ).weights
    case .needle:
      NeedleModel().weights
    }
  }
}

/// Token ids that are the same everywhere.
func sampleTokens(_ count: Int, vocabulary: Int, seed: UInt64 = 1) -> [Int32] {
  var generator = SplitMix64(seed: seed)
  return (0..<count).map { _ in Int32(generator.next() % UInt64(vocabulary)) }
}

/// Every arithmetic that this machine has, in ascending order of instruction sets for each
/// precision.
func arithmetics(threads: Int = 1) -> [Arithmetic] {
  let team = ThreadTeam(threads: threads, spins: 0)
  return Precision.allCases.flatMap { precision in
    InstructionSet.available.map {
      Arithmetic(precision: precision, instructionSet: $0, team: team)
    }
  }
}

/// Of those with the same type of matrix input, the one with the highest instruction set.
func highestArithmetics(threads: Int = 1) -> [Arithmetic] {
  let all = arithmetics(threads: threads)
  return all.indices.filter { index in
    !all[(index + 1)...].contains { $0.inputType == all[index].inputType }
  }.map { all[$0] }
}

extension Arithmetic {
  /// The same on another number of threads.
  func with(threads: Int) -> Arithmetic {
    Arithmetic(
      precision: precision, instructionSet: instructionSet,
      team: ThreadTeam(threads: threads, spins: 0))
  }

  var label: String { "\(precision) on \(instructionSet)" }
}

import Kernels
import MPI
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// What `AppendPass` promises. MPI may take memory for what it does between several ranks, so it is
  /// tested on one.
  @Suite(.enabled(if: AllocationCounter.isAvailable), .enabled { await isOneRank() })
  @MPIThread struct AllocationTests {
    nonisolated static let steps = 100
    /// Steps before them, which may take what is kept.
    nonisolated static let firstSteps = 3

    /// One token in each branch at a time, inside of a block and over the end of one.
    @Test(
      arguments: [SampleModel.narrow, .everything, .wide, .quantized, .mixed]
        + SampleModel.mixtures, [1, 4])
    func aDecodeStepAllocatesNothing(model: SampleModel, branches: Int) throws {
      let weights = try model.weights()
      for arithmetic in highestArithmetics() {
        for (threads, context) in [(1, 270), (2, 270), (1, 450), (2, 450)] {
          let count = try allocations(
            weights, arithmetic.with(threads: threads), context: context, branches: branches)
          #expect(
            count.allocations == 0,
            """
            \(model), \(branches) branches, \(context) tokens, \(arithmetic.label), \(threads) \
            threads, the first one in
            \(count.first)
            """)
        }
      }
    }

    /// Rows of such weights are unpacked in scratch memory.
    @Test(arguments: [1, 4])
    func weightsWithScalesChangeNothing(branches: Int) throws {
      let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 1)
      let tensors = model.tensors.map { tensor in
        tensor.shape.count == 1
          ? tensor
          : ScaledMatrix(
            tensor.floats(), rows: tensor.shape[0], inputs: tensor.shape[1], rowsPerScale: 128,
            inputsPerScale: 128
          ).view(named: tensor.name)
      }
      let weights = try ModelFamilies.weights(
        for: model.configuration, from: TensorList(tensors: tensors))
      #expect(weights.embedding.format.isScaled && weights.head.format.isScaled)
      for arithmetic in highestArithmetics(threads: 2) {
        let count = try allocations(weights, arithmetic, context: 270, branches: branches)
        #expect(count.allocations == 0, "\(arithmetic.label), the first one in\n\(count.first)")
      }
    }

    private func allocations(
      _ weights: ModelWeights, _ arithmetic: Arithmetic, context: Int, branches: Int
    ) throws -> AllocationCounter.Count {
      let vocabulary = weights.configuration.vocabulary.size
      let all = Self.firstSteps + Self.steps
      let prefilled = DecoderContext(
        weights: weights,
        SequenceDescription(contextTokens: context, maximumAppended: all, branches: branches),
        communicator: try MPIEnvironment.communicatorOfThisRank(), arithmetic: arithmetic)
      try PrefillPass(prefilled).run(tokens: sampleTokens(context, vocabulary: vocabulary))
      let pass = try AppendPass(prefilled)
      for branch in 0..<branches { pass.beginBranch(branch) }
      let tokens = sampleTokens(all, vocabulary: vocabulary, seed: 2)
      let pieces = tokens.indices.map { step in
        (0..<branches).map {
          AppendedTokens(branch: $0, tokens: tokens[step...step], wantsLogits: true)
        }
      }
      let logits = AlignedBuffer<Float>(count: branches * vocabulary)
      for step in 0..<Self.firstSteps { try pass.append(pieces[step], logits: logits.pointer) }
      return try AllocationCounter.count(on: arithmetic.team) {
        for step in Self.firstSteps..<all { try pass.append(pieces[step], logits: logits.pointer) }
      }
    }
  }
}

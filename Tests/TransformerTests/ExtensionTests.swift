import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Contexts that go on behind keys and values which are there.
  @Suite @MPIThread struct ExtensionTests {
    /// A context in one piece, or in pieces each of which extends the one before.
    private struct Pieces {
      let weights: ModelWeights
      let arithmetic: Arithmetic
      let tokens: [Int32]

      init(_ weights: ModelWeights, _ arithmetic: Arithmetic, tokens count: Int) {
        self.weights = weights
        self.arithmetic = arithmetic
        tokens = sampleTokens(count, vocabulary: weights.configuration.vocabulary.size)
      }

      /// Keys and values of all tokens, and the logits of the last position and of one token behind it.
      ///
      /// - Parameter ends: of the pieces, the last one at the end of the tokens.
      @MPIThread func run(
        ends: [Int], passed: PassedOperand? = nil, _ communicator: Communicator
      ) throws -> (ContextSnapshot, [Float]) {
        var snapshot: ContextSnapshot?
        let logits = AlignedBuffer<Float>(count: weights.configuration.vocabulary.size)
        var all: [Float] = []
        for (index, end) in ends.enumerated() {
          let isLast = end == ends.last
          let base = snapshot.flatMap {
            SequenceBase(
              tokens: $0.tokens, rotationTokens: tokens.count, passed: passed, arithmetic)
          }
          let context = DecoderContext(
            weights: weights,
            SequenceDescription(
              partition: PartitionKind.allCases[index % 3], contextTokens: end, base: base,
              maximumAppended: 1),
            communicator: communicator, arithmetic: arithmetic.with(threads: 1 + index % 3))
          snapshot?.restore(baseOf: context)
          try PrefillPass(context).run(tokens: Array(tokens[..<end]))
          snapshot = try ContextSnapshot(context, communicator)
          guard isLast else { continue }
          let pass = try AppendPass(context)
          try pass.lastContextLogits(into: logits.pointer)
          all += logits.elements
          pass.beginBranch(0)
          try pass.append(tokens[3...3], logits: logits)
          all += logits.elements
        }
        return (snapshot!, all)
      }

      @MPIThread func expectTheSame(ends: [Int], _ label: String) throws {
        let whole = try run(ends: [tokens.count], world)
        for passed in PassedOperand.allCases {
          let pieces = try run(ends: ends, passed: passed, world)
          let label = "\(label), \(ends), \(passed) round, \(arithmetic.label)"
          #expect(pieces.1.bits == whole.1.bits, "logits: \(label)")
          #expect(pieces.0 == whole.0, "KV blocks: \(label)")
        }
      }
    }

    @Test(arguments: SampleModel.allCases.filter { $0 != .needle })
    func piecesGiveTheBitsOfOneRun(model: SampleModel) throws {
      let weights = try model.weights()
      // Of OpenBLAS, one model is enough.
      let others = model == .narrow ? arithmetics().filter { !$0.multipliesPanels } : []
      for arithmetic in highestArithmetics() + [Self.withQ8Cache()].compactMap(\.self) + others {
        let pieces = Pieces(weights, arithmetic, tokens: 1100)
        // On many ranks, which take turns, one of them.
        let ends = [[1, 255, 257, 600, 1099, 1100], [256, 1100]].prefix(world.size > 3 ? 1 : 2)
        for ends in ends {
          try pieces.expectTheSame(ends: ends, "\(model)")
        }
      }
    }

    /// A long prompt is one more piece, in whichever branch it is, and what else goes on there.
    @Test(arguments: [SampleModel.narrow, .wide, .mixed, .clampedExperts, .quantized])
    func aLongPromptGivesTheBitsOfOneRun(model: SampleModel) throws {
      let weights = try model.weights()
      let vocabulary = weights.configuration.vocabulary.size
      let (context, least) = (700, AppendPass.leastPrefilledTokens)
      for arithmetic in highestArithmetics() + [Self.withQ8Cache()].compactMap(\.self)
      where AppendPass.prefillsPrompt(tokens: least, arithmetic) {
        for prompt in [least, 1500] {
          let pieces = Pieces(weights, arithmetic, tokens: context + prompt)
          let expected = try pieces.run(ends: [context + prompt], world).1
          let prefilled = DecoderContext(
            weights: weights,
            SequenceDescription(
              partition: .striped, contextTokens: context, maximumAppended: prompt + 1, branches: 3),
            communicator: world, arithmetic: arithmetic.with(threads: 2))
          let own = Array(pieces.tokens[..<context])
          try PrefillPass(prefilled).run(tokens: own)
          let pass = try AppendPass(prefilled)
          let logits = AlignedBuffer<Float>(count: 3 * vocabulary)
          for branch in 0..<3 { pass.beginBranch(branch) }
          try pass.append(
            [AppendedTokens(branch: 0, tokens: [5, 7], wantsLogits: true)], logits: logits.pointer)
          let short = Array(logits.elements[..<vocabulary])
          for branch in [2, 1] {
            try pass.prefill(
              Array(pieces.tokens[context...]), branch: branch, behind: own,
              logits: logits.pointer)
            var all = Array(logits.elements[..<vocabulary])
            try pass.append(
              [AppendedTokens(branch: branch, tokens: pieces.tokens[3...3], wantsLogits: true)],
              logits: logits.pointer)
            all += logits.elements[..<vocabulary]
            #expect(
              all.bits == expected.bits,
              "\(model), \(prompt) tokens in branch \(branch), \(arithmetic.label)")
          }
          // The first branch is what it was.
          pass.beginBranch(0)
          try pass.append(
            [AppendedTokens(branch: 0, tokens: [5, 7], wantsLogits: true)], logits: logits.pointer)
          #expect(Array(logits.elements[..<vocabulary]).bits == short.bits)
        }
      }
    }

    /// With keys and values of 8 bits, where there are kernels for them.
    private static func withQ8Cache() -> Arithmetic? {
      let best = highestArithmetics().last { $0.precision == .bf16 && $0.multipliesPanels }
      return best.map {
        Arithmetic(
          Numerics(precision: .bf16, quantizedProducts: .int8, keyValueFormat: .q8),
          instructionSet: $0.instructionSet, team: $0.team)
      }
    }
  }
}

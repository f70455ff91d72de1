import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Branches that begin with contexts of their own.
  @Suite @MPIThread struct OwnContextTests {
    /// A common context, one of a branch's own, and a prompt of its own behind both.
    private struct Sample {
      let weights: ModelWeights
      let arithmetic: Arithmetic
      let common: [Int32]
      let own: [Int32]
      let prompt: [Int32]

      init(_ weights: ModelWeights, _ arithmetic: Arithmetic, common: Int, own: Int, prompt: Int) {
        self.weights = weights
        self.arithmetic = arithmetic
        let tokens = sampleTokens(
          common + own + prompt, vocabulary: weights.configuration.vocabulary.size)
        self.common = Array(tokens[..<common])
        self.own = Array(tokens[common..<common + own])
        self.prompt = Array(tokens[(common + own)...])
      }

      @MPIThread func context(
        _ tokens: [Int32], own: Int = 0, branches: Int = 1, _ kind: PartitionKind, threads: Int
      ) throws -> (DecoderContext, AppendPass) {
        let context = DecoderContext(
          weights: weights,
          SequenceDescription(
            partition: kind, contextTokens: tokens.count, maximumAppended: own + prompt.count + 2,
            longestPrompt: prompt.count, longestOwnContext: own, branches: branches),
          communicator: world, arithmetic: arithmetic.with(threads: threads))
        try PrefillPass(context).run(tokens: tokens)
        return (context, try AppendPass(context))
      }

      /// The logits of the prompt's last token in a branch, and of one more.
      @MPIThread func ask(_ pass: AppendPass, branch: Int, behind tokens: [Int32]) throws -> [Float]
      {
        let logits = AlignedBuffer<Float>(count: weights.configuration.vocabulary.size)
        if pass.prefillsPrompt(tokens: prompt.count) {
          try pass.prefill(prompt, branch: branch, behind: tokens, logits: logits.pointer)
        } else {
          for first in stride(from: 0, to: prompt.count, by: AppendPass.tokensPerStep) {
            let end = min(prompt.count, first + AppendPass.tokensPerStep)
            try pass.append(
              [
                AppendedTokens(
                  branch: branch, tokens: prompt[first..<end], wantsLogits: end == prompt.count)
              ], logits: logits.pointer)
          }
        }
        var all = Array(logits.elements)
        try pass.append(
          [AppendedTokens(branch: branch, tokens: common[0...0], wantsLogits: true)],
          logits: logits.pointer)
        all += logits.elements
        return all
      }

      /// All bytes of a branch's own context, on every rank.
      @MPIThread func blocks(
        _ context: DecoderContext, _ pass: AppendPass, branch: Int
      ) throws -> [[UInt8]] {
        let mine = pass.ownContextBlocks(tokens: own.count, branch: branch)
        let first = common.count / tokensPerBlock
        let partition = BranchPartition(context: context.partition)
        var all: [[UInt8]] = []
        for block in first..<blockCount(tokens: common.count + own.count) {
          for layer in weights.configuration.layers.indices {
            let bytes =
              mine.contains(block)
              ? Array(pass.keyValues(ofBlock: block, layer: layer, branch: branch)) : []
            all.append(
              try world.broadcast(
                array: bytes, from: partition.owner(branch: branch, block: block - first)))
          }
        }
        return all
      }

      @MPIThread func last(_ pass: AppendPass, branch: Int?) throws -> [Float] {
        let logits = AlignedBuffer<Float>(count: weights.configuration.vocabulary.size)
        if let branch {
          try pass.lastOwnContextLogits(ofBranch: branch, into: logits.pointer)
        } else {
          try pass.lastContextLogits(into: logits.pointer)
        }
        return Array(logits.elements)
      }

      @MPIThread func expectTheSame(_ label: String) throws {
        let label =
          "\(label), \(common.count) + \(own.count) + \(prompt.count), \(arithmetic.label)"
        let both = common + own
        let (_, whole) = try context(both, .zigzag, threads: 1)
        whole.beginBranch(0)
        let (end, answer) = (
          try last(whole, branch: nil), try ask(whole, branch: 0, behind: both)
        )
        let (_, single) = try context(common, .zigzag, threads: 1)
        single.beginBranch(0)
        let plain = try ask(single, branch: 0, behind: common)

        let (context, pass) = try context(
          common, own: own.count, branches: 4, .striped, threads: 2)
        for branch in 0..<4 { pass.beginBranch(branch) }
        try pass.prefillOwnContext(own, branch: 1, behind: common)
        let bytes = try blocks(context, pass, branch: 1)
        func expectAnswer(_ branch: Int, _ how: String) throws {
          #expect(
            try blocks(context, pass, branch: branch) == bytes, "KV blocks: \(how), \(label)")
          #expect(try last(pass, branch: branch).bits == end.bits, "end: \(how), \(label)")
          #expect(
            try ask(pass, branch: branch, behind: both).bits == answer.bits,
            "answer: \(how), \(label)")
        }
        try expectAnswer(1, "prefilled")
        // What the others have behind it is left out.
        for branch in [2, 3, 0] {
          try pass.copyOwnContext(of: branch == 0 ? 3 : 1, to: branch)
          try expectAnswer(branch, "copied to branch \(branch)")
        }
        pass.returnToOwnContext(ofBranch: 1)
        try expectAnswer(1, "returned to")
        // Without one, a branch is as any other.
        pass.beginBranch(2)
        #expect(
          try ask(pass, branch: 2, behind: common).bits == plain.bits, "plain answer, \(label)")
      }
    }

    @Test(arguments: SampleModel.allCases.filter { $0 != .needle })
    func itIsAsIfItWereOneContext(model: SampleModel) throws {
      let weights = try model.weights()
      // Of OpenBLAS, one model is enough.
      let others = model == .narrow ? arithmetics().filter { !$0.multipliesPanels } : []
      for arithmetic in highestArithmetics() + [Self.withQ8Cache()].compactMap(\.self) + others {
        // On many ranks, which take turns, one of them.
        let lengths = [(700, 68), (256, 1), (100, 1200)].prefix(world.size > 3 ? 1 : 3)
        for (common, own) in lengths {
          try Sample(weights, arithmetic, common: common, own: own, prompt: 70)
            .expectTheSame("\(model)")
        }
      }
    }

    @Test(arguments: [SampleModel.narrow, .mixed])
    func aLongPromptBehindIt(model: SampleModel) throws {
      let weights = try model.weights()
      let least = AppendPass.leastPrefilledTokens
      for arithmetic in highestArithmetics()
      where AppendPass.prefillsPrompt(tokens: least, arithmetic) {
        for (common, own) in [(300, 500), (256, 256)] {
          try Sample(weights, arithmetic, common: common, own: own, prompt: least)
            .expectTheSame("\(model)")
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

import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// What tokens behind a context attend to.
  @Suite @MPIThread struct AttentionTraceTests {
    /// One step of several branches, and what it traced.
    private struct Traced {
      var logits: [Float] = []
      /// `[rows][passages]` of each step, one after the other, on rank 0.
      var scores: [[PassageScore]] = []
      var ofContext: [PassageScore] = []
    }

    /// A prompt of 20 tokens in the first branch, one token in the second, then one more in both.
    private func run(
      _ weights: ModelWeights, context tokens: [Int32], _ communicator: Communicator,
      _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag, traces: Bool = true
    ) throws -> Traced {
      let vocabulary = weights.configuration.vocabulary.size
      let context = DecoderContext(
        weights: weights,
        SequenceDescription(
          partition: partition, contextTokens: tokens.count, maximumAppended: 21, branches: 2,
          tracesAttention: traces),
        communicator: communicator, arithmetic: arithmetic)
      try PrefillPass(context).run(tokens: tokens)
      let pass = try AppendPass(context)
      for branch in 0..<2 { pass.beginBranch(branch) }
      var traced = Traced()
      traced.ofContext =
        try pass.lastPassageScores(tokens.last!, branch: 1).first ?? []
      let appended = sampleTokens(21, vocabulary: vocabulary, seed: 3)
      let rows = AlignedBuffer<Float>(count: 2 * vocabulary)
      for ranges in [[0..<20, 0..<1], [20..<21, 1..<2]] {
        let pieces = ranges.enumerated().map {
          AppendedTokens(branch: $0, tokens: appended[$1], wantsLogits: true)
        }
        try pass.append(pieces, logits: rows.pointer)
        traced.logits += rows.elements
        traced.scores += try pass.passageScores()
      }
      return traced
    }

    /// Whoever computes, the scores are the same; and to trace changes no bit of the logits.
    @Test(arguments: [SampleModel.narrow, .everything, .mixed, .needle], [3, 100, 256, 700])
    func scoresAreTheSameOnAnyRanksAndThreads(model: SampleModel, context: Int) throws {
      let weights = try model.weights()
      let tokens = sampleTokens(context, vocabulary: weights.configuration.vocabulary.size)
      for arithmetic in highestArithmetics() {
        let alone = try run(
          weights, context: tokens, MPIEnvironment.communicatorOfThisRank(),
          arithmetic.with(threads: 2))
        let plain = try run(
          weights, context: tokens, world, arithmetic.with(threads: 1), traces: false)
        #expect(plain.logits.map(\.bitPattern) == alone.logits.map(\.bitPattern))
        #expect(plain.scores.isEmpty && plain.ofContext.isEmpty)
        for (index, kind) in PartitionKind.allCases.enumerated() {
          let label = "\(model), \(context) tokens, \(kind), \(arithmetic.label)"
          let together = try run(
            weights, context: tokens, world, arithmetic.with(threads: 1 + index), partition: kind)
          #expect(together.logits.map(\.bitPattern) == alone.logits.map(\.bitPattern), "\(label)")
          #expect(together.scores == (world.rank == 0 ? alone.scores : []), "\(label)")
          #expect(together.ofContext == (world.rank == 0 ? alone.ofContext : []), "\(label)")
        }
        let passages = ContextPassages(contextTokens: context)
        #expect(alone.scores.count == 4)
        for scores in alone.scores + [alone.ofContext] {
          #expect(scores.count == passages.count)
          for (passage, score) in scores.enumerated() {
            #expect(score.score >= 0 && (score.score == 0 || !passages.tokens(of: passage).isEmpty))
          }
        }
        // Among few tokens, heads of random models give some of them more than others; among many,
        // only a model that looks for something does.
        if context == 100 || context == 700 && model == .needle {
          #expect(alone.scores.joined().contains { $0.score > 0 })
        }
      }
    }

    /// In the built-in model, one head of one layer looks for what stands behind the question's words: it
    /// gives the passage all it has.
    @Test(arguments: [SampleModel.needle])
    func theMatchingLayerPointsAtWhatItMatches(model: SampleModel) throws {
      let weights = try model.weights()
      let filler = sampleTokens(900, vocabulary: 256, seed: 8)
      let words = sampleTokens(20, vocabulary: 256, seed: 9)
      for place in [40, 300, 520, 850] {
        let context = Array(filler[..<place]) + words + [7] + Array(filler[place...])
        let decoder = DecoderContext(
          weights: weights,
          SequenceDescription(
            contextTokens: context.count, maximumAppended: words.count, tracesAttention: true),
          communicator: world, arithmetic: highestArithmetics().last!.with(threads: 2))
        try PrefillPass(decoder).run(tokens: context)
        let pass = try AppendPass(decoder)
        pass.beginBranch(0)
        let logits = AlignedBuffer<Float>(count: weights.configuration.vocabulary.size)
        try pass.append(
          [AppendedTokens(branch: 0, tokens: words[...], wantsLogits: true)],
          logits: logits.pointer)
        guard let scores = try pass.passageScores().first else { continue }
        let passages = ContextPassages(contextTokens: context.count)
        let best = scores.indices.max { scores[$0].score < scores[$1].score }!
        #expect(passages.tokens(of: best).contains(place + words.count), "place \(place)")
        #expect(scores[best].layer == 4 && scores[best].score > 0.9, "\(scores[best])")
      }
    }

    /// What is traced takes memory that was announced.
    @Test func memoryIsAnnounced() throws {
      let weights = try SampleModel.narrow.weights()
      func bytes(_ traces: Bool) -> Int {
        MemoryRequirement(
          configuration: weights.configuration, arithmetic: highestArithmetics()[0],
          sequence: SequenceDescription(
            contextTokens: 300, maximumAppended: 9_900, branches: 64, tracesAttention: traces),
          ranks: 1, rank: 0
        ).activationBytes
      }
      let heads = weights.configuration.layers.reduce(0) { $0 + $1.attention.queryHeads }
      // What is appended, with the context's last block, makes 40 blocks of each branch.
      #expect(bytes(true) > 64 * 40 * heads * 72 && bytes(true) > bytes(false))
    }
  }
}

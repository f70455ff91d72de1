import Foundation
import Inference
import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Questions with contexts of their own get the answers that they get about both as one context.
  @Suite @MPIThread struct OwnContextTests {
    /// What rank 0 heard of one question; empty on the other ranks.
    private struct Heard: Equatable {
      var logits: [UInt32] = []
      var tokens: [Int32] = []
    }

    private func model(_ precision: Precision) throws -> Model {
      let random = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = try ModelFolder()
      try folder.write(configuration: random.configuration.json, tensors: random.tensors)
      return try folder.load(precision)
    }

    private func ask(
      _ questions: [Question], of contexts: [OwnContext], _ session: Session
    ) throws -> [Heard] {
      var heard = questions.map { _ in Heard() }
      let loop = AnswerLoop(session, contexts: contexts)
      if world.rank == 0 { for question in questions { _ = try loop.submit(question) } }
      while try loop.step(
        onLogits: { heard[$0].logits += $1.map(\.bitPattern) }, onToken: { _, _ in true },
        onEnd: { heard[$0].tokens = $1.tokens }) == .answering
      {}
      return heard
    }

    /// One after the other, whatever own contexts its branches have had before.
    @Test(arguments: [256, 300])
    func answersAreThoseAboutOneContext(commonTokens: Int) throws {
      let arithmetic = highestArithmetics().last!
      let model = try model(arithmetic.precision)
      let vocabulary = model.configuration.vocabulary.size
      func tokens(_ count: Int, _ seed: UInt64) -> [Int32] {
        sampleTokens(count, vocabulary: vocabulary, seed: seed)
      }
      let common = tokens(commonTokens, 1)
      let contexts = [30, 700, 212, 1].enumerated().map {
        OwnContext(tokens: tokens($1, UInt64($0 + 20)))
      }
      let questions: [Question] = [
        (0, 5, 6), (nil, 5, 3), (0, 0, 4), (1, 70, 9), (0, 3, 20), (1, 0, 3), (2, 1, 2),
        (1, 130, 5), (3, 2, 4), (nil, 0, 5), (0, AppendPass.leastPrefilledTokens, 3), (2, 0, 0),
        (0, 5, 6),
      ].enumerated().map { index, asked in
        Question(
          context: asked.0, prompt: tokens(asked.1, UInt64(index)), maximumTokens: asked.2,
          sampling: SamplingParameters(
            temperature: index % 3 == 2 ? 1 : 0, seed: UInt64(index),
            penalties: index % 2 == 0
              ? TokenPenalties() : TokenPenalties(repetition: 1.3, frequency: 0.5)))
      }
      func session(
        _ context: [Int32], own: Int, batch: Int, _ kind: PartitionKind, threads: Int
      ) throws -> Session {
        let session = Session(
          model: model,
          SequenceDescription(
            partition: kind, contextTokens: context.count,
            maximumAppended: own + questions.map(\.longest).max()!,
            longestPrompt: questions.map(\.prompt.count).max()!, longestOwnContext: own,
            branches: batch),
          communicator: world, arithmetic: arithmetic.with(threads: threads))
        try session.prefill(context)
        return session
      }
      // A run for each context.
      var alone = questions.map { _ in Heard() }
      for number in [nil, 0, 1, 2, 3] as [Int?] {
        let whole = try session(
          common + (number.map { contexts[$0].tokens } ?? []), own: 0, batch: 1, .zigzag, threads: 1
        )
        for (index, var question) in questions.enumerated() where question.context == number {
          question.context = nil
          alone[index] = try ask([question], of: [], whole)[0]
        }
      }
      for (batch, kind, threads) in [
        (1, PartitionKind.zigzag, 1), (2, .striped, 2), (5, .contiguous, 1), (16, .striped, 2),
      ] {
        let heard = try ask(
          questions, of: contexts,
          session(common, own: 700, batch: batch, kind, threads: threads))
        for (index, (one, other)) in zip(alone, heard).enumerated() {
          #expect(one == other, "question \(index), batch \(batch), \(commonTokens) tokens")
        }
      }
    }

    /// An own context that the next question has, too, costs nothing.
    @Test func equalContextsAreComputedOnce() throws {
      let arithmetic = highestArithmetics().last!
      let model = try model(arithmetic.precision)
      let vocabulary = model.configuration.vocabulary.size
      let own = OwnContext(tokens: sampleTokens(600, vocabulary: vocabulary, seed: 2))
      for batch in [1, 3] {
        let session = Session(
          model: model,
          SequenceDescription(
            contextTokens: 300, maximumAppended: 610, longestPrompt: 5, longestOwnContext: 600,
            branches: batch),
          communicator: world, arithmetic: arithmetic)
        try session.prefill(sampleTokens(300, vocabulary: vocabulary, seed: 1))
        var prefills = 0
        session.context.onSpan = { name, _, _ in
          // Of appended tokens there is none.
          if "\(name)" == "projections" { prefills += 1 }
        }
        let question = Question(context: 0, prompt: [5], maximumTokens: 2)
        _ = try ask([question], of: [own], session)
        let once = prefills
        let loop = AnswerLoop(session, contexts: [own])
        prefills = 0
        if world.rank == 0 { for _ in 0..<7 { _ = try loop.submit(question) } }
        while try loop.step(
          onLogits: { _, _ in }, onToken: { _, _ in true }, onEnd: { _, _ in }) == .answering
        {}
        #expect(prefills == once, "batch \(batch)")
        #expect(once > 0)
      }
    }

    @Test func aQuestionWithoutRoomIsRefused() throws {
      let session = Session(
        model: try Model.builtIn(),
        SequenceDescription(contextTokens: 300, maximumAppended: 20, longestOwnContext: 10),
        communicator: world, arithmetic: highestArithmetics().last!)
      try session.prefill(sampleTokens(300, vocabulary: 256))
      let loop = AnswerLoop(
        session, contexts: [OwnContext(tokens: sampleTokens(10, vocabulary: 256))])
      guard world.rank == 0 else { return }
      #expect(throws: QuestionError.tooLong(tokens: 21, room: 20)) {
        try loop.submit(Question(context: 0, prompt: [1], maximumTokens: 10))
      }
    }
  }
}

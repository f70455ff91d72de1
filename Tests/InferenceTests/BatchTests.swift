import Foundation
import Inference
import Kernels
import MPI
import RankTesting
import RingAttention
import Testing
import Transformer

extension RankTests {
  /// Questions that are answered together get what each gets alone, to the last bit.
  @Suite @MPIThread struct BatchTests {
    /// What rank 0 heard of one question; empty on the other ranks.
    private struct Heard: Equatable {
      var logits: [UInt32] = []
      var tokens: [Int32] = []
      var end: Generation.End?
    }

    /// Prompts of no, one and many tokens, over the end of a block and over a step's room, and
    /// answers of different lengths, some by sampling.
    private func questions(vocabulary: Int) -> [Question] {
      [(0, 5), (1, 1), (70, 9), (200, 3), (3, 0), (129, 30), (64, 2), (5, 17), (0, 4)].enumerated()
        .map { index, size in
          Question(
            prompt: sampleTokens(size.0, vocabulary: vocabulary, seed: UInt64(index)),
            maximumTokens: size.1,
            sampling: SamplingParameters(
              temperature: index % 3 == 2 ? 1 : 0, seed: UInt64(index)))
        }
    }

    private func session(
      for questions: [Question], batch: Int, _ model: Model, context: [Int32],
      _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag
    ) throws -> Session {
      let session = Session(
        model: model, communicator: world, arithmetic: arithmetic, partition: partition,
        contextTokens: context.count,
        maximumAppended: questions.map { $0.prompt.count + $0.maximumTokens }.max()!, batch: batch)
      try session.prefill(context)
      return session
    }

    /// - Parameter stopped: the question whose listener wants no more after 11 tokens.
    private func ask(
      _ questions: [Question], _ session: Session, stopped: Int?
    ) throws -> [Heard] {
      let most = 11 * session.model.configuration.vocabularySize
      var heard = questions.map { _ in Heard() }
      let isWhole = try session.answer(questions) {
        heard[$0].logits += $1.map(\.bitPattern)
      } onToken: { question, token in
        question != stopped || heard[question].logits.count < most
      } onEnd: {
        heard[$0].tokens = $1.tokens
        heard[$0].end = $1.end
      }
      #expect(isWhole)
      return heard
    }

    @Test(arguments: [1, 255, 256, 700])
    func answersAreThoseOfAskingOneAtATime(contextTokens: Int) throws {
      let random = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = ModelFolder()
      try folder.write(
        configuration: random.configuration.json,
        generation: Data(#"{"eos_token_id": [7]}"#.utf8), tensors: random.tensors)
      for arithmetic in highestArithmetics() {
        let model = try folder.load(arithmetic.precision)
        let vocabulary = model.configuration.vocabularySize
        let context = sampleTokens(contextTokens, vocabulary: vocabulary, seed: 1)
        let questions = questions(vocabulary: vocabulary)
        let single = try session(for: questions, batch: 1, model, context: context, arithmetic)
        let stopped = 5
        let alone = try questions.enumerated().map { index, question in
          try ask([question], single, stopped: index == stopped ? 0 : nil)[0]
        }
        for (batch, kind, threads) in [
          (2, PartitionKind.striped, 2), (4, .contiguous, 1), (9, .zigzag, 2), (12, .zigzag, 1),
        ] {
          let together = try ask(
            questions,
            session(
              for: questions, batch: batch, model, context: context,
              arithmetic.with(threads: threads), partition: kind),
            stopped: stopped)
          for (index, (one, other)) in zip(alone, together).enumerated() {
            #expect(
              one == other,
              "question \(index), batch \(batch), \(contextTokens) tokens, \(arithmetic.label)")
          }
        }
      }
    }

    @Test func stopsBetweenSteps() throws {
      let model = try Model.builtIn()
      let session = Session(
        model: model, communicator: world, arithmetic: highestArithmetics().last!,
        partition: .zigzag, contextTokens: 300, maximumAppended: 20, batch: 2)
      try session.prefill(sampleTokens(300, vocabulary: 256))
      var (steps, ended) = (0, 0)
      let isWhole = try session.answer(
        (1...4).map { Question(prompt: [65], maximumTokens: 3 * $0) }, onLogits: { _, _ in },
        onToken: { _, _ in true }, onEnd: { _, _ in ended += 1 },
        shouldStop: {
          steps += 1
          return steps == 5
        })
      #expect(!isWhole)
      #expect(ended == (world.rank == 0 ? 1 : 0) && steps == (world.rank == 0 ? 5 : 0))
      try world.barrier()
    }
  }
}

import Foundation
import Inference
import Kernels
import MPI
import RingAttention
import TestSupport
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
              temperature: index % 3 == 2 ? 1 : 0, seed: UInt64(index),
              penalties: index % 4 < 2
                ? TokenPenalties() : TokenPenalties(repetition: 1.2, frequency: 0.5)))
        }
    }

    private func session(
      for questions: [Question], batch: Int, _ model: Model, context: [Int32],
      _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag
    ) throws -> Session {
      let session = Session(
        model: model,
        SequenceDescription(
          partition: partition, contextTokens: context.count,
          maximumAppended: questions.map { $0.prompt.count + $0.maximumTokens }.max()!,
          branches: batch),
        communicator: world, arithmetic: arithmetic)
      try session.prefill(context)
      return session
    }

    /// - Parameter stopped: the question whose listener wants no more after 11 tokens.
    private func ask(
      _ questions: [Question], _ session: Session, stopped: Int?
    ) throws -> [Heard] {
      let most = 11 * session.model.configuration.vocabulary.size
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

    /// A model whose answers also end by themselves.
    private func folder() throws -> ModelFolder {
      let random = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = try ModelFolder()
      try folder.write(
        configuration: random.configuration.json,
        generation: Data(#"{"eos_token_id": [7]}"#.utf8), tensors: random.tensors)
      return folder
    }

    @Test(arguments: [1, 255, 256, 700])
    func answersAreThoseOfAskingOneAtATime(contextTokens: Int) throws {
      let folder = try folder()
      for arithmetic in highestArithmetics() {
        try expectAnswersOfAskingOneAtATime(
          folder.load(arithmetic.precision), arithmetic, contextTokens: contextTokens,
          batches: [
            (2, .striped, 2), (4, .contiguous, 1), (9, .zigzag, 2), (12, .zigzag, 1),
          ])
      }
    }

    @Test func answersAreThoseOfAskingOneAtATimeWithQuantizedWeights() throws {
      let arithmetic = highestArithmetics().last!
      try expectAnswersOfAskingOneAtATime(
        QuantizedModelFile("qwen2").load(arithmetic.precision), arithmetic, contextTokens: 300,
        batches: [(4, .striped, 2)])
    }

    /// Long prompts are prefilled in their branches while others generate.
    @Test func soAreThoseToLongPrompts() throws {
      let model = try folder().load(.bf16)
      let vocabulary = model.configuration.vocabulary.size
      let arithmetic = highestArithmetics().last!
      let context = sampleTokens(300, vocabulary: vocabulary, seed: 1)
      let questions = [20, AppendPass.leastPrefilledTokens, 3, 1300, 1023].enumerated().map {
        Question(
          prompt: sampleTokens($1, vocabulary: vocabulary, seed: UInt64($0 + 50)),
          maximumTokens: 6, sampling: SamplingParameters())
      }
      let single = try session(for: questions, batch: 1, model, context: context, arithmetic)
      let alone = try questions.map { try ask([$0], single, stopped: nil)[0] }
      for (batch, kind, threads) in [(2, PartitionKind.striped, 2), (5, .zigzag, 1)] {
        let together = try ask(
          questions,
          session(
            for: questions, batch: batch, model, context: context,
            arithmetic.with(threads: threads), partition: kind), stopped: nil)
        for (index, (one, other)) in zip(alone, together).enumerated() {
          #expect(one == other, "question \(index), batch \(batch)")
        }
      }
    }

    private func expectAnswersOfAskingOneAtATime(
      _ model: Model, _ arithmetic: Arithmetic, contextTokens: Int,
      batches: [(size: Int, PartitionKind, threads: Int)]
    ) throws {
      let vocabulary = model.configuration.vocabulary.size
      let context = sampleTokens(contextTokens, vocabulary: vocabulary, seed: 1)
      let questions = questions(vocabulary: vocabulary)
      let single = try session(for: questions, batch: 1, model, context: context, arithmetic)
      let stopped = 5
      let alone = try questions.enumerated().map { index, question in
        try ask([question], single, stopped: index == stopped ? 0 : nil)[0]
      }
      for (batch, kind, threads) in batches {
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

    /// When a question is submitted.
    private enum Moment: Equatable {
      /// Before the step with this number, from 0 on.
      case step(Int)
      /// While the listeners hear that this question ends, or hear its second token.
      case end(of: Int)
      case secondToken(of: Int)
    }

    /// Asks each question at its moment, over and over in one loop.
    private func ask(
      _ questions: [Question], _ moments: [Moment], _ loop: AnswerLoop, vocabulary: Int
    ) throws -> [Heard] {
      var heard = questions.map { _ in Heard() }
      // By the loop's numbers.
      var indices: [Int: Int] = [:]
      func submit(_ moment: Moment) throws {
        for index in questions.indices where moments[index] == moment {
          indices[try loop.submit(questions[index])] = index
        }
      }
      var step = 0
      let last = moments.map { if case .step(let step) = $0 { step } else { 0 } }.max()!
      var state = AnswerLoop.State.idle
      while step <= last || state == .answering {
        if world.rank == 0 { try submit(.step(step)) }
        state = try loop.step {
          heard[indices[$0]!].logits += $1.map(\.bitPattern)
        } onToken: { number, _ in
          let index = indices[number]!
          if heard[index].logits.count == 2 * vocabulary { try submit(.secondToken(of: index)) }
          return true
        } onEnd: {
          heard[indices[$0]!].tokens = $1.tokens
          heard[indices[$0]!].end = $1.end
          try submit(.end(of: indices[$0]!))
        }
        step += 1
      }
      #expect(state == .idle && indices.count == (world.rank == 0 ? questions.count : 0))
      return heard
    }

    @Test(arguments: [256, 300])
    func answersAreThoseOfAskingAloneWhenQuestionsComeMeanwhile(contextTokens: Int) throws {
      let folder = try folder()
      let arithmetic = highestArithmetics().last!
      let model = try folder.load(arithmetic.precision)
      let vocabulary = model.configuration.vocabulary.size
      let context = sampleTokens(contextTokens, vocabulary: vocabulary, seed: 1)
      let questions = questions(vocabulary: vocabulary)
      let single = try session(for: questions, batch: 1, model, context: context, arithmetic)
      let alone = try questions.map { try ask([$0], single, stopped: nil)[0] }
      let schedules: [[Moment]] = [
        // One a step, the fifth when all others may be done.
        [0, 1, 2, 3, 90, 5, 6, 7, 8].map { .step($0) },
        // One follows from another, with pauses of steps without any.
        [
          .step(3), .end(of: 0), .secondToken(of: 0), .end(of: 2), .step(70), .secondToken(of: 3),
          .end(of: 3), .step(71), .end(of: 7),
        ],
      ]
      for batch in [1, 3, 9] {
        let session = try session(
          for: questions, batch: batch, model, context: context, arithmetic, partition: .striped)
        let loop = AnswerLoop(session)
        for (number, moments) in schedules.enumerated() {
          let heard = try ask(questions, moments, loop, vocabulary: vocabulary)
          for index in questions.indices {
            #expect(
              heard[index] == alone[index],
              "question \(index), schedule \(number), batch \(batch), \(contextTokens) tokens")
          }
        }
      }
    }

    @Test func stopsBetweenSteps() throws {
      let model = try Model.builtIn()
      let session = Session(
        model: model,
        SequenceDescription(contextTokens: 300, maximumAppended: 20, branches: 2),
        communicator: world, arithmetic: highestArithmetics().last!)
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

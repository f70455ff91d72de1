import Inference
import MPI
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// What a loop takes, says and gives up; that its answers are the right ones is for `BatchTests`.
  @Suite @MPIThread struct AnswerLoopTests {
    private struct Failure: Error {}

    private func session(batch: Int, most: Int = 20) throws -> Session {
      let session = Session(
        model: try Model.builtIn(),
        SequenceDescription(contextTokens: 300, maximumAppended: most, branches: batch),
        communicator: world, arithmetic: highestArithmetics().last!)
      try session.prefill(sampleTokens(300, vocabulary: 256))
      return session
    }

    private func question(_ tokens: Int, prompt: Int = 1) -> Question {
      Question(prompt: sampleTokens(prompt, vocabulary: 256, seed: 5), maximumTokens: tokens)
    }

    /// Steps until nothing is left to answer.
    ///
    /// - Returns: the numbers in the order of their ends, on rank 0.
    private func finish(_ loop: AnswerLoop) throws -> [Int] {
      var ended: [Int] = []
      while try loop.step(
        onLogits: { _, _ in }, onToken: { _, _ in true },
        onEnd: { number, _ in ended.append(number) }
      ) == .answering {}
      return ended
    }

    @Test func questionsAreBegunInTheirOrder() throws {
      for (batch, expected) in [(1, [0, 1, 2, 3]), (2, [1, 0, 3, 2]), (4, [3, 1, 0, 2])] {
        let loop = AnswerLoop(try session(batch: batch))
        if world.rank == 0 {
          let numbers = try [6, 3, 9, 1].map { try loop.submit(question($0)) }
          #expect(numbers == [0, 1, 2, 3])
        }
        var first: [Int] = []
        var ended: [Int] = []
        var state = AnswerLoop.State.answering
        while state == .answering {
          state = try loop.step(
            onLogits: { number, _ in if !first.contains(number) { first.append(number) } },
            onToken: { _, _ in true }, onEnd: { number, _ in ended.append(number) })
        }
        #expect(state == .idle)
        #expect(first == (world.rank == 0 ? [0, 1, 2, 3] : []), "batch \(batch)")
        #expect(ended == (world.rank == 0 ? expected : []), "batch \(batch)")
      }
    }

    @Test func aQuestionWithoutRoomIsRefusedAndTheOthersAreAnswered() throws {
      let loop = AnswerLoop(try session(batch: 2, most: 20))
      if world.rank == 0 {
        #expect(try loop.submit(question(10, prompt: 10)) == 0)
        for (tokens, prompt) in [(11, 10), (0, 21), (21, 0)] {
          #expect(throws: QuestionError.tooLong(tokens: 21, room: 20)) {
            try loop.submit(question(tokens, prompt: prompt))
          }
        }
        #expect(try loop.submit(question(0, prompt: 20)) == 1)
      }
      #expect(try finish(loop).sorted() == (world.rank == 0 ? [0, 1] : []))
    }

    @Test func withoutQuestionsALoopIsIdleAndTakesFurtherOnes() throws {
      let loop = AnswerLoop(try session(batch: 2))
      for round in 0..<3 {
        #expect(try finish(loop).isEmpty)
        if world.rank == 0 { #expect(try loop.submit(question(2)) == round) }
        #expect(try finish(loop) == (world.rank == 0 ? [round] : []))
      }
    }

    /// Whether it was told to or a listener failed, with questions under way, waiting, and just
    /// submitted.
    @Test(arguments: [true, false])
    func whatIsGivenUpIsForgotten(isStopped: Bool) throws {
      let loop = AnswerLoop(try session(batch: 2))
      func submit(_ tokens: [Int]) throws {
        guard world.rank == 0 else { return }
        for count in tokens { _ = try loop.submit(question(count)) }
      }
      func step(onToken: (Int) throws -> Void = { _ in }) throws -> AnswerLoop.State {
        try loop.step(
          onLogits: { _, _ in },
          onToken: { number, _ in
            try onToken(number)
            return true
          }, onEnd: { _, _ in })
      }
      try submit([5, 5, 5])
      for _ in 0..<3 { #expect(try step() == .answering) }
      try submit([5])
      if isStopped {
        if world.rank == 0 { loop.stop() }
        #expect(try step() == .stopped)
      } else {
        #expect(throws: SessionError.self) {
          try step { _ in throw Failure() }
        }
      }
      #expect(try step { _ in Issue.record("it goes on") } == .idle)
      try submit([3])
      #expect(try finish(loop) == (world.rank == 0 ? [4] : []))
    }
  }
}

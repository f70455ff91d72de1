import Foundation
import Inference
import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct SessionTests {
    private struct Failure: Error {}

    /// A random model from files, which has generation settings of its own.
    private func randomModel(ends: [Int32] = []) throws -> Model {
      let model = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = try ModelFolder()
      try folder.write(
        configuration: model.configuration.json,
        generation: Data(#"{"eos_token_id": \#(ends)}"#.utf8), tensors: model.tensors)
      return try folder.load(.bf16)
    }

    private func session(
      _ model: Model, context: [Int32], most: Int = 20,
      partition: PartitionKind = .zigzag
    ) throws -> Session {
      let session = Session(
        model: model,
        SequenceDescription(
          partition: partition, contextTokens: context.count, maximumAppended: most),
        communicator: world, arithmetic: highestArithmetics().last!)
      try session.prefill(context)
      return session
    }

    /// One answer, as rank 0 hears it, on every rank.
    private func generate(
      _ session: Session, prompt: [Int32] = [], most: Int = 20,
      _ sampling: SamplingParameters = SamplingParameters(),
      onLogits: (UnsafeBufferPointer<Float>) throws -> Void = { _ in },
      onToken: (Int32) throws -> Bool = { _ in true }
    ) throws -> (tokens: [Int32], end: Generation.End) {
      var answers: [Generation] = []
      let isWhole = try session.answer(
        [Question(prompt: prompt, maximumTokens: most, sampling: sampling)],
        onLogits: { try onLogits($1) }, onToken: { try onToken($1) },
        onEnd: { answers.append($1) })
      #expect(isWhole && answers.count == (world.rank == 0 ? 1 : 0))
      let end = try world.broadcast(
        value: answers.first.map { Self.ends.firstIndex(of: $0.end)! } ?? 0, from: 0)
      return (try world.broadcast(array: answers.first?.tokens ?? [], from: 0), Self.ends[end])
    }

    /// The penalties look at context, prompt and answer; what listeners hear are the logits before them.
    @Test(arguments: [0, 0.7])
    func penaltiesAreThoseOfAllTokensBefore(temperature: Double) throws {
      let model = try randomModel()
      for penalties in [
        TokenPenalties(repetition: 1.5), TokenPenalties(presence: 1, frequency: 0.5),
      ] {
        let sampling = SamplingParameters(
          temperature: temperature, minP: 0.01, seed: 5, penalties: penalties)
        let session = try session(model, context: context, most: 40)
        var logits: [[Float]] = []
        let generation = try generate(
          session, prompt: prompt, most: 30, sampling, onLogits: { logits.append(Array($0)) })
        guard world.rank == 0 else { continue }
        var twin = SortingSampler(sampling, before: context + prompt)
        #expect(generation.tokens == logits.map { twin.next($0) }, "\(penalties)")
      }
    }

    nonisolated private static let ends: [Generation.End] = [.endOfSequence, .stop, .length]

    private let context = sampleTokens(300, vocabulary: 300, seed: 2)
    private let prompt = sampleTokens(10, vocabulary: 300, seed: 3)

    @Test func everyRankGetsTheSameTokensAndListenersHearThemOnRank0() throws {
      let model = try randomModel()
      for sampling in [SamplingParameters(), SamplingParameters(temperature: 1, seed: 5)] {
        let session = try session(model, context: context, most: 40)
        var heard: [Int32] = []
        var logits: [[Float]] = []
        let generation = try generate(
          session, prompt: prompt, sampling, onLogits: { logits.append(Array($0)) },
          onToken: {
            heard.append($0)
            return true
          })
        #expect(generation.tokens.count == 20 && generation.end == .length)
        #expect(heard == (world.rank == 0 ? generation.tokens : []))
        #expect(logits.count == (world.rank == 0 ? 20 : 0))
        // Each token is chosen from the logits that were heard before it.
        var sampler = Sampler(sampling)
        var workspace = Sampler.Workspace()
        #expect(
          logits.map { $0.withUnsafeBufferPointer { sampler.next($0, &workspace) } }
            == (world.rank == 0 ? generation.tokens : []))
      }
    }

    /// The logits from which tokens are chosen are those of the tokens so far, appended by hand.
    @Test func generatingIsAppendingWhatWasChosen() throws {
      let model = try randomModel()
      let generation = try generate(
        session(model, context: context, most: 40), prompt: prompt, most: 6)
      let pass = try AppendPass(session(model, context: context, most: 40).context)
      let logits = AlignedBuffer<Float>(count: model.configuration.vocabulary.size)
      pass.beginBranch(0)
      try pass.append(prompt[...], logits: logits)
      for token in generation.tokens {
        var sampler = Sampler(SamplingParameters())
        var workspace = Sampler.Workspace()
        #expect(sampler.next(UnsafeBufferPointer(logits.elements), &workspace) == token)
        try pass.append([token], logits: logits)
      }
    }

    @Test func aSeedGivesTheSameTokensAgain() throws {
      let model = try randomModel()
      func tokens(_ sampling: SamplingParameters, _ partition: PartitionKind) throws -> [Int32] {
        try generate(session(model, context: context, partition: partition), sampling).tokens
      }
      let first = try tokens(SamplingParameters(temperature: 1, seed: 1), .zigzag)
      #expect(try tokens(SamplingParameters(temperature: 1, seed: 1), .striped) == first)
      #expect(try tokens(SamplingParameters(temperature: 1, seed: 2), .zigzag) != first)
      let greedy = try tokens(SamplingParameters(), .contiguous)
      #expect(try tokens(SamplingParameters(temperature: 1, topK: 1), .zigzag) == greedy)
      #expect(try tokens(SamplingParameters(temperature: 1, topP: 1e-9), .zigzag) == greedy)
    }

    @Test func limitsOfNoneAndOne() throws {
      let model = try randomModel()
      for most in [0, 1] {
        let session = try session(model, context: context, most: most)
        var (logits, tokens) = (0, 0)
        let generation = try generate(
          session, most: most, onLogits: { _ in logits += 1 },
          onToken: { _ in
            tokens += 1
            return true
          })
        #expect(generation.tokens.count == most && generation.end == .length)
        #expect(logits == (world.rank == 0 ? 1 : 0) && tokens == (world.rank == 0 ? most : 0))
      }
    }

    @Test func endOfSequenceEndsGenerationAndIsNotHeard() throws {
      let free = try generate(session(randomModel(), context: context)).tokens
      // The first token that is not among those before it, from the third on.
      let place = (2..<free.count).first { !free[..<$0].contains(free[$0]) }
      let end = try #require(place)
      let model = try randomModel(ends: [free[end], 299])
      var heard: [Int32] = []
      let generation = try generate(
        session(model, context: context),
        onToken: {
          heard.append($0)
          return true
        })
      #expect(generation.end == .endOfSequence)
      #expect(generation.tokens == Array(free[...end]))
      #expect(heard == (world.rank == 0 ? Array(free[..<end]) : []))
    }

    @Test func theListenerStopsAllRanks() throws {
      let model = try randomModel()
      var count = 0
      let generation = try generate(
        session(model, context: context),
        onToken: { _ in
          count += 1
          return count < 4
        })
      #expect(generation.tokens.count == 4 && generation.end == .stop)
    }

    /// What a listener throws on rank 0 ends the generation everywhere, and no rank is left
    /// waiting.
    @Test func aListenerThatThrowsEndsGenerationOnEveryRank() throws {
      let model = try randomModel()
      for throwsForLogits in [true, false] {
        var count = 0
        let session = try session(model, context: context)
        let error = #expect(throws: SessionError.self) {
          try generate(
            session,
            onLogits: { _ in
              count += 1
              if throwsForLogits, count == 3 { throw Failure() }
            },
            onToken: { _ in
              if !throwsForLogits, count == 3 { throw Failure() }
              return true
            })
        }
        switch error {
        case .listenerFailed(let cause): #expect(world.rank == 0 && cause is Failure)
        case .abandoned: #expect(world.rank != 0)
        case nil: break
        }
        try world.barrier()
      }
    }

    /// The built-in model finds what followed the same words earlier, over every rank's blocks.
    @Test(arguments: PartitionKind.allCases)
    func theBuiltInModelRetrieves(partition: PartitionKind) throws {
      for (place, length) in [(0, 900), (450, 900), (3000, 4000)] {
        var filler = SplitMix64(seed: 9)
        let letters = Array("abcdefghijklmnopqrstuvwxyz    ".utf8)
        var text = (0..<length).map { _ in letters[Int(filler.next() % UInt64(letters.count))] }
        text.insert(contentsOf: Array(" The secret passkey is 93817.\n".utf8), at: place)
        let session = try session(
          try .builtIn(), context: text.map(Int32.init), most: 60, partition: partition)
        let generation = try generate(
          session, prompt: Array(" Tell me. The secret passkey is ".utf8).map(Int32.init),
          onToken: { $0 != Int32(UInt8(ascii: "\n")) })
        let answer = String(decoding: generation.tokens.map { UInt8($0) }, as: UTF8.self)
        #expect(answer == "93817.\n", "at \(place) of \(length)")
        #expect(generation.end == .stop)
      }
    }
  }
}

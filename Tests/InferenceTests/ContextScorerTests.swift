import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct ContextScorerTests {
    private func session(
      _ model: Model, _ tokens: [Int32], _ communicator: Communicator, _ arithmetic: Arithmetic,
      _ partition: PartitionKind = .zigzag
    ) throws -> Session {
      let session = Session(
        model: model,
        SequenceDescription(
          partition: partition, contextTokens: tokens.count, maximumAppended: 0),
        communicator: communicator, arithmetic: arithmetic)
      try session.prefill(tokens, logitsOf: .all)
      return session
    }

    /// In Float64, by the system's functions: −ln p of each next token.
    private func surprisals(_ logits: [Float], _ tokens: [Int32]) -> [Double] {
      let vocabulary = logits.count / tokens.count
      return (0..<tokens.count - 1).map { position in
        let row = logits[position * vocabulary..<(position + 1) * vocabulary].map(Double.init)
        let maximum = row.max()!
        return log(row.reduce(0) { $0 + exp($1 - maximum) }) + maximum
          - row[Int(tokens[position + 1])]
      }
    }

    /// Scores are those of the model's logits of every position, and against what Transformers computes
    /// in float32 as far as the logits agree.
    @Test(.enabled { await isOneRank() }, arguments: ["gemma2", "llama-3.1", "qwen3"])
    func scoresAreThoseOfTheLogits(name: String) throws {
      let fixture = try ParityFixture(name)
      let run = fixture.runs[0]
      let tokens = fixture.context(run)
      let expected = try fixture.logits(run)
      let vocabulary = expected.count / tokens.count
      let directory = try TemporaryDirectory()
      let path = directory.path + "/reference"
      try SafetensorsWriter.write(
        [
          Tensor(
            name: "x", elementType: .float32, shape: [tokens.count, vocabulary], copying: expected)
        ], to: path)
      let reference = try ReferenceLogits(path: path)
      for arithmetic in highestArithmetics() {
        let session = try session(fixture.model(arithmetic.precision), tokens, world, arithmetic)
        let scorer = ContextScorer(session, tokens, reference: reference)
        let scores = try #require(try scorer.scores())
        var logits: [Float] = []
        try session.forEachContextLogits { logits += $0 }
        let (own, other) = (surprisals(logits, tokens), surprisals(expected, tokens))
        try #require(scores.count == tokens.count - 1)
        let difference = zip(logits, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        for (position, score) in scores.enumerated() {
          let label: Comment = "\(name), \(arithmetic.label), position \(position)"
          #expect(abs(score.surprisal - own[position]) <= 1e-11, label)
          #expect(abs(score.referenceSurprisal! - other[position]) <= 1e-11, label)
          // Both ln p differ by no more than twice what the logits do.
          let most = 2 * Double(difference)
          #expect(abs(score.surprisal - score.referenceSurprisal!) <= most + 1e-11, label)
          #expect(score.divergence! >= 0 && score.divergence! <= most + 1e-11, label)
        }
        let figures = PerplexityFigures(scores)
        let mean = own.reduce(0, +) / Double(own.count)
        #expect(abs(figures.negativeLogLikelihood.mean - mean) <= 1e-11)
        if arithmetic.precision == .fp32 {
          #expect(figures.comparison!.divergence.mean < 1e-6)
          #expect(figures.comparison!.sameTop.mean == 1)
        }
      }
    }

    /// To the last bit, with a reference and without.
    @Test(arguments: [2, 256, 257, 700])
    func ranksThreadsAndPartitionsGiveTheSameScores(context: Int) throws {
      let random = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = try ModelFolder()
      try folder.write(configuration: random.configuration.json, tensors: random.tensors)
      let vocabulary = random.configuration.vocabulary.size
      let tokens = sampleTokens(context, vocabulary: vocabulary, seed: 3)
      let path = folder.path + "/reference"
      try SafetensorsWriter.write(
        [
          Tensor(
            name: "x", elementType: .bfloat16, shape: [context, vocabulary],
            copying: (0..<context * vocabulary).map {
              BFloat16(Float($0 % 97) / 16 - Float($0 % 13))
            })
        ], to: path)
      let reference = try ReferenceLogits(path: path)
      for arithmetic in highestArithmetics() {
        let model = try folder.load(arithmetic.precision)
        for reference in [reference, nil] {
          let alone = try world.fromRank0 {
            let session = try session(
              model, tokens, MPIEnvironment.communicatorOfThisRank(), arithmetic)
            return try ContextScorer(session, tokens, reference: reference).scores()!
          }
          #expect(alone.count == context - 1 && alone.allSatisfy(\.isFinite))
          for (index, kind) in PartitionKind.allCases.enumerated() {
            let session = try session(
              model, tokens, world, arithmetic.with(threads: index + 1), kind)
            for skipped in [0, 1, 255, 256, 300] where skipped < context - 1 {
              let scorer = ContextScorer(
                session, tokens, skipped: skipped, reference: reference)
              var blocks = 0
              let scores = try scorer.scores { blocks += 1 }
              #expect(blocks == scorer.ownPositions.count)
              #expect((scores != nil) == (world.rank == 0))
              guard let scores else { continue }
              #expect(
                scores == Array(alone[skipped...]),
                "\(context) tokens, \(arithmetic.label), \(kind), \(skipped) skipped")
            }
          }
        }
      }
    }
  }
}

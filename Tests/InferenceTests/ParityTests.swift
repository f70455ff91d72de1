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
  /// That every family and every kind of RoPE computes what Hugging Face Transformers computes.
  ///
  /// How close is tested on one rank: that more of them give the same bits is a test of its own.
  @Suite @MPIThread struct ParityTests {
    @Test(.enabled { await isOneRank() }) func allFixturesAreTested() throws {
      let folders = try FileManager.default.contentsOfDirectory(atPath: ParityFixture.directory)
        .filter {
          FileManager.default.fileExists(atPath: "\(ParityFixture.directory)/\($0)/expected.json")
        }
      #expect(folders.sorted() == ParityFixture.names)
      let withGGUF = try folders.filter {
        try FileManager.default.fileExists(atPath: ParityFixture($0).pathOfGGUF)
      }
      #expect(withGGUF.sorted() == ParityFixture.namesWithGGUF)
    }

    @Test(.enabled { await isOneRank() }, arguments: ParityFixture.names)
    func thePublishedSpellingIsTheSameModel(name: String) throws {
      let fixture = try ParityFixture(name)
      #expect(try fixture.publishedConfiguration() == fixture.outline().configuration)
    }

    @Test(.enabled { await isOneRank() }, arguments: ParityFixture.names)
    func float32AgreesAtEveryPosition(name: String) throws {
      let fixture = try ParityFixture(name)
      let model = try fixture.model(.fp32)
      for run in fixture.runs {
        let expected = try fixture.logits(run)
        for arithmetic in arithmetics() where arithmetic.precision == .fp32 {
          let result = try ParityRun(
            run, of: model, context: fixture.context(run), world, arithmetic)
          let label = "\(name), \(run.name), \(arithmetic.label)"
          expectAgreement(
            result.contextLogits, expected, positions: Array(0..<run.context), label)
          #expect(result.generated == run.greedy, "\(label): the tokens that follow")
        }
      }
    }

    /// llama.cpp's file of the same tensors is the same model, whose logits have the same bits.
    @Test(.enabled { await isOneRank() }, arguments: ParityFixture.namesWithGGUF)
    func filesOfLlamaCppAgree(name: String) throws {
      let fixture = try ParityFixture(name)
      for arithmetic in highestArithmetics() {
        let precision = arithmetic.precision
        let outline = try ModelOutline(
          StoredModels.model(at: fixture.pathOfGGUF), precision: precision)
        let label = "\(name), \(arithmetic.label)"
        #expect(outline.warnings.isEmpty && outline.weights.unusedTensors.isEmpty, "\(label)")
        let original = try fixture.outline(precision)
        #expect(
          try outline.configuration == original.configuration.withFloatEpsilon(), "\(label)")
        #expect(outline.endOfSequenceTokens == original.endOfSequenceTokens, "\(label)")
        let model = try outline.load(
          host: MPIEnvironment.communicatorOfThisRank(), team: arithmetic.team)
        let reference = try fixture.model(precision)
        for run in fixture.runs {
          let context = fixture.context(run)
          let result = try ParityRun(run, of: model, context: context, world, arithmetic)
          let other = try ParityRun(run, of: reference, context: context, world, arithmetic)
          try expectEqualBits(
            result.logits, other.logits,
            vocabularySize: model.configuration.vocabulary.size, "\(label), \(run.name)")
          guard precision == .fp32 else { continue }
          let expected = try fixture.logits(run)
          expectAgreement(
            result.contextLogits, expected, positions: Array(0..<run.context), label)
          #expect(result.generated == run.greedy, "\(label): the tokens that follow")
        }
      }
    }

    /// In bfloat16 both lose, Transformers and this program; this one not much more.
    ///
    /// Where rounding decides which expert is chosen, one that is another makes an error at that
    /// position that is no matter of precision any more. Such positions count only in what is lost
    /// altogether, not in the largest error.
    @Test(.enabled { await isOneRank() }, arguments: ParityFixture.names)
    func bfloat16LosesNoMoreThanTransformers(name: String) throws {
      let fixture = try ParityFixture(name)
      let model = try fixture.model(.bf16)
      for run in fixture.runs {
        let expected = try fixture.logits(run)
        for arithmetic in arithmetics() where arithmetic.precision == .bf16 {
          let logits = try ParityRun(
            run, of: model, context: fixture.context(run), world, arithmetic
          ).contextLogits
          var label = "\(name), \(run.name), \(arithmetic.label)"
          try #require(logits.count == expected.count, "\(label)")
          let vocabulary = model.configuration.vocabulary.size
          let whole = ParityFixture.Run.Errors(
            of: logits, from: expected, vocabularySize: vocabulary)
          #expect(whole.rms <= 1.5 * run.bfloat16Error.rms, "\(label)")
          guard let routing = run.routing else {
            #expect(whole.maximum <= 1.5 * run.bfloat16Error.maximum, "\(label)")
            continue
          }
          label += ", without \(routing.close.count) of \(run.context) positions that are close"
          let rest = ParityFixture.Run.Errors(
            of: logits, from: expected, vocabularySize: vocabulary, without: Set(routing.close))
          #expect(rest.rms <= 1.5 * routing.bfloat16Error.rms, "\(label)")
          #expect(rest.maximum <= 1.5 * routing.bfloat16Error.maximum, "\(label)")
        }
      }
    }

    /// The end of the context, taken as a prompt instead, gives the same logits as far as float32
    /// tells. Not where RoPE's frequencies are those of the context's length, which is then another.
    @Test(.enabled { await isOneRank() }, arguments: ParityFixture.names)
    func appendedTokensAgree(name: String) throws {
      let fixture = try ParityFixture(name)
      let model = try fixture.model(.fp32)
      let vocabulary = model.configuration.vocabulary.size
      for run in fixture.runs where !run.followsContext {
        let count = run.context
        let context = count - 90  // so that a block ends within the prompt
        let expected = try fixture.logits(run)
        for arithmetic in highestArithmetics() where arithmetic.precision == .fp32 {
          let prefilled = DecoderContext(
            weights: model.weights,
            SequenceDescription(contextTokens: context, maximumAppended: count - context),
            communicator: world, arithmetic: arithmetic)
          try PrefillPass(prefilled).run(tokens: Array(fixture.tokens[..<context]))
          let pass = try AppendPass(prefilled)
          let memory = AlignedBuffer<Float>(count: vocabulary)
          var logits: [Float] = []
          var positions: [Int] = []
          pass.beginBranch(0)
          var first = context
          for piece in [64, 1, 1, 1, 17, 5, 1] {
            try pass.append(fixture.tokens[first..<first + piece], logits: memory)
            logits += memory.elements
            positions.append(first + piece - 1)
            first += piece
          }
          #expect(first == count)
          expectAgreement(
            logits,
            positions.flatMap { expected[$0 * vocabulary..<($0 + 1) * vocabulary] },
            positions: positions, "\(name), \(run.name), \(arithmetic.label), appended")
        }
      }
    }

    /// All logits of the context, and of all generated tokens. One model after the other leaves
    /// another partition out.
    @Test(arguments: ParityFixture.names)
    func everyNumberOfRanksGivesTheSameBits(name: String) throws {
      let fixture = try ParityFixture(name)
      for arithmetic in highestArithmetics() {
        let model = try fixture.model(arithmetic.precision)
        for run in fixture.runs {
          let alone = try world.fromRank0 {
            let result = try ParityRun(
              run, of: model, context: fixture.context(run),
              MPIEnvironment.communicatorOfThisRank(),
              arithmetic)
            return result.logits
          }
          for (index, kind) in PartitionKind.allCases.enumerated()
          where index != ParityFixture.names.firstIndex(of: name)! % 3 {
            let result = try ParityRun(
              run, of: model, context: fixture.context(run), world,
              arithmetic.with(threads: index + 1),
              partition: kind)
            guard world.rank == 0 else { continue }
            #expect(result.generated.count == run.greedy.count)
            let label = "\(name), \(run.name), \(arithmetic.label), \(kind), \(index + 1) threads"
            try expectEqualBits(
              result.logits, alone, vocabularySize: model.configuration.vocabulary.size, label)
          }
        }
      }
    }

    private func expectEqualBits(
      _ logits: [Float], _ others: [Float], vocabularySize: Int, _ label: String
    ) throws {
      try #require(logits.count == others.count, "\(label)")
      let index = logits.indices.first { logits[$0].bitPattern != others[$0].bitPattern }
      let position = index.map { $0 / vocabularySize }
      #expect(position == nil, "\(label): this is the first position that differs")
    }

    /// - Parameters:
    ///   - logits: `[positions][vocabularySize]`, as `expected`.
    ///   - positions: what the rows are the logits of.
    private func expectAgreement(
      _ logits: [Float], _ expected: [Float], positions: [Int], _ label: String
    ) {
      #expect(logits.count == expected.count, "\(label)")
      guard logits.count == expected.count else { return }
      let vocabulary = expected.count / positions.count
      for (row, position) in positions.enumerated() {
        let range = row * vocabulary..<(row + 1) * vocabulary
        let tolerance = 1e-4 * (expected[range].max()! - expected[range].min()!)
        let difference = zip(logits[range], expected[range]).reduce(Float(0)) {
          // Not max, which drops a NaN.
          let difference = abs($1.0 - $1.1)
          return difference <= $0 ? $0 : difference
        }
        #expect(difference <= tolerance, "\(label): position \(position)")
        // One line for what may be wrong from here to the end.
        guard difference <= tolerance else { return }
      }
    }
  }
}

extension ModelConfiguration {
  /// As files have it that keep the epsilon of RMSNorm in 32 bits.
  fileprivate func withFloatEpsilon() throws -> ModelConfiguration {
    var normalization = normalization
    normalization.epsilon = Double(Float(normalization.epsilon))
    return try ModelConfiguration(
      modelType: modelType, hiddenSize: hiddenSize, vocabulary: vocabulary,
      normalization: normalization, sequence: sequence, layers: layers)
  }
}

import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct DecoderTests {
    /// All the ways to compute the same logits, of which no bit may depend: the ranks that there
    /// are, the partitions, threads, and prompts in one piece or token by token.
    private func expectSameBits(
      _ weights: ModelWeights, context: Int, _ arithmetic: Arithmetic, label: String
    ) throws -> [Float] {
      let run = DecoderRun(weights, context: context)
      let alone = try world.fromRank0 {
        try run.logits(MPIEnvironment.communicatorOfThisRank(), arithmetic.with(threads: 2))
      }
      #expect(alone.allSatisfy { $0.isFinite }, "\(label)")
      for (index, kind) in PartitionKind.allCases.enumerated() {
        let threads = index + 1
        let piece = [64, 1, 17][(index + context) % 3]
        let logits = try run.logits(
          world, arithmetic.with(threads: threads), partition: kind, promptPiece: piece)
        #expect(
          logits.bits == alone.bits,
          "\(label), \(kind), \(threads) threads, prompt in pieces of \(piece)")
      }
      return alone
    }

    /// The lower instruction sets, which are slow, only with a partly filled block behind a full one
    /// and with more blocks than two ranks have.
    @Test(arguments: [1, 255, 256, 257, 600, 1100])
    func everyArithmeticGivesTheSameBitsOnAnyNumberOfRanks(context: Int) throws {
      let weights = try SampleModel.narrow.weights()
      for arithmetic in [257, 600].contains(context) ? arithmetics() : highestArithmetics() {
        _ = try expectSameBits(
          weights, context: context, arithmetic, label: "\(context) tokens, \(arithmetic.label)")
      }
    }

    @Test(arguments: [SampleModel.tied, .wide, .everything, .adjacent, .needle])
    func everyModelGivesTheSameBitsOnAnyNumberOfRanks(model: SampleModel) throws {
      let weights = try model.weights()
      for arithmetic in highestArithmetics() {
        for context in [257, 600] {
          _ = try expectSameBits(
            weights, context: context, arithmetic,
            label: "\(model), \(context) tokens, \(arithmetic.label)")
        }
      }
    }

    /// Close to the plain twin in Float64, as far as the twin in the same precision is. One rank is
    /// enough, as all numbers of them give the same bits.
    @Test(
      .enabled { await isOneRank() },
      arguments: [SampleModel.narrow, .tied, .wide, .everything, .adjacent, .needle])
    func logitsAreCloseToTheReference(model: SampleModel) throws {
      let weights = try model.weights()
      let contexts = [1, 255, 257, 600]
      // Logits depend on nothing that comes after, so each mode of the twin runs once, on the
      // longest tokens.
      let longest = DecoderRun(weights, context: contexts.last!).tokens.map(Int.init)
      let vocabulary = weights.configuration.vocabulary.size
      func reference(_ arithmetic: ReferenceDecoder.Arithmetic) -> [Double] {
        ReferenceDecoder(weights, arithmetic: arithmetic).logits(of: longest)
      }
      let exact = reference(.float64)
      let naive: [Precision: [Double]] = [.fp32: reference(.fp32), .bf16: reference(.bf16)]
      for arithmetic in arithmetics() {
        for context in contexts {
          let run = DecoderRun(weights, context: context)
          let logits = try run.logits(world, arithmetic)
          var error = 0.0
          var naiveError = 0.0
          for (row, position) in run.positions.enumerated() {
            for token in 0..<vocabulary {
              let index = position * vocabulary + token
              error += (Double(logits[row * vocabulary + token]) - exact[index]).squared
              naiveError += (naive[arithmetic.precision]![index] - exact[index]).squared
            }
          }
          #expect(
            error.squareRoot() <= 1.5 * naiveError.squareRoot(),
            "\(model), \(context) tokens, \(arithmetic.label)")
        }
      }
    }
  }
}

extension Double {
  fileprivate var squared: Double { self * self }
}

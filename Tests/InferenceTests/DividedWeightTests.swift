import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import Ranks
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Weights of which each host holds its rows, with ranks taken to be spread over some hosts.
  @Suite @MPIThread struct DividedWeightTests {
    nonisolated static let hosts = [1, 2, 3]
    nonisolated static let models = [
      "llama-3.1", "phi3", "gemma3", "smollm3", "mixtral", "qwen2-moe", "gemma4-moe",
      "gpt-oss-mxfp4",
    ]

    /// Calls `body` as if neighbouring ranks were on so many hosts, by turns where `isScattered`.
    private func onHosts<Result>(
      _ hosts: Int, isScattered: Bool, _ body: () throws -> Result
    ) rethrows -> Result {
      MPIEnvironment.emulatedHost =
        isScattered ? world.rank % hosts : world.rank * hosts / world.size
      defer { MPIEnvironment.emulatedHost = nil }
      return try body()
    }

    private func plan(_ outline: ModelOutline, threads: Int) throws -> DividedWeightPlan {
      try DividedWeightPlan(
        outline.weights, of: outline.configuration,
        WeightDivision(ComputingRanks(world, threads: threads)))
    }

    private func divided(_ outline: ModelOutline, _ arithmetic: Arithmetic) throws -> Model {
      try outline.load(
        plan(outline, threads: arithmetic.team.threads), givesContextLogits: true,
        host: world.hostCommunicator(), team: arithmetic.team)
    }

    /// The logits of a context, or none of them, a prompt and an answer, and two more behind a context of
    /// their own, on rank 0.
    private func logits(
      _ model: Model, _ tokens: [Int32], _ arithmetic: Arithmetic, of positions: ContextPositions,
      stops: Bool = false
    ) throws -> [Float] {
      let context = Array(tokens.dropLast(20))
      let session = Session(
        model: model,
        SequenceDescription(
          partition: .zigzag, contextTokens: context.count, maximumAppended: 38,
          longestOwnContext: 12),
        communicator: world, arithmetic: arithmetic)
      if stops {
        // Behind every layer, the prefill ends and another one goes on.
        while try !session.prefill(context, logitsOf: positions, afterLayer: { _ in false }) {}
      } else {
        try session.prefill(context, logitsOf: positions)
      }
      var logits: [Float] = []
      if positions == .all { try session.forEachContextLogits { logits += $0 } }
      let questions = [
        Question(prompt: tokens.suffix(20), maximumTokens: 6),
        Question(context: 0, prompt: [], maximumTokens: 2),
        Question(context: 0, prompt: tokens.suffix(5), maximumTokens: 2),
      ]
      let own = OwnContext(tokens: Array(tokens.prefix(12)))
      _ = try session.answer(questions, of: [own]) {
        logits += $1
      } onToken: { _, _ in
        true
      } onEnd: { _, _ in
      }
      return logits
    }

    private func check(
      _ outline: ModelOutline, _ tokens: [Int32], _ arithmetic: Arithmetic, _ label: String
    ) throws {
      let whole = try outline.load(host: world.hostCommunicator(), team: arithmetic.team)
      let expected = try logits(whole, tokens, arithmetic, of: .all)
      #expect(world.rank > 0 || expected.contains { $0 != 0 })
      for hosts in Self.hosts where hosts <= world.size {
        for isHard in [false, true] {
          try onHosts(hosts, isScattered: isHard) {
            let model = try divided(outline, arithmetic)
            let logits = try logits(
              model, tokens, arithmetic, of: isHard ? .all : .last, stops: isHard)
            #expect(
              (world.rank > 0 || !logits.isEmpty)
                && logits.bits == expected.suffix(logits.count).map(\.bitPattern),
              "\(label), \(arithmetic.label), \(hosts) hosts, scattered and stopped: \(isHard)")
          }
        }
      }
    }

    @Test(arguments: models) func theLogitsAreThoseOfWholeWeights(name: String) throws {
      let fixture = try ParityFixture(name)
      for arithmetic in highestArithmetics(threads: 1) {
        let outline = try ModelOutline(
          ModelDirectory(path: fixture.path), precision: arithmetic.precision)
        try check(outline, fixture.tokens, arithmetic, name)
      }
    }

    @Test(arguments: ["qwen2", "gemma3"]) func quantizedWeightsToo(architecture: String) throws {
      let file = try QuantizedModelFile(architecture)
      let arithmetic = highestArithmetics(threads: 2).first { $0.precision == .bf16 }!
      let outline = try file.outline(.bf16)
      try check(
        outline,
        sampleTokens(300, vocabulary: outline.configuration.vocabulary.size, seed: 3), arithmetic,
        architecture)
      withExtendedLifetime(file) {}
    }

    /// Rows that begin in the middle of a draw are made as they would be with the others.
    @Test func randomWeightsToo() throws {
      let folder = try ModelFolder()
      try folder.write(configuration: RandomModel.sampleConfiguration().json, tensors: [])
      let arithmetic = highestArithmetics(threads: 1).first { $0.precision == .bf16 }!
      let outline = try ModelOutline(folder.directory, precision: .bf16, weights: .random)
      try check(
        outline, sampleTokens(300, vocabulary: outline.configuration.vocabulary.size, seed: 5),
        arithmetic, "random")
      withExtendedLifetime(folder) {}
    }

    /// By itself, where a host has too little memory for all and is not the only one.
    @Test func weightsAreDividedWhereTheyDoNotFit() throws {
      let outline = try ModelOutline(
        ModelDirectory(path: ParityFixture("llama-3.1").path), precision: .bf16)
      let all = outline.weights.mappedBytes + outline.weights.vectorBytes
      func isDivided(_ dividing: WeightDividing, hosts: Int, available: Int?) throws -> Bool {
        let placement = try WeightPlacement(
          of: outline, dividing, hosts: hosts, rankBytes: [1000], available: available)
        #expect(placement.isDivided == (placement.rankBytes == 2 * outline.weights.vectorBytes))
        return placement.isDivided
      }
      #expect(try !isDivided(.auto, hosts: 2, available: all + 1000))
      #expect(try isDivided(.auto, hosts: 2, available: all + 999))
      #expect(try !isDivided(.auto, hosts: 2, available: nil))
      #expect(try !isDivided(.auto, hosts: 1, available: 1))
      #expect(try !isDivided(.on, hosts: 1, available: nil))
      #expect(try isDivided(.on, hosts: 2, available: nil))
      #expect(try !isDivided(.off, hosts: 2, available: 1))
      let builtIn = try WeightPlacement(
        of: .builtIn(), .on, hosts: 2, rankBytes: [1], available: 1)
      #expect(!builtIn.isDivided)
    }

    /// Hosts' parts are disjoint and together all; what every host has besides is little.
    @Test(arguments: models) func everyByteIsHeldByOneHost(name: String) throws {
      let outline = try ModelOutline(
        ModelDirectory(path: ParityFixture(name).path), precision: .bf16)
      let requests = try ModelFamilies.tensors(of: outline.configuration)
      let exact = requests.filter { $0.isExact && !$0.isVector }.reduce(0) { $0 + $1.count }
      let all = outline.weights.mappedBytes + outline.weights.sharedBytes
      for hosts in [1, 2, 3, 8] {
        let plan = try DividedWeightPlan(
          outline.weights, of: outline.configuration, WeightDivision(hosts: hosts))
        let held = (0..<hosts).map(plan.bytes)
        let sum = held.reduce(0, +)
        // What is made is padded, and routers are float32 at most.
        #expect(sum <= all + (hosts - 1) * 4 * exact, "\(hosts) hosts: \(held) of \(all)")
        #expect(sum > all - 64 * requests.count, "\(hosts) hosts: \(held) of \(all)")
        #expect(held.max()! - held.min()! <= all / 20, "\(hosts) hosts: \(held)")
        let ranges = (0..<hosts).map(plan.used)
        for host in 1..<max(hosts, 1) {
          let common = ranges[0].reduce(0) { sum, range in
            ranges[host].reduce(sum) { $0 + $1.clamped(to: range).count }
          }
          #expect(common <= 4 * exact, "host \(host) of \(hosts)")
        }
      }
    }
  }
}

import Foundation
import Inference
import Kernels
import TestSupport
import Testing

/// What penalties and the cut by the least probability do, against the definitions of Transformers and
/// vLLM; see `make_sampling.py`.
@Suite struct PenaltyTests {
  private struct Case: Decodable {
    let temperature: Double
    let topK: Int
    let topP: Double
    let minP: Double
    let repetitionPenalty: Double
    let presencePenalty: Double
    let frequencyPenalty: Double
    let logits: [UInt32]
    let context: [Int32]
    let prompt: [Int32]
    let answer: [Int32]
    let penalized: [UInt32]
    let kept: [Int]
    let probabilities: [Double]

    var parameters: SamplingParameters {
      SamplingParameters(
        temperature: temperature, topK: topK, topP: topP, minP: minP, seed: 7,
        penalties: TokenPenalties(
          repetition: repetitionPenalty, presence: presencePenalty, frequency: frequencyPenalty))
    }

    var history: TokenHistory {
      var history = TokenHistory(vocabulary: logits.count, tokens: context)
      history.see(prompt)
      for token in answer { history.append(token) }
      return history
    }
  }

  private static func cases() throws -> [Case] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/sampling.json")
    return try decoder.decode([Case].self, from: Data(contentsOf: url))
  }

  @Test func penalizedLogitsHaveTheReferencesBits() throws {
    let cases = try Self.cases()
    #expect(cases.count == 12)
    for (index, example) in cases.enumerated() {
      var logits = example.logits.map(Float.init(bitPattern:))
      var counts = [Int32](repeating: 0, count: logits.count)
      let penalties = example.parameters.penalties
      let twin = SortingSampler.penalized(
        logits, example.context + example.prompt, example.answer, penalties)
      penalties.apply(to: &logits, example.history, counts: &counts)
      #expect(logits.map(\.bitPattern) == example.penalized, "case \(index)")
      #expect(twin.map(\.bitPattern) == example.penalized, "case \(index)")
      #expect(counts.allSatisfy { $0 == 0 })
    }
  }

  @Test func theCutsKeepTheReferencesTokens() throws {
    for (index, example) in try Self.cases().enumerated() {
      let logits = example.penalized.map(Float.init(bitPattern:))
      let kept = SortingSampler.kept(logits, example.parameters).sorted { $0.token < $1.token }
      #expect(kept.map(\.token) == example.kept, "case \(index)")
      let sum = kept.map(\.weight).reduce(0, +)
      for ((token, weight), expected) in zip(kept, example.probabilities) {
        #expect(abs(weight / sum - expected) < 1e-5, "case \(index), token \(token)")
      }
    }
  }

  /// Many tokens after each other, each of which changes the logits of the next one.
  @Test(arguments: [0, 0.8]) func theTokensAreThoseOfTheTwin(temperature: Double) throws {
    var workspace = Sampler.Workspace()
    for (index, example) in try Self.cases().enumerated() {
      var parameters = example.parameters
      parameters.temperature = temperature
      let logits = example.logits.map(Float.init(bitPattern:))
      var sampler = Sampler(parameters)
      var twin = SortingSampler(parameters, before: example.context + example.prompt)
      var history = TokenHistory(vocabulary: logits.count, tokens: example.context)
      history.see(example.prompt)
      for _ in 0..<60 {
        let token = logits.withUnsafeBufferPointer {
          sampler.next($0, after: history, &workspace)
        }
        #expect(token == twin.next(logits), "case \(index)")
        history.append(token)
      }
      #expect(logits.map(\.bitPattern) == example.logits)
    }
  }

  /// What is said already gives way where logits are close, also without sampling.
  @Test func aPenaltyMovesTheGreedyChoice() {
    let logits: [Float] = [2, 1.9, -1]
    var workspace = Sampler.Workspace()
    func answer(_ penalties: TokenPenalties, before: [Int32] = []) -> [Int32] {
      var sampler = Sampler(SamplingParameters(penalties: penalties))
      var history = TokenHistory(vocabulary: 3, tokens: before)
      return (0..<4).map { _ in
        let token = logits.withUnsafeBufferPointer { sampler.next($0, after: history, &workspace) }
        history.append(token)
        return token
      }
    }
    #expect(answer(TokenPenalties()) == [0, 0, 0, 0])
    #expect(answer(TokenPenalties(repetition: 1.1)) == [0, 1, 0, 0])
    #expect(answer(TokenPenalties(repetition: 1.1), before: [0]) == [1, 0, 0, 0])
    #expect(answer(TokenPenalties(presence: 0.2), before: [0]) == [0, 1, 0, 0])
    #expect(answer(TokenPenalties(frequency: 0.2)) == [0, 1, 0, 1])
  }

  /// A fingerprint of neutral values is what it was before there were these settings.
  @Test func neutralValuesAreNotWritten() throws {
    func keys(_ parameters: SamplingParameters) throws -> [String] {
      let json = try JSONEncoder().encode(parameters)
      let object = try #require(JSONSerialization.jsonObject(with: json) as? [String: Any])
      return object.keys.sorted()
    }
    let usual = ["seed", "temperature", "topK", "topP"]
    #expect(try keys(SamplingParameters()) == usual)
    #expect(try keys(SamplingParameters(minP: 0.1)) == (usual + ["minP"]).sorted())
    let penalties = TokenPenalties(repetition: 1.1, presence: 1, frequency: -1)
    #expect(
      try keys(SamplingParameters(penalties: penalties))
        == (usual + ["frequencyPenalty", "presencePenalty", "repetitionPenalty"]).sorted())
  }

  @Test(.enabled(if: AllocationCounter.isAvailable)) func aChoiceAllocatesNothing() throws {
    let example = try #require(try Self.cases().last)
    let logits = AlignedBuffer<Float>(count: example.logits.count)
    for (index, bits) in example.logits.enumerated() {
      logits.pointer[index] = Float(bitPattern: bits)
    }
    let row = UnsafeBufferPointer(start: logits.pointer, count: example.logits.count)
    let team = ThreadTeam(threads: 1)
    for temperature in [0, 0.8] {
      var parameters = example.parameters
      parameters.temperature = temperature
      var sampler = Sampler(parameters)
      var workspace = Sampler.Workspace()
      var history = example.history
      history.reserve(200)
      for _ in 0..<3 { history.append(sampler.next(row, after: history, &workspace)) }
      let count = AllocationCounter.count(on: team) {
        for _ in 0..<100 { history.append(sampler.next(row, after: history, &workspace)) }
      }
      #expect(count.allocations == 0, "\(temperature), the first one in\n\(count.first)")
    }
  }
}

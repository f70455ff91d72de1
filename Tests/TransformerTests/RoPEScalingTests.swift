import Foundation
import Kernels
import TestSupport
import Testing
import Transformer

/// The scalings: how they are read, and what they do to frequencies.
@Suite struct RoPEScalingTests {
  /// A llama with heads of 64 and 4096 positions, or another family, with these RoPE settings.
  private func rope(
    _ settings: JSONValue, type: String = "llama", key: String = "rope_scaling",
    _ changes: [String: JSONValue] = [:]
  ) throws -> RoPEParameters {
    var source = JSONSource([
      "model_type": .string(type), "hidden_size": 256, "num_attention_heads": 4,
      "num_key_value_heads": 4, "max_position_embeddings": 4096, "num_hidden_layers": 1,
    ])
    source.values[key] = settings
    source.values.merge(changes) { $1 }
    return try #require(try ModelFamilies.configuration(from: source).rotations.first?.parameters)
  }

  private func refusal(_ settings: JSONValue, type: String = "llama") -> String {
    let error = #expect(throws: ModelError.self, "\(settings)") { try rope(settings, type: type) }
    return error?.message ?? ""
  }

  private func unscaled(_ pair: Int, theta: Double = 10_000) -> Double {
    pow(theta, -Double(2 * pair) / 64)
  }

  private func expectClose(_ value: Double, _ exact: Double, _ label: String = "") {
    #expect(abs(value - exact) <= 1e-12 * abs(exact), "\(label): \(value) instead of \(exact)")
  }

  static let llama3: JSONValue = [
    "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 512,
  ]
  static let yarn: JSONValue = [
    "type": "yarn", "factor": 4, "original_max_position_embeddings": 1024,
  ]

  @Test func bothSpellingsAreRead() throws {
    for key in ["rope_scaling", "rope_parameters"] {
      for name in ["type", "rope_type"] {
        let it = try rope([name: "linear", "factor": 2.5], key: key, ["rope_theta": 500])
        #expect(it == RoPEParameters(theta: 500, scaling: .linear(factor: 2.5)), "\(key), \(name)")
      }
    }
    let inside = try rope(["rope_type": "default", "rope_theta": 7], ["rope_theta": 500])
    #expect(inside == RoPEParameters(theta: 7))
  }

  @Test func whatATypeNeedsOrDoesNotKnowIsNamed() {
    #expect(refusal(["rope_type": "axial"]).contains("\"axial\""))
    #expect(refusal(["rope_type": "linear"]).contains("\"rope_scaling.factor\""))
    #expect(refusal(["rope_type": "llama3", "factor": 8]).contains("rope_scaling.low_freq_factor"))
    #expect(refusal(["rope_type": "longrope", "factor": 8]).contains("rope_scaling.short_factor"))
    #expect(refusal(["rope_type": "linear", "factor": 8, "beta_fast": 1]).contains("beta_fast"))
    for factor in [0, -2, 1e300, -1e300, .infinity] as [Double] {
      #expect(refusal(["rope_type": "linear", "factor": .number(factor)]).contains("\"factor\""))
    }
    var backwards: [String: JSONValue] = [
      "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
    ]
    #expect(refusal(.object(backwards)).contains("\"high_freq_factor\""))
    backwards["original_max_position_embeddings"] = 0
    backwards["high_freq_factor"] = 8
    #expect(refusal(.object(backwards)).contains("original positions"))
    let short: JSONValue = [
      "rope_type": "longrope", "short_factor": [1, 1], "long_factor": [2, 2],
    ]
    #expect(refusal(short).contains("32 rotated pairs"))
  }

  /// How long a sequence may be: a scaling that lengthens it counts, also where the file gives the
  /// training's length.
  @Test func scalingLengthensTheSequence() throws {
    func positions(_ settings: JSONValue, type: String = "llama") throws -> Int {
      let source = JSONSource([
        "model_type": .string(type), "max_position_embeddings": 4096, "rope_scaling": settings,
      ])
      return try ModelFamilies.configuration(from: source).sequence.maximumPositions
    }
    #expect(try positions(.null) == 4096)
    #expect(try positions(["type": "linear", "factor": 4]) == 16_384)
    #expect(try positions(["type": "dynamic", "factor": 2]) == 8192)
    #expect(try positions(Self.yarn) == 4096)
    #expect(
      try positions(["type": "yarn", "factor": 4, "original_max_position_embeddings": 4096])
        == 16_384)
    #expect(try positions(Self.llama3) == 4096)
    #expect(try positions(["rope_type": "linear", "factor": 8], type: "gemma3_text") == 4096)
    // A factor below 1 shortens nothing, and an absurd one overflows nothing.
    #expect(try positions(["type": "linear", "factor": 0.5]) == 4096)
    #expect(try positions(["type": "linear", "factor": 1e9]) == 1 << 32)
  }

  @Test func linearDividesEveryFrequency() throws {
    let it = RoPE(try rope(["type": "linear", "factor": 4]), headDimension: 64)
    for pair in 0..<32 {
      expectClose(it.frequency(ofPair: pair, at: 9, contextTokens: 9999), unscaled(pair) / 4)
    }
    #expect(!it.dependsOnLength && it.attentionFactor == 1)
  }

  /// Up to the maximum nothing changes; beyond it the context has one theta, and each later token
  /// that of the sequence which it ends.
  @Test func dynamicGrowsWithTheSequence() throws {
    let it = RoPE(try rope(["type": "dynamic", "factor": 2]), headDimension: 64)
    func theta(_ tokens: Double) -> Double { 10_000 * pow(2 * tokens / 4096 - 1, 64.0 / 62) }
    #expect(it.dependsOnLength)
    for pair in [0, 1, 31] {
      func frequency(_ position: Int, _ context: Int) -> Double {
        it.frequency(ofPair: pair, at: position, contextTokens: context)
      }
      expectClose(frequency(4095, 4096), unscaled(pair))
      expectClose(frequency(0, 5000), unscaled(pair, theta: theta(5000)))
      expectClose(frequency(4999, 5000), unscaled(pair, theta: theta(5000)))
      expectClose(frequency(5000, 5000), unscaled(pair, theta: theta(5001)))
      expectClose(frequency(4096, 10), unscaled(pair, theta: theta(4097)))
    }
    #expect(it.rotates(10, as: 4096) && it.rotates(5000, as: 5000))
    #expect(!it.rotates(5000, as: 4096) && !it.rotates(5000, as: 6000))
  }

  @Test func llama3KeepsShortWavelengthsAndStretchesLongOnes() throws {
    let it = RoPE(try rope(Self.llama3), headDimension: 64)
    var kinds: Set<String> = []
    for pair in 0..<32 {
      let wavelength = 2 * Double.pi / unscaled(pair)
      let frequency = it.inverseFrequencies[pair]
      if wavelength < 128 {
        expectClose(frequency, unscaled(pair), "short")
        kinds.insert("short")
      } else if wavelength > 512 {
        expectClose(frequency, unscaled(pair) / 8, "long")
        kinds.insert("long")
      } else {
        #expect(frequency < unscaled(pair) && frequency > unscaled(pair) / 8)
        kinds.insert("between")
      }
    }
    #expect(kinds.count == 3)
    let falling = zip(it.inverseFrequencies, it.inverseFrequencies.dropFirst())
    #expect(falling.allSatisfy { $0 > $1 })
  }

  @Test func yarnKeepsFastPairsAndStretchesSlowOnes() throws {
    let parameters = try rope(Self.yarn)
    let it = RoPE(parameters, headDimension: 64)
    guard case .yarn(let yarn) = parameters.scaling else {
      Issue.record("not YaRN")
      return
    }
    #expect(yarn.betaFast == 32 && yarn.betaSlow == 1 && yarn.truncates)
    expectClose(yarn.attentionFactor, 0.1 * log(4) + 1)
    expectClose(it.inverseFrequencies[0], unscaled(0))
    expectClose(it.inverseFrequencies[31], unscaled(31) / 4)
    // At position 0 nothing is turned, but all is multiplied.
    #expect(it.rotation(ofPair: 3, at: 0).cosine == Float(yarn.attentionFactor))
  }

  @Test func yarnsAttentionFactorMayBeGivenOrWeighed() throws {
    func factor(_ settings: [String: JSONValue]) throws -> Double {
      var all: [String: JSONValue] = ["type": "yarn", "original_max_position_embeddings": 1024]
      all.merge(settings) { $1 }
      guard case .yarn(let yarn) = try rope(.object(all)).scaling else { return .nan }
      return yarn.attentionFactor
    }
    #expect(try factor(["factor": 4, "attention_factor": 1.25]) == 1.25)
    let weighed = try factor(["factor": 4, "mscale": 0.7, "mscale_all_dim": 1.3])
    expectClose(weighed, (0.07 * log(4) + 1) / (0.13 * log(4) + 1))
    // Without a factor it is what the positions say: 4096 / 1024.
    expectClose(try factor([:]), 0.1 * log(4) + 1)
  }

  @Test func longRoPEChoosesItsFactorsByTheContext() throws {
    let lists: [String: JSONValue] = [
      "short_factor": .array((0..<32).map { .number(1 + Double($0) / 100) }),
      "long_factor": .array((0..<32).map { .number(2 + Double($0)) }),
    ]
    for name in ["longrope", "su", "yarn"] {
      let parameters = try rope(
        .object(lists.merging(["type": .string(name)]) { $1 }), type: "phi3",
        ["original_max_position_embeddings": 1000])
      let it = RoPE(parameters, headDimension: 64)
      expectClose(it.attentionFactor, (1 + log(4.096) / log(1000)).squareRoot())
      for pair in [0, 5, 31] {
        let short = unscaled(pair) / (1 + Double(pair) / 100)
        let long = unscaled(pair) / (2 + Double(pair))
        expectClose(it.frequency(ofPair: pair, at: 5, contextTokens: 1000), short)
        expectClose(it.frequency(ofPair: pair, at: 5, contextTokens: 1001), long)
        // What is appended turns as the context did.
        expectClose(it.frequency(ofPair: pair, at: 2000, contextTokens: 1000), short)
      }
    }
    let it = RoPE(
      try rope(
        .object(lists.merging(["type": "longrope"]) { $1 }), type: "phi3",
        ["original_max_position_embeddings": 1000]), headDimension: 64)
    #expect(it.rotates(10, as: 1000) && it.rotates(1001, as: 5000))
    #expect(!it.rotates(1001, as: 1000) && !it.rotates(5, as: 2000))
    // Other families do not call it so.
    #expect(refusal(.object(lists.merging(["type": "su"]) { $1 })).contains("\"su\""))
  }

  /// Frequencies are those of the whole head, of which the first pairs turn and the others stay; an
  /// odd number of rotated coordinates leaves one out. Expected numbers are those of Transformers.
  @Test func pairsOfTheWholeHeadTurnInProportion() throws {
    let settings: JSONValue = [
      "rope_type": "proportional", "partial_rotary_factor": 0.25, "factor": 2,
    ]
    let parameters = try rope(settings, key: "rope_parameters")
    #expect(
      parameters
        == RoPEParameters(
          theta: 10_000, rotaryDimension: 16, scaling: .proportional(factor: 2)))
    let it = RoPE(parameters, headDimension: 64)
    #expect(it.pairs == 8 && it.pairDistance == 32 && it.attentionFactor == 1)
    for (pair, frequency) in [
      (0, 0.5), (1, 0.37494710087776184), (3, 0.21084825694561005), (7, 0.0666760727763176),
    ] {
      #expect(abs(it.inverseFrequencies[pair] / frequency - 1) < 1e-6)
    }
    let before = (0..<64).map { Float($0 + 1) }
    for (layout, turned) in [
      (RotationLayout.halves, Set(0..<8).union(32..<40)), (.adjacent, Set(0..<16)),
    ] {
      var parameters = parameters
      parameters.layout = layout
      let it = RoPE(parameters, headDimension: 64)
      var after = before
      it.rotate(&after, at: 3)
      for index in 0..<64 {
        #expect((after[index] != before[index]) == turned.contains(index), "\(layout), \(index)")
      }
      // What is not turned may be anything.
      var rows = before + [Float](repeating: .infinity, count: 64)
      let table = OwnedRoPETable(it, positions: 3..<4)
      rows.withUnsafeMutableBufferPointer {
        table.rotate($0.baseAddress!, count: 2, by: 0, portableArithmetic)
      }
      #expect(Array(rows[..<64]) == after)
      #expect((0..<64).allSatisfy { turned.contains($0) || rows[64 + $0] == .infinity })
    }
    let odd = try rope(
      ["rope_type": "proportional", "partial_rotary_factor": 0.3], key: "rope_parameters")
    #expect(odd.rotaryDimension == 18 && odd.scaling == .proportional(factor: 1))
    let whole = try rope(["rope_type": "proportional"], key: "rope_parameters")
    #expect(whole.rotaryDimension == nil && RoPE(whole, headDimension: 64).pairs == 32)
    #expect(
      refusal(["rope_type": "proportional", "partial_rotary_factor": 0.01]).contains("coordinates"))
    #expect(refusal(["rope_type": "proportional", "factor": 0]).contains("factor"))
  }

  @Test func aPartOfAHeadIsRotated() throws {
    let parameters = try rope(
      ["rope_type": "default"], type: "phi3", key: "rope_parameters",
      ["partial_rotary_factor": 0.75])
    #expect(parameters.rotaryDimension == 48)
    let it = RoPE(parameters, headDimension: 64)
    #expect(it.pairs == 24)
    expectClose(it.inverseFrequencies[1], pow(10_000, -2.0 / 48))
    let before = (0..<64).map { Float($0 + 1) }
    var after = before
    it.rotate(&after, at: 3)
    #expect(Array(after[48...]) == Array(before[48...]))
    #expect(zip(after, before).prefix(48).allSatisfy { $0 != $1 })
    var rows = before + before
    let table = OwnedRoPETable(it, positions: 3..<4)
    rows.withUnsafeMutableBufferPointer {
      table.rotate($0.baseAddress!, count: 2, by: 0, portableArithmetic)
    }
    #expect(rows == after + after)
    for part in [0, -1, 1.5, 0.01] {
      let error = #expect(throws: ModelError.self) {
        try rope(["partial_rotary_factor": .number(part)], type: "phi3", key: "rope_parameters")
      }
      #expect(error?.message.isEmpty == false)
    }
  }
}

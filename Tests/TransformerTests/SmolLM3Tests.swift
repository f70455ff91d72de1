import Foundation
import Testing
import Transformer

@Suite struct SmolLM3Tests {
  private func read(_ changes: [String: JSONValue]) throws -> ModelConfiguration {
    var source = JSONSource(["model_type": "smollm3"])
    source.values.merge(changes) { $1 }
    return try ModelFamilies.configuration(from: source)
  }

  /// The message of the `ModelError` that reading throws.
  private func refusal(_ changes: [String: JSONValue]) -> String {
    let error = #expect(throws: ModelError.self, "\(changes)") { try read(changes) }
    return error?.message ?? ""
  }

  // MARK: Registry

  @Test func anUnknownModelTypeIsRefusedWithThoseThatAreKnown() {
    let message = refusal(["model_type": "mystery"])
    #expect(message.contains("\"mystery\""))
    #expect(message.contains("\"smollm3\""))
  }

  @Test func aMissingModelTypeIsRefused() {
    #expect(refusal(["model_type": .null]).contains("\"model_type\""))
  }

  @Test func aHostileModelTypeIsEscapedAndCut() {
    let message = refusal([
      "model_type": .string("\u{1b}[31m" + String(repeating: "x", count: 9999))
    ])
    #expect(!message.contains("\u{1b}"))
    #expect(message.count < 500)
  }

  // MARK: Defaults

  @Test func absentKeysHaveTheDefaultsOfHuggingFace() throws {
    let expected = try ModelConfiguration(
      modelType: "smollm3", hiddenSize: 2048,
      vocabulary: VocabularyConfiguration(size: 128_256, isTied: true),
      normalization: NormalizationConfiguration(epsilon: 1e-6),
      sequence: SequenceConfiguration(
        maximumPositions: 32_768, beginningToken: 128_000, endTokens: [128_001]),
      layers: (0..<36).map {
        LayerConfiguration(
          attention: AttentionConfiguration(queryHeads: 16, keyValueHeads: 4, headDimension: 128),
          rope: $0 % 4 != 3 ? RoPEParameters(theta: 2_000_000) : nil,
          feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 11_008)))
      })
    #expect(try read([:]) == expected)
  }

  @Test func nullMeansNoneWhereHuggingFaceSaysSo() throws {
    let configuration = try read([
      "bos_token_id": .null, "eos_token_id": .null, "num_key_value_heads": .null, "head_dim": .null,
      "sliding_window": .null, "rope_scaling": .null, "pad_token_id": .null,
    ])
    #expect(configuration.sequence.beginningToken == nil)
    #expect(configuration.sequence.endTokens == [])
    #expect(configuration.layers[0].attention.keyValueHeads == 16)
    #expect(configuration.layers[0].attention.headDimension == 128)
  }

  @Test func severalEndOfSequenceTokensAreRead() throws {
    #expect(try read(["eos_token_id": [5, 7]]).sequence.endTokens == [5, 7])
    #expect(try read(["eos_token_id": 9]).sequence.endTokens == [9])
  }

  // MARK: Layers

  @Test func theRoPEIntervalPlacesLayersWithoutRoPE() throws {
    let configuration = try read(["num_hidden_layers": 6, "no_rope_layer_interval": 3])
    #expect(configuration.layers.map { $0.rope != nil } == [true, true, false, true, true, false])
    #expect(refusal(["no_rope_layer_interval": 0]).contains("\"no_rope_layer_interval\""))
  }

  @Test func aListOfRoPEFlagsTakesPrecedenceAndMayBeLonger() throws {
    let flags: [String: JSONValue] = [
      "num_hidden_layers": 3, "no_rope_layers": [0, 1, 0, 1, 1], "no_rope_layer_interval": 2,
    ]
    #expect(try read(flags).layers.map { $0.rope != nil } == [false, true, false])
    #expect(refusal(["num_hidden_layers": 3, "no_rope_layers": [0, 1]]).contains("for 3 layers"))
    #expect(refusal(["num_hidden_layers": 1, "no_rope_layers": [2]]).contains("only 0 and 1"))
  }

  @Test func withoutLayerTypesTheWindowIsOnLayersWithoutRoPE() throws {
    let window: [String: JSONValue] = [
      "num_hidden_layers": 4, "use_sliding_window": true, "sliding_window": 128,
    ]
    #expect(try read(window).layers.map(\.pattern.slidingWindow) == [nil, nil, nil, 128])
    let unused = window.merging(["use_sliding_window": false]) { $1 }
    #expect(try read(unused).layers.allSatisfy { $0.pattern.slidingWindow == nil })
    let absent = window.merging(["sliding_window": .null]) { $1 }
    #expect(try read(absent).layers.allSatisfy { $0.pattern.slidingWindow == nil })
  }

  @Test func layerTypesPlaceTheWindow() throws {
    let types: [String: JSONValue] = [
      "num_hidden_layers": 2, "use_sliding_window": true, "sliding_window": 64,
      "layer_types": ["sliding_attention", "full_attention"],
    ]
    #expect(try read(types).layers.map(\.pattern.slidingWindow) == [64, nil])
    for key in ["use_sliding_window", "sliding_window"] {
      let message = refusal(types.merging([key: .null]) { $1 })
      #expect(message.contains("\"sliding_window\""), "without \(key)")
    }
    #expect(refusal(types.merging(["num_hidden_layers": 3]) { $1 }).contains("for 3 layers"))
    let strange: [String: JSONValue] = ["layer_types": ["chunked_attention", "full_attention"]]
    #expect(refusal(types.merging(strange) { $1 }).contains("\"chunked_attention\""))
  }

  @Test func aHostileNumberOfLayersIsRefusedBeforeAnythingIsMade() {
    for count in [0, -1, 1 << 50, .max] {
      #expect(refusal(["num_hidden_layers": .integer(count)]).contains("number of layers"))
    }
  }

  // MARK: RoPE

  @Test func thetaMayStandInEitherPlace() throws {
    #expect(try read(["rope_theta": 5e6]).rotations[0].parameters.theta == 5e6)
    #expect(
      try read(["rope_parameters": ["rope_theta": 7, "rope_type": "default"]]).rotations[0]
        .parameters.theta == 7)
    #expect(
      try read(["rope_theta": 5, "rope_parameters": ["rope_theta": 7]]).rotations[0].parameters
        .theta == 7)
    #expect(
      try read(["rope_theta": 5, "rope_parameters": .null]).rotations[0].parameters.theta == 5)
  }

  @Test func settingsOfAnotherScalingAreRefusedByName() {
    #expect(refusal(["rope_parameters": ["rope_type": "axial"]]).contains("\"axial\""))
    let factor: JSONValue = ["rope_type": "default", "factor": 2.0]
    #expect(refusal(["rope_parameters": factor]).contains("\"rope_parameters.factor\""))
  }

  // MARK: What is not known

  @Test func settingsThatTrainingOrProvenanceNeedAreIgnored() throws {
    let ignored: [String: JSONValue] = [
      "attention_dropout": 0.1, "initializer_range": 0.02, "torch_dtype": "bfloat16",
      "transformers_version": "4.54.0.dev0", "use_cache": false, "max_window_layers": 28,
      "pretraining_tp": 2, "pad_token_id": 128_004, "_name_or_path": "somewhere",
    ]
    #expect(try read(ignored) == read([:]))
  }

  @Test func otherActivationsAndArchitecturesAreRefused() throws {
    #expect(refusal(["hidden_act": "gelu"]).contains("\"gelu\""))
    let classifier: JSONValue = ["SmolLM3ForSequenceClassification"]
    #expect(refusal(["architectures": classifier]).contains("\"SmolLM3ForCausalLM\""))
    #expect(try read(["architectures": ["SmolLM3ForCausalLM"]]) == read([:]))
  }

  @Test func headsThatDoNotDivideTheHiddenSizeNeedAHeadDimension() throws {
    let heads: [String: JSONValue] = ["num_attention_heads": 12, "hidden_size": 200]
    #expect(refusal(heads).contains("\"head_dim\""))
    #expect(
      try read(heads.merging(["head_dim": 16]) { $1 }).layers[0].attention.headDimension == 16)
    #expect(refusal(["num_attention_heads": 0]).contains("query heads"))
  }

  @Test func aValueOfTheWrongTypeIsTheSourcesError() {
    for key in ["hidden_size", "rms_norm_eps", "attention_bias", "layer_types", "no_rope_layers"] {
      #expect(throws: JSONSource.WrongType.self, "\(key)") { try read([key: "x"]) }
    }
  }
}

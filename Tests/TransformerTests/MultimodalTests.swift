import Foundation
import Testing
import Transformer

/// The configurations of multimodal models, which are read as those of their text models.
@Suite struct MultimodalTests {
  private func configuration(_ settings: [String: JSONValue]) throws -> ModelConfiguration {
    try ModelFamilies.configuration(from: JSONSource(settings))
  }

  private func refusal(
    _ settings: [String: JSONValue], _ kind: ModelError.Kind = .unsupported
  ) -> String {
    let error = #expect(throws: ModelError.self, "\(settings)") { try configuration(settings) }
    #expect(error?.kind == kind, "\(settings)")
    return error?.message ?? ""
  }

  /// A model of that type whose text part says so.
  private func wrapped(
    _ type: String, _ text: JSONValue, _ besides: [String: JSONValue] = [:]
  ) -> [String: JSONValue] {
    ["model_type": .string(type), "vision_config": ["hidden_size": 9], "text_config": text].merging(
      besides
    ) { $1 }
  }

  private static let small: [String: JSONValue] = [
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 16, "intermediate_size": 96, "vocab_size": 300, "bos_token_id": 1,
    "eos_token_id": 2, "max_position_embeddings": 512,
  ]

  private func small(_ type: String, _ besides: [String: JSONValue] = [:]) -> JSONValue {
    .object(Self.small.merging(["model_type": .string(type)]) { $1 }.merging(besides) { $1 })
  }

  // MARK: Published models

  @Test(arguments: PublishedMultimodalConfigurations.all.keys.sorted())
  func publishedConfigurationsAreReadInSilence(name: String) throws {
    let json = try #require(PublishedMultimodalConfigurations.all[name])
    let source = try JSONSource(Data(json.utf8))
    _ = try ModelFamilies.configuration(from: source)
    let remarks = try ModelFamilies.remarks(on: source)
    let type = try source.string("model_type")
    #expect(remarks.unknownKeys == [] && remarks.multimodalType == type)
    #expect(try ModelFamilies.quantization(of: source) == nil)
  }

  @Test func whatThePublishedOnesSayIsDone() throws {
    func read(_ json: String) throws -> ModelConfiguration {
      try ModelFamilies.configuration(from: JSONSource(Data(json.utf8)))
    }
    var model = try read(PublishedMultimodalConfigurations.gemma3)
    #expect(model.modelType == "gemma3_text" && model.hiddenSize == 2560)
    #expect(model.vocabulary.size == 262_208 && model.vocabulary.isTied)
    #expect(
      model.layers[0].attention.queryHeads == 8 && model.layers[0].attention.headDimension == 256)
    #expect(model.sequence.endTokens == [1, 106] && model.sequence.beginningToken == 2)
    #expect(model.rotations.map(\.parameters).map(\.scaling) == [.none, .linear(factor: 8)])
    model = try read(PublishedMultimodalConfigurations.llava)
    #expect(model.modelType == "llama" && model.vocabulary.size == 32_064)
    #expect(model.layers.count == 32 && !model.vocabulary.isTied)
    model = try read(PublishedMultimodalConfigurations.llavaNext)
    #expect(model.modelType == "mistral" && model.patterns == [.causal])
    model = try read(PublishedMultimodalConfigurations.mistral3)
    #expect(model.modelType == "mistral" && model.rotations.map(\.parameters).map(\.theta) == [1e9])
    #expect(!model.vocabulary.isTied && model.layers.count == 40)
    model = try read(PublishedMultimodalConfigurations.qwen2)
    #expect(
      model.modelType == "qwen2"
        && model.rotations.map(\.parameters) == [RoPEParameters(theta: 1e6)])
    #expect(model.layers[0].attention.hasBias && model.patterns == [.causal])
    model = try read(PublishedMultimodalConfigurations.qwen3)
    #expect(
      model.modelType == "qwen3"
        && model.rotations.map(\.parameters) == [RoPEParameters(theta: 5e6)])
    #expect(
      model.layers[0].attention.norms == .ofHeads && model.sequence.maximumPositions == 262_144)
  }

  // MARK: Text parts

  @Test(arguments: [
    ("gemma3", "gemma3_text", "gemma3_text"), ("mistral3", "mistral", "mistral"),
    ("llava", "llama", "llama"), ("llava", "mistral", "mistral"), ("llava_next", "qwen2", "qwen2"),
    ("llava_onevision", "qwen2", "qwen2"), ("idefics3", "llama", "llama"),
    ("smolvlm", "llama", "llama"), ("qwen2_vl", "qwen2_vl_text", "qwen2"),
    ("qwen2_5_vl", "qwen2_5_vl_text", "qwen2"), ("qwen3_vl", "qwen3_vl_text", "qwen3"),
  ])
  func aTextPartIsItsTextModel(type: String, textType: String, family: String) throws {
    guard case .object(var plain) = small(family) else { return }
    // Where classes differ in what they fill in.
    plain.merge(["rope_theta": 7, "rms_norm_eps": 0.5]) { $1 }
    var text = plain
    text["model_type"] = .string(textType)
    #expect(try configuration(wrapped(type, .object(text))) == configuration(plain))
    // The text part's type is the one that is usual, where it does not say it.
    text["model_type"] = nil
    let silent = try configuration(wrapped(type, .object(text)))
    #expect(try silent == configuration(wrapped(type, .object(text), ["text": .null])))
  }

  @Test func whatATextPartDoesNotSayIsThatOfItsClass() throws {
    var model = try configuration(wrapped("gemma3", ["num_hidden_layers": 6]))
    #expect(model.hiddenSize == 2304 && model.vocabulary.isTied)
    model = try configuration(wrapped("llava", [:]))
    #expect(try model == configuration(["model_type": "llama"]))
    for type in ["qwen2_vl", "qwen2_5_vl"] {
      model = try configuration(wrapped(type, [:]))
      #expect(model.hiddenSize == 8192 && model.layers.count == 80)
      #expect(
        model.layers[0].attention.queryHeads == 64 && model.layers[0].attention.keyValueHeads == 8)
      #expect(
        model.normalization.epsilon == 1e-5 && model.rotations.map(\.parameters)[0].theta == 1e6)
      #expect(model.sequence.endTokens == [151_645] && model.vocabulary.size == 152_064)
      #expect(!model.vocabulary.isTied)
      // A token that lies outside the vocabulary is none; a null is no absence.
      model = try configuration(
        wrapped(type, ["vocab_size": 100, "num_key_value_heads": .null]))
      #expect(model.sequence.endTokens == [] && model.sequence.beginningToken == nil)
      #expect(model.layers[0].attention.keyValueHeads == 64)
    }
    model = try configuration(wrapped("qwen3_vl", [:]))
    #expect(
      model.rotations.map(\.parameters)[0].theta == 5e5
        && model.sequence.maximumPositions == 128_000)
    #expect(
      model.layers[0].attention.keyValueHeads == 32
        && model.layers[0].attention.headDimension == 128)
  }

  /// With text alone, the three positions of the rotation are one.
  @Test func multimodalRotationsAreRotations() throws {
    let rotations: [[String: JSONValue]] = [
      ["rope_theta": 1e6, "rope_scaling": ["type": "mrope", "mrope_section": [2, 3, 3]]],
      ["rope_parameters": ["rope_type": "mrope", "rope_theta": 1e6, "mrope_section": [2, 3, 3]]],
      [
        "rope_parameters": [
          "rope_type": "default", "rope_theta": 1e6, "mrope_interleaved": true,
          "mrope_section": [2, 3, 3],
        ]
      ],
      [
        "rope_scaling": [
          "type": "yarn", "factor": 4, "original_max_position_embeddings": 128,
          "mrope_section": [2, 3, 3],
        ], "rope_theta": 1e6,
      ],
    ]
    for rotation in rotations {
      for (type, text) in [("qwen2_5_vl", "qwen2_5_vl_text"), ("qwen3_vl", "qwen3_vl_text")] {
        let source = JSONSource(wrapped(type, small(text, rotation)))
        let model = try ModelFamilies.configuration(from: source)
        #expect(
          model.rotations.map(\.parameters).count == 1
            && model.rotations.map(\.parameters)[0].theta == 1e6)
        #expect(
          (model.rotations.map(\.parameters)[0].scaling == .none) == (rotation != rotations[3]))
        #expect(try ModelFamilies.remarks(on: source).unknownKeys == [])
      }
    }
  }

  // MARK: Keys beside the text part

  @Test func whichOfTwoPlacesCounts() throws {
    let ties: [(root: JSONValue?, text: JSONValue?, llava: Bool, gemma3: Bool)] = [
      (nil, nil, false, true), (true, nil, true, true), (nil, true, true, true),
      (false, true, true, true), (true, false, true, true), (false, nil, false, false),
      (nil, false, false, false), (.null, false, false, false),
    ]
    for (root, text, llava, gemma3) in ties {
      for (type, textType, isTied) in [
        ("llava", "llama", llava), ("gemma3", "gemma3_text", gemma3),
      ] {
        let part = small(textType, text.map { ["tie_word_embeddings": $0] } ?? [:])
        let model = try configuration(
          wrapped(type, part, root.map { ["tie_word_embeddings": $0] } ?? [:]))
        #expect(model.vocabulary.isTied == isTied, "\(type) \(root as Any) \(text as Any)")
      }
    }
    let model = try configuration(
      wrapped(
        "llava", small("llama"),
        ["eos_token_id": [5, 6], "bos_token_id": .null, "vocab_size": 7, "hidden_size": 9]))
    #expect(model.sequence.endTokens == [5, 6] && model.sequence.beginningToken == 1)
    #expect(model.vocabulary.size == 300 && model.hiddenSize == 64)
    // Some files have the text part's keys in both places.
    let both = JSONSource(
      wrapped(
        "qwen2_5_vl", small("qwen2_5_vl_text"),
        Self.small.merging(["hidden_size": 9, "hidden_act": "relu", "use_sliding_window": true]) {
          $1
        }))
    #expect(try ModelFamilies.configuration(from: both).hiddenSize == 64)
    #expect(try ModelFamilies.remarks(on: both).unknownKeys == [])
  }

  @Test func quantizationMayStandInBothPlaces() throws {
    let names: [JSONValue] = [
      "language_model.model.layers.0.mlp", "model.language_model.layers.1.mlp.up_proj",
      "vision_tower.layers.2", "down_proj",
    ]
    let fp8: JSONValue = [
      "quant_method": "fp8", "activation_scheme": "dynamic",
      "modules_to_not_convert": .array(names),
    ]
    let key = "quantization_config"
    for settings in [
      wrapped("llava", small("llama"), [key: fp8]), wrapped("llava", small("llama", [key: fp8])),
    ] {
      let source = JSONSource(settings)
      let scheme = try #require(try ModelFamilies.quantization(of: source))
      #expect(try ModelFamilies.remarks(on: source).unknownKeys == [])
      for (name, isQuantized) in [
        ("model.layers.0.mlp.up_proj.weight", false), ("model.layers.1.mlp.up_proj.weight", false),
        ("model.layers.1.mlp.gate_proj.weight", true), ("model.layers.2.mlp.up_proj.weight", true),
        ("model.layers.2.mlp.down_proj.weight", false), ("lm_head.weight", false),
      ] {
        #expect(scheme.probablyQuantizes(name) == isQuantized, "\(name)")
      }
    }
    let gptq: JSONValue = ["quant_method": "gptq", "bits": 4]
    #expect(
      refusal(wrapped("llava", small("llama"), [key: gptq])).contains("has a \"\(key)\""))
    #expect(
      refusal(wrapped("llava", small("llama", [key: gptq]))).contains("\"text_config.\(key)\""))
  }

  // MARK: What is said

  @Test func keysAreNamedByTheirWholeNames() throws {
    let kinds: JSONValue = [
      "full_attention": ["rope_type": "default", "x": 1], "sliding_attention": ["y": .null],
    ]
    let text = small("gemma3_text", ["rope_parameters": kinds, "magic": 1])
    #expect(
      try ModelFamilies.remarks(
        on: JSONSource(wrapped("gemma3", text, ["wand": 1, "vision_feature_layer": 3]))
      ).unknownKeys == [
        "text_config.magic", "text_config.rope_parameters.full_attention.x", "wand",
      ])
    let cases: [(text: [String: JSONValue], words: [String])] = [
      (["is_causal": false], ["\"text_config.is_causal\": false"]),
      (["rope_scaling": ["type": "spiral"]], ["\"spiral\"", "\"text_config.rope_scaling\""]),
      (["rope_scaling": ["alpha": 3]], ["\"text_config.rope_scaling.alpha\""]),
      (["hidden_act": "relu"], ["\"text_config.hidden_act\""]),
    ]
    for (keys, words) in cases {
      let message = refusal(wrapped("llava", small("llama", keys)))
      for word in words { #expect(message.contains(word), "\(word) in \(message)") }
    }
    let scalar = wrapped("gemma3", small("gemma3_text", ["query_pre_attn_scalar": 0]))
    #expect(refusal(scalar, .malformed).contains("\"text_config.query_pre_attn_scalar\""))
  }

  @Test func whatCannotRunIsRefusedByName() {
    let cases: [([String: JSONValue], [String])] = [
      (wrapped("mistral3", ["model_type": "ministral3"]), ["\"mistral3\"", "\"ministral3\""]),
      (wrapped("llava", ["model_type": "phi99"]), ["\"llava\"", "\"phi99\"", "\"llama\""]),
      (wrapped("qwen3_5", ["model_type": "qwen3_5_text"]), ["\"qwen3_5\"", "\"qwen3_5_text\""]),
      (wrapped("llama4", ["model_type": "llama4_text"]), ["\"llama4_text\"", "\"gemma3\""]),
      (wrapped("paligemma", ["model_type": "gemma2"]), ["\"paligemma\"", "\"llava\""]),
      (["model_type": "internvl_chat", "llm_config": [:]], ["\"internvl_chat\""]),
      (["model_type": "idefics", "vision_config": [:]], ["\"idefics\""]),
    ]
    for (settings, words) in cases {
      let message = refusal(settings)
      for word in words + ["multimodal", "not supported"] {
        #expect(message.contains(word), "\(word) in \(message)")
      }
    }
    #expect(!refusal(["model_type": "gpt99"]).contains("multimodal"))
    let other = refusal(
      wrapped("gemma3", small("gemma3_text"), ["architectures": ["Gemma3ForClassification"]]))
    #expect(
      other.contains("\"Gemma3ForClassification\"")
        && other.contains("\"Gemma3ForConditionalGeneration\""))
    // A text model with images in it is none.
    #expect(
      refusal(["model_type": "llama", "vision_config": ["a": 1]]).contains("\"vision_config\""))
  }

  @Test func aTextPartThatIsMissingIsNamed() {
    for type in ["gemma3", "gemma4", "mistral3", "llava", "qwen2_vl", "qwen3_vl"] {
      for settings in [[:], ["text_config": .null]] as [[String: JSONValue]] {
        let message = refusal(
          settings.merging(["model_type": .string(type), "vision_config": [:]]) { $1 }, .malformed)
        for word in ["\"text_config\"", "\"\(type)\""] {
          #expect(message.contains(word), "\(word) in \(message)")
        }
      }
    }
    for type in ["gemma3", "qwen2_vl"] {
      for value in ["x", 7, []] as [JSONValue] {
        #expect(throws: JSONSource.WrongType.self, "\(type) \(value)") {
          try configuration(["model_type": .string(type), "text_config": value])
        }
      }
    }
  }

  // MARK: Tensors

  @Test func tensorsHaveTheNamesOfTheTextModel() {
    let cases: [(stored: String, text: String?)] = [
      ("language_model.model.layers.3.mlp.up_proj.weight", "model.layers.3.mlp.up_proj.weight"),
      ("language_model.lm_head.weight", "lm_head.weight"),
      ("language_model.layers.0.input_layernorm.weight", "model.layers.0.input_layernorm.weight"),
      (
        "model.language_model.layers.0.mlp.experts.gate_up_proj",
        "model.layers.0.mlp.experts.gate_up_proj"
      ),
      ("model.language_model.norm.weight", "model.norm.weight"),
      ("model.text_model.embed_tokens.weight", "model.embed_tokens.weight"),
      (
        "model.layers.0.mlp.up_proj.weight_scale_inv", "model.layers.0.mlp.up_proj.weight_scale_inv"
      ),
      ("lm_head.weight", "lm_head.weight"), ("model.norm.weight", "model.norm.weight"),
      ("visual.blocks.0.norm1.weight", nil), ("model.visual.blocks.0.norm1.weight", nil),
      ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", nil),
      ("model.vision_tower.layers.0.x", nil), ("multi_modal_projector.linear_1.weight", nil),
      ("model.connector.modality_projection.proj.weight", nil), ("image_newline", nil),
      ("model.normal", nil), ("", nil),
    ]
    for (stored, text) in cases {
      #expect(TextTensorNames.textName(of: stored) == text, "\(stored)")
    }
    let samples = [
      ("language_model.model.norm.weight", "language_model.model.x", "language_model.lm_head.y"),
      ("model.language_model.norm.weight", "model.language_model.x", "lm_head.y"),
      ("model.text_model.norm.weight", "model.text_model.x", "lm_head.y"),
      ("model.norm.weight", "model.x", "lm_head.y"),
    ]
    for (sample, model, head) in samples {
      #expect(TextTensorNames.storedName(of: "model.x", like: sample) == model)
      #expect(TextTensorNames.storedName(of: "lm_head.y", like: sample) == head)
    }
  }
}

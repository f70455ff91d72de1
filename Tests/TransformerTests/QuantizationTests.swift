import Testing
import Transformer

/// What a `quantization_config` says of FP8 weights, and what of it is not supported.
@Suite struct QuantizationTests {
  private func source(_ quantization: JSONValue, key: String = "quantization_config") -> JSONSource
  {
    JSONSource(["model_type": "qwen3", key: quantization])
  }

  private func scheme(_ quantization: [String: JSONValue]) throws -> QuantizationScheme {
    let source = source(.object(quantization))
    _ = try ModelFamilies.configuration(from: source)
    #expect(try ModelFamilies.remarks(on: source).unknownKeys == [])
    return try #require(try ModelFamilies.quantization(of: source))
  }

  private static let fineGrained: [String: JSONValue] = [
    "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
    "weight_block_size": [128, 128], "modules_to_not_convert": ["model.layers.0.mlp.gate"],
  ]

  private static let inputs: [String: JSONValue] = [
    "dynamic": true, "num_bits": 8, "strategy": "token", "symmetric": true, "type": "float",
  ]

  private static func weights(
    _ strategy: JSONValue, _ changes: [String: JSONValue] = [:]
  ) -> [String: JSONValue] {
    ([
      "block_structure": .null, "dynamic": false, "group_size": .null, "num_bits": 8,
      "observer": "minmax", "strategy": strategy, "symmetric": true, "type": "float",
    ] as [String: JSONValue]).merging(changes) { $1 }
  }

  private static func compressed(
    _ weights: [String: JSONValue], group: [String: JSONValue] = [:],
    _ changes: [String: JSONValue] = [:]
  ) -> [String: JSONValue] {
    let group: [String: JSONValue] = [
      "input_activations": .object(inputs), "output_activations": .null, "targets": ["Linear"],
      "weights": .object(weights),
    ].merging(group) { $1 }
    return [
      "config_groups": ["group_0": .object(group)], "format": "float-quantized",
      "global_compression_ratio": 1.2, "ignore": ["lm_head"], "kv_cache_scheme": .null,
      "quant_method": "compressed-tensors", "quantization_status": "compressed",
      "sparsity_config": [:], "transform_config": [:], "version": "0.12",
    ].merging(changes) { $1 }
  }

  @Test func layoutsAreRead() throws {
    var scheme = try scheme(Self.fineGrained)
    #expect(scheme.granularities == [.block(rows: 128, inputs: 128)])
    #expect(scheme.scaleNames.first == "weight_scale_inv")
    scheme = try self.scheme(["quant_method": "fp8", "activation_scheme": "dynamic"])
    #expect(scheme.granularities == [.matrix])
    for (strategy, granularity) in [
      ("tensor", .matrix), ("channel", .row),
    ] as [(JSONValue, QuantizationScheme.Granularity)] {
      scheme = try self.scheme(Self.compressed(Self.weights(strategy)))
      #expect(scheme.granularities == [granularity] && scheme.scaleNames == ["weight_scale"])
    }
    let block = Self.weights("block", ["block_structure": [128, 128]])
    scheme = try self.scheme(
      Self.compressed(
        block, group: ["format": "float-quantized", "input_activations": .null],
        ["format": "mixed-precision", "sparsity_config": ["format": "dense"]]))
    #expect(scheme.granularities == [.block(rows: 128, inputs: 128)])
    #expect(try ModelFamilies.quantization(of: JSONSource(["model_type": "qwen3"])) == nil)
  }

  @Test func shapesOfScales() {
    let cases: [(QuantizationScheme.Granularity, Int, Int, [[Int]])] = [
      (.matrix, 1, 1, [[1], []]), (.row, 300, 5, [[300, 1]]),
      (.block(rows: 128, inputs: 64), 300, 129, [[3, 3]]),
      (.block(rows: 128, inputs: 64), 128, 128, [[1, 2]]),
    ]
    for (granularity, outputs, inputs, shapes) in cases {
      #expect(granularity.layout(outputs: outputs, inputs: inputs).shapes == shapes)
    }
    #expect(QuantizationScheme.Granularity.matrix.layout(outputs: 3, inputs: 4).rows == 3)
    #expect(QuantizationScheme.Granularity.row.layout(outputs: 3, inputs: 4).inputs == 4)
  }

  /// By name, where there are no files.
  @Test func layersThatAreProbablyQuantized() throws {
    let names = [
      "model.layers.0.mlp.gate_proj.weight", "model.layers.0.self_attn.q_proj.weight",
      "model.layers.1.self_attn.q_proj.weight", "lm_head.weight", "model.embed_tokens.weight",
    ]
    let cases: [(ignored: [JSONValue], quantized: [Bool])] = [
      ([""], [true, true, true]), (["lm_head"], [true, true, true]),
      (["model.layers.0.mlp.gate_proj"], [false, true, true]),
      (["re:.*q_proj$", "re:model[.]x"], [true, false, false]),
      (["re:.*layers\\.0\\..*"], [false, false, true]), (["re:.*"], [true, true, true]),
    ]
    for (ignored, quantized) in cases {
      let scheme = try scheme(
        Self.compressed(Self.weights("channel"), ["ignore": .array(ignored)]))
      #expect(names.map(scheme.probablyQuantizes) == quantized + [false, false], "\(ignored)")
    }
  }

  @Test func whatIsNotSupportedIsNamed() {
    let (fp8, channel) = (Self.fineGrained, Self.weights("channel"))
    let cases: [([String: JSONValue], [String])] = [
      (fp8.merging(["activation_scheme": "static"]) { $1 }, ["activation_scheme", "\"static\""]),
      (fp8.merging(["fmt": "e5m2"]) { $1 }, ["\"e5m2\""]),
      (fp8.merging(["weight_block_size": [128]]) { $1 }, ["weight_block_size"]),
      (fp8.merging(["weight_block_size": [128, 0]]) { $1 }, ["weight_block_size", "[128, 0]"]),
      (fp8.merging(["kv_cache_scheme": "static"]) { $1 }, ["kv_cache_scheme"]),
      (Self.compressed(channel, ["kv_cache_scheme": ["num_bits": 8]]), ["kv_cache_scheme"]),
      (Self.compressed(channel, ["format": "pack-quantized"]), ["\"pack-quantized\""]),
      (Self.compressed(channel, ["format": .null]), ["format"]),
      (Self.compressed(channel, group: ["format": "dense"]), ["group_0.format", "\"dense\""]),
      (Self.compressed(channel, ["transform_config": ["a": 1]]), ["transform_config"]),
      (
        Self.compressed(channel, ["sparsity_config": ["format": "sparse-24"]]), ["\"sparse-24\""]
      ),
      (Self.compressed(channel, ["config_groups": [:]]), ["config_groups"]),
      (Self.compressed(Self.weights("channel", ["num_bits": 4])), ["num_bits", "4"]),
      (Self.compressed(Self.weights("channel", ["type": "int"])), ["\"int\""]),
      (Self.compressed(Self.weights("channel", ["symmetric": false])), ["symmetric"]),
      (Self.compressed(Self.weights("group")), ["strategy", "\"group\""]),
      (Self.compressed(Self.weights("block", ["block_structure": [64, 64]])), ["block_structure"]),
      (
        Self.compressed(
          channel,
          group: ["input_activations": .object(Self.inputs.merging(["dynamic": false]) { $1 })]),
        ["input_activations.dynamic", "false"]
      ),
      (Self.compressed(channel, group: ["output_activations": ["a": 1]]), ["output_activations"]),
      (["quant_method": "modelopt", "quant_algo": "FP8"], ["\"modelopt\""]),
      (["quant_method": "gptq", "bits": 4], ["\"gptq\"", "4 bits"]),
    ]
    for (quantization, words) in cases {
      let error = #expect(throws: ModelError.self, "\(words)") { try scheme(quantization) }
      #expect(error?.kind == .unsupported, "\(words)")
      for word in words + ["quantization_config", "BF16"] {
        #expect(error?.message.contains(word) == true, "\(word) in \(error?.message ?? "")")
      }
    }
  }

  /// gpt-oss as published; a star stands for a layer's number.
  @Test func expertsOfGptOssMayBeMXFP4() throws {
    func source(_ modelType: String, _ changes: [String: JSONValue] = [:]) -> JSONSource {
      let quantization: [String: JSONValue] = [
        "quant_method": "mxfp4",
        "modules_to_not_convert": [
          "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head",
        ],
      ]
      return JSONSource([
        "model_type": .string(modelType),
        "quantization_config": .object(quantization.merging(changes) { $1 }),
      ])
    }
    let scheme = try #require(try ModelFamilies.quantization(of: source("gpt_oss")))
    #expect(scheme.method == .mxfp4 && scheme.granularities == [] && scheme.scaleNames == [])
    #expect(scheme.probablyQuantizes("model.layers.3.mlp.experts.7.up_proj.weight"))
    for name in [
      "model.layers.3.self_attn.q_proj.weight", "model.layers.3.mlp.router.weight",
      "model.embed_tokens.weight", "lm_head.weight", "model.layers.3.mlp.up_proj.weight",
    ] {
      #expect(!scheme.probablyQuantizes(name), "\(name)")
    }
    for other in [source("qwen3"), source("gpt_oss", ["quant_method": "mxfp8"])] {
      #expect(throws: ModelError.self) { try ModelFamilies.quantization(of: other) }
    }
  }

  /// What is not described once cannot be known.
  @Test func twoDescriptionsAreOneTooMany() throws {
    let twice = JSONSource([
      "model_type": "qwen3", "quantization": ["bits": 4],
      "quantization_config": .object(Self.fineGrained),
    ])
    #expect(throws: ModelError.self) { try ModelFamilies.configuration(from: twice) }
    let old = source(.object(Self.fineGrained), key: "compression_config")
    #expect(try ModelFamilies.quantization(of: old) != nil)
  }

  @Test func keysThatNobodyKnowsAreNamed() throws {
    let source = source(.object(Self.fineGrained.merging(["magic": 1]) { $1 }))
    #expect(
      try ModelFamilies.remarks(on: source).unknownKeys == ["quantization_config.magic"])
  }
}

import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

/// What a GGUF file says of its model.
struct GGUFConfigurationTests {
  private typealias Change = (inout GGUFWriter) -> Void

  private func model(
    _ architecture: String = "qwen3", _ change: Change = { _ in }
  ) throws -> GGUFModel {
    let directory = try TemporaryDirectory()
    var file = GGUFFileTests.model()
    file.metadata = file.metadata.map { key, value in
      if key == "general.architecture" { return (key, .text(architecture)) }
      return (architecture + key.dropFirst("qwen3".count), value)
    }
    change(&file)
    return try GGUFModel(path: directory.write("m.gguf", file.bytes))
  }

  @Test func metadataThatAsksForWhatIsNotSupportedIsRefused() throws {
    let cases: [(String, String, GGUFWriter.Value)] = [
      ("qwen3", "qwen3.expert_count", .uint32(8)),
      ("qwen3", "qwen3.attention.sliding_window", .uint32(4096)),
      ("qwen3", "qwen3.rope.scaling.type", .text("magic")),
      ("qwen3", "qwen3.rope.scaling.attn_factor", .float32(2)),
      ("qwen3", "qwen3.rope.scaling.yarn_log_multiplier", .float32(0.1)),
      ("qwen3", "qwen3.final_logit_softcapping", .float32(30)),
      ("qwen3", "qwen3.attention.causal", .boolean(false)),
      ("qwen3", "qwen3.attention.clamp_kqv", .float32(8)),
      ("qwen3", "qwen3.attention.value_length", .uint32(4)),
      ("qwen3", "qwen3.feed_forward_length", .int32s([8, 16])),
      ("llama", "llama.attention.scale", .float32(0.5)),
      ("llama", "llama.logit_scale", .float32(0.5)),
      ("phi3", "phi3.attention.sliding_window_pattern", .uint32(2)),
      ("gemma3", "gemma3.rope.dimension_count_swa", .uint32(8)),
    ]
    for (architecture, key, value) in cases {
      expectError(.unsupported, naming: ["\"\(key)\"", "m.gguf"], key) {
        _ = try model(architecture) {
          $0.metadata.removeAll { $0.key == key }
          $0.metadata.append((key, value))
        }
      }
    }
    for architecture in ["llama4", "qwen3vlmoe", "mamba", "clip"] {
      expectError(.unsupported, naming: [architecture, "\"llama\"", "\"phi3\""]) {
        _ = try model(architecture)
      }
    }
    for type in ["adapter", "mmproj"] {
      expectError(.unsupported, naming: [type, "general.type"]) {
        _ = try model { $0.metadata.append(("general.type", .text(type))) }
      }
    }
  }

  @Test func metadataThatContradictsItselfIsRefused() throws {
    let removed = [
      "general.architecture", "qwen3.block_count", "qwen3.context_length",
      "qwen3.embedding_length", "qwen3.feed_forward_length", "qwen3.attention.head_count",
      "qwen3.attention.layer_norm_rms_epsilon",
    ]
    for key in removed {
      expectError(.malformed, naming: ["\"\(key)\"", "m.gguf"]) {
        _ = try model { $0.metadata.removeAll { $0.key == key } }
      }
    }
    let cases: [(String, GGUFWriter.Value)] = [
      ("qwen3.block_count", .uint32(4_000_000_000)), ("qwen3.block_count", .uint32(0)),
      ("qwen3.embedding_length", .text("4")),
      ("qwen3.attention.head_count", .uint32(0)), ("qwen3.attention.head_count", .uint32(3)),
      ("qwen3.rope.dimension_count", .uint32(3)), ("qwen3.rope.dimension_count", .uint32(6)),
      ("qwen3.rope.freq_base", .float32(.nan)),
      ("qwen3.rope.scaling.type", .text("longrope")),
      ("qwen3.vocab_size", .uint32(3)), ("tokenizer.ggml.tokens", .texts(["a", "b", "c"])),
      ("tokenizer.ggml.scores", .float32s([1])), ("tokenizer.ggml.token_type", .int32s([])),
      ("general.architecture", .string([0xff])),
      ("tokenizer.ggml.eos_token_id", .text("2")),
    ]
    for (key, value) in cases {
      expectError(.malformed, naming: ["\"\(key)\"", "m.gguf"], key) {
        _ = try model {
          $0.metadata.removeAll { $0.key == key }
          $0.metadata.append((key, value))
        }
      }
    }
    // Of the largest Gemma alone sizes are divided.
    expectError(.malformed, naming: ["gemma3.attention.head_count"]) {
      _ = try model("gemma3") {
        $0.metadata.removeAll { ["gemma3.attention.head_count"].contains($0.key) }
        $0.metadata += [
          ("gemma3.attention.head_count", .uint32(0)), ("gemma3.attention.key_length", .uint32(4)),
        ]
      }
    }
    expectError(.malformed, naming: ["token_embd.weight"]) {
      _ = try model { $0.items.removeFirst() }
    }
    expectError(.malformed, naming: ["rope_freqs.weight", "1 pairs"]) {
      _ = try model { $0.items.append(.floats("rope_freqs.weight", [1, 2])) }
    }
    expectError(.malformed, naming: ["sliding_window_pattern"]) {
      _ = try model("gemma3") {
        $0.metadata.append(
          ("gemma3.attention.sliding_window_pattern", .booleans([true, false])))
      }
    }
  }

  /// Keys that no file of the sample models has.
  @Test func rarerKeysMeanWhatTheyMeanInLlamaCpp() throws {
    func value(
      _ key: String, of object: String? = nil, _ architecture: String,
      _ pairs: [(key: String, value: GGUFWriter.Value)]
    ) throws -> String {
      let model = try model(architecture) { file in
        file.metadata += pairs.map { ("\(architecture).\($0.key)", $0.value) }
      }
      let document = model.configuration
      let place = try object.map { try document.object($0) } ?? document
      return place.value(key)?.summary ?? "absent"
    }
    let yarn: [(key: String, value: GGUFWriter.Value)] = [
      ("rope.scaling.type", .text("yarn")), ("rope.scaling.factor", .float32(4)),
      ("rope.scaling.original_context_length", .uint32(32)),
    ]
    #expect(try value("rope_type", of: "rope_parameters", "qwen2", yarn) == "the string \"yarn\"")
    #expect(try value("factor", of: "rope_parameters", "qwen2", yarn) == "the number 4.0")
    #expect(
      try value("original_max_position_embeddings", of: "rope_parameters", "qwen2", yarn)
        == "the number 32")
    #expect(
      try value("factor", of: "rope_parameters", "llama", [("rope.scale_linear", .float32(2))])
        == "the number 2.0")
    #expect(
      try value(
        "rope_type", of: "rope_parameters", "llama",
        [("rope.scaling.type", .text("none")), ("rope.scaling.factor", .float32(2))])
        == "the string \"default\"")
    #expect(
      try value("model_type", "llama", [("attention.sliding_window", .uint32(7))])
        == "the string \"mistral\"")
    #expect(
      try value("model_type", "llama", [("attention.sliding_window", .uint32(0))])
        == "the string \"llama\"")
    #expect(try value("sliding_window", "gemma2", []) == "the number 4096")
    #expect(try value("attn_logit_softcapping", "gemma2", []) == "the number 50.0")
    #expect(
      try value("final_logit_softcapping", "gemma2", [("final_logit_softcapping", .float32(0))])
        == "absent")
    #expect(try value("final_logit_softcapping", "gemma3", []) == "absent")
    #expect(
      try value("query_pre_attn_scalar", "gemma3", [("attention.scale", .float32(0.25))])
        == "the number 16.0")
    #expect(
      try value("num_key_value_heads", "qwen3", [("attention.head_count_kv", .int32s([1, 1]))])
        == "the number 1")
  }

  @Test func aTurnsEndIsFoundByItsText() throws {
    let tokens = try model {
      $0.metadata += [
        ("tokenizer.ggml.tokens", .texts(["<eos>", "<end_of_turn>"])),
        ("tokenizer.ggml.eos_token_id", .uint32(0)),
      ]
    }.configuration.integers("eos_token_id")
    #expect(tokens == [0, 1])
  }

  // MARK: Parts

  private func parts(_ change: (Int, inout GGUFWriter) -> Void = { _, _ in }) throws
    -> TemporaryDirectory
  {
    let directory = try TemporaryDirectory()
    let whole = GGUFFileTests.model()
    for index in 0..<3 {
      var part = GGUFWriter(
        metadata: [
          ("split.no", .raw(type: 2, [UInt8(index), 0])), ("split.count", .raw(type: 2, [3, 0])),
          ("split.tensors.count", .int32(2)),
        ])
      if index == 0 {
        part.metadata += whole.metadata
      } else {
        part.items = [whole.items[index - 1]]
      }
      change(index, &part)
      try directory.write("m-0000\(index + 1)-of-00003.gguf", part.bytes)
    }
    return directory
  }

  @Test func allPartsAreOneModelByWhicheverItIsNamed() throws {
    let directory = try parts()
    let paths = try directory.contents().map { "\(directory.path)/\($0)" }
    for path in paths + [directory.path] {
      let model = try StoredModels.model(at: path)
      let tensors = try model.openTensors()
      #expect(tensors.paths == paths)
      #expect(tensors.names == ["model.embed_tokens.weight", "model.norm.weight"])
      #expect(try model.configuration.integer("hidden_size") == 4)
      #expect(StoredModels.files(at: path).sorted() == paths)
    }
  }

  @Test func partsThatDoNotBelongTogetherAreRefused() throws {
    func expect(
      _ kind: FileError.Kind, _ words: [String], _ directory: TemporaryDirectory,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      expectError(kind, naming: words, sourceLocation: sourceLocation) {
        _ = try GGUFModel(path: directory.path + "/m-00002-of-00003.gguf")
      }
    }
    let missing = try parts()
    try FileManager.default.removeItem(atPath: missing.path + "/m-00003-of-00003.gguf")
    expect(.notFound, ["m-00003-of-00003.gguf", "m-00002-of-00003.gguf", "missing"], missing)
    expect(
      .malformed, ["split.no", "part 3 of 3"],
      try parts { if $0 == 2 { $1.metadata[0].value = .uint32(0) } })
    expect(
      .malformed, ["split.count", "absent"],
      try parts { if $0 == 0 { $1.metadata.remove(at: 1) } })
    expect(
      .malformed, ["\"token_embd.weight\"", "m-00002-of-00003.gguf", "too"],
      try parts { if $0 == 2 { $1.items[0].name = "token_embd.weight" } })
    expect(
      .malformed, ["split.tensors.count", "5"],
      try parts { if $0 == 0 { $1.metadata[2].value = .int32(5) } })
    let renamed = try parts()
    try FileManager.default.moveItem(
      atPath: renamed.path + "/m-00001-of-00003.gguf", toPath: renamed.path + "/x.gguf")
    expectError(.malformed, naming: ["x.gguf", "split.count", "-NUMBER-of-3"]) {
      _ = try GGUFModel(path: renamed.path + "/x.gguf")
    }
  }

  @Test func aDirectoryWithOneModelIsThatModel() throws {
    let directory = try TemporaryDirectory()
    let bytes = GGUFFileTests.model().bytes
    let path = try directory.write("a.gguf", bytes)
    #expect(try StoredModels.model(at: directory.path).path == path)
    try directory.write("b.GGUF", bytes)
    expectError(.notFound, naming: ["a.gguf", "b.GGUF", "name one", directory.path]) {
      _ = try StoredModels.model(at: directory.path)
    }
    // With a configuration it is a model directory.
    try directory.write("config.json", "{}")
    #expect(try StoredModels.model(at: directory.path).path == directory.path)
    // By its beginning, whatever its name.
    let blob = try directory.write("sha256-1", bytes)
    #expect(try StoredModels.model(at: blob).path == blob)
    expectError(.notFound, naming: ["is a file and no GGUF"]) {
      _ = try StoredModels.model(at: directory.path + "/config.json")
    }
  }
}

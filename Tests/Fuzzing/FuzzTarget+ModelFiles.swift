import Foundation
import JSON
import Kernels
import Transformer

@testable import Inference
@testable import ModelFiles

extension FuzzTarget {
  private static let jsonWords = [
    "{", "}", "[", "]", ":", ",", "\"", "\\u", "\\ud83d\\ude00", "null", "true", "false", "-1",
    "0.5", "1e308", "1e-400", "9223372036854775807", "-9223372036854775808", "4294967296",
  ]

  /// JSON by itself, and every way to look a key up.
  static let json = FuzzTarget(
    name: "json",
    seeds: [
      "{\"a\": 1, \"b\": [1, 2.5, -3e7], \"c\": {\"d\": null, \"e\": [\"x\", \"\\u00e9\"]}}",
      "{\"\\ud83d\\ude00\": \"\\n\\t\\\\\", \"f\": true, \"g\": 12345678901234567890}", "{}", "[1]",
    ],
    words: jsonWords
  ) { input in
    do {
      var documents = [try JSONDocument(bytes: input, path: "input")]
      while let document = documents.popLast() {
        for key in document.keys {
          _ = document.value(key)?.summary
          for lookUp: () throws -> Any? in [
            { try document.integerIfPresent(key, in: 0...Int(Int32.max)) },
            { try document.numberIfPresent(key) }, { try document.booleanIfPresent(key) },
            { try document.stringIfPresent(key) }, { try document.integersIfPresent(key) },
            { try document.integerOrIntegersIfPresent(key) },
            { try document.numbersIfPresent(key) }, { try document.stringsIfPresent(key) },
          ] {
            do { _ = try lookUp() } catch { expectSentence(error) }
          }
          if let object = try? document.objectIfPresent(key) { documents.append(object) }
        }
      }
    } catch {
      expectSentence(error)
    }
  }

  private static let configurationWords =
    jsonWords + [
      "\"model_type\"", "\"llama\"", "\"mistral\"", "\"qwen2\"", "\"qwen3\"", "\"smollm3\"",
      "\"gemma2\"", "\"gemma3_text\"", "\"phi3\"", "\"architectures\"", "\"hidden_size\"",
      "\"head_dim\"", "\"num_hidden_layers\"", "\"num_attention_heads\"", "\"vocab_size\"",
      "\"num_key_value_heads\"", "\"intermediate_size\"", "\"max_position_embeddings\"",
      "\"rope_scaling\"", "\"rope_parameters\"", "\"rope_type\"", "\"rope_theta\"", "\"factor\"",
      "\"yarn\"", "\"longrope\"", "\"llama3\"", "\"linear\"", "\"dynamic\"", "\"short_factor\"",
      "\"long_factor\"", "\"original_max_position_embeddings\"", "\"partial_rotary_factor\"",
      "\"sliding_window\"", "\"layer_types\"", "\"full_attention\"", "\"sliding_attention\"",
      "\"no_rope_layers\"", "\"sliding_window_pattern\"", "\"query_pre_attn_scalar\"",
      "\"is_causal\"", "\"num_experts\"", "\"alibi\"", "\"per_layer_config\"", "\"attn_factor\"",
      "\"dual_chunk_attention_config\"", "\"chunk_size\"", "\"quantization_config\"",
      "\"quant_method\"", "\"bits\"", "\"load_in_4bit\"", "\"text_config\"", "\"vision_config\"",
      "\"gemma3\"", "\"qwen2_5_vl\"", "\"mrope\"", "\"magic\"", "\"fp8\"",
      "\"weight_block_size\"", "\"modules_to_not_convert\"", "\"compressed-tensors\"",
      "\"format\"", "\"float-quantized\"", "\"config_groups\"", "\"weights\"", "\"float\"",
      "\"type\"", "\"num_bits\"", "\"strategy\"", "\"channel\"", "\"ignore\"", "\"re:.*\"",
    ]

  /// `config.json`, up to all that is done with it before weights are taken.
  static let configuration = FuzzTarget(name: "configuration", seeds: [], words: configurationWords)
  { input in
    do {
      let outline = try ModelOutline(
        name: "input", randomWeightsFor: JSONDocument(bytes: input, path: "config.json"))
      let configuration = outline.configuration
      precondition((outline.unknownKeys == nil) == outline.remarks.unknownKeys.isEmpty)
      if let chunk = outline.remarks.tokensWithoutDualChunks {
        precondition(outline.warning(sequenceTokens: chunk) == nil)
      }
      _ = outline.weights.sharedBytes + outline.weights.vectorBytes
      for (context, appended, rank) in [(1, 1, 0), (5000, 300, 2), (1 << 18, 1 << 40, 1)] {
        let need = MemoryRequirement(
          configuration: configuration, arithmetic: arithmetic,
          sequence: SequenceDescription(contextTokens: context, maximumAppended: appended),
          ranks: 3, rank: rank)
        precondition(need.keyValueBytes >= 0 && need.activationBytes >= 0)
      }
      for rotation in configuration.rotations {
        let rope = RoPE(rotation.parameters, headDimension: rotation.headDimension)
        for position in [0, 1, 1 << 31] {
          for pair in 0..<rope.pairs {
            _ = rope.rotation(ofPair: pair, at: position, contextTokens: position + 1)
          }
        }
      }
    } catch {
      expectSentence(error)
    }
  }

  private static let arithmetic = Arithmetic(
    precision: .fp32, instructionSet: .portable, team: ThreadTeam(threads: 1, spins: 0))

  static let generation = FuzzTarget(
    name: "generation", seeds: [],
    words: jsonWords + [
      "\"do_sample\"", "\"temperature\"", "\"top_k\"", "\"top_p\"", "\"stop_strings\"",
      "\"max_new_tokens\"", "\"repetition_penalty\"", "\"eos_token_id\"", "\"bad_words_ids\"",
    ]
  ) { input in
    do {
      let document = try JSONDocument(bytes: input, path: "generation_config.json")
      _ = try document.integerOrIntegersIfPresent("eos_token_id")
      _ = try GenerationSuggestions(document)
    } catch {
      expectSentence(error)
    }
  }

  static let safetensors = FuzzTarget(
    name: "safetensors",
    seeds: [
      safetensors(
        """
        {"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},\
        "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}
        """, bytes: 12),
      safetensors(#"{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}"#, bytes: 2),
      safetensors(#"{"a":{"dtype":"F64","shape":[0,3],"data_offsets":[0,0]}}"#, bytes: 0),
    ],
    words: jsonWords + [
      "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"BF16\"",
      "\"F16\"", "\"F64\"", "\"I64\"", "\"U8\"", "\"BOOL\"",
    ]
  ) { input in
    memoryFile.hold(input)
    do {
      let file = try SafetensorsFile(path: memoryFile.path)
      var sum = 0
      for name in file.names {
        let tensor = file.tensor(named: name)!
        for byte in tensor.bytes { sum &+= Int(byte) }
      }
      consume(sum)
    } catch {
      expectSentence(error)
    }
  }

  static let tensorIndex = FuzzTarget(
    name: "tensor-index",
    seeds: [
      #"{"metadata": {"total_size": 8}, "weight_map": {"a": "x-1.safetensors", "b": "x-2"}}"#
    ],
    words: jsonWords + ["\"weight_map\"", ".safetensors", "/", ".."]
  ) { input in
    memoryFile.hold(input)
    do {
      _ = try SafetensorsCollection(indexPath: memoryFile.path, directory: "/nonexistent")
    } catch {
      expectSentence(error)
    }
  }

  /// A GGUF file, up to all that is done with it before weights are taken.
  static let gguf = FuzzTarget(
    name: "gguf",
    seeds: [
      gguf(metadata: [
        ("general.architecture", string("qwen3")), ("qwen3.block_count", number(1)),
        ("qwen3.context_length", number(64)), ("qwen3.embedding_length", number(4)),
        ("qwen3.feed_forward_length", number(8)), ("qwen3.attention.head_count", number(2)),
        ("qwen3.attention.layer_norm_rms_epsilon", "\u{6}\0\0\0\0\0\0:"),
        ("tokenizer.ggml.tokens", "\u{9}\0\0\0\u{8}\0\0\0" + long(2) + text("a") + text("b")),
      ]),
      gguf(metadata: [("split.count", number(2)), ("split.no", number(0))]),
    ],
    words: GGUFArchitecture.all.map(\.name) + [
      "GGUF", "\u{3}\0\0\0", "general.alignment", "general.type", "split.count",
      "token_embd.weight", "output.weight", "rope_freqs.weight", "blk.0.attn_q.bias",
      ".rope.dimension_count", ".rope.scaling.type", ".rope.scaling.factor", "yarn", "linear",
      ".attention.sliding_window", ".attention.sliding_window_pattern", ".attention.key_length",
      ".expert_count", ".vocab_size", "tokenizer.ggml.eos_token_id",
    ]
  ) { input in
    memoryFile.hold(input)
    do {
      let model = try StoredModels.model(at: memoryFile.path)
      let tensors = try model.openTensors()
      var sum = 0
      for name in tensors.names {
        for byte in tensors.tensor(named: name)!.bytes { sum &+= Int(byte) }
        precondition(!tensors.storedName(of: name).isEmpty)
      }
      consume(sum)
      for origin in [WeightPlan.Origin.none, .files] {
        _ = try ModelOutline(model, precision: .bf16, weights: origin).warnings
      }
    } catch {
      expectSentence(error)
    }
  }

  /// A file with an embedding of two tokens of four coordinates, of bytes that are text.
  private static func gguf(metadata: [(String, String)]) -> String {
    let pairs = metadata.map { text($0) + $1 }.joined()
    let tensor =
      text("token_embd.weight") + "\u{2}\0\0\0" + long(4) + long(2) + "\0\0\0\0" + long(0)
    let header = "GGUF\u{3}\0\0\0" + long(1) + long(metadata.count) + pairs + tensor
    let padding = (32 - header.utf8.count % 32) % 32
    return header + String(repeating: "\0", count: padding + 32)
  }

  private static func long(_ value: Int) -> String {
    String(UnicodeScalar(UInt8(value))) + "\0\0\0\0\0\0\0"
  }

  private static func number(_ value: Int) -> String {
    "\u{4}\0\0\0" + String(UnicodeScalar(UInt8(value))) + "\0\0\0"
  }

  private static func text(_ value: String) -> String { long(value.utf8.count) + value }

  private static func string(_ value: String) -> String { "\u{8}\0\0\0" + text(value) }

  private static let memoryFile = MemoryFile()

  /// A file, padded so that its length too is text, as seeds are.
  private static func safetensors(_ header: String, bytes: Int) -> String {
    var header = header
    while header.utf8.count & 0x80 != 0 { header += " " }
    let count = header.utf8.count
    let length = [count & 0xff, count >> 8, 0, 0, 0, 0, 0, 0].map { UInt8($0) }
    return String(decoding: length, as: UTF8.self) + header
      + String(repeating: "x", count: bytes)
  }

  @inline(never) private static func consume(_: Int) {}
}

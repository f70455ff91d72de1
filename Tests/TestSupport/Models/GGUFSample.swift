import Foundation
import Kernels
import ModelFiles
import Transformer

/// A random model of an architecture of llama.cpp, as `config.json` with safetensors and as a GGUF file.
/// The names, keys and the order of rows are written down here apart from the program's own.
package struct GGUFSample: Sendable {
  /// The value of `general.architecture`.
  package let architecture: String
  /// `config.json`.
  package let configuration: String
  package let metadata: [(key: String, value: GGUFWriter.Value)]
  /// Divisors of RoPE's frequencies, by their tensors' names.
  package var divisors: [String: [Float]] = [:]
  /// What the files of an architecture with experts call its tensors, by what stands behind a layer's
  /// number; nil for one without experts.
  let expertNames: [String: String]?

  package static let queryHeads = 4
  package static let keyValueHeads = 2
  package static let vocabulary = 96

  package typealias Entry = (configuration: String, keys: [(String, GGUFWriter.Value)])

  private static let all: [String: Entry] = [
    "llama": (#""attention_bias": true, "rope_theta": 5000, "tie_word_embeddings": true"#, []),
    "qwen2": (#""rope_theta": 5000, "tie_word_embeddings": false"#, []),
    "qwen3": (#""head_dim": 32, "rope_theta": 5000, "tie_word_embeddings": true"#, [head(32)]),
    "smollm3": (#""rope_theta": 5000, "tie_word_embeddings": false"#, []),
    "gemma2": (
      #""head_dim": 32, "rope_theta": 5000, "sliding_window": 20, "query_pre_attn_scalar": 32"#,
      [head(32), ("attention.sliding_window", .uint32(20))]
    ),
    "gemma3": (
      """
      "head_dim": 32, "rope_theta": 5000, "rope_local_base_freq": 10000, "sliding_window": 20,
      "query_pre_attn_scalar": 32, "sliding_window_pattern": 6,
      "rope_scaling": {"rope_type": "linear", "factor": 4}
      """,
      [
        head(32), ("attention.sliding_window", .uint32(20)), ("rope.scaling.type", .text("linear")),
        ("rope.scaling.factor", .float32(4)),
      ]
    ),
    "phi3": (
      """
      "rope_theta": 5000, "tie_word_embeddings": false, "sliding_window": 30,
      "partial_rotary_factor": 0.75, "original_max_position_embeddings": 64,
      "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1.5, 2, 2, 4],
        "long_factor": [1, 2, 2, 4, 8, 8], "attention_factor": 1.25}
      """,
      [
        ("attention.sliding_window", .uint32(30)), ("rope.dimension_count", .uint32(12)),
        ("rope.scaling.original_context_length", .uint32(64)),
        ("rope.scaling.attn_factor", .float32(1.25)),
      ]
    ),
  ]

  static func head(_ dimension: UInt32) -> (String, GGUFWriter.Value) {
    ("attention.key_length", .uint32(dimension))
  }

  package static let architectures = all.keys.sorted()

  /// The value of `model_type`, where that is another name.
  private static let modelTypes = [
    "gemma3": "gemma3_text", "gemma4": "gemma4_text", "glm4moe": "glm4_moe", "gpt-oss": "gpt_oss",
    "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe",
  ]

  /// The sizes that decide which formats fit.
  package struct Size: Sendable {
    package var hidden = 64
    package var intermediate = 96
    package var layers = 7

    package init() {}

    /// Of few layers, whose rows are whole blocks of most formats.
    package static let ofBlocks: Size = {
      var size = Size()
      (size.hidden, size.intermediate, size.layers) = (256, 512, 2)
      return size
    }()
  }

  /// - Parameters:
  ///   - sample: what `general.architecture` is, or what it is called where that has experts, too.
  ///   - members: further ones of `config.json`.
  package init(_ sample: String, adding members: String = "", size: Size = Size()) {
    let architecture = sample == "mixtral" ? "llama" : sample
    self.architecture = architecture
    let entry = (Self.all[sample] ?? Self.withExperts(size)[sample])!
    expertNames = Self.expertNames[sample]
    configuration = """
      {
        "model_type": "\(Self.modelTypes[sample] ?? sample)",
        "hidden_size": \(size.hidden), "intermediate_size": \(size.intermediate),
        "num_hidden_layers": \(size.layers),
        "num_attention_heads": \(Self.queryHeads), "num_key_value_heads": \(Self.keyValueHeads),
        "vocab_size": \(Self.vocabulary), "rms_norm_eps": 0.0009765625, "max_position_embeddings": 4096,
        "bos_token_id": 1, "eos_token_id": [2, 5], \(entry.configuration)
        \(members.isEmpty ? "" : ",") \(members)
      }
      """
    let common: [(String, GGUFWriter.Value)] =
      [
        ("block_count", .uint32(UInt32(size.layers))), ("context_length", .uint32(4096)),
        ("embedding_length", .uint32(UInt32(size.hidden))),
        ("feed_forward_length", .uint32(UInt32(size.intermediate))),
        ("attention.head_count", .uint32(UInt32(Self.queryHeads))),
        ("attention.head_count_kv", .uint32(UInt32(Self.keyValueHeads))),
        ("attention.layer_norm_rms_epsilon", .float32(0x1p-10)), ("rope.freq_base", .float32(5000)),
      ]
    let keys = common.filter { key in !entry.keys.contains { $0.0 == key.0 } } + entry.keys
    metadata =
      [("general.architecture", .text(architecture)), ("general.name", .text("a sample"))]
      + keys.map { (key: "\(architecture).\($0.0)", value: $0.1) } + [
        ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
        ("tokenizer.ggml.eot_token_id", .uint32(5)),
      ]
    if sample == "gemma4" {
      divisors = ["rope_freqs.weight": Self.gemma4Divisors]
    }
    if architecture == "phi3" {
      divisors = [
        "rope_factors_short.weight": [1, 1, 1.5, 2, 2, 4],
        "rope_factors_long.weight": [1, 2, 2, 4, 8, 8],
      ]
    }
  }

  /// - Parameters:
  ///   - tensors: those of `configuration`.
  ///   - type: of matrices that are no blocks of small integers; norms and biases are F32, as llama.cpp
  ///     writes them.
  package func file(_ tensors: [TensorView], type: TensorElementType = .bfloat16) -> GGUFWriter {
    GGUFWriter(
      metadata: metadata,
      items: divisors.sorted { $0.key < $1.key }.map { .floats($0.key, $0.value) }
        + tensors.filter { ExpertTensorName($0.name) == nil }.map { item($0, type) }
        + stacks(tensors, type))
  }

  /// Whether the file has the rows of queries and keys in the order of pairs side by side.
  private var isPermuted: Bool { ["llama", "smollm3"].contains(architecture) }

  func item(_ tensor: TensorView, _ type: TensorElementType) -> GGUFWriter.Item {
    let type = isRouter(tensor.name) ? .float32 : type
    let name = fileName(of: tensor.name)
    if let type = GGUFWriter.types[tensor.format] {
      precondition(!isPermuted, "rows of blocks stay in their order")
      return GGUFWriter.Item(
        name, type: type, tensor.shape.reversed().map(UInt64.init),
        Array(UnsafeRawBufferPointer(start: tensor.elements, count: tensor.bytes)))
    }
    var floats = tensor.floats()
    if ["gemma2", "gemma3"].contains(architecture), tensor.name.hasSuffix("norm.weight") {
      floats = floats.map { $0 + 1 }
    }
    for (part, heads) in [("q_proj", Self.queryHeads), ("k_proj", Self.keyValueHeads)]
    where isPermuted && tensor.name.contains(part) {
      floats = Self.permuted(floats, rows: tensor.shape[0], heads: heads)
    }
    let stored = Tensor(
      name: name, elementType: .float32, shape: tensor.shape, copying: floats)
    let view = TensorView(
      name: name, shape: tensor.shape, format: .float32, elements: stored.bytes.baseAddress!,
      owner: stored.owner)
    return GGUFWriter.Item(
      view.converted(to: tensor.shape.count == 1 ? .float32 : type), name: name,
      isVector: tensor.shape.first == 1)
  }

  /// Row i of a head's first half comes to stand before row i of its second half.
  private static func permuted(_ floats: [Float], rows: Int, heads: Int) -> [Float] {
    let (width, half) = (floats.count / rows, rows / heads / 2)
    return (0..<rows).flatMap { row -> ArraySlice<Float> in
      let (head, place) = (row / (2 * half), row % (2 * half))
      let source = head * 2 * half + place / 2 + place % 2 * half
      return floats[source * width..<(source + 1) * width]
    }
  }

  private func fileName(of name: String) -> String {
    if let own = ownFileName(of: name) { return own }
    let isGemma = architecture.hasPrefix("gemma")
    let names = [
      ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
      ("model.layers", "blk"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
      ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
      ("self_attn.qkv_proj", "attn_qkv"), ("self_attn.q_norm", "attn_q_norm"),
      ("self_attn.k_norm", "attn_k_norm"), ("input_layernorm", "attn_norm"),
      ("post_attention_layernorm", isGemma ? "post_attention_norm" : "ffn_norm"),
      ("pre_feedforward_layernorm", "ffn_norm"), ("post_feedforward_layernorm", "post_ffw_norm"),
      ("mlp.gate_up_proj", "ffn_up"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
      ("mlp.down_proj", "ffn_down"),
    ]
    var name = name
    for (from, to) in names {
      if let range = name.range(of: from) { name.replaceSubrange(range, with: to) }
    }
    return name
  }
}

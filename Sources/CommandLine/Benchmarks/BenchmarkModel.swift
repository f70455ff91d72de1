import Inference
import JSON
import Kernels
import ModelFiles
import Ranks

/// The model that `bench model` runs: the shape of any, with random weights.
package enum BenchmarkModel {
  package static let builtInName = "llama-90m"

  /// As in `configs/llama-90m/config.json`, which an installed program does not have beside it.
  package static let builtInConfiguration = """
    {
      "architectures": ["LlamaForCausalLM"],
      "model_type": "llama",
      "hidden_size": 1024,
      "intermediate_size": 2816,
      "vocab_size": 4096,
      "num_hidden_layers": 8,
      "num_attention_heads": 8,
      "num_key_value_heads": 2,
      "head_dim": 128,
      "hidden_act": "silu",
      "rms_norm_eps": 1e-05,
      "rope_theta": 500000.0,
      "max_position_embeddings": 2097152,
      "tie_word_embeddings": true,
      "bos_token_id": 1,
      "eos_token_id": 2
    }

    """

  /// - Parameter name: a model directory, a GGUF file, or the name of a model in the local cache, or of a
  ///   built-in one; nil for the built-in shape.
  /// - Throws: `AgreedFailure`, `MPIError`.
  static func outline(_ name: String?, precision: Precision, _ job: Job) throws -> ModelOutline {
    guard let name else {
      let text = Array(builtInConfiguration.utf8)
      return try text.withUnsafeBytes {
        try ModelOutline(
          name: builtInName,
          randomWeightsFor: JSONDocument(bytes: $0, path: "\(builtInName)/config.json"))
      }
    }
    if case .builtIn(let variant) = ModelSource(name) { return .builtIn(variant) }
    let path = try job.onRoot { try ModelSource.path(of: name) }
    return try job.onEveryRank {
      // How fast quantized weights are depends on how they are stored: those of a GGUF file are used.
      let file = try StoredModels.gguf(at: path)
      return try OutlinedModel.outline(
        of: file ?? StoredModels.model(at: path), precision: precision,
        weights: file == nil ? .random : .files)
    }
  }
}

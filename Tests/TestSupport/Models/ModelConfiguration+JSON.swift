import Foundation
import Transformer

extension ModelConfiguration {
  /// The settings in `config.json`, as SmolLM3 reads them.
  package var settings: [String: Any] {
    let attention = layers[0].attention
    return [
      "architectures": ["SmolLM3ForCausalLM"],
      "model_type": modelType,
      "hidden_size": hiddenSize,
      "intermediate_size": layers[0].feedForward.dense!.intermediateSize,
      "vocab_size": vocabulary.size,
      "num_hidden_layers": layers.count,
      "num_attention_heads": attention.queryHeads,
      "num_key_value_heads": attention.keyValueHeads,
      "head_dim": attention.headDimension,
      "rms_norm_eps": normalization.epsilon,
      "attention_bias": attention.hasBias,
      "mlp_bias": layers[0].feedForward.dense!.hasBias,
      "tie_word_embeddings": vocabulary.isTied,
      "max_position_embeddings": sequence.maximumPositions,
      "rope_theta": rotations[0].parameters.theta,
      "use_sliding_window": layers.contains { $0.pattern.slidingWindow != nil },
      "sliding_window": layers.lazy.compactMap(\.pattern.slidingWindow).first ?? NSNull(),
      "layer_types": layers.map {
        $0.pattern == .causal ? "full_attention" : "sliding_attention"
      },
      "no_rope_layers": layers.map { $0.rope != nil ? 1 : 0 },
      "bos_token_id": sequence.beginningToken ?? NSNull(),
      "eos_token_id": sequence.endTokens,
    ]
  }

  /// `config.json`.
  package var json: Data {
    // Numbers, texts and lists of them are always JSON.
    try! JSONSerialization.data(withJSONObject: settings, options: .sortedKeys)
  }
}

/// What the text part of a multimodal model is, as a text model.
struct MultimodalText {
  /// The type of the family that computes it.
  let family: String
  /// What its configuration class fills in where the family's own has something else.
  var defaults: [String: ConfigurationValue] = [:]
  /// What it computes whatever its keys say.
  var always: [String: ConfigurationValue] = [:]

  /// - Parameter type: of the text part.
  /// - Returns: nil where no family computes it.
  static func of(_ type: String) -> MultimodalText? {
    let text = others[type] ?? MultimodalText(family: type)
    return ModelFamilies.all.contains { $0.modelType == text.family } ? text : nil
  }

  /// Text parts that compute what a family of another name does: with text alone, the three positions of
  /// their rotation are one.
  private static let others: [String: MultimodalText] = {
    let second = MultimodalText(
      family: "qwen2",
      defaults: [
        "bos_token_id": 151_643, "eos_token_id": 151_645, "hidden_size": 8192,
        "intermediate_size": 29_568, "max_window_layers": 80, "num_attention_heads": 64,
        "num_hidden_layers": 80, "num_key_value_heads": 8, "rms_norm_eps": .number(1e-5),
        "rope_theta": 1_000_000, "vocab_size": 152_064,
      ])
    let third: [String: ConfigurationValue] = [
      "max_position_embeddings": 128_000, "rope_theta": 500_000,
    ]
    let experts: [String: ConfigurationValue] = [
      "intermediate_size": 5632, "moe_intermediate_size": 1408, "num_attention_heads": 16,
      "num_experts": 60, "num_experts_per_tok": 4, "num_key_value_heads": 16,
    ]
    return [
      "qwen2_vl_text": second, "qwen2_5_vl_text": second,
      "qwen3_vl_text": MultimodalText(family: "qwen3", defaults: third),
      "qwen3_vl_moe_text": MultimodalText(
        family: "qwen3_moe", defaults: third.merging(experts) { $1 },
        // Its router knows no other way.
        always: ["norm_topk_prob": true]),
    ]
  }()
}

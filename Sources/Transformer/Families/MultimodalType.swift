/// A kind of model whose text part, with text alone, computes what a text model does.
///
/// Types, and defaults of their text parts, are those of the configuration classes in Hugging Face
/// Transformers.
struct MultimodalType {
  /// The value of `model_type` in `config.json`.
  let modelType: String
  /// What `architectures` must list, if the file has such a key.
  let architecture: String
  /// The type of a text part that does not say its own.
  let textType: String
  /// Whether the text part's keys stand at the root in files without `text_config`.
  var mayHaveTextAtRoot = false

  static let all = [
    MultimodalType(
      modelType: "gemma3", architecture: "Gemma3ForConditionalGeneration", textType: "gemma3_text"),
    MultimodalType(
      modelType: "gemma4", architecture: "Gemma4ForConditionalGeneration", textType: "gemma4_text"),
    MultimodalType(
      modelType: "mistral3", architecture: "Mistral3ForConditionalGeneration", textType: "mistral"),
    MultimodalType(
      modelType: "llava", architecture: "LlavaForConditionalGeneration", textType: "llama"),
    MultimodalType(
      modelType: "llava_next", architecture: "LlavaNextForConditionalGeneration", textType: "llama"),
    MultimodalType(
      modelType: "llava_onevision", architecture: "LlavaOnevisionForConditionalGeneration",
      textType: "qwen2"),
    MultimodalType(
      modelType: "idefics3", architecture: "Idefics3ForConditionalGeneration", textType: "llama"),
    MultimodalType(
      modelType: "smolvlm", architecture: "SmolVLMForConditionalGeneration", textType: "llama"),
    MultimodalType(
      modelType: "qwen2_vl", architecture: "Qwen2VLForConditionalGeneration",
      textType: "qwen2_vl_text", mayHaveTextAtRoot: true),
    MultimodalType(
      modelType: "qwen2_5_vl", architecture: "Qwen2_5_VLForConditionalGeneration",
      textType: "qwen2_5_vl_text", mayHaveTextAtRoot: true),
    MultimodalType(
      modelType: "qwen3_vl", architecture: "Qwen3VLForConditionalGeneration",
      textType: "qwen3_vl_text"),
    MultimodalType(
      modelType: "qwen3_vl_moe", architecture: "Qwen3VLMoeForConditionalGeneration",
      textType: "qwen3_vl_moe_text"),
  ]

  /// Keys at the root that bear on other inputs than text alone.
  static let keys: Set<String> = [
    "_pad_token_id", "audio_config", "audio_token_id", "boa_token_id", "boi_token_id",
    "boi_token_index", "eoa_token_id", "eoa_token_index", "eoi_token_id", "eoi_token_index",
    "ignore_index", "image_grid_pinpoints", "image_seq_length", "mm_tokens_per_image",
    "multimodal_projector_bias", "projector_hidden_act", "scale_factor", "spatial_merge_size",
    "text_config", "use_image_newline_parameter", "video_token_index", "vision_aspect_ratio",
    "vision_config", "vision_feature_layer", "vision_feature_select_strategy",
    "vision_soft_tokens_per_image",
  ]
}

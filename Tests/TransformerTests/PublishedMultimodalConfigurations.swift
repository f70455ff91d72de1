/// What `config.json` says in published models of text and images, but for most of what it says of
/// images.
enum PublishedMultimodalConfigurations {
  static let all = [
    "gemma-3-4b-it": gemma3, "llava-1.5-7b-hf": llava, "llava-v1.6-mistral-7b-hf": llavaNext,
    "Mistral-Small-3.1-24B-Instruct-2503": mistral3, "Qwen2-VL-7B-Instruct": qwen2,
    "Qwen3-VL-8B-Instruct": qwen3,
  ]

  static let gemma3 = """
    {"architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999,
     "eoi_token_index": 256000, "eos_token_id": [1, 106], "image_token_index": 262144,
     "initializer_range": 0.02, "mm_tokens_per_image": 256, "model_type": "gemma3",
     "text_config": {"hidden_size": 2560, "intermediate_size": 10240,
       "model_type": "gemma3_text", "num_hidden_layers": 34,
       "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
     "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0",
     "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model",
       "num_hidden_layers": 27, "vision_use_head": false}}
    """

  static let llava = """
    {"architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100,
     "image_token_index": 32000, "model_type": "llava", "pad_token_id": 32001,
     "projector_hidden_act": "gelu",
     "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5",
       "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096,
       "model_type": "llama", "rms_norm_eps": 1e-05, "torch_dtype": "float16",
       "vocab_size": 32064},
     "tie_word_embeddings": false, "torch_dtype": "float16",
     "transformers_version": "4.36.0.dev0",
     "vision_config": {"hidden_size": 1024, "model_type": "clip_vision_model",
       "vocab_size": 32000},
     "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
     "vocab_size": 32064}
    """

  static let llavaNext = """
    {"architectures": ["LlavaNextForConditionalGeneration"], "ignore_index": -100,
     "image_grid_pinpoints": [[336, 672], [672, 336]], "image_token_index": 32000,
     "model_type": "llava_next", "projector_hidden_act": "gelu",
     "text_config": {"_name_or_path": "mistralai/Mistral-7B-Instruct-v0.2",
       "architectures": ["MistralForCausalLM"], "intermediate_size": 14336,
       "max_position_embeddings": 32768, "model_type": "mistral", "num_key_value_heads": 8,
       "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null,
       "torch_dtype": "bfloat16", "vocab_size": 32064},
     "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.39.0.dev0",
     "use_image_newline_parameter": true, "vision_config": {"model_type": "clip_vision_model"},
     "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
     "vocab_size": 32064}
    """

  static let mistral3 = """
    {"architectures": ["Mistral3ForConditionalGeneration"], "image_token_index": 10,
     "model_type": "mistral3", "multimodal_projector_bias": false,
     "projector_hidden_act": "gelu", "spatial_merge_size": 2,
     "text_config": {"attention_dropout": 0.0, "head_dim": 128, "hidden_act": "silu",
       "hidden_size": 5120, "initializer_range": 0.02, "intermediate_size": 32768,
       "max_position_embeddings": 131072, "model_type": "mistral", "num_attention_heads": 32,
       "num_hidden_layers": 40, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
       "rope_theta": 1000000000.0, "sliding_window": null, "use_cache": true,
       "vocab_size": 131072},
     "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0",
     "vision_config": {"head_dim": 64, "model_type": "pixtral"}, "vision_feature_layer": -1}
    """

  static let qwen2 = """
    {"architectures": ["Qwen2VLForConditionalGeneration"], "attention_dropout": 0.0,
     "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
     "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655,
     "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 3584,
     "initializer_range": 0.02, "intermediate_size": 18944, "max_position_embeddings": 32768,
     "max_window_layers": 28, "model_type": "qwen2_vl", "num_attention_heads": 28,
     "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
     "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": false,
     "torch_dtype": "bfloat16", "transformers_version": "4.41.2", "use_cache": true,
     "use_sliding_window": false,
     "vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 3584},
     "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 152064}
    """

  static let qwen3 = """
    {"architectures": ["Qwen3VLForConditionalGeneration"], "image_token_id": 151655,
     "model_type": "qwen3_vl",
     "text_config": {"attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643,
       "dtype": "bfloat16", "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
       "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 12288,
       "max_position_embeddings": 262144, "model_type": "qwen3_vl_text",
       "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8,
       "rms_norm_eps": 1e-06,
       "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20],
         "rope_type": "default"},
       "rope_theta": 5000000, "use_cache": true, "vocab_size": 151936},
     "tie_word_embeddings": false, "transformers_version": "4.57.0.dev0",
     "video_token_id": 151656, "vision_config": {"depth": 27, "model_type": "qwen3_vl"},
     "vision_end_token_id": 151653, "vision_start_token_id": 151652}
    """
}

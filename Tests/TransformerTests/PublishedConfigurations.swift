/// What `config.json` says in published models whose keys are out of the ordinary.
enum PublishedConfigurations {
  static let all = [
    "SmolLM2-135M-Instruct": smolLM2Small, "SmolLM2-1.7B-Instruct": smolLM2Large,
    "Falcon3-7B-Instruct": falcon3, "DeepSeek-R1-0528-Qwen3-8B": deepSeekR1,
    "Qwen2.5-7B-Instruct-1M": qwen1M, "LLaMA-7B, as first converted": firstLlama,
  ]

  static let smolLM2Small = """
    {"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
     "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
     "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
     "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
     "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
     "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
     "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
     "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.42.3",
     "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
     "use_cache": true, "vocab_size": 49152}
    """

  static let smolLM2Large = """
    {"_model_name_or_path": "smollm2", "_name_or_path": "smollm2",
     "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
     "bos_token_id": 1, "eos_token_id": 2, "head_dim": 64, "hidden_act": "silu",
     "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,
     "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama",
     "num_attention_heads": 32, "num_hidden_layers": 24, "num_key_value_heads": 32,
     "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
     "rope_theta": 130000, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
     "transformers_version": "4.42.3", "unk_token_id": 0, "use_cache": true, "vocab_size": 49152}
    """

  static let falcon3 = """
    {"activation": "swiglu", "architectures": ["LlamaForCausalLM"], "attention_bias": false,
     "attention_dropout": 0.0, "eos_token_id": 11, "head_dim": 256, "hidden_act": "silu",
     "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 23040,
     "max_position_embeddings": 32768, "mlp_bias": false, "model_type": "llama",
     "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 4,
     "pretraining_tp": 1, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000042,
     "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.46.1",
     "use_cache": true, "vocab_size": 131072}
    """

  static let deepSeekR1 = """
    {"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
     "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
     "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 12288,
     "max_position_embeddings": 131072, "max_window_layers": 36, "model_type": "qwen3",
     "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8,
     "rms_norm_eps": 1e-06,
     "rope_scaling": {"attn_factor": 0.8782488562869419, "factor": 4.0,
                      "original_max_position_embeddings": 32768, "rope_type": "yarn"},
     "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": false,
     "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true,
     "use_sliding_window": false, "vocab_size": 151936}
    """

  static let qwen1M = """
    {"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
     "dual_chunk_attention_config": {"chunk_size": 262144, "local_size": 8192,
                                     "original_max_position_embeddings": 262144},
     "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 3584,
     "initializer_range": 0.02, "intermediate_size": 18944, "max_position_embeddings": 1010000,
     "max_window_layers": 28, "model_type": "qwen2", "num_attention_heads": 28,
     "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-05,
     "rope_theta": 10000000.0, "sliding_window": 32768, "tie_word_embeddings": false,
     "torch_dtype": "bfloat16", "transformers_version": "4.47.1", "use_cache": true,
     "use_sliding_window": false, "vocab_size": 152064}
    """

  static let firstLlama = """
    {"architectures": ["LLaMAForCausalLM"], "bos_token_id": 0, "eos_token_id": 1,
     "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 11008,
     "initializer_range": 0.02, "max_sequence_length": 2048, "model_type": "llama",
     "num_attention_heads": 32, "num_hidden_layers": 32, "pad_token_id": -1,
     "rms_norm_eps": 1e-06, "torch_dtype": "float16", "transformers_version": "4.27.0.dev0",
     "use_cache": true, "vocab_size": 32000}
    """
}

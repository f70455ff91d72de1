/// Keys of `config.json` that bear on nothing that is computed here, whatever their values.
package enum HarmlessKeys {
  package static let all =
    provenance.union(loading).union(training).union(outputs).union(tokens).union(companions)
    .union(generation)

  private static let provenance: Set<String> = [
    "_commit_hash", "_model_name_or_path", "_name_or_path", "auto_map", "base_model_name_or_path",
    "internal_version",
    "is_llama_config", "is_qwen2_config", "name_or_path", "trained_with", "transformers.js_config",
    "transformers_version", "unsloth_fixed", "unsloth_optimized", "unsloth_version",
    "unsloth_training_performance",
  ]

  /// How other programs store and run it. What type a tensor has, its file says.
  private static let loading: Set<String> = [
    "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal",
    "_experts_implementation", "_experts_implementation_internal", "_flash_attn_2_enabled",
    "attn_implementation", "cache_implementation", "chunk_size_feed_forward", "device_map",
    "dtype", "experts_implementation", "flash_attn", "full_attn_mod", "fusion_config",
    "interpolate_factor", "pretraining_tp", "pruned_heads", "torch_dtype", "torchscript",
    "use_bfloat16", "use_cache", "use_flash_attention", "use_flash_attention_2", "use_flash_attn",
  ]

  private static let training: Set<String> = [
    "attention_dropout", "attn_pdrop", "aux_loss_alpha", "classifier_bias", "classifier_dropout",
    "dropout", "embd_pdrop", "emb_pdrop", "embedding_dropout", "finetuning_task",
    "gradient_checkpointing", "hidden_dropout", "init_std", "initializer_range", "layerdrop",
    "mlp_dropout", "mtp_loss_scaling_factor", "neftune_noise_alpha",
    "num_mtp_layers", "num_nextn_predict_layers", "resid_pdrop",
    "residual_dropout", "seq_aux",
    "use_reentrant_checkpointing", "z_loss_coefficient",
  ]

  /// What a run gives beside the logits, and what heads of other tasks are for.
  private static let outputs: Set<String> = [
    "id2label", "label2id", "num_labels", "num_logits_to_keep", "output_attentions",
    "output_hidden_states", "problem_type", "return_dict", "task_specific_params", "tf_legacy_loss",
    "tie_last_hidden_states", "use_return_dict",
  ]

  /// Tokens and lengths of the tokenizer, which has them in files of its own.
  private static let tokens: Set<String> = [
    "badwordsids", "bos_token", "cls_token_id", "eod_token_id", "eos_token", "image_token_id",
    "image_token_index", "mask_token_id", "max_sequence_length",
    "model_max_length", "pad_token", "pad_token_id", "padding_side", "prefix",
    "sep_token_id", "seq_length", "tokenizer_class", "tokenizer_model_max_length",
    "tokenizer_padding_side", "unk_token", "unk_token_id", "video_token_id",
    "vision_end_token_id", "vision_start_token_id", "vision_token_id",
  ]

  /// They count only beside another key, which says whether there is such a thing at all.
  private static let companions: Set<String> = [
    "alibi_bias_max", "floor_scale", "max_window_layers", "n_group", "norm_topk_prob",
    "output_router_logits", "routed_scaling_factor", "router_aux_loss_coef",
    "router_jitter_noise", "router_z_loss_coef", "scoring_func", "topk_group", "topk_method",
    "use_mrope",
  ]

  /// Of Transformers' `GenerationConfig`, which takes them from `generation_config.json`.
  private static let generation: Set<String> = [
    "_from_model_config", "assistant_confidence_threshold", "assistant_early_exit",
    "assistant_ensemble_weight", "assistant_lookbehind", "bad_words_ids", "begin_suppress_tokens",
    "cache_config", "compile_config", "constraints", "continuous_batching_config",
    "decoder_start_token_id", "disable_compile", "diversity_penalty", "do_sample", "dola_layers",
    "early_stopping", "encoder_no_repeat_ngram_size", "encoder_repetition_penalty",
    "epsilon_cutoff", "eta_cutoff", "exponential_decay_length_penalty", "force_words_ids",
    "forced_bos_token_id", "forced_eos_token_id", "generation_kwargs", "guidance_scale",
    "is_assistant", "length_penalty", "low_memory", "max_cache_len", "max_length",
    "max_matching_ngram_size", "max_new_tokens", "max_time", "min_length", "min_new_tokens",
    "min_p", "no_repeat_ngram_size", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "num_beam_groups", "num_beams", "num_return_sequences", "output_logits", "output_scores",
    "penalty_alpha", "prefill_chunk_size", "prompt_lookup_num_tokens", "remove_invalid_values",
    "renormalize_logits", "repetition_penalty", "return_dict_in_generate", "sequence_bias",
    "speculation_type", "stop_strings", "suppress_tokens", "target_lookbehind", "temperature",
    "token_healing", "top_h", "top_k", "top_p", "typical_p", "use_mtp", "watermarking_config",
  ]
}

"""The models of make_models.py that have experts, and those of their families that have none; see
model_list.py."""

from model_list import COMMON, DEFAULT_ROPE, NO_WINDOW, Model, scaled

SMALL = COMMON | dict(vocab_size=160, num_hidden_layers=2, max_position_embeddings=1024)
MILLION = scaled(1000000.0, rope_type="default")
MIXTRAL = SMALL | dict(intermediate_size=20, num_local_experts=8, num_experts_per_tok=2, **MILLION)
PUBLISHED_MIXTRAL = {"rope_theta": 1000000.0, "router_aux_loss_coef": 0.02, "router_jitter_noise": ...}
QWEN_MOE = SMALL | dict(num_experts=8, moe_intermediate_size=16, intermediate_size=48, rms_norm_eps=1e-6)
PUBLISHED_QWEN3_MOE = {
    "rope_theta": 1000000.0, "rope_scaling": None, "max_window_layers": 4, "num_experts": 8,
    "num_local_experts": ...}
GLM = SMALL | dict(
    num_hidden_layers=3, head_dim=16, intermediate_size=48, moe_intermediate_size=16, n_routed_experts=8,
    first_k_dense_replace=1, bos_token_id=None, eos_token_id=[2, 3, 4], rms_norm_eps=1e-5,
    pad_token_id=3,
    **scaled(1000000.0, rope_type="default", partial_rotary_factor=0.5))
PUBLISHED_GLM = {"rope_theta": 1000000, "rope_scaling": None, "partial_rotary_factor": 0.5,
                 "bos_token_id": ..., "output_router_logits": ...}
GPT_OSS_YARN = dict(beta_fast=8.0, beta_slow=1.0, factor=8.0, original_max_position_embeddings=96,
                    truncate=False)
GPT_OSS = SMALL | dict(
    intermediate_size=32, head_dim=32, num_local_experts=6, num_experts_per_tok=2, sliding_window=24,
    swiglu_limit=1.5, bos_token_id=None, pad_token_id=3, max_position_embeddings=768,
    **scaled(150000.0, rope_type="yarn", **GPT_OSS_YARN))
PUBLISHED_GPT_OSS = {
    "rope_theta": 150000, "rope_scaling": {**GPT_OSS_YARN, "rope_type": "yarn"}, "experts_per_token": 2,
    "initial_context_length": 96, "swiglu_alpha": ..., "bos_token_id": ..., "router_aux_loss_coef": 0.9}
GPT_OSS_MATTERS = [
    {"sliding_window": 25}, {"sliding_window": 41}, {"swiglu_limit": 1e9}, {"num_experts_per_tok": 1},
    {"layer_types": ["full_attention", "sliding_attention"]}, {"layer_types": ["full_attention"] * 2},
    scaled(150000.0, rope_type="yarn", **{**GPT_OSS_YARN, "truncate": True}),
    scaled(150000.0, rope_type="yarn", attention_factor=1.0, **GPT_OSS_YARN),
    scaled(150000.0, rope_type="default")]
GPT_OSS_NEUTRAL = {
    "self_attn.sinks": -1e4, "router.bias": 0.0, "gate_up_proj_bias": 0.0, "down_proj_bias": 0.0,
    "o_proj.bias": 0.0}
GEMMA4_ROPE = {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25,
                                  "rope_theta": 1000000.0},
               "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}
GEMMA4 = SMALL | dict(
    head_dim=16, global_head_dim=32, num_key_value_heads=2, num_global_key_value_heads=1,
    attention_k_eq_v=True, sliding_window=28, hidden_size_per_layer_input=0, final_logit_softcapping=8.0,
    pad_token_id=0, bos_token_id=2, eos_token_id=[1, 6], vocab_size_per_layer_input=160,
    rope_parameters=GEMMA4_ROPE)
PUBLISHED_GEMMA4 = {"global_head_dim": 32, "num_global_key_value_heads": 1, "per_layer_config": ...}
GEMMA4_KEEPS = ("rope_parameters", "layer_types", "head_dim", "pad_token_id")
GEMMA4_MATTERS = [
    {"sliding_window": 29}, {"final_logit_softcapping": None}, {"hidden_activation": "silu"},
    {"rope_parameters": GEMMA4_ROPE | {
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.5,
                           "rope_theta": 1000000.0}}},
    {"rope_parameters": GEMMA4_ROPE | {
        "full_attention": {"rope_type": "default", "rope_theta": 1000000.0}}},
    {"rope_parameters": GEMMA4_ROPE | {
        "sliding_attention": {"rope_type": "default", "rope_theta": 1000000.0}}}]
# The last layer's factor goes into a norm and is lost in it.
GEMMA4_NEUTRAL = {"layers.0.layer_scalar": 1.0}

MIXTURES = [
    Model("mixtral", "mixtral", MIXTRAL | dict(sliding_window=None), published=PUBLISHED_MIXTRAL,
          matters=[{"sliding_window": 128}, {"num_experts_per_tok": 1}, {"num_experts_per_tok": 3}]),
    Model("mixtral-window", "mixtral", MIXTRAL | dict(sliding_window=40, head_dim=32),
          published=PUBLISHED_MIXTRAL, keeps=("head_dim",),
          matters=[NO_WINDOW, {"sliding_window": 41}, {"num_experts_per_tok": 1}]),
    Model("qwen2-moe", "qwen2_moe",
          QWEN_MOE | dict(num_hidden_layers=4, decoder_sparse_step=2, num_experts_per_tok=2,
                          shared_expert_intermediate_size=24, norm_topk_prob=False, sliding_window=64,
                          **MILLION),
          published={"rope_theta": 1000000.0, "sliding_window": 64, "max_window_layers": 3,
                     "mlp_only_layers": ..., "qkv_bias": ...},
          matters=[{"norm_topk_prob": True}, {"num_experts_per_tok": 3}, DEFAULT_ROPE],
          neutral={"shared_expert_gate.weight": 0.0, "shared_expert.down_proj.weight": 0.0,
                   "q_proj.bias": 0.0}),
    Model("qwen3-moe", "qwen3_moe",
          QWEN_MOE | dict(num_hidden_layers=3, head_dim=16, mlp_only_layers=[1], num_experts_per_tok=3,
                          norm_topk_prob=True, **MILLION),
          published=PUBLISHED_QWEN3_MOE, keeps=("head_dim",),
          matters=[{"norm_topk_prob": False}, {"num_experts_per_tok": 2}, DEFAULT_ROPE]),
    # As published: no layer is dense. Files of llama.cpp can say nothing else.
    Model("qwen3-moe-sparse", "qwen3_moe",
          QWEN_MOE | dict(head_dim=32, num_experts=10, moe_intermediate_size=24, num_experts_per_tok=3,
                          norm_topk_prob=True, **MILLION),
          published=PUBLISHED_QWEN3_MOE | {"num_experts": 10}, keeps=("head_dim",),
          matters=[{"norm_topk_prob": False}, {"num_experts_per_tok": 2}, DEFAULT_ROPE]),
    Model("qwen3-moe-steps", "qwen3_moe",
          QWEN_MOE | dict(num_hidden_layers=4, head_dim=32, decoder_sparse_step=2, num_experts_per_tok=2,
                          norm_topk_prob=False, tie_word_embeddings=True, num_key_value_heads=1, **MILLION),
          published=PUBLISHED_QWEN3_MOE, keeps=("head_dim",),
          matters=[{"norm_topk_prob": True}, {"num_experts_per_tok": 3}, DEFAULT_ROPE]),
    Model("olmoe", "olmoe",
          SMALL | dict(intermediate_size=20, num_experts=8, num_experts_per_tok=3, clip_qkv=1.25,
                       norm_topk_prob=False, pad_token_id=1, bos_token_id=None, **DEFAULT_ROPE),
          published={"rope_theta": 10000.0, "rope_scaling": None, "bos_token_id": ...},
          keeps=("pad_token_id",),
          matters=[{"clip_qkv": None}, {"clip_qkv": 1.5}, {"norm_topk_prob": True},
                   {"num_experts_per_tok": 2}]),
    Model("glm4-moe", "glm4_moe",
          GLM | dict(num_experts_per_tok=3, n_group=4, topk_group=2, n_shared_experts=2,
                     routed_scaling_factor=1.5, norm_topk_prob=True, use_qk_norm=True,
                     attention_bias=True),
          published=PUBLISHED_GLM, keeps=("head_dim", "pad_token_id"),
          matters=[{"n_group": 1, "topk_group": 1}, {"topk_group": 3}, {"routed_scaling_factor": 1.0},
                   {"norm_topk_prob": False}, {"num_experts_per_tok": 2},
                   scaled(1000000.0, rope_type="default", partial_rotary_factor=1.0)],
          neutral={"e_score_correction_bias": 0.0, "shared_experts.down_proj.weight": 0.0}),
    Model("glm4-moe-plain", "glm4_moe",
          GLM | dict(num_experts_per_tok=2, n_group=2, topk_group=1, n_shared_experts=1,
                     routed_scaling_factor=2.5, norm_topk_prob=False, use_qk_norm=False,
                     attention_bias=False),
          published=PUBLISHED_GLM, keeps=("head_dim", "pad_token_id"),
          matters=[{"n_group": 1}, {"topk_group": 2}, {"routed_scaling_factor": 1.0},
                   {"norm_topk_prob": True}, {"num_experts_per_tok": 3}],
          neutral={"e_score_correction_bias": 0.0, "shared_experts.down_proj.weight": 0.0}),
    Model("gpt-oss", "gpt_oss", GPT_OSS, published=PUBLISHED_GPT_OSS,
          keeps=("layer_types", "head_dim", "pad_token_id"), matters=GPT_OSS_MATTERS,
          neutral=GPT_OSS_NEUTRAL),
    Model("gpt-oss-mxfp4", "gpt_oss",
          GPT_OSS | dict(num_local_experts=12, num_experts_per_tok=3, num_key_value_heads=1,
                         # Files of llama.cpp do not say the limit, which is the published one.
                         intermediate_size=64, sliding_window=40, swiglu_limit=7.0),
          published=PUBLISHED_GPT_OSS | {"experts_per_token": 3},
          keeps=("layer_types", "head_dim", "pad_token_id"), matters=GPT_OSS_MATTERS,
          neutral=GPT_OSS_NEUTRAL, has_mxfp4_experts=True),
    Model("gemma4", "gemma4_text",
          GEMMA4 | dict(num_hidden_layers=4, intermediate_size=96,
                        layer_types=["sliding_attention", "full_attention", "sliding_attention",
                                     "full_attention"]),
          published=PUBLISHED_GEMMA4, keeps=GEMMA4_KEEPS, matters=GEMMA4_MATTERS, neutral=GEMMA4_NEUTRAL),
    Model("gemma4-moe", "gemma4_text",
          GEMMA4 | dict(intermediate_size=40, enable_moe_block=True, num_experts=8, top_k_experts=2,
                        moe_intermediate_size=20, layer_types=["sliding_attention", "full_attention"]),
          published=PUBLISHED_GEMMA4, keeps=GEMMA4_KEEPS,
          matters=[*GEMMA4_MATTERS, {"top_k_experts": 1}, {"top_k_experts": 3}],
          neutral=GEMMA4_NEUTRAL | {"router.scale": 1.0, "per_expert_scale": 1.0,
                                    "mlp.down_proj.weight": 0.0, "experts.down_proj": 0.0}),
]

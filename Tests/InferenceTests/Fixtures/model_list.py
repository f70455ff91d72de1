"""The models of make_models.py: what is special about each, and how its kind is published.

Sizes are as small as they can be with everything that matters still in them: several layers, groups of
query heads, windows much shorter than the context, contexts longer than one block of 256 tokens, scaled
RoPE whose scaling begins far below the context's length.
"""

from dataclasses import dataclass, field

COMMON = dict(
    vocab_size=256, hidden_size=64, intermediate_size=112, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=None)

# Of config.json, what the files of published checkpoints had before Transformers 5 under other names.
RENAMED = {"dtype": "torch_dtype"}
# What only newer versions write.
NEW = ("rope_parameters", "layer_types", "head_dim", "pad_token_id")


@dataclass
class Run:
    """One way to use a model."""

    name: str = "default"
    # How many of the model's tokens are the context; None: all.
    context: int | None = None
    generated: int = 64
    # Whether a context of fewer tokens is rotated otherwise, so that the same tokens behind a shorter
    # context have other logits.
    follows_context: bool = False
    # Whether frequencies change while the run lasts.
    changes_with_length: bool = False


@dataclass
class Model:
    name: str
    model_type: str
    config: dict
    # What takes the place of keys of config.json in the older, published spelling, and which keys of the
    # newer one stay in it.
    published: dict
    keeps: tuple = ()
    # Without any one of these the logits must be others, or the fixture would not test it.
    matters: list = field(default_factory=list)
    # The same for weights: how the names of some end, and the value with which they would not weigh in.
    neutral: dict = field(default_factory=dict)
    # Whether the experts' weights are MXFP4 blocks in the model's file.
    has_mxfp4_experts: bool = False
    dtype: str = "bfloat16"
    tokens: int = 280
    shard_size: str = "1GB"
    runs: list = field(default_factory=lambda: [Run()])
    seed: int = 1


def llama(name, published=None, **options):
    config = COMMON | dict(max_position_embeddings=512) | options.pop("config", {})
    return Model(name, "llama", config, published or {}, **options)


def scaled(theta, **parameters):
    return {"rope_parameters": {"rope_theta": theta, **parameters}}


DEFAULT_ROPE = scaled(10000.0, rope_type="default")
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
YARN = dict(factor=4.0, beta_fast=16.0, beta_slow=2.0, mscale=1.5, mscale_all_dim=0.5,
            original_max_position_embeddings=96)
QWEN_YARN = dict(factor=4.0, original_max_position_embeddings=80)
NO_WINDOW = {"sliding_window": None}


def factors(count, first, step):
    return [round(first + step * i**1.5, 3) for i in range(count)]


LONGROPE_32 = dict(short_factor=factors(16, 1.0, 0.02), long_factor=factors(16, 1.1, 0.4))
LONGROPE_24 = dict(short_factor=factors(12, 1.0, 0.03), long_factor=factors(12, 1.05, 0.5))

MODELS = [
    llama("llama-2", config=dict(num_key_value_heads=4, intermediate_size=80, rms_norm_eps=1e-5),
          dtype="float32",
          published={"rope_scaling": None, "pretraining_tp": 1, "attention_bias": None, "mlp_bias": None},
          matters=[scaled(1e6, rope_type="default")]),
    llama("llama-3.1", config=dict(num_hidden_layers=3, rms_norm_eps=1e-5, eos_token_id=[2, 3, 4],
                                   **scaled(500000.0, rope_type="llama3", **LLAMA3)),
          published={"rope_theta": 500000.0, "rope_scaling": {**LLAMA3, "rope_type": "llama3"},
                     "pretraining_tp": 1},
          matters=[scaled(500000.0, rope_type="default")], shard_size="80KB"),
    llama("llama-biases-tied",
          config=dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True, head_dim=32,
                      intermediate_size=96),
          published={"rope_theta": 10000.0, "rope_scaling": None}, keeps=("head_dim",),
          matters=[scaled(1e6, rope_type="default")]),
    # Heads that fill no vector register, in groups of three.
    llama("llama-narrow-heads",
          config=dict(hidden_size=66, num_attention_heads=3, num_key_value_heads=1, intermediate_size=90,
                      **DEFAULT_ROPE),
          published={"rope_theta": 10000.0, "rope_scaling": None},
          matters=[scaled(1e6, rope_type="default")]),
    llama("llama-linear", config=scaled(10000.0, rope_type="linear", factor=4.0),
          published={"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
          matters=[DEFAULT_ROPE]),
    llama("llama-dynamic",
          config=dict(max_position_embeddings=96, **scaled(10000.0, rope_type="dynamic", factor=2.0)),
          published={"rope_theta": 10000.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
          matters=[DEFAULT_ROPE], runs=[Run(follows_context=True, changes_with_length=True)]),
    llama("llama-yarn", config=dict(max_position_embeddings=384, **scaled(10000.0, rope_type="yarn", **YARN)),
          published={"rope_theta": 10000.0,
                     "rope_scaling": {"type": "yarn", "attention_factor": None, **YARN}},
          matters=[DEFAULT_ROPE, scaled(10000.0, rope_type="yarn", **{**YARN, "mscale_all_dim": 1.5}),
                   scaled(10000.0, rope_type="yarn", **{**YARN, "beta_fast": 32.0, "beta_slow": 1.0})]),
    Model("mistral-window", "mistral",
          COMMON | dict(num_hidden_layers=2, head_dim=32, sliding_window=48, max_position_embeddings=1024,
                        intermediate_size=96, **DEFAULT_ROPE),
          published={"rope_theta": 10000.0}, keeps=("head_dim",), tokens=530,
          matters=[NO_WINDOW, {"sliding_window": 49}]),
    Model("mistral-full", "mistral",
          COMMON | dict(sliding_window=None, max_position_embeddings=1024,
                        **scaled(1000000.0, rope_type="default")),
          published={"rope_theta": 1000000.0}, dtype="float16", matters=[{"sliding_window": 128}]),
    Model("qwen2-window", "qwen2",
          COMMON | dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=40,
                        max_window_layers=1, max_position_embeddings=1024, tie_word_embeddings=True,
                        eos_token_id=2, **scaled(1000000.0, rope_type="default")),
          published={"rope_theta": 1000000.0},
          matters=[{"sliding_window": 41}, {"use_sliding_window": False},
                   {"layer_types": ["sliding_attention"] * 3}]),
    Model("qwen2-yarn", "qwen2",
          COMMON | dict(use_sliding_window=False, sliding_window=64, max_window_layers=2,
                        max_position_embeddings=320, **scaled(1000000.0, rope_type="yarn", **QWEN_YARN)),
          published={"rope_theta": 1000000.0, "rope_scaling": {**QWEN_YARN, "type": "yarn"},
                     "sliding_window": 64},
          matters=[scaled(1000000.0, rope_type="default"),
                   scaled(1000000.0, rope_type="yarn", **QWEN_YARN, attention_factor=1.0)]),
    Model("qwen3", "qwen3",
          COMMON | dict(head_dim=32, intermediate_size=96, max_position_embeddings=1024, eos_token_id=2,
                        rms_norm_eps=1e-6, tie_word_embeddings=True,
                        **scaled(1000000.0, rope_type="default")),
          published={"rope_theta": 1000000.0, "rope_scaling": None}, keeps=("head_dim",),
          matters=[DEFAULT_ROPE]),
    Model("smollm3", "smollm3",
          COMMON | dict(num_hidden_layers=4, no_rope_layer_interval=2, use_sliding_window=True,
                        sliding_window=56, max_position_embeddings=1024, pad_token_id=4,
                        tie_word_embeddings=True, intermediate_size=64,
                        **scaled(5000000.0, rope_type="default")),
          published={"rope_theta": 5000000.0, "rope_scaling": None, "pretraining_tp": 2,
                     "max_window_layers": 28, "mlp_bias": False},
          keeps=("layer_types", "pad_token_id"),
          matters=[{"no_rope_layers": [1, 1, 1, 1]}, {"layer_types": ["full_attention"] * 4},
                   {"sliding_window": 57}]),
    Model("gemma2", "gemma2",
          COMMON | dict(hidden_size=80, num_hidden_layers=3, head_dim=32, query_pre_attn_scalar=24,
                        intermediate_size=96, sliding_window=44, attn_logit_softcapping=5.0,
                        final_logit_softcapping=8.0, max_position_embeddings=1024, pad_token_id=0,
                        bos_token_id=2, eos_token_id=1, **DEFAULT_ROPE),
          published={"rope_theta": 10000.0, "cache_implementation": "hybrid",
                     "hidden_act": "gelu_pytorch_tanh", "sliding_window_size": 44,
                     "tie_word_embeddings": ...},
          keeps=("head_dim", "pad_token_id"),
          matters=[{"attn_logit_softcapping": None}, {"final_logit_softcapping": None},
                   {"query_pre_attn_scalar": 32}, {"sliding_window": 45},
                   {"hidden_activation": "silu"},
                   {"layer_types": ["full_attention", "sliding_attention", "full_attention"]}]),
    Model("gemma3", "gemma3_text",
          COMMON | dict(hidden_size=80, num_hidden_layers=4, head_dim=32, query_pre_attn_scalar=40,
                        intermediate_size=64, sliding_window=36, max_position_embeddings=1024,
                        layer_types=["sliding_attention", "sliding_attention", "full_attention",
                                     "sliding_attention"],
                        pad_token_id=0, bos_token_id=2, eos_token_id=[1, 6],
                        rope_parameters={
                            "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}),
          published={"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
                     "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window_pattern": 3,
                     "cache_implementation": "hybrid", "_sliding_window_pattern": ...,
                     "use_bidirectional_attention": ..., "tie_word_embeddings": ...},
          keeps=("head_dim", "pad_token_id"),
          matters=[{"query_pre_attn_scalar": 32}, {"sliding_window": 37},
                   {"rope_parameters": {
                       "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
                       "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
                   {"rope_parameters": {
                       "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
                       "sliding_attention": {"rope_type": "default", "rope_theta": 1000000.0}}}]),
    Model("phi3", "phi3",
          COMMON | dict(sliding_window=60, max_position_embeddings=1024, pad_token_id=3,
                        original_max_position_embeddings=1024, **DEFAULT_ROPE),
          published={"rope_theta": 10000.0, "rope_scaling": None, "attention_bias": False,
                     "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config",
                                  "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"}},
          keeps=("pad_token_id",), matters=[NO_WINDOW, {"sliding_window": 61}]),
    # A run whose last token is computed at the original length, and one beyond it from the start.
    Model("phi3-longrope", "phi3",
          COMMON | dict(num_attention_heads=2, num_key_value_heads=2, sliding_window=None, pad_token_id=3,
                        max_position_embeddings=2400, original_max_position_embeddings=300,
                        **scaled(10000.0, rope_type="longrope", **LONGROPE_32)),
          published={"rope_theta": 10000.0, "rope_scaling": {**LONGROPE_32, "type": "longrope"},
                     "attention_bias": False},
          keeps=("pad_token_id",), matters=[DEFAULT_ROPE],
          tokens=330,
          runs=[Run("short", context=280, generated=21), Run("long", follows_context=True)]),
    Model("phi4-partial", "phi3",
          COMMON | dict(num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=3,
                        sliding_window=4096, pad_token_id=3, tie_word_embeddings=True,
                        max_position_embeddings=2048, original_max_position_embeddings=128,
                        **scaled(10000.0, rope_type="longrope", partial_rotary_factor=0.75, **LONGROPE_24)),
          published={"rope_theta": 10000.0, "partial_rotary_factor": 0.75,
                     "rope_scaling": {**LONGROPE_24, "type": "longrope"}, "attention_bias": False,
                     "full_attn_mod": 1, "interpolate_factor": 1, "lm_head_bias": False, "mlp_bias": False},
          keeps=("pad_token_id",),
          matters=[scaled(10000.0, rope_type="longrope", partial_rotary_factor=0.75,
                          **{**LONGROPE_24, "long_factor": LONGROPE_24["short_factor"]}),
                   scaled(10000.0, rope_type="default", partial_rotary_factor=0.75)]),
]

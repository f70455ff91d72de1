"""Random models for make_models.py: of a size at which attention is neither uniform nor on one token only,
biases and norms weigh in, soft caps bend, and routers send tokens to all experts."""

import json
import math

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

# What parts are multiplied by beside 1/√(width of their input).
GAINS = {"q_proj": 1.6, "k_proj": 1.6, "qkv_proj": 1.6, "o_proj": 1.5, "gate_proj": 1.6, "up_proj": 1.6,
         "gate_up_proj": 1.6, "down_proj": 1.5, "lm_head": 4.0}
ROUTER_GAIN = 2.0  # of scores: so that experts of one token have different weights


def draw(parameter_name, shape, generator, config):
    """A parameter's or a buffer's values, by its role."""
    normal = torch.randn(shape, generator=generator)
    path = parameter_name.removesuffix(".weight").split(".")
    part = path[-1]
    if part == "e_score_correction_bias":
        return 0.25 * normal
    if part.endswith("bias"):
        return 0.4 * normal
    if part == "sinks":
        return 5.0 + 1.5 * normal  # among scores of a standard deviation of 2.5, of a few dozen tokens
    if part == "layer_scalar":
        return 0.7 + 0.15 * normal
    if len(shape) == 1:
        return draw_norm(part, normal, config)
    if part == "embed_tokens":
        # Tied to the head, a large embedding would make a model that repeats its last token. Gemma
        # multiplies it by √hidden.
        scale = 0.5 if config.tie_word_embeddings else 1.0
        return normal * (0.6 / config.hidden_size**0.5 if is_gemma(config) else scale)
    if path[-2:] == ["router", "proj"]:
        return ROUTER_GAIN * normal  # Its input is divided by √hidden.
    gain = ROUTER_GAIN if part in ("gate", "router") else GAINS.get(part, 1.0)
    if part == "down_proj" and "experts" in path:
        gain = 2.5  # Each has only a share in the sum.
    is_transposed = config.model_type == "gpt_oss" and "experts" in path
    return gain / shape[-2 if is_transposed else -1] ** 0.5 * normal


def draw_norm(part, normal, config):
    """The values of a norm's weight or of another factor."""
    center = {"q_norm": 1.6, "k_norm": 1.6}.get(part, 1.0)
    if is_gemma(config):  # What makes layers count beside an embedding that is also the head.
        layer = 1.5 if getattr(config, "enable_moe_block", False) else 2.5
        center = {"norm": 3.0, "post_attention_layernorm": layer,
                  "post_feedforward_layernorm": layer}.get(part, center)
    if config.model_type == "gemma4_text":
        if part in ("q_norm", "k_norm"):
            return (center + 0.25 * normal) / len(normal) ** 0.25  # Scores are not divided by √width.
        return center + 0.25 * normal
    return center - is_gemma(config) + 0.25 * normal  # Gemma's norms multiplied by 1 + weight before.


def is_gemma(config):
    return config.model_type.startswith("gemma")


def random_model(spec, seed):
    """A model, tokens for it, and the packed tensors that its file has in place of some, by name."""
    config = AutoConfig.for_model(spec.model_type, **json.loads(json.dumps(spec.config)))
    dtype = getattr(torch, spec.dtype)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    saved = model.state_dict()
    packed = {}
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.data = parameter.data.to(dtype)  # what published checkpoints have for routers, too
            if spec.has_mxfp4_experts and name.endswith(("gate_up_proj", "down_proj")):
                tensors, values = draw_mxfp4(name, parameter.shape, generator, config)
                packed |= tensors
            else:
                values = draw(name, parameter.shape, generator, config)
            parameter.copy_(values)
        for name, buffer in sorted(model.named_buffers()):
            if name in saved:
                buffer.copy_(draw(name, buffer.shape, generator, config))
    tokens = torch.randint(5, config.vocab_size, (spec.tokens,), generator=generator).tolist()
    return model, tokens, packed


def draw_mxfp4(name, shape, generator, config):
    """Random blocks [experts][outputs][inputs / 32][16] of two 4-bit numbers a byte, a scale for each block
    (the exponent of a power of two, plus 127), and their values as Transformers unpacks them:
    [experts][inputs][outputs]."""
    experts, inputs, outputs = shape
    blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), generator=generator)
    blocks = blocks.to(torch.uint8)
    # The root of the mean square of what 4 bits stand for is 2.9. Gates are so large that the limit cuts
    # many off, and what they are multiplied into is made small again.
    doublings = round(math.log2(config.swiglu_limit / 1.5))
    exponent = -4 + doublings if name.endswith("gate_up_proj") else -3 - 2 * doublings
    scales = 127 + exponent + torch.randint(-2, 2, blocks.shape[:-1], generator=generator)
    scales = scales.to(torch.uint8)
    return {name + "_blocks": blocks, name + "_scales": scales}, convert_moe_packed_tensors(blocks, scales)

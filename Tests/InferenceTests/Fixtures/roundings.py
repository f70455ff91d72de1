"""Computations in bfloat16 that are as right as Transformers' default one and round elsewhere.

Where experts are chosen, one choice that rounding turns outweighs all other errors, at its position and by
way of attention behind it. Models are drawn for which that hits all of these computations alike, so that
their errors, and those of any other program, can be compared at all.
"""

import torch


def other_models(folder, load):
    """One after the other."""
    yield rounded(load(folder, torch.float32), ("Linear", "Norm", "Experts", "Embedding", "Attention"))
    yield rounded(load(folder, torch.float32),
                  ("Linear", "Norm", "Experts", "Embedding", "Attention", "DecoderLayer"))
    yield load(folder, torch.bfloat16, experts="batched_mm")
    model = load(folder, torch.bfloat16)
    if model._supports_sdpa:
        model.set_attn_implementation("sdpa")
        yield model


def rounded(model, parts):
    """A model in float32 that rounds to bfloat16 what these of its parts give; logits stay as they are."""
    def after(_, __, output):
        if isinstance(output, tuple):
            return (output[0].bfloat16().float(), *output[1:])
        return output.bfloat16().float()

    for name, module in model.named_modules():
        kind = type(module).__name__
        if any(part in kind for part in parts) and "Rotary" not in kind and name != "lm_head":
            module.register_forward_hook(after)
    model.lm_head.register_forward_pre_hook(lambda _, inputs: (inputs[0].bfloat16().float(), *inputs[1:]))
    return model

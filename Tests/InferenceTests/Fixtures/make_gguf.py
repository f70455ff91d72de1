"""Makes model.gguf beside the safetensors of some models of make_models.py: the same tensors, written by
llama.cpp's own library as llama.cpp's converter writes them.

    pip install gguf safetensors torch
    python make_gguf.py [NAME ...]

without names of all of MODELS, after make_models.py, which empties a model's folder. Matrices are BF16,
which loses nothing, experts that are MXFP4 stay so, and what the converter always has in F32 is F32: vectors,
biases, routers. Keys are those that the converter writes for each architecture, and names of tensors are
the library's; what it does besides is noted where it is done. There is no tokenizer, which such a file says,
too.

No file says how layers without experts lie among others ("qwen3-moe"), nor another limit of gpt-oss's
gates than the published one ("gpt-oss"), nor that the bounds of YaRN's ramp are not rounded to whole numbers
there. llama.cpp rounds them, so its logits are others ("gpt-oss-mxfp4"); ringflash computes what
Transformers does.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
NO_FREQUENCY = 1e30  # the divisor of a frequency that becomes 0


# --- Metadata


def add_common(writer, config):
    """What files of all architectures have. `config` is spelled as published."""
    writer.add_type("model")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_tokenizer_model("none")
    writer.add_vocab_size(config["vocab_size"])
    if (token := config.get("bos_token_id")) is not None:
        writer.add_bos_token_id(token)
    ends = config["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    writer.add_eos_token_id(ends[0])
    for token in ends[1:]:
        writer.add_eot_token_id(token)


def add_heads(writer, config):
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])


def add_experts(writer, count, used, width):
    writer.add_expert_count(count)
    writer.add_expert_used_count(used)
    writer.add_expert_feed_forward_length(width)


def add_qwen3_moe(writer, config):
    assert config["norm_topk_prob"] and not config["mlp_only_layers"] and config["decoder_sparse_step"] == 1
    add_heads(writer, config)
    add_experts(
        writer, config["num_experts"], config["num_experts_per_tok"], config["moe_intermediate_size"])


def add_gpt_oss(writer, config):
    assert config["swiglu_limit"] == 7.0
    add_heads(writer, config)
    add_experts(
        writer, config["num_local_experts"], config["num_experts_per_tok"], config["intermediate_size"])
    writer.add_sliding_window(config["sliding_window"])
    scaling = config["rope_scaling"]
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(scaling["factor"])
    writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    writer.add_rope_scaling_yarn_beta_fast(scaling["beta_fast"])
    writer.add_rope_scaling_yarn_beta_slow(scaling["beta_slow"])


def add_gemma4(writer, config):
    sliding = [kind == "sliding_attention" for kind in config["layer_types"]]
    heads = (config["num_global_key_value_heads"], config["num_key_value_heads"])
    writer.add_head_count_kv([heads[is_sliding] for is_sliding in sliding])
    writer.add_sliding_window(config["sliding_window"])
    writer.add_sliding_window_pattern(sliding)
    writer.add_key_length(config["global_head_dim"])
    writer.add_value_length(config["global_head_dim"])
    writer.add_key_length_swa(config["head_dim"])
    writer.add_value_length_swa(config["head_dim"])
    writer.add_rope_dimension_count(config["global_head_dim"])
    writer.add_rope_dimension_count_swa(config["head_dim"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope["full_attention"]["rope_theta"])
    writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
    writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    writer.add_shared_kv_layers(config["num_kv_shared_layers"])
    writer.add_embedding_length_per_layer_input(config["hidden_size_per_layer_input"])
    add_experts(writer, config["num_experts"], config["top_k_experts"], config["moe_intermediate_size"])


# --- Tensors


def qwen3_moe_tensors(tensors, config):
    """All experts' matrices of a layer in one: [experts][outputs][inputs]."""
    result = {}
    for name, tensor in tensors.items():
        before, experts, after = name.partition(".experts.")
        if not experts:
            result[name] = tensor
        elif after.startswith("0."):
            part = after.removeprefix("0.")
            result[f"{before}.experts.{part}"] = torch.stack([
                tensors[f"{before}.experts.{expert}.{part}"] for expert in range(config["num_experts"])])
    return result


def gpt_oss_tensors(tensors, config):
    """Gates and what they are multiplied with apart: they are even and odd rows. Experts' blocks, which
    have scales beside them, become Packed."""
    result = {}
    for name, tensor in tensors.items():
        if name.endswith("_scales"):
            continue
        if name.endswith("_blocks"):
            stem, suffix = name.removesuffix("_blocks"), ".weight"
            tensor = packed_mxfp4(tensor, tensors[f"{stem}_scales"])
        elif name.endswith("_proj_bias"):
            stem, suffix = name.removesuffix("_bias"), ".bias"
        else:
            result[name + ".weight" if name.endswith(".sinks") else name] = tensor
            continue
        if stem.endswith("gate_up_proj"):
            stem = stem.removesuffix("gate_up_proj")
            result[f"{stem}gate_proj{suffix}"] = tensor[:, 0::2]
            result[f"{stem}up_proj{suffix}"] = tensor[:, 1::2]
        else:
            result[stem + suffix] = tensor
    return result


def packed_mxfp4(blocks, scales):
    """Blocks of ggml, [experts][outputs][inputs / 32 · 17]: a scale and 16 bytes, of which the lower halves
    are a block's first 16 numbers and the upper ones the other 16. In safetensors a byte's halves are
    neighbours, [experts][outputs][inputs / 32][16]."""
    numbers = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2)
    halves = numbers[..., :16] | numbers[..., 16:] << 4
    return torch.cat([scales.unsqueeze(-1), halves], dim=-1).flatten(-2)


def gemma4_tensors(tensors, config):
    """What is no norm, bias or matrix in a layer gets an ending or another name. Besides, the pairs of
    coordinates that are not rotated in layers without a window are those of no frequency."""
    result = {}
    for name, tensor in tensors.items():
        layer = name.removeprefix("model.layers.").partition(".")[0]
        if name.endswith(".router.scale"):
            name = f"blk.{layer}.ffn_gate_inp.scale"
        elif name.endswith(".router.per_expert_scale"):
            name = f"blk.{layer}.ffn_down_exps.scale"
        elif name.endswith(".layer_scalar") or ".experts." in name:
            name += ".weight"
        result[name] = tensor
    pairs = config["global_head_dim"] // 2
    rotated = int(pairs * config["rope_parameters"]["full_attention"]["partial_rotary_factor"])
    result["rope_freqs.weight"] = torch.tensor([1.0] * rotated + [NO_FREQUENCY] * (pairs - rotated))
    return result


def type_of(name, tensor):
    """As the converter has it in files whose matrices are BF16."""
    if tensor.dtype == torch.uint8:
        return Type.MXFP4
    is_matrix = tensor.dim() > 1 and name.endswith(".weight") and "ffn_gate_inp" not in name
    return Type.BF16 if is_matrix else Type.F32


# --- All of a file


MODELS = {
    "qwen3-moe-sparse": (gguf.MODEL_ARCH.QWEN3MOE, add_qwen3_moe, qwen3_moe_tensors),
    "gpt-oss-mxfp4": (gguf.MODEL_ARCH.GPT_OSS, add_gpt_oss, gpt_oss_tensors),
    "gemma4-moe": (gguf.MODEL_ARCH.GEMMA4, add_gemma4, gemma4_tensors),
}


def make(name):
    architecture, add_own, arranged = MODELS[name]
    folder = HERE / name
    path = folder / "model.gguf"
    config = json.loads((folder / "published_config.json").read_text())
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_name(name)
    add_common(writer, config)
    add_own(writer, config)
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    for key, tensor in sorted(arranged(load_file(folder / "model.safetensors"), config).items()):
        own = key if key.startswith(("blk.", "rope_freqs.")) else names.get_name(key, (".weight", ".bias"))
        assert own, f"{name}: llama.cpp has no tensor {key}"
        kind = type_of(own, tensor)
        if kind == Type.MXFP4:
            writer.add_tensor(own, np.ascontiguousarray(tensor.numpy()), raw_dtype=kind)
        else:
            values = np.ascontiguousarray(tensor.float().numpy())
            writer.add_tensor(own, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.chmod(0o644)
    print(f"{name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    assert set(chosen) <= set(MODELS), f"no such models: {set(chosen) - set(MODELS)}"
    for name in chosen or MODELS:
        make(name)

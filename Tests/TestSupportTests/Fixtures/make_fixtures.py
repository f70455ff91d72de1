"""Makes the expected logits of this folder with Hugging Face Transformers, in float32 on the CPU.

    pip install torch transformers safetensors numpy
    python make_fixtures.py

Each folder holds config.json, as ringflash writes it for the built-in model, and three made here:
tokens.json, and logits.f32, float32 little-endian [rows][vocabulary] for the last rows of tokens.
The weights are not stored. Those of the built-in model are constructed here anew from its description,
and the random ones are drawn by the generator of RandomModel.swift.
"""

import json
import pathlib
import tempfile

import numpy
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent


def bf16(array):
    return torch.from_numpy(numpy.ascontiguousarray(array, numpy.float32)).to(torch.bfloat16)


def shapes(config):
    hidden, middle = config["hidden_size"], config["intermediate_size"]
    heads, groups, d = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        for name, outputs, inputs in (
            ("q", heads * d, hidden), ("k", groups * d, hidden), ("v", groups * d, hidden),
            ("o", hidden, heads * d),
        ):
            yield f"{prefix}self_attn.{name}_proj.weight", (outputs, inputs)
            if config["attention_bias"]:
                yield f"{prefix}self_attn.{name}_proj.bias", (outputs,)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        for name, outputs, inputs in (
            ("gate", middle, hidden), ("up", middle, hidden), ("down", hidden, middle),
        ):
            yield f"{prefix}mlp.{name}_proj.weight", (outputs, inputs)
            if config["mlp_bias"]:
                yield f"{prefix}mlp.{name}_proj.bias", (outputs,)
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], hidden)


def random_tensor(name, shape, seed, deviation=numpy.float32(0.05)):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    count = numpy.arange(1, numpy.prod(shape) + 1, dtype=numpy.uint64)
    z = numpy.uint64(state ^ seed) + count * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    z ^= z >> numpy.uint64(31)
    total = sum((z >> numpy.uint64(s)) & numpy.uint64(0xFFFF) for s in (0, 16, 32, 48))
    scale = numpy.float32(1.7320508) / numpy.float32(65536)
    normal = (total.astype(numpy.float32) - numpy.float32(131070)) * scale
    center = numpy.float32(1 if name.endswith("norm.weight") else 0)
    return bf16((center + deviation * normal).reshape(shape))


def needle_tensors(config):
    tensors = {name: numpy.zeros(shape) for name, shape in shapes(config)}
    for name, tensor in tensors.items():
        if name.endswith("norm.weight"):
            tensor[:] = 1
    code = numpy.array([[1 if t >> b & 1 else -1 for b in range(8)] for t in range(258)]) * 1.0
    code[256:] /= 2
    tensors["model.embed_tokens.weight"][:, :8] = code
    tensors["lm_head.weight"][:, 128:136] = 10 * code
    frequencies = 10000.0 ** (-2 * numpy.arange(64) / 128)
    for layer in range(4):
        attention = f"model.layers.{layer}.self_attn."
        back, width = 2**layer, 8 * 2**layer
        tensors[attention + "q_proj.bias"][:64] = 40 * numpy.cos(-back * frequencies)
        tensors[attention + "q_proj.bias"][64:] = 40 * numpy.sin(-back * frequencies)
        tensors[attention + "k_proj.bias"][:64] = 1
        for i in range(width):
            tensors[attention + "v_proj.weight"][i, i] = (width / 256) ** 0.5
            tensors[attention + "o_proj.weight"][width + i, i] = 1
    rms = (128 / 256) ** 0.5
    attention = "model.layers.4.self_attn."
    for i in range(15 * 8):
        tensors[attention + "q_proj.weight"][i, i] = rms * 0.9 ** (i // 8) * 40 * 128**0.5
        tensors[attention + "k_proj.weight"][i, i + 8] = rms
    for i in range(8):
        tensors[attention + "v_proj.weight"][i, i] = rms
        tensors[attention + "o_proj.weight"][128 + i, i] = 1
    return {name: bf16(tensor) for name, tensor in tensors.items()}


def make(name, tensors, tokens, rows):
    folder = HERE / name
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "config.json").write_bytes((folder / "config.json").read_bytes())
        save_file(tensors, directory / "model.safetensors", {"format": "pt"})
        model, info = AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, -rows:]
    (folder / "tokens.json").write_text(json.dumps(tokens) + "\n")
    logits.numpy().astype("<f4").tofile(folder / "logits.f32")
    print(name, logits.shape, float(logits.std()), bytes(t % 256 for t in logits.argmax(-1).tolist()))


def read(name):
    return json.loads((HERE / name / "config.json").read_text())


if __name__ == "__main__":
    text = b"The grass is green. The secret passkey is 48213. The sky is blue and the sun is warm. " * 2
    text = text[:220] + b"Remember: the secret passkey is 48213"
    make("needle", needle_tensors(read("needle")), [256, *text], 6)
    for name, seed, count in (("random-untied", 1, 300), ("random-tied", 2, 150)):
        config = read(name)
        tokens = [(i * i * 7 + i * 31) % config["vocab_size"] for i in range(count)]
        tensors = {n: random_tensor(n, s, seed) for n, s in shapes(config)}
        make(name, tensors, tokens, 60)

"""Writes a gpt-oss model of random weights as a directory, experts in MXFP4 as published, to measure with it.

Needs numpy. The shape is that of a config.json of model_type gpt_oss, such as gpt-oss-20b's; the directory has
no tokenizer, so it is for --token-ids, `ringflash bench model` and the like.

usage: random_gpt_oss.py CONFIG DIRECTORY
"""

import argparse
import json
import pathlib

import numpy as np

BYTES_AT_ONCE = 1 << 26


class Shard:
    """A safetensors file: a header with all tensors, then their bytes."""

    def __init__(self):
        self.tensors = []

    def add(self, name, kind, shape, make):
        size = int(np.prod(shape)) * {"U8": 1, "BF16": 2}[kind]
        self.tensors.append((name, kind, shape, size, make))

    def write(self, path):
        header, offset = {}, 0
        for name, kind, shape, size, _ in self.tensors:
            header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for _, _, _, size, make in self.tensors:
                for first in range(0, size, BYTES_AT_ONCE):
                    file.write(make(min(BYTES_AT_ONCE, size - first)))
        return offset


def bfloat16(values):
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()


class Model:
    def __init__(self, config):
        self.config = config
        self.generator = np.random.default_rng(0)

    def normal(self, deviation, center=0.0):
        return lambda size: bfloat16(
            center + deviation * self.generator.standard_normal(size // 2, np.float32))

    def codes(self, size):
        return self.generator.bytes(size)

    def scales(self, size):
        # Powers of two about 2^-8: weights of some hundredths.
        return self.generator.integers(117, 121, size, np.uint8).tobytes()

    def linear(self, shard, name, outputs, inputs, has_bias=True):
        shard.add(f"{name}.weight", "BF16", (outputs, inputs), self.normal(0.02))
        if has_bias:
            shard.add(f"{name}.bias", "BF16", (outputs,), self.normal(0.02))

    def experts(self, shard, name, outputs, inputs):
        count = self.config["num_local_experts"]
        shard.add(f"{name}_blocks", "U8", (count, outputs, inputs // 32, 16), self.codes)
        shard.add(f"{name}_scales", "U8", (count, outputs, inputs // 32), self.scales)
        shard.add(f"{name}_bias", "BF16", (count, outputs), self.normal(0.02))

    def layer(self, number):
        config, shard = self.config, Shard()
        hidden, middle, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
        queries, groups = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
        layer = f"model.layers.{number}"
        for norm in ["input_layernorm", "post_attention_layernorm"]:
            shard.add(f"{layer}.{norm}.weight", "BF16", (hidden,), self.normal(0, 1))
        self.linear(shard, f"{layer}.self_attn.q_proj", queries, hidden)
        self.linear(shard, f"{layer}.self_attn.k_proj", groups, hidden)
        self.linear(shard, f"{layer}.self_attn.v_proj", groups, hidden)
        self.linear(shard, f"{layer}.self_attn.o_proj", hidden, queries)
        shard.add(f"{layer}.self_attn.sinks", "BF16", (config["num_attention_heads"],), self.normal(1))
        self.linear(shard, f"{layer}.mlp.router", config["num_local_experts"], hidden)
        self.experts(shard, f"{layer}.mlp.experts.gate_up_proj", 2 * middle, hidden)
        self.experts(shard, f"{layer}.mlp.experts.down_proj", hidden, middle)
        return shard

    def ends(self):
        config, shard = self.config, Shard()
        vocabulary, hidden = config["vocab_size"], config["hidden_size"]
        self.linear(shard, "model.embed_tokens", vocabulary, hidden, has_bias=False)
        self.linear(shard, "lm_head", vocabulary, hidden, has_bias=False)
        shard.add("model.norm.weight", "BF16", (hidden,), self.normal(0, 1))
        return shard

    def write(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")
        shards = [self.layer(number) for number in range(self.config["num_hidden_layers"])]
        shards.append(self.ends())
        places, total = {}, 0
        for number, shard in enumerate(shards, 1):
            name = f"model-{number:05}-of-{len(shards):05}.safetensors"
            total += shard.write(directory / name)
            places |= {tensor[0]: name for tensor in shard.tensors}
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    Model(json.loads(options.config.read_text())).write(options.directory)


if __name__ == "__main__":
    main()

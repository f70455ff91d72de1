"""Writes a model of random weights as a GGUF file, to measure any engine that reads such files.

Needs gguf and numpy. The shape is that of a config.json: of Llama, as configs/llama-90m, or of Qwen3's
mixtures of experts; the file has no tokenizer, so it is for `ringflash bench model --model` and the like.

usage: random_gguf.py CONFIG TYPE FILE      TYPE: BF16, Q8_0, Q4_0, Q4_K, ...
"""

import argparse
import json

import gguf
import numpy as np
from gguf import quants

ARCHITECTURES = {"llama": "llama", "qwen3_moe": "qwen3moe"}
# Where a block has scales, and what they are: (offset, number of float16), the rest is random bytes.
BLOCKS = {"Q8_0": (0, [0.0003]), "Q4_0": (0, [0.005]), "Q4_K": (0, [0.0002, 0.0015])}


class Model:
    def __init__(self, config, kind, file):
        self.config, self.kind = config, kind
        self.architecture = ARCHITECTURES[config.get("model_type", "llama")]
        self.writer = gguf.GGUFWriter(file, self.architecture)
        self.generator = np.random.default_rng(0)
        self.hidden = config["hidden_size"]
        self.heads, self.groups = config["num_attention_heads"], config["num_key_value_heads"]
        self.head = config.get("head_dim") or self.hidden // self.heads

    def metadata(self):
        writer, config = self.writer, self.config
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(self.hidden)
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.groups)
        writer.add_key_length(self.head)
        writer.add_value_length(self.head)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
        writer.add_rope_dimension_count(self.head)
        writer.add_vocab_size(config["vocab_size"])
        writer.add_tokenizer_model("no_vocab")
        if "num_experts" in config:
            writer.add_expert_count(config["num_experts"])
            writer.add_expert_used_count(config["num_experts_per_tok"])
            writer.add_expert_feed_forward_length(config["moe_intermediate_size"])

    def matrix(self, name, *shape):
        if self.kind.name in BLOCKS:
            data = self.blocks(shape)
        else:
            weights = self.generator.normal(0, 0.02, shape).astype(np.float32)
            data = quants.quantize(weights, self.kind)
        self.writer.add_tensor(f"{name}.weight", data, raw_dtype=self.kind)

    def blocks(self, shape):
        """Random numbers in blocks, written as they are: rounding so many would take an hour."""
        elements, size = gguf.GGML_QUANT_SIZES[self.kind]
        offset, scales = BLOCKS[self.kind.name]
        count = int(np.prod(shape)) // elements
        data = self.generator.integers(0, 256, (count, size), np.uint8)
        for index, scale in enumerate(scales):
            place = offset + 2 * index
            data[:, place : place + 2] = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
        return data.reshape(*shape[:-1], shape[-1] // elements * size)

    def vector(self, name, count):
        self.writer.add_tensor(f"{name}.weight", np.ones(count, np.float32))

    def layer(self, block):
        config, hidden = self.config, self.hidden
        self.vector(f"{block}.attn_norm", hidden)
        self.matrix(f"{block}.attn_q", self.heads * self.head, hidden)
        self.matrix(f"{block}.attn_k", self.groups * self.head, hidden)
        self.matrix(f"{block}.attn_v", self.groups * self.head, hidden)
        self.matrix(f"{block}.attn_output", hidden, self.heads * self.head)
        self.vector(f"{block}.ffn_norm", hidden)
        if "num_experts" not in config:
            middle = config["intermediate_size"]
            self.matrix(f"{block}.ffn_gate", middle, hidden)
            self.matrix(f"{block}.ffn_up", middle, hidden)
            self.matrix(f"{block}.ffn_down", hidden, middle)
            return
        experts, middle = config["num_experts"], config["moe_intermediate_size"]
        self.vector(f"{block}.attn_q_norm", self.head)
        self.vector(f"{block}.attn_k_norm", self.head)
        router = self.generator.normal(0, 0.02, (experts, hidden)).astype(np.float32)
        self.writer.add_tensor(f"{block}.ffn_gate_inp.weight", router)
        self.matrix(f"{block}.ffn_gate_exps", experts, middle, hidden)
        self.matrix(f"{block}.ffn_up_exps", experts, middle, hidden)
        self.matrix(f"{block}.ffn_down_exps", experts, hidden, middle)

    def write(self):
        vocabulary = self.config["vocab_size"]
        self.metadata()
        self.matrix("token_embd", vocabulary, self.hidden)
        self.vector("output_norm", self.hidden)
        if not self.config.get("tie_word_embeddings"):
            self.matrix("output", vocabulary, self.hidden)
        for layer in range(self.config["num_hidden_layers"]):
            self.layer(f"blk.{layer}")
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("type", type=lambda name: gguf.GGMLQuantizationType[name.upper()])
    parser.add_argument("file")
    options = parser.parse_args()
    with open(options.config) as file:
        config = json.load(file)
    Model(config, options.type, options.file).write()


if __name__ == "__main__":
    main()

"""Writes a Llama model of random weights as a GGUF file, to measure any engine that reads such files.

Needs gguf and numpy. The shape is that of a config.json, as configs/llama-90m; the file has no
tokenizer, so it is for `ringflash bench model --model` and the like.

usage: random_gguf.py CONFIG TYPE FILE      TYPE: BF16, Q8_0, Q4_0, ...
"""

import argparse
import json

import gguf
import numpy as np
from gguf import quants


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("type", type=lambda name: gguf.GGMLQuantizationType[name.upper()])
    parser.add_argument("file")
    options = parser.parse_args()
    with open(options.config) as file:
        config = json.load(file)
    hidden, middle = config["hidden_size"], config["intermediate_size"]
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or hidden // heads
    layers, vocabulary = config["num_hidden_layers"], config["vocab_size"]

    writer = gguf.GGUFWriter(options.file, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(middle)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("no_vocab")

    generator = np.random.default_rng(0)

    def matrix(name, outputs, inputs):
        weights = generator.normal(0, 0.02, (outputs, inputs)).astype(np.float32)
        writer.add_tensor(
            f"{name}.weight", quants.quantize(weights, options.type), raw_dtype=options.type)

    def norm(name):
        writer.add_tensor(f"{name}.weight", np.ones(hidden, np.float32))

    matrix("token_embd", vocabulary, hidden)
    norm("output_norm")
    if not config.get("tie_word_embeddings"):
        matrix("output", vocabulary, hidden)
    for layer in range(layers):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_q", heads * head, hidden)
        matrix(f"{block}.attn_k", groups * head, hidden)
        matrix(f"{block}.attn_v", groups * head, hidden)
        matrix(f"{block}.attn_output", hidden, heads * head)
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.ffn_gate", middle, hidden)
        matrix(f"{block}.ffn_up", middle, hidden)
        matrix(f"{block}.ffn_down", hidden, middle)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()

"""Compares ringflash on real models with Transformers and llama.cpp, and makes the references.

Needs torch, transformers, gguf, llama-cpp-python and numpy. Transformers computes in float32 on the
weights that the GGUF file stands for. Prints, over the same text, the relative error of the logits of
ringflash and of llama.cpp, and both perplexities; with --write FILE the text, its token ids, the
perplexity and 64 greedy tokens of Transformers go into a JSON file.

usage: model_references.py --ringflash PROGRAM --text FILE [--tokens N] [--write FILE] NAME=GGUF...
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile

import numpy as np


def read_logits(path):
    """The one tensor of a safetensors file of float32."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        entry = next(value for key, value in header.items() if key != "__metadata__")
        file.seek(8 + size + entry["data_offsets"][0])
        return np.fromfile(file, np.float32, int(np.prod(entry["shape"]))).reshape(entry["shape"])


def log_probabilities(logits):
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def negative_log_likelihood(logits, tokens):
    return -log_probabilities(logits)[np.arange(len(tokens) - 1), tokens[1:]].mean()


def ringflash_logits(program, model, tokens, arguments):
    with tempfile.TemporaryDirectory() as folder:
        ids, logits = f"{folder}/ids.json", f"{folder}/logits.safetensors"
        with open(ids, "w") as file:
            json.dump(tokens, file)
        subprocess.run(
            [program, "--model", model, "--token-ids", ids, "--max-tokens", "1", "--quiet"]
            + ["--logits", logits, "--logits-all"] + arguments,
            check=True, stdout=subprocess.DEVNULL)
        return read_logits(logits)[: len(tokens)]


def llama_logits(model, tokens):
    from llama_cpp import Llama

    llama = Llama(model, n_ctx=len(tokens) + 8, n_batch=512, logits_all=True, verbose=False)
    llama.eval(tokens)
    return np.array(llama.scores[: len(tokens)])


def main():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser()
    parser.add_argument("--ringflash", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--write")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    references = {}
    for argument in options.models:
        name, path = argument.split("=", 1)
        folder, file = os.path.split(os.path.abspath(path))
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
        model.eval()
        with open(options.text) as text_file:
            text = text_file.read()
        output = subprocess.run(
            [options.ringflash, "tokenize", "--model", path, "--context", options.text, "--json"],
            check=True, capture_output=True, text=True)
        tokens = json.loads(output.stdout)["token_ids"][: options.tokens]
        # The longest text that is these tokens and nothing else.
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        with torch.no_grad():
            exact = model(torch.tensor([tokens])).logits[0].numpy()
            greedy = model.generate(
                torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.long),
                max_new_tokens=64, do_sample=False, eos_token_id=None)[0, len(tokens):].tolist()
        norm = np.linalg.norm(exact.astype(np.float64))
        loss = negative_log_likelihood(exact, tokens)
        print(f"{name}: Transformers, float32: perplexity {np.exp(loss):.4f}")
        seen = {
            "ringflash --precision fp32": ["--precision", "fp32"],
            "ringflash --weights-as unpacked": ["--weights-as", "unpacked"],
            "ringflash": [],
            "ringflash --kv-cache q8": ["--kv-cache", "q8"],
        }
        results = {
            what: ringflash_logits(options.ringflash, path, tokens, arguments)
            for what, arguments in seen.items()
        }
        results["llama.cpp"] = llama_logits(path, tokens)
        for what, logits in results.items():
            error = np.linalg.norm(logits.astype(np.float64) - exact) / norm
            perplexity = np.exp(negative_log_likelihood(logits, tokens))
            print(f"  {what:34} relative error {error:.3e}  perplexity {perplexity:.4f}")
        references[name] = {
            "text": text, "tokens": tokens, "perplexity": float(np.exp(loss)), "greedy": greedy,
            "greedy_text": tokenizer.decode(greedy, skip_special_tokens=True),
        }
    if options.write:
        with open(options.write, "w") as file:
            json.dump(references, file, ensure_ascii=False)
            file.write("\n")


if __name__ == "__main__":
    main()

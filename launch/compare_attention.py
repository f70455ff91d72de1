"""Measures PyTorch's and ringflash's attention by turns, and prints a Markdown table.

usage: python compare_attention.py RINGFLASH TOKENS THREADS ROUNDS

Both compute causal attention of one sequence. GFLOP/s count 4 x head dimension operations for each
pair of a query and a key that the mask lets through, for either. One round measures each of them
once, after a run that does not count, so that a slow moment of the machine meets both.
"""

import json
import statistics
import subprocess
import sys
import time
import warnings

# PyTorch can do without NumPy, and says so once.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

QUERY_HEADS, KEY_VALUE_HEADS = 8, 2
TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def operations(tokens: int, dimension: int) -> int:
    """Floating-point operations of the visible pairs."""
    return 4 * dimension * QUERY_HEADS * (tokens * (tokens + 1) // 2)


def torch_variants(tokens: int, dimension: int, precision: str) -> dict:
    """Ways to have PyTorch do it, by name; of them, those that this version can do.

    Several query heads share a KV head. PyTorch may be told so, or be given each KV head as often
    as there are query heads to it; that copy is made here, outside the time.
    """
    shape = (1, QUERY_HEADS, tokens, dimension)
    generator = torch.Generator().manual_seed(1)
    queries = torch.rand(shape, generator=generator).sub_(0.5).to(TYPES[precision])
    keys, values = (
        torch.rand((1, KEY_VALUE_HEADS, tokens, dimension), generator=generator)
        .sub_(0.5)
        .to(TYPES[precision])
        for _ in range(2)
    )
    group = QUERY_HEADS // KEY_VALUE_HEADS
    expanded = [tensor.repeat_interleave(group, dim=1) for tensor in (keys, values)]
    candidates = {
        "enable_gqa": lambda: scaled_dot_product_attention(
            queries, keys, values, is_causal=True, enable_gqa=True
        ),
        "expanded heads": lambda: scaled_dot_product_attention(
            queries, *expanded, is_causal=True
        ),
    }
    variants = {}
    for name, attend in candidates.items():
        try:
            seconds_of(attend)
        except (RuntimeError, TypeError) as error:
            print(f"PyTorch cannot do it with {name}: {error}", file=sys.stderr)
        else:
            variants[name] = attend
    if not variants:
        sys.exit("compare-attention: error: this PyTorch has no flash attention on this CPU")
    return variants


def seconds_of(attend) -> float:
    # Any other way than flash attention would hold all scores at once, tokens x tokens.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        start = time.perf_counter()
        attend()
        return time.perf_counter() - start


def ringflash_line(program: str, tokens: int, dimension: int, precision: str, threads: int) -> dict:
    """One line of `ringflash bench attention`, which warms up before it measures."""
    options = {
        "tokens": tokens,
        "query-heads": QUERY_HEADS,
        "kv-heads": KEY_VALUE_HEADS,
        "head-dim": dimension,
        "precision": precision,
        "threads": threads,
        "repetitions": 1,
        "format": "jsonl",
    }
    command = [program, "bench", "attention"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"compare-attention: error: {' '.join(command)} ended with {result.returncode}")
    return json.loads(result.stdout)


def spread(rates: list) -> str:
    deviation = statistics.stdev(rates) if len(rates) > 1 else 0
    return f"{statistics.mean(rates):.1f} ± {deviation:.1f}"


def compare(program: str, tokens: int, threads: int, rounds: int, dimension: int, precision: str):
    """Measures one shape; returns the cells of its row, and ringflash's instruction set."""
    variants = torch_variants(tokens, dimension, precision)
    torch_rates = {name: [] for name in variants}
    own_rates = []
    for _ in range(rounds):
        line = ringflash_line(program, tokens, dimension, precision, threads)
        own_rates.append(line["gflops"])
        for name, attend in variants.items():
            seconds_of(attend)
            rate = operations(tokens, dimension) / seconds_of(attend) / 1e9
            torch_rates[name].append(rate)
    faster = max(torch_rates, key=lambda name: statistics.mean(torch_rates[name]))
    ratio = statistics.mean(own_rates) / statistics.mean(torch_rates[faster])
    cells = [
        f"{tokens} tokens, {QUERY_HEADS}/{KEY_VALUE_HEADS} heads of {dimension}",
        precision,
        threads,
        spread(torch_rates[faster]),
        faster,
        spread(own_rates),
        f"{ratio:.2f}",
        torch.__version__,
    ]
    return cells, line["instruction_set"]


def main(program: str, tokens: int, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    headings = (
        "shape | precision | threads | PyTorch, GFLOP/s | PyTorch's way | ringflash, GFLOP/s"
        " | ratio | PyTorch"
    )
    print(f"| {headings} |\n|---|---|---:|---:|---|---:|---:|---|", flush=True)
    for precision in TYPES:
        for dimension in (128, 64):
            cells, instruction_set = compare(
                program, tokens, threads, rounds, dimension, precision
            )
            print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
    times = f"{rounds} times" if rounds > 1 else "once"
    print(
        f"\nCausal attention, measured by turns, each {times}; mean ± standard deviation. PyTorch's"
        f" instruction set is {torch.backends.cpu.get_cpu_capability()}, ringflash's is"
        f" {instruction_set}. Of PyTorch's two ways to share a KV head among query heads, the"
        " faster one counts; copying the heads is not in its time. Nor is putting K and V into the"
        " layout of its cache in ringflash's. Windows are left out: PyTorch's flash attention on CPUs has"
        " none, and a mask given to it would be tokens x tokens large."
    )


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))

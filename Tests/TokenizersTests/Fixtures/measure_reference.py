"""Measures how fast Hugging Face's `tokenizers` encodes a text, on one core; SpeedTests.swift measures the same here.

    pip install tokenizers==0.23.3 && TOKENIZERS_PARALLELISM=false python measure_reference.py tokenizer.json text.txt

The text is given as a whole, as there, and in parts of 64 kB (whose ids are others where a part ends).
"""

import pathlib
import sys
import time

from tokenizers import Tokenizer

start = time.perf_counter()
tokenizer = Tokenizer.from_file(sys.argv[1])
print(f"load {time.perf_counter() - start:.3f} s")
text = pathlib.Path(sys.argv[2]).read_bytes().decode()
parts = [text[begin : begin + 65536] for begin in range(0, len(text), 65536)]
for name, texts in (("whole", [text]), ("in parts", parts)):
    best, ids = float("inf"), []
    for _ in range(3):
        start = time.perf_counter()
        ids = [id for part in texts for id in tokenizer.encode(part, add_special_tokens=False).ids]
        best = min(best, time.perf_counter() - start)
    value = 0xCBF29CE484222325
    for id in ids:
        value = ((value ^ id) * 0x100000001B3) & (2**64 - 1)
    print(f"{name}: {len(ids)} ids, hash {value:016x}, {len(text.encode()) / 1e6 / best:.2f} MB/s")

"""Makes formats/NAME.blocks, blocks of every format of small integers, and formats/NAME.f32, the float32 numbers that they
stand for by the definitions of ggml's Python package.

    pip install gguf==0.19.0 && python make_formats.py

First come the edges: every bit 0, every bit 1 with scales of 1, then random bits with every one of SCALES, and where there are
minimums of their own those too, in turn; then random blocks. All numbers are finite: a scale that is no number gives none.
"""

import pathlib

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).parent / "formats"
# Bytes of a block's scale, and of its minimum, each a float16, but for MXFP4.
FORMATS = {
    "Q8_0": (0, None),
    "Q4_0": (0, None),
    "Q4_1": (0, 2),
    "Q5_0": (0, None),
    "Q5_1": (0, 2),
    "Q2_K": (80, 82),
    "Q3_K": (108, None),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208, None),
    "IQ4_NL": (0, None),
    "IQ4_XS": (0, None),
    "MXFP4": (0, None),
}
# Of float16: zeros, the smallest and the largest subnormal, the smallest normal, the largest, and ordinary ones.
SCALES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x2E66, 0xB123]
# Of E8M0, 2^(e - 127): with 252 the largest number, 12 times half of that, is finite.
EXPONENTS = [0, 1, 2, 3, 126, 127, 252]
RANDOM_BLOCKS = 3


def blocks(name: str, random: np.random.Generator) -> np.ndarray:
    _, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    scale, minimum = FORMATS[name]

    def block(fill: int | None, d: int, m: int) -> np.ndarray:
        bits = np.full(size, fill, np.uint8) if fill is not None else random.integers(0, 256, size, np.uint8)
        if name == "MXFP4":
            bits[scale] = d
        else:
            bits[scale : scale + 2] = np.array([d], "<u2").view(np.uint8)
        if minimum is not None:
            bits[minimum : minimum + 2] = np.array([m], "<u2").view(np.uint8)
        return bits

    if name == "MXFP4":
        edges = [block(0, 0, 0), block(0xFF, 127, 0)] + [block(None, d, 0) for d in EXPONENTS]
        return np.stack(edges + [block(None, int(random.integers(100, 130)), 0) for _ in range(RANDOM_BLOCKS)])
    one = 0x3C00
    edges = [block(0, 0, 0), block(0xFF, one, one)]
    minimums = SCALES[3:] + SCALES[:3]
    edges += [block(None, d, m) for d, m in zip(SCALES, minimums)]
    # Exponents of ordinary weights; a minimum that is added is below 0.
    ordinary = [int(x) << 10 | int(y) for x, y in random.integers((1, 0), (12, 1024), (2 * RANDOM_BLOCKS, 2))]
    sign = 0x8000 if name in ("Q4_1", "Q5_1") else 0
    return np.stack(edges + [block(None, d, m | sign) for d, m in zip(ordinary[::2], ordinary[1::2])])


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for seed, name in enumerate(FORMATS):
        stored = blocks(name, np.random.default_rng(seed))
        floats = gguf.quants.dequantize(stored, gguf.GGMLQuantizationType[name])
        assert np.isfinite(floats).all(), name
        (FOLDER / f"{name.lower()}.blocks").write_bytes(stored.tobytes())
        (FOLDER / f"{name.lower()}.f32").write_bytes(floats.astype("<f4").tobytes())


main()

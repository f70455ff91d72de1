"""Makes sampling.json: logits, what came before them, and how penalties and cuts change them, by the definitions of Hugging
Face Transformers (RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper,
MinPLogitsWarper, in this order) and of vLLM (frequency and presence penalty), computed in float32 as there.

    pip install numpy && python make_sampling.py

"penalized" are the bits of the float32 logits behind the penalties; "kept" the ids of the tokens that may be drawn, in rising
order, and "probabilities" theirs.
"""

import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent
VOCABULARY = 70
NEUTRAL = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
CASES = [
    {},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7},
    {"presence_penalty": 0.6},
    {"frequency_penalty": 0.35},
    {"frequency_penalty": -1.5, "presence_penalty": -2.0},
    {"repetition_penalty": 1.05, "presence_penalty": 1.5, "frequency_penalty": 2.0},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"min_p": 0.02, "temperature": 2.5},
    {"min_p": 0.05, "top_k": 12, "top_p": 0.9},
    {"min_p": 0.3, "top_k": 40, "temperature": 0.6, "repetition_penalty": 1.2, "frequency_penalty": 0.5},
]  # fmt: skip


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum(dtype=np.float32)


def penalized(scores: np.ndarray, before: list[int], answer: list[int], case: dict) -> np.ndarray:
    scores = scores.copy()
    penalty = np.float32(case["repetition_penalty"])
    seen = sorted(set(before + answer))
    chosen = scores[seen]
    scores[seen] = np.where(chosen < 0, chosen * penalty, chosen / penalty)
    counts = np.bincount(answer, minlength=VOCABULARY).astype(np.float32)
    scores -= np.float32(case["frequency_penalty"]) * counts
    scores -= np.float32(case["presence_penalty"]) * (counts > 0).astype(np.float32)
    return scores


def cut(scores: np.ndarray, case: dict) -> np.ndarray:
    scores = scores / np.float32(case["temperature"])
    if case["top_k"]:
        scores[scores < np.sort(scores)[-case["top_k"]]] = -np.inf
    if case["top_p"] < 1:
        order = np.argsort(scores, kind="stable")
        removed = np.cumsum(softmax(scores[order]), dtype=np.float32) <= np.float32(1 - case["top_p"])
        removed[-1] = False
        scores[order[removed]] = -np.inf
    if case["min_p"]:
        probabilities = softmax(scores)
        removed = probabilities < np.float32(case["min_p"]) * probabilities.max()
        removed[np.argmax(scores)] = False
        scores[removed] = -np.inf
    return softmax(scores)


generator = np.random.default_rng(11)
cases = []
for settings in CASES:
    case = NEUTRAL | settings
    scores = generator.normal(0, 3, VOCABULARY).astype(np.float32)
    scores[3], scores[5] = 0, -0.0
    context = [int(token) for token in generator.integers(0, VOCABULARY, 25)] + [3, 5]
    prompt = [int(token) for token in generator.integers(0, VOCABULARY, 4)]
    answer = [int(token) for token in generator.integers(0, 12, 15)]
    changed = penalized(scores, context + prompt, answer, case)
    probabilities = cut(changed, case)
    kept = [int(token) for token in np.flatnonzero(probabilities)]
    cases.append(
        case
        | {
            "logits": [int(bits) for bits in scores.view(np.uint32)],
            "context": context,
            "prompt": prompt,
            "answer": answer,
            "penalized": [int(bits) for bits in changed.view(np.uint32)],
            "kept": kept,
            "probabilities": [round(float(probabilities[token]), 8) for token in kept],
        }
    )
(FOLDER / "sampling.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")

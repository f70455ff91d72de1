"""Makes characters.json: how Hugging Face's `tokenizers` sorts all characters, and splits texts with each of many.

    pip install tokenizers==0.23.3 && python make_families.py && python make_characters.py

"categories"   of all code points but surrogates, in order: a general category and how many have it, again and again
"sets"         for each of some expressions: the first and the last code point of each run that it matches
"deepseek-v3"  for every 1024 code points from U+0080 up to U+334FF the FNV-1a hash of the ids of a text with them
"""

import json
import pathlib

from tokenizers import Regex, Tokenizer, pre_tokenizers

FOLDER = pathlib.Path(__file__).parent
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
SETS = [r"\w", r"\s", r"\d"] + [
    rf"\p{{{script}}}"
    for script in ("Arabic", "Cyrillic", "Devanagari", "Greek", "Han", "Hangul", "Hiragana", "Kannada", "Katakana")
    + ("Lao", "Latin", "Myanmar")
]
CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def matches(pattern: str) -> list[bool]:
    result = []
    for start in range(0, len(CODES), 4096):
        part = CODES[start : start + 4096]
        splitter = pre_tokenizers.Split(Regex(pattern), behavior="removed")
        matched = [True] * len(part)
        for _, (first, end) in splitter.pre_tokenize_str("".join(map(chr, part))):
            matched[first:end] = [False] * (end - first)
        result += matched
    return result


def runs(values: list) -> list[tuple[int, int]]:
    """The indices at which a run of equal values begins and ends."""
    starts = [index for index in range(len(values)) if index == 0 or values[index] != values[index - 1]]
    return list(zip(starts, starts[1:] + [len(values)]))


def categories() -> list:
    of_code = [""] * len(CODES)
    for category in CATEGORIES:
        for index, is_member in enumerate(matches(rf"\p{{{category}}}")):
            if is_member:
                assert not of_code[index]
                of_code[index] = category
    assert all(of_code)
    return [value for start, end in runs(of_code) for value in (of_code[start], end - start)]


def ranges(matched: list[bool]) -> list[int]:
    return [code for start, end in runs(matched) if matched[start] for code in (CODES[start], CODES[end - 1])]


def fnv(values) -> str:
    result = 0xCBF29CE484222325
    for value in values:
        result = ((result ^ value) * 0x100000001B3) & (2**64 - 1)
    return f"{result:016x}"


def chunks(name: str) -> list[str]:
    tokenizer = Tokenizer.from_file(str(FOLDER / "families" / f"{name}.json"))
    codes = [code for code in CODES if 0x80 <= code <= 0x334FF]
    texts = [
        "".join(f"a{chr(c)}b {chr(c)}{chr(c)}1{chr(c)}\n" for c in codes[start : start + 1024])
        for start in range(0, len(codes), 1024)
    ]
    return [fnv(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]


result = {
    "categories": categories(),
    "sets": {pattern: ranges(matches(pattern)) for pattern in SETS},
    "deepseek-v3": chunks("deepseek-v3"),
}
(FOLDER / "characters.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")

"""Makes the tokenizers of families/ and what Hugging Face's `tokenizers` makes of texts with them.

    pip install tokenizers==0.23.3 && python make_families.py

Each file has the configuration of a family's published tokenizer.json (normalizer, pre-tokenizer, post-processor, decoder,
options of the model and of added tokens), with a small vocabulary trained on the text of sample.txt.

families/NAME.json   the tokenizer
expected.json        for each family what becomes of each text of TEXTS, and of a mixed text of a megabyte: the number of ids,
                     the FNV-1a hash of the ids and that of the decoded text for each chunk of 64 kB. The test makes the same
                     chunks: SplitMix64, seeded with the chunk's number, picks among "pieces".
"""

import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

FOLDER = pathlib.Path(__file__).parent
SPACE = "\u2581"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA_3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + TAIL
QWEN_2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + TAIL
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


# Applied one after the other.
DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
)


def byte_level(prefix: bool = False, trim: bool = True, regex: bool = True) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def sequence(key: str, *members: dict) -> dict:
    return {"type": "Sequence", key: list(members)}


def split(pattern: str, behavior: str = "Isolated", invert: bool = False) -> dict:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def byte_level_words(pattern: str, **options: object) -> dict:
    return sequence("pretokenizers", split(pattern, **options), byte_level(trim=False, regex=False))


def replace(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def template(*tokens: str) -> dict:
    return {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}} for token in tokens]
        + [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [token], "tokens": [token]} for token in tokens},
    }


def token(content: str, **options: bool) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": content, **plain, **options}


PREPEND = sequence("normalizers", {"type": "Prepend", "prepend": SPACE}, replace(" ", SPACE))
SPACES = replace(SPACE, " ")
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
FUSED = sequence("decoders", SPACES, {"type": "ByteFallback"}, {"type": "Fuse"})
STRIPPED = sequence("decoders", SPACES, {"type": "ByteFallback"}, {"type": "Fuse"}, STRIP)
PIECES = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
START = [token("<unk>"), token("<s>"), token("</s>")]
CHAT = [token("<|endoftext|>"), token("<|im_start|>"), token("<|im_end|>")]

# For each family: whether its words are bytes, and its parts. Added tokens that are not in the vocabulary come behind it.
FAMILIES = {
    "llama-2": (False, {"normalizer": PREPEND, "decoder": STRIPPED, "post_processor": template("<s>")}, PIECES, START),
    "tinyllama": (
        False,
        {"normalizer": PREPEND, "decoder": STRIPPED, "post_processor": template("<s>")},
        PIECES,
        [token(t["content"], normalized=True) for t in START] + [token("<tool>", normalized=True, special=False)],
    ),
    "mistral-v0.3": (
        False,
        {
            "pre_tokenizer": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False},
            "decoder": STRIPPED,
            "post_processor": template("<s>"),
        },
        PIECES,
        START + [token("[INST]"), token("[/INST]")],
    ),
    "phi-3": (
        False,
        {"normalizer": PREPEND, "decoder": STRIPPED, "post_processor": template()},
        PIECES,
        [token("<unk>"), token("<s>"), token("</s>", rstrip=True, special=False), token("<|endoftext|>")]
        + [token(f"<|{name}|>", rstrip=True) for name in ("assistant", "user", "end", "system")],
    ),
    "gemma-2": (
        False,
        {
            "normalizer": replace(" ", SPACE),
            "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
            "decoder": FUSED,
            "post_processor": template("<bos>"),
        },
        PIECES,
        [token(t) for t in ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")]
        + [token(t, special=False) for t in ("<mask>", *(f"<unused{n}>" for n in range(99)), "<h1>", "</h1>")]
        + [token("\n" * n, special=False) for n in range(2, 12)]
        + [token(SPACE * n, special=False) for n in range(2, 12)]
        + [token("\t" * n, special=False) for n in range(2, 6)],
    ),
    "llama-3": (
        True,
        {
            "pre_tokenizer": byte_level_words(LLAMA_3),
            "decoder": byte_level(True),
            "post_processor": sequence("processors", byte_level(True, trim=False), template("<|begin_of_text|>")),
        },
        {"ignore_merges": True},
        [token(f"<|{name}|>") for name in ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id")]
        + [token(f"<|reserved_special_token_{n}|>") for n in range(200)],
    ),
    "mistral-nemo": (
        True,
        {"pre_tokenizer": byte_level_words(TEKKEN), "decoder": byte_level(), "post_processor": template("<s>")},
        {"ignore_merges": True},
        START + [token("[INST]"), token("[/INST]"), *(token(f"<SPECIAL_{n}>") for n in range(14, 99))],
    ),
    "qwen-2": (
        True,
        {
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": byte_level_words(QWEN_2),
            "decoder": byte_level(trim=False, regex=False),
            "post_processor": byte_level(trim=False, regex=False),
        },
        {"continuing_subword_prefix": "", "end_of_word_suffix": ""},
        CHAT + [token(t, special=False) for t in ("<tool_call>", "</tool_call>", "<think>", "</think>")],
    ),
    "smollm-2": (
        True,
        {
            "pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level()),
            "decoder": byte_level(True),
        },
        {},
        CHAT + [token("<repo_name>"), token("<file_sep>"), token("<empty_output>")],
    ),
    "phi-4": (
        True,
        {
            "pre_tokenizer": byte_level_words(LLAMA_3, behavior="Removed", invert=True),
            "decoder": byte_level(True),
            "post_processor": byte_level(True, trim=False),
        },
        {},
        [token("<|endoftext|>", lstrip=True, rstrip=True)]
        + [token(f"<|im_{name}|>", lstrip=True, rstrip=True) for name in ("start", "end", "sep")]
        + [token(f"<|dummy_{n}|>", lstrip=True, rstrip=True) for n in range(80)]
        + [token("word", single_word=True, special=False, normalized=True)],
    ),
    "deepseek-v3": (
        True,
        {
            "normalizer": sequence("normalizers"),
            "pre_tokenizer": sequence(
                "pretokenizers", *(split(pattern) for pattern in DEEPSEEK_V3), byte_level(regex=False)
            ),
            "decoder": byte_level(True),
            "post_processor": byte_level(True, trim=False),
        },
        {},
        [token(f"<\uff5c{name}\uff5c>") for name in ("begin\u2581of\u2581sentence", "end\u2581of\u2581sentence")]
        + [token(f"<\uff5c{name}\uff5c>", special=False) for name in ("User", "Assistant")],
    ),
    # No family, but what components can do besides.
    "mixture": (
        True,
        {
            "normalizer": sequence(
                "normalizers",
                {"type": "Strip", "strip_left": False, "strip_right": True},
                {"type": "NFKD"},
                {"type": "StripAccents"},
                {"type": "Lowercase"},
                {"type": "Replace", "pattern": {"Regex": r"[ \t]{2,}"}, "content": " "},
            ),
            "pre_tokenizer": sequence(
                "pretokenizers",
                {"type": "Punctuation", "behavior": "MergedWithPrevious"},
                {"type": "Digits", "individual_digits": False},
                split(r"[\r\n]", behavior="MergedWithNext"),
                byte_level(True),
            ),
            "decoder": byte_level(),
            "post_processor": {
                "type": "RobertaProcessing",
                "sep": ["</s>", "</s>"],
                "cls": ["<s>", "<s>"],
                "trim_offsets": True,
                "add_prefix_space": True,
            },
        },
        {},
        [token("<s>"), token("</s>"), token("Word", normalized=True, special=False), token("é", special=False)],
    ),
    "unknowns": (
        False,
        {
            "pre_tokenizer": sequence(
                "pretokenizers",
                {"type": "WhitespaceSplit"},
                split(r"\w+", behavior="Contiguous"),
                {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always"},
            ),
            "decoder": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always"},
        },
        {"unk_token": "<unk>", "fuse_unk": True},
        [token("<unk>")],
    ),
}


def trained(bytes_are_words: bool, parts: dict, options: dict, added: list, sample: list[str]) -> dict:
    tokenizer = Tokenizer(models.BPE())
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet()) if bytes_are_words else []
    if bytes_are_words:
        words = pre_tokenizers.Split(Regex(LLAMA_3), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(False, use_regex=False)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        sample,
        trainers.BpeTrainer(vocab_size=1400, initial_alphabet=alphabet, limit_alphabet=400, show_progress=False),
    )
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = []
    if not bytes_are_words:
        vocabulary += [t["content"] for t in added]
        if options.get("byte_fallback"):
            vocabulary += [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary += [t for t in sorted(model["vocab"], key=model["vocab"].get) if t not in vocabulary]
    if options.get("ignore_merges"):
        # Words that no merge makes, so that the option has an effect.
        vocabulary += ["zyx", "\u0120Ring", "\u0120Flash", "\u00c3\u00a9\u00c3\u00a9"]
    ids = {t: i for i, t in enumerate(dict.fromkeys(vocabulary))}
    for t in added:
        ids.setdefault(t["content"], len(ids))
    keys = [t for t in ids if t in set(vocabulary)]
    empty = {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    file = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(({"id": ids[t["content"]], **t} for t in added), key=lambda t: t["id"]),
        **empty,
        **parts,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            **options,
            "vocab": {t: ids[t] for t in keys},
            # Older files have merges as text.
            "merges": model["merges"] if bytes_are_words else [" ".join(merge) for merge in model["merges"]],
        },
    }
    # Templates name their tokens; their ids are known only now.
    def resolve(part: object) -> None:
        if not isinstance(part, dict):
            return
        for special in part.get("special_tokens", {}).values():
            special["ids"] = [ids[t] for t in special["tokens"]]
        for key in ("sep", "cls"):
            if key in part:
                part[key] = [part[key][0], ids[part[key][0]]]
        for member in part.get("processors", []):
            resolve(member)

    file["post_processor"] = json.loads(json.dumps(file["post_processor"]))
    resolve(file["post_processor"])
    return file


TEXTS = [
    "", " ", "a", "  ", "\n", "Hello, world!", " Hello", "Hello ", "the ring passes the blocks",
    "I'm sure they'll've SAID it's WE'RE, isn'T it? 'S 'ſ ’s", "naïve café, Straße, e\u0301 e\u0301\u0323 \u0340 \u212b \u1e9b\u0323",
    "def f(x):\n    return x ** 2  # Quadrat\n\n\tif True:\r\n\t\tpass\r\n\r\n", "a  b   c    d\t\te\n\n\nf \n g\n \n",
    "1234567890 3.14159 ١٢٣ ½ Ⅷ ²³ 1,000,000", "你好，世界。こんにちは、世界！안녕하세요 세계", "مرحبا بالعالم، كيف الحال؟", "नमस्ते दुनिया",
    "🙂🙃👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈👍🏽", "\0\x01\x7f\x80\u00a0\u00ad\u180e\u200b\u2028\u2029\u202f\u3000\ufeff\ufffd",
    "<s>", "</s>", "<s>Hello</s> world<unk>", " <s> Hello </s> ", "<|im_start|>user\nHi <|im_end|>\n<|im_start|> x",
    "<|user|>\n Hi<|end|>\n<|assistant|>", "[INST] Do [/INST]", "<bos><start_of_turn>user\n\n\nHi<end_of_turn>\n", "<h1>x</h1>\t\t\ty",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<think>\nx\n</think><tool_call>", "<unused7><unused98><unused9",
    "word words word. sword word", "Word word", "zyx zyxa Ring Flash  Ring éé", "▁▁▁x ▁ y▁", "x" * 200, " " * 200, "ab" * 150, "!?" * 90, "\n" * 50,
    "<0x41><0xE4>", "\U000e0041\U0010ffff\U0001f1e9\U0001f1ea", "A" * 70 + "é" * 40, "camelCaseWords HTTPServer XMLHttpRequest iPhone ǅ", "http://example.org/a_b?c=d&e=%20f",
]  # fmt: skip


def splitmix(state: int):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & (2**64 - 1)
        yield z ^ z >> 31


def chunk(pieces: list[str], seed: int) -> str:
    numbers, parts, size = splitmix(seed), [], 0
    while size < 65536:
        piece = pieces[next(numbers) % len(pieces)]
        parts.append(piece)
        size += len(piece.encode())
    return "".join(parts)


def fnv(values) -> str:
    result = 0xCBF29CE484222325
    for value in values:
        result = ((result ^ value) * 0x100000001B3) & (2**64 - 1)
    return f"{result:016x}"


def main() -> None:
    sample = (FOLDER / "sample.txt").read_text()
    pieces = [line + "\n" for line in sample.split("\n") if line]
    pieces += [word + " " for line in pieces for word in line.split()][::7]
    pieces += [t + s for t in TEXTS if len(t) < 60 for s in ("", " ", "\n")]
    pieces += [chr(c) for c in range(0x80)] + [chr(c) for c in range(0xA0, 0x2FF, 9)] + ["\u0301", "\u200d", "\u0644", "\u5b57"]
    (FOLDER / "families").mkdir(exist_ok=True)
    chunks = [chunk(pieces, seed) for seed in range(16)]
    expected = {"pieces": pieces, "texts": TEXTS, "families": {}}
    for name, (bytes_are_words, parts, options, added) in FAMILIES.items():
        file = trained(bytes_are_words, parts, options, added, sample.split("\n"))
        text = json.dumps(file, ensure_ascii=False, separators=(",", ":"))
        (FOLDER / "families" / f"{name}.json").write_text(text)
        tokenizer = Tokenizer.from_str(text)
        encodings = [tokenizer.encode(t, add_special_tokens=False).ids for t in TEXTS]
        mixed = [tokenizer.encode(c, add_special_tokens=False).ids for c in chunks]
        expected["families"][name] = {
            "ids": encodings,
            "start": tokenizer.encode("a").ids,
            "decoded": [tokenizer.decode(ids, skip_special_tokens=False) for ids in encodings],
            "decoded_without_special": [tokenizer.decode(ids) for ids in encodings],
            "chunks": [
                [len(ids), fnv(ids), fnv(tokenizer.decode(ids, skip_special_tokens=False).encode())] for ids in mixed
            ],
        }
        print(name, len(text), len(file["model"]["vocab"]), file=sys.stderr)
    # One line a value, so that changes are seen.
    (FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")


main()

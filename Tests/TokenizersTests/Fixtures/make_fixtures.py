"""Makes small-bpe.json, a small byte-level BPE tokenizer, and small-bpe-expected.json, what Hugging Face's `tokenizers`
encodes with it.

    pip install tokenizers==0.23.3 && python make_fixtures.py

"identifiers" are those of the file as it is, "identifiers_ignoring_merges" those with ignore_merges set; "decoded" is what
the library makes of the former, and "decoded_without_special" the same without special tokens.
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

FOLDER = pathlib.Path(__file__).parent

CORPUS = [
    "the ring passes the blocks from rank to rank, and the ranks attend to the blocks",
    "a needle in the haystack: the secret passkey is 31415, the other passkey is 92653",
    "Straße, naïve café, Zürich; привет, мир; 你好，世界; こんにちは; 🙂🙃 👩‍👩‍👧‍👦",
    "aaaa aaaaaaaa abababab abcabcabc\n\n\tindented\r\n",
] * 4


def tokenizer(ignore_merges: bool) -> Tokenizer:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trained.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=420,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            max_token_length=12,
            show_progress=False,
        ),
    )
    model = json.loads(trained.to_str())["model"]
    vocabulary = model["vocab"]
    # Words that no merge makes, so that ignore_merges has an effect.
    for word in ["zyx", "ĠringĠflash", "Ã©Ã©"]:
        vocabulary[word] = len(vocabulary)
    result = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=[tuple(merge) for merge in model["merges"]],
            ignore_merges=ignore_merges,
        )
    )
    result.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens(["<s>", "</s>", "<|end|>", "<|end|>of"])
    # Not special: found only where no special token is, although "x<s" starts further left.
    result.add_tokens([AddedToken("x<s", special=False), AddedToken("<tool>", special=False)])
    return result


def texts() -> list[str]:
    generator = random.Random(20)
    pieces = [
        "the ", "rank", "ring", " ", "a", "aa", "b", "abc", "passkey", "\n", "é", "ß", "мир", "你好", "🙂", "👩‍👧",
        "<s>", "</s>", "<|end|>", "<|end|>of", "<|end", "x<s", "<tool>", "zyx", "\0", "\u00a0", "31415", "\u0301",
    ]  # fmt: skip
    fixed = [
        "", "a", "aaaaaaaaaaaaa", "zyx", "zyxa", " ring flash", "éé", "<s>", "x<s>", "x<s", "<|end|>o", "<|end|>of",
        "<s>the ring</s>", "<<s>>", "ab" * 300, "a" * 1001, "".join(CORPUS[:4]),
        "".join(chr(code) for code in range(0x180)),
    ]  # fmt: skip
    return fixed + ["".join(generator.choices(pieces, k=k)) for k in range(1, 41)]


plain, ignoring = tokenizer(False), tokenizer(True)
plain.save(str(FOLDER / "small-bpe.json"), pretty=False)
expected = [
    {
        "text": text,
        "identifiers": plain.encode(text).ids,
        "identifiers_ignoring_merges": ignoring.encode(text).ids,
        "decoded": plain.decode(plain.encode(text).ids, skip_special_tokens=False),
        "decoded_without_special": plain.decode(plain.encode(text).ids, skip_special_tokens=True),
    }
    for text in texts()
]
lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in expected)
(FOLDER / "small-bpe-expected.json").write_text(f"[\n{lines}\n]\n")

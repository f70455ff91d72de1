"""Makes pieces.json: small SentencePiece vocabularies as a GGUF file has them, and what SentencePiece makes of texts with them.

    pip install sentencepiece==0.2.3 && python make_pieces.py

One puts a space before every text, as Llama 2's does, the other does not and has tokens for runs of spaces and line breaks, as
Gemma's. Both are trained on sample.txt; the texts are those of expected.json, and all of its pieces in one.
"""

import io
import json
import pathlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

FOLDER = pathlib.Path(__file__).parent
SPACE = "\u2581"


def fnv(values) -> str:
    result = 0xCBF29CE484222325
    for value in values:
        result = ((result ^ value) * 0x100000001B3) & (2**64 - 1)
    return f"{result:016x}"


def trained(sample: list[str], prefix: bool, symbols: list[str], missing_bytes: bool) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sample),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        character_coverage=0.999,
        byte_fallback=not missing_bytes,
        normalization_rule_name="identity",
        add_dummy_prefix=prefix,
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=symbols,
        unk_piece="<unknown>",
        bos_piece="<begin>",
        eos_piece="<end>",
        minloglevel=2,
    )
    return model.getvalue()


def main() -> None:
    expected = json.loads((FOLDER / "expected.json").read_text())
    sample = (FOLDER / "sample.txt").read_text().split("\n")
    texts = [text for text in [*expected["texts"], "".join(expected["pieces"]).replace("\0", "")] if "\0" not in text]
    runs = [character * count for character in (SPACE, "\n", "\t") for count in range(2, 6)]
    result = {"texts": texts, "vocabularies": {}}
    for name, prefix, symbols, missing_bytes in [
        ("prefix", True, runs[:2], False),
        ("runs", False, [*runs, "<h1>"], False),
        ("unknown", True, [], True),
    ]:
        serialized = trained(sample, prefix, symbols, missing_bytes)
        model = sentencepiece_model_pb2.ModelProto.FromString(serialized)
        processor = sentencepiece.SentencePieceProcessor(model_proto=serialized)
        ids = [processor.encode(text) for text in texts]
        result["vocabularies"][name] = {
            "adds_space_prefix": prefix,
            # A GGUF file has user-defined tokens as they stand in a text.
            "tokens": [piece.piece.replace(SPACE, " ") if piece.type == 4 else piece.piece for piece in model.pieces],
            "scores": [piece.score for piece in model.pieces],
            "types": [piece.type for piece in model.pieces],
            "counts": [len(each) for each in ids],
            "hashes": [fnv(each) for each in ids],
        }
    (FOLDER / "pieces.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")


main()

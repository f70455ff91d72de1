"""Makes the models of this folder and what Hugging Face Transformers computes with them, on the CPU.

    pip install torch transformers safetensors accelerate
    python make_models.py [NAME ...]

without names all models of model_list.py and mixture_list.py. Each becomes a folder, as save_pretrained
writes it, and beside its files

- published_config.json: the same configuration as the config.json of published checkpoints spells it,
  most of which older versions of Transformers wrote;
- expected.json: the context's token ids, and for each run the tokens that follow it greedily in float32
  and the error of Transformers' own bfloat16;
- expected.safetensors: the float32 logits of each run, [context][vocabulary].

Weights are random (random_models.py). A model is drawn anew until its greedy tokens are varied and each of
them is far enough ahead of the second for no order of summation to change it. What is special about a
model (`matters`, `neutral`) is taken away once, to see that the logits would then be others.

With experts, a model is also drawn anew until no router's choice is a matter of float32's rounding
(routing.py). In bfloat16 some always are. expected.json therefore has, of each run, the positions at which
bfloat16 may choose other experts (`close`: the margin is below CLOSE_MARGIN in any layer, or Transformers'
own bfloat16 did choose others, `rerouted`), and Transformers' error over the other positions beside that over
all. Both are those of models for which other computations in bfloat16 (roundings.py) have no larger ones.

What has its experts in MXFP4 is computed by Transformers with the values that it unpacks them to.

Frequencies of RoPE that depend on the length of the sequence (rope_type dynamic and longrope) need a
word. Transformers takes them anew from the length so far whenever it computes:

- A forward pass over a sequence uses one set, that of the whole sequence.
- `generate` with a cache (the default) leaves the cached keys as they were rotated. With dynamic, a
  generated token's query and key are turned by the frequencies of the sequence up to it, the keys before
  it by theirs, so that the two of a score do not match. ringflash does the same.
- Phi3 with longrope drops the cache once, as the sequence outgrows the original length, and computes all
  of it anew with the long factors. ringflash keeps the context's factors, so the two agree as long as
  context and answer are on one side of the original length; the runs here are, up to the last token.
- `generate` without a cache computes all positions anew with the frequencies of the sequence so far. With
  dynamic that gives other tokens than with a cache; expected.json has them beside.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from mixture_list import MIXTURES
from model_list import MODELS, NEW, RENAMED
from random_models import random_model
from roundings import other_models
from routing import CLOSE_MARGIN, SURE_MARGIN, recorded_choices

HERE = pathlib.Path(__file__).resolve().parent
DISTANCE = 1e-3  # of the logits' range: how far ahead of the second each greedy token is at least
VARIETY = 24  # different tokens among the generated ones at least
CLOSE_SHARE = 1 / 3  # of the positions at most
OTHER_ROUNDING = 1.25  # times Transformers' error in bfloat16: that of other computations in it at most
# As gpt-oss-20b's config.json has it.
MXFP4 = {"modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                    "model.embed_tokens", "lm_head"],
         "quant_method": "mxfp4"}


# --- Models


def load(folder, dtype, experts="eager"):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation=experts,
        output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    for name, buffer in model.named_buffers():
        # Frequencies stay in float32 when a model is loaded in bfloat16, unlike when it is converted.
        assert "inv_freq" not in name or buffer.dtype == torch.float32, name
    return model.eval()


# --- Runs


def forward(model, tokens):
    return routed(model, tokens)[0]


def routed(model, tokens):
    """The logits, and what the routers choose for them."""
    with torch.no_grad(), recorded_choices(model) as choices:
        return model(torch.tensor([tokens]), use_cache=False).logits[0].float(), choices()


def generate(folder, tokens, count, use_cache=True):
    """The greedy tokens that a user of Transformers gets, and how far the first was ahead of the second
    at least."""
    model = load(folder, torch.float32)  # of its own, as frequencies may change within
    with torch.no_grad():
        output = model.generate(
            torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.int64),
            do_sample=False, max_new_tokens=count, use_cache=use_cache, eos_token_id=None, pad_token_id=0,
            return_dict_in_generate=True, output_logits=True)
    best = torch.cat(output.logits).topk(2).values
    return output.sequences[0, len(tokens):].tolist(), (best[:, 0] - best[:, 1]).min().item()


def errors(logits, reference):
    difference = (logits - reference).double()
    return {"maximum": difference.abs().max().item(), "rms": difference.square().mean().sqrt().item()}


def compute(folder, tokens, run):
    """A run's logits, and what expected.json says of it; None where its greedy tokens or its routers'
    choices will not do."""
    tokens = tokens[: run.context]
    model = load(folder, torch.float32)
    logits, choices = routed(model, tokens)
    extent = (logits.max() - logits.min()).item()
    greedy, distance = generate(folder, tokens, run.generated)
    ends = model.config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    variety = len(set(greedy))
    if distance < DISTANCE * extent or ends & set(greedy) or variety < VARIETY * run.generated // 64:
        return None
    exact_model = load(folder, torch.float64)
    smallest_margin = are_sure(model, exact_model, tokens + greedy[:-1]) if choices else None
    if choices and smallest_margin is None:
        return None
    without_cache, _ = generate(folder, tokens, run.generated, use_cache=False)
    if not run.changes_with_length:
        assert without_cache == greedy, run
        assert forward(model, tokens + greedy[:-1])[len(tokens) - 1 :].argmax(-1).tolist() == greedy, run
    in_bfloat16, bfloat16_choices = routed(load(folder, torch.bfloat16), tokens)
    result = {
        "name": run.name, "context": len(tokens), "logits": "logits." + run.name, "greedy": greedy,
        "greedy_without_cache": without_cache, "follows_context": run.follows_context,
        "smallest_distance": distance / extent, "range": extent,
        "bfloat16_error": errors(in_bfloat16, logits),
        "float64_difference": errors(forward(exact_model, tokens), logits),
    }
    if choices:
        result["routing"] = {
            "smallest_margin": smallest_margin, **routing_in_bfloat16(choices, bfloat16_choices)}
        if not compare_roundings(folder, tokens, logits, in_bfloat16, result):
            return None
    return logits, result


def routing_in_bfloat16(choices, bfloat16_choices):
    rerouted = bfloat16_choices.others_than(choices)
    close = rerouted | choices.closer_than(CLOSE_MARGIN)
    return {"close_margin": CLOSE_MARGIN, "rerouted": sorted(rerouted), "close": sorted(close)}


def compare_roundings(folder, tokens, logits, in_bfloat16, result):
    """Adds the error of bfloat16 where choices are not close. Whether such positions are many enough, and
    other computations in bfloat16 have no larger errors."""
    routing = result["routing"]
    rest = [position for position in range(len(tokens)) if position not in set(routing["close"])]
    routing["bfloat16_error"] = errors(in_bfloat16[rest], logits[rest])
    if len(routing["close"]) > CLOSE_SHARE * len(tokens):
        return False
    for model in other_models(folder, load):
        other = forward(model, tokens)
        of_rest = errors(other[rest], logits[rest])
        if (errors(other, logits)["rms"] > OTHER_ROUNDING * result["bfloat16_error"]["rms"]
                or any(of_rest[kind] > OTHER_ROUNDING * routing["bfloat16_error"][kind] for kind in of_rest)):
            return False
    return True


def are_sure(model, exact_model, tokens):
    """The smallest margin of a router's choice; None where float32 does not tell, or chooses others than
    float64."""
    choices, exact = routed(model, tokens)[1], routed(exact_model, tokens)[1]
    if choices.others_than(exact) or exact.closer_than(SURE_MARGIN):
        return None
    return exact.margins.min().item()


# --- Configurations


def published(spec, config):
    """config.json with the keys and values of published checkpoints."""
    result = {RENAMED.get(key, key): value for key, value in config.items()
              if key not in NEW or key in spec.keeps}
    result |= {key: value for key, value in spec.published.items() if value is not ...}
    for key, value in spec.published.items():
        # An ellipsis, or a null in place of what is not null, stands for a key that is left out.
        if value is ... or value is None and config.get(key) is not None:
            del result[key]
    result["transformers_version"] = "4.44.0"
    return result


def with_config(folder, change):
    """The logits-giving model of a folder under another config.json."""
    with tempfile.TemporaryDirectory() as other:
        for file in folder.glob("model*"):
            shutil.copy(file, other)
        config = change(json.loads((folder / "config.json").read_text()))
        (pathlib.Path(other) / "config.json").write_text(json.dumps(config))
        return load(other, torch.float32)


def check(spec, folder, spelled, tokens):
    """That the published spelling is the same model, and that what is special about it matters."""
    logits = forward(load(folder, torch.float32), tokens)
    same = forward(with_config(folder, lambda _: spelled), tokens)
    assert torch.equal(same, logits), f"{spec.name}: published_config.json is another model"
    least = float("inf")
    for change in spec.matters:
        if "use_sliding_window" in change or "no_rope_layers" in change:
            change = change | {"layer_types": None}
        other = forward(with_config(folder, lambda config: config | change), tokens)
        least = min(least, effect(spec, change, other, logits))
    for ending, value in spec.neutral.items():
        model = load(folder, torch.float32)
        tensors = [tensor for name, tensor in model.state_dict().items() if name.endswith(ending)]
        assert tensors, f"{spec.name}: no {ending}"
        for tensor in tensors:
            tensor.fill_(value)
        least = min(least, effect(spec, ending, forward(model, tokens), logits))
    return least


def effect(spec, change, other, logits):
    effect = (other - logits).abs().max().item() / (logits.max() - logits.min()).item()
    assert effect > 0.01, f"{spec.name}: {change} changes the logits by {effect:.1e} only"
    return effect


# --- All of a model


def make(spec):
    folder = HERE / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as unpacked:
        # What Transformers loads: apart from MXFP4 the folder itself.
        source = pathlib.Path(unpacked) if spec.has_mxfp4_experts else folder
        seed, tokens, packed, results = drawn(spec, source)
        spelled = published(spec, json.loads((source / "config.json").read_text()))
        least = check(spec, source, spelled, tokens)
        if packed:
            pack(source, packed, folder)
            spelled |= {"quantization_config": MXFP4}
            same = forward(load(folder, torch.bfloat16), tokens)
            assert torch.equal(same, forward(load(source, torch.bfloat16), tokens)), spec.name
    write(folder / "published_config.json", spelled)
    save_file({run["logits"]: logits for logits, run in results}, folder / "expected.safetensors")
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__,
                     "safetensors": safetensors.__version__},
        "seed": seed, "tokens": tokens, "runs": [run for _, run in results]}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{spec.name}: seed {seed}, {size // 1000} kB, smallest effect {least:.3f}")
    for _, run in results:
        report(run)


def drawn(spec, folder):
    """The first model that will do, saved in the folder: its seed, its tokens, packed tensors of it, and
    what is computed for its runs."""
    for seed in range(spec.seed, spec.seed + 1000):
        model, tokens, packed = random_model(spec, seed)
        for file in folder.glob("*"):
            file.unlink()
        model.save_pretrained(folder, max_shard_size=spec.shard_size)
        results = []
        for run in spec.runs:
            result = compute(folder, tokens, run)
            if result is None:
                break
            results.append(result)
        else:
            return seed, tokens, packed, results
    raise AssertionError(f"{spec.name}: no seed will do")


def pack(source, packed, folder):
    """A model's folder with packed tensors in the place of those that they are the values of."""
    folder.mkdir()
    shutil.copy(source / "generation_config.json", folder)
    tensors = load_file(source / "model.safetensors")
    for name in packed:
        tensors.pop(name.removesuffix("_blocks"), None)
    save_file(tensors | packed, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text())
    write(folder / "config.json", config | {"quantization_config": MXFP4})


def write(path, config):
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")


def report(run):
    def relative(error):
        return f"maximum {error['maximum'] / run['range']:.1e} rms {error['rms'] / run['range']:.1e}"

    print(
        f"  {run['name']}: range {run['range']:.1f}, relative errors: bfloat16 "
        f"{relative(run['bfloat16_error'])}, to float64 "
        f"{run['float64_difference']['maximum'] / run['range']:.1e}; {len(set(run['greedy']))} "
        f"different tokens, distance {run['smallest_distance']:.1e}, the same without a cache: "
        f"{run['greedy'] == run['greedy_without_cache']}")
    if routing := run.get("routing"):
        print(
            f"    routers: smallest margin {routing['smallest_margin']:.1e}, {len(routing['rerouted'])} "
            f"positions rerouted in bfloat16, {len(routing['close'])} of {run['context']} close, over the "
            f"others bfloat16 {relative(routing['bfloat16_error'])}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    names = sys.argv[1:]
    unknown = set(names) - {spec.name for spec in MODELS + MIXTURES}
    assert not unknown, f"no such models: {unknown}"
    for spec in MODELS + MIXTURES:
        if not names or spec.name in names:
            make(spec)

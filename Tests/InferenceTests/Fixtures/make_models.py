"""Makes the models of this folder and what Hugging Face Transformers computes with them, on the CPU.

    pip install torch transformers safetensors
    python make_models.py [NAME ...]

without names all models of model_list.py. Each becomes a folder, as save_pretrained writes it, and beside
its files

- published_config.json: the same configuration as the config.json of published checkpoints spells it,
  most of which older versions of Transformers wrote;
- expected.json: the context's token ids, and for each run the tokens that follow it greedily in float32
  and the error of Transformers' own bfloat16;
- expected.safetensors: the float32 logits of each run, [context][vocabulary].

Weights are random, of a size at which attention is neither uniform nor on one token only, biases and
norms weigh in, and soft caps bend. A model is drawn anew until its greedy tokens are varied and each of
them is far enough ahead of the second for no order of summation to change it. What is special about a
model (`matters`) is taken away once, to see that the logits would then be others.

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
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from model_list import MODELS, NEW, RENAMED

HERE = pathlib.Path(__file__).resolve().parent
DISTANCE = 1e-3  # of the logits' range: how far ahead of the second each greedy token is at least
VARIETY = 24  # different tokens among the generated ones at least


# --- Random models


def draw(parameter_name, shape, generator, config):
    """A parameter's values, by its role."""
    normal = torch.randn(shape, generator=generator)
    part = parameter_name.rsplit(".", 2)[-2]
    is_gemma = config.model_type.startswith("gemma")
    if parameter_name.endswith("bias"):
        return 0.4 * normal
    if len(shape) == 1:
        center = {"q_norm": 1.6, "k_norm": 1.6}.get(part, 1.0)
        if is_gemma:  # What makes layers count beside an embedding that is also the head.
            center = {"norm": 3.0, "post_attention_layernorm": 2.5,
                      "post_feedforward_layernorm": 2.5}.get(part, center)
        return center - is_gemma + 0.25 * normal  # Gemma's norms multiply by 1 + weight.
    if part == "embed_tokens":
        # Tied to the head, a large embedding would make a model that repeats its last token. Gemma
        # multiplies it by √hidden.
        scale = 0.5 if config.tie_word_embeddings else 1.0
        return normal * (0.6 / config.hidden_size**0.5 if is_gemma else scale)
    gain = {"q_proj": 1.6, "k_proj": 1.6, "qkv_proj": 1.6, "o_proj": 1.5, "gate_proj": 1.6,
            "up_proj": 1.6, "gate_up_proj": 1.6, "down_proj": 1.5, "lm_head": 4.0}.get(part, 1.0)
    return gain / shape[-1] ** 0.5 * normal


def random_model(spec, seed):
    config = AutoConfig.for_model(spec.model_type, **json.loads(json.dumps(spec.config)))
    dtype = getattr(torch, spec.dtype)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.copy_(draw(name, parameter.shape, generator, config))
    tokens = torch.randint(5, config.vocab_size, (spec.tokens,), generator=generator).tolist()
    return model, tokens


def load(folder, dtype):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    for name, buffer in model.named_buffers():
        # Frequencies stay in float32 when a model is loaded in bfloat16, unlike when it is converted.
        assert "inv_freq" not in name or buffer.dtype == torch.float32, name
    return model.eval()


# --- Runs


def forward(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].float()


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
    """A run's logits, and what expected.json says of it; None where its greedy tokens will not do."""
    tokens = tokens[: run.context]
    model = load(folder, torch.float32)
    logits = forward(model, tokens)
    extent = (logits.max() - logits.min()).item()
    greedy, distance = generate(folder, tokens, run.generated)
    ends = model.config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    variety = len(set(greedy))
    if distance < DISTANCE * extent or ends & set(greedy) or variety < VARIETY * run.generated // 64:
        return None
    without_cache, _ = generate(folder, tokens, run.generated, use_cache=False)
    if not run.changes_with_length:
        assert without_cache == greedy, run
        assert forward(model, tokens + greedy[:-1])[len(tokens) - 1 :].argmax(-1).tolist() == greedy, run
    return logits, {
        "name": run.name, "context": len(tokens), "logits": "logits." + run.name, "greedy": greedy,
        "greedy_without_cache": without_cache, "follows_context": run.follows_context,
        "smallest_distance": distance / extent, "range": extent,
        "bfloat16_error": errors(forward(load(folder, torch.bfloat16), tokens), logits),
        "float64_difference": errors(forward(load(folder, torch.float64), tokens), logits),
    }


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
    return dict(sorted(result.items()))


def with_config(folder, change):
    """The logits-giving model of a folder under another config.json."""
    with tempfile.TemporaryDirectory() as other:
        for file in folder.glob("model*"):
            shutil.copy(file, other)
        config = change(json.loads((folder / "config.json").read_text()))
        (pathlib.Path(other) / "config.json").write_text(json.dumps(config))
        return load(other, torch.float32)


def check(spec, folder, tokens):
    """That the published spelling is the same model, and that what is special about it matters."""
    logits = forward(load(folder, torch.float32), tokens)
    spelled = json.loads((folder / "published_config.json").read_text())
    same = forward(with_config(folder, lambda _: spelled), tokens)
    assert torch.equal(same, logits), f"{spec.name}: published_config.json is another model"
    least = float("inf")
    for change in spec.matters:
        if "use_sliding_window" in change or "no_rope_layers" in change:
            change = change | {"layer_types": None}
        other = forward(with_config(folder, lambda config: config | change), tokens)
        effect = (other - logits).abs().max().item() / (logits.max() - logits.min()).item()
        assert effect > 0.01, f"{spec.name}: {change} changes the logits by {effect:.1e} only"
        least = min(least, effect)
    return least


# --- All of a model


def make(spec):
    folder = HERE / spec.name
    for seed in range(spec.seed, spec.seed + 1000):
        model, tokens = random_model(spec, seed)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, max_shard_size=spec.shard_size)
        results = []
        for run in spec.runs:
            result = compute(folder, tokens, run)
            if result is None:
                break
            results.append(result)
        else:
            break
    config = json.loads((folder / "config.json").read_text())
    (folder / "published_config.json").write_text(json.dumps(published(spec, config), indent=2) + "\n")
    effect = check(spec, folder, tokens)
    save_file({run["logits"]: logits for logits, run in results}, folder / "expected.safetensors")
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__,
                     "safetensors": safetensors.__version__},
        "seed": seed, "tokens": tokens, "runs": [run for _, run in results]}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{spec.name}: seed {seed}, {size // 1000} kB, smallest effect {effect:.3f}")
    for _, run in results:
        print(
            f"  {run['name']}: range {run['range']:.1f}, relative errors: bfloat16 maximum "
            f"{run['bfloat16_error']['maximum'] / run['range']:.1e} rms "
            f"{run['bfloat16_error']['rms'] / run['range']:.1e}, to float64 "
            f"{run['float64_difference']['maximum'] / run['range']:.1e}; {len(set(run['greedy']))} "
            f"different tokens, distance {run['smallest_distance']:.1e}, the same without a cache: "
            f"{run['greedy'] == run['greedy_without_cache']}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    names = sys.argv[1:]
    unknown = set(names) - {spec.name for spec in MODELS}
    assert not unknown, f"no such models: {unknown}"
    for spec in MODELS:
        if not names or spec.name in names:
            make(spec)

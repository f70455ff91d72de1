"""What the routers of a model choose, and how close each choice is.

Where the last expert that is chosen and the first that is not have all but the same score, rounding decides,
and the logits of two computations that are both right jump apart. Such positions are told from others by
the margin of a choice: the difference of the two scores, in terms of the range of all experts' scores at
that position. Where groups of experts are chosen first, their scores' margin counts, too.
"""

import contextlib
from dataclasses import dataclass

import torch

# A choice in float32 is no matter of the order of summation: what models are drawn for.
SURE_MARGIN = 1e-5
# A choice that bfloat16 may turn. Scores behind layers that are computed in bfloat16 differ from those in
# float32 by 0.2 % to 0.7 % of their range here (root mean square), and the difference of two decides.
CLOSE_MARGIN = 0.02


@dataclass
class Choices:
    """Of all tokens of a forward pass, in all layers that have a router."""

    experts: torch.Tensor  # [tokens][layers][experts a token], rising
    margins: torch.Tensor  # [tokens][layers]

    def others_than(self, other):
        """The positions at which any layer's experts are others."""
        return set((self.experts != other.experts).flatten(1).any(1).nonzero().flatten().tolist())

    def closer_than(self, margin):
        return set((self.margins.amin(1) < margin).nonzero().flatten().tolist())


@contextlib.contextmanager
def recorded_choices(model):
    """A function that tells, behind a forward pass within, what was chosen in it; None without routers."""
    layers = []
    hooks = [module.register_forward_hook(lambda router, _, output: layers.append(choice(router, output)))
             for module in model.modules() if type(module).__name__.endswith("Router")]
    try:
        yield lambda: Choices(torch.stack([experts for experts, _ in layers], 1),
                              torch.stack([margins for _, margins in layers], 1)) if layers else None
    finally:
        for hook in hooks:
            hook.remove()


def choice(router, output):
    """The experts of each token, and the margin."""
    scores, _, experts = output
    scores = scores.double()
    margins = []
    match type(router).__name__:
        case "Glm4MoeTopkRouter":
            scores = scores.sigmoid() + router.e_score_correction_bias
            groups = scores.unflatten(-1, (router.num_group, -1))
            group_scores = groups.topk(2).values.sum(-1)
            margins.append(margin(group_scores, router.topk_group))
            least = group_scores.topk(router.topk_group).values[:, -1:]
            extent = scores.amax(-1) - scores.amin(-1)
            left = groups.masked_fill((group_scores < least)[..., None], -torch.inf).flatten(1)
            best = left.topk(router.top_k + 1).values
            margins.append((best[:, -2] - best[:, -1]) / extent)
        case "Gemma4TextRouter":
            margins.append(margin(scores.log(), experts.shape[-1]))  # They are probabilities.
        case _:
            margins.append(margin(scores, experts.shape[-1]))
    return experts.sort().values, torch.stack(margins).amin(0)


def margin(scores, count):
    if count == scores.shape[-1]:
        return torch.full(scores.shape[:-1], torch.inf, dtype=scores.dtype)
    best = scores.topk(count + 1).values
    return (best[..., -2] - best[..., -1]) / (scores.amax(-1) - scores.amin(-1))

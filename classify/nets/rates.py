"""Learning rates: which parameters are moved how fast, and when.

torch's schedulers are not used, since `LinearLR` and `CosineAnnealingLR` would change what is trained: over 15 epochs
of 27 steps, 347 of 405 rates differ, by up to 1 % in the warm-up and by rounding after it. They are no quicker (1.9
microseconds a step, here 0.8; 5 runs in pairs on an EPYC), and every checkpoint would have to hold their state.
"""

import math

from torch import nn
from torch.optim import AdamW

from classify.nets.recipe import NetRecipe

PLATEAU = 3  # epochs
START = 1e-2  # of the way through its warm-up that a rate begins at


def rate_factor(recipe: NetRecipe, history: list[dict], at: float) -> float:
    """Return what the learning rates are multiplied by at a moment, in epochs since the start.

    It depends on nothing else than the losses so far, so that going on needs no memory of it.
    """
    if at < recipe.warmup_epochs:
        return (at + START) / recipe.warmup_epochs
    if recipe.schedule == "cosine":
        course = (at - recipe.warmup_epochs) / max(1e-9, recipe.max_epochs - recipe.warmup_epochs)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, course)))
    if recipe.schedule == "plateau":
        return 0.1 ** _plateaus([row["train_loss" if row["valid_loss"] is None else "valid_loss"] for row in history])
    return 1.0


def _plateaus(losses: list[float]) -> int:
    """Return how often `PLATEAU` epochs passed without a better loss, each counted from the last such moment on."""
    n_plateaus, best, waited = 0, math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == PLATEAU:
            n_plateaus, waited = n_plateaus + 1, 0
    return n_plateaus


def set_rates(optimizer: AdamW, recipe: NetRecipe, history: list[dict], at: float) -> None:
    """Give each group of the optimizer its initial rate times the factor of the moment."""
    factor = rate_factor(recipe, history, at)
    for group in optimizer.param_groups:
        group["lr"] = factor * group["initial_lr"]


def optimizer_of(module: nn.Module, recipe: NetRecipe) -> AdamW:
    """Return AdamW with a group for each learning rate (`initial_lr`), with decay and without."""
    if hasattr(module, "parameter_groups"):
        rates = module.parameter_groups(recipe.lr, recipe.body_lr)
    else:
        rates = ((recipe.lr, parameter) for parameter in module.parameters())
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for rate, parameter in rates:
        groups.setdefault((rate, recipe.weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return AdamW(
        {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    )

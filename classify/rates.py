"""Learning rates: which parameters are moved how fast, and when."""

import math

from torch import nn
from torch.optim import AdamW

from classify.recipe import Recipe

PLATEAU = 3  # epochs
START = 1e-2  # of the way through its warm-up that a rate begins at


def rate_factor(recipe: Recipe, history: list[dict], at: float) -> float:
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
    found, best, waited = 0, math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == PLATEAU:
            found, waited = found + 1, 0
    return found


def set_rates(optimizer: AdamW, rates: list[float], recipe: Recipe, history: list[dict], at: float) -> None:
    """Give each group of the optimizer its own rate times the factor of the moment."""
    factor = rate_factor(recipe, history, at)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = factor * rate


def optimizer_of(module: nn.Module, recipe: Recipe) -> tuple[AdamW, list[float]]:
    """Return AdamW with a group for each learning rate, with decay and without, and the rate of each group."""
    if hasattr(module, "parameter_groups"):
        told = list(module.parameter_groups(recipe.lr, recipe.body_lr))
    else:
        told = [(recipe.lr, parameter) for parameter in module.parameters()]
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for rate, parameter in told:
        groups.setdefault((rate, recipe.weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    options = [{"params": members, "lr": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]
    return AdamW(options), [rate for rate, _ in groups]

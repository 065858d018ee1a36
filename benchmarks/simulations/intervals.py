"""95 % intervals of scores hold the true value in about 95 of 100 sets, of single images and of groups.

Images of two classes get normal scores whose means lie `strength` apart, and the probability that Bayes' rule gives
them. The sizes of both classes are fixed. True values are those of 400,000 such images, or known in closed form.
"""

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from benchmarks.simulations.claims import Claim, share
from classify.predictions import Predictions
from classify.stats.intervals import intervals
from classify.stats.paired import paired_interval
from classify.stats.scores import SCORES, Sample
from classify.stats.tables import hindsight

STRENGTHS = {1.5: 0.77, 3.0: 0.93, 4.1: 0.98}  # distance of means: accuracy where classes are equally many
N_SETS = 200
LOSSES = ("log_loss", "brier")
OTHERS = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "average_precision")


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return how often each kind of interval holds the truth, and how far scores at a false positive rate are off."""
    claims = []
    for n in (30, 300):
        claims += _scores(n, 1.5, OTHERS, scale, seed, 0.92, 0.98)
    for strength in STRENGTHS:
        for decimals in (None, 1):
            claims += _scores(60, strength, LOSSES, scale, seed, 0.93, 1, decimals=decimals)
    for name, rate, n_others in (("tpr_at_fpr_1", 0.01, 100), ("tpr_at_fpr_1", 0.01, 300), ("tpr_at_fpr_5", 0.05, 20)):
        claims += _at_rate(name, rate, n_others, 1000, scale, seed)
    for kind in ("equal", "unequal", "very unequal"):
        for alike in (0, 0.3):
            claims += _groups(kind, alike, 300, scale, seed)
    return [*claims, *_hindsight(100, scale, seed)]


def drawn(rng: np.random.Generator, n_positive: int, n_others: int, strength: float, decimals=None) -> Sample:
    """Return images of both classes; probabilities rounded to `decimals`, if given."""
    truth = np.repeat([1, 0], [n_positive, n_others])
    x = rng.normal(size=len(truth)) + strength * (truth - 0.5)
    p = expit(strength * x + np.log(n_positive / n_others))
    scores = np.column_stack([1 - p, p])
    return Sample(truth, scores if decimals is None else scores.round(decimals), (p > 0.5).astype(int), 1)


def _scores(n, strength, names, scale, seed, least, most, decimals=None):
    rng, sets = np.random.default_rng(seed), max(20, round(scale * N_SETS))
    large = drawn(rng, 200_000, 200_000, strength, decimals)
    true, held = {name: SCORES[name].of(large) for name in names}, {name: [] for name in names}
    for run in range(sets):
        for name, (low, high) in intervals(names, drawn(rng, n // 2, n // 2, strength, decimals), seed=run).items():
            if not np.isnan(low):
                held[name].append(low <= true[name] <= high)
    of = f"{n} images, accuracy {STRENGTHS[strength]:.0%}" + (f", {decimals} decimal" if decimals else "")
    return [share(f"{name}, {of}: holds the truth", sum(hits), len(hits), least, most) for name, hits in held.items()]


def _at_rate(name, rate, n_others, sets, scale, seed):
    true, rng, sets = 0.37, np.random.default_rng(seed), max(20, round(scale * sets))
    strength, values, held = norm.isf(rate) - norm.isf(true), [], 0
    for run in range(sets):
        sample = drawn(rng, 60, n_others, strength)
        values.append(SCORES[name].of(sample))
        low, high = intervals([name], sample, seed=run)[name]
        held += low <= true <= high
    of = f"{name}, {n_others} images of the other class"
    error = float(np.std(values) / sets**0.5)
    mean = Claim(f"{of}: mean where {true} is true (n = {sets:,})", float(np.mean(values)), error, 0.34, 0.40)
    return [mean, share(f"{of}: holds the truth", held, sets, 0.94, 1)]


def _sizes(rng, kind):
    spread = {"equal": 0, "unequal": 1, "very unequal": 1.5}[kind]
    return np.maximum(1, 6 * np.exp(rng.normal(0, spread, 20))).astype(int) if spread else np.full(20, 8)


def _groups(kind, alike, sets, scale, seed):
    """Accuracy, balanced accuracy, AUC and the difference of two models, images of a group as alike as is said."""
    rng, sets = np.random.default_rng(seed), max(20, round(scale * sets))
    names, held = ["accuracy", "balanced_accuracy", "roc_auc"], {}
    true = dict.fromkeys(names[:2], norm.cdf(0.7)) | {"roc_auc": norm.cdf(1.4 / 2**0.5), "difference": 0.0}
    for run in range(sets):
        sizes = _sizes(rng, kind)
        unit, truth = np.repeat(np.arange(20), sizes), np.repeat(np.arange(20) % 2, sizes)
        shift = [rng.normal(size=20)[unit] * alike**0.5 + rng.normal(size=len(unit)) * (1 - alike) ** 0.5 for _ in "ab"]
        x = shift[0] + 1.4 * (truth - 0.5)
        sample = Sample(truth, np.column_stack([-x, x]), (x > 0).astype(int), 1)
        limits = intervals(names, sample, [f"g{code}" for code in unit], run)
        rights = [(score + 1.4 * (truth - 0.5) > 0) == truth for score in shift]
        limits["difference"] = paired_interval(*rights, unit)
        for name, (low, high) in limits.items():
            if not np.isnan(low):
                held.setdefault(name, []).append(low <= true[name] <= high)
    of = f"20 {kind} groups, images of a group alike by {alike}"
    most = 0.985 if kind == "equal" else 1  # few degrees of freedom make wide intervals: the promise is one-sided
    return [share(f"{name}, {of}: holds the truth", sum(hits), len(hits), 0.925, most) for name, hits in held.items()]


def _hindsight(sets, scale, seed):
    rng, sets, n, strength = np.random.default_rng(seed), max(20, round(scale * sets)), 60, 1.5
    held, names = 0, np.array(["real", "ai"])
    for run in range(sets):
        sample = drawn(rng, n // 2, n // 2, strength)
        table = pd.DataFrame({"label": names[sample.truth], "predicted": names[sample.predicted]})
        table = table.assign(path=[str(row) for row in range(n)], model="m", set="test", split="", source="", group="")
        table = table.assign(fold=-1, prob_real=sample.scores[:, 0], prob_ai=sample.scores[:, 1])
        row = hindsight(Predictions(table), "ai", seed=run).iloc[0]
        held += row["balanced_accuracy_low"] <= norm.cdf(strength / 2) <= row["balanced_accuracy_high"]
    return [share("best threshold in hindsight, 60 images: holds the truth", held, sets, 0.91, 0.98)]

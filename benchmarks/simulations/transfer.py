"""The interval of `pipelines transfer` for the fall from a source to others holds the fall that is true."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.simulations.claims import Claim, share
from pipelines.sources.transfer import summarise

N_SOURCES, N_SETS = 3, 400
SAME, OTHER = 1.0, 0.4  # thresholds of a normal difficulty: 84 % and 66 % of images are judged rightly
CELL = {
    **{"model": "svm", "n_train": 10, "guess": 0.5, "low": 0.1, "high": 0.9, "balanced_accuracy": 0.5, "roc_auc": 0.5},
    **{"roc_auc_low": 0.4, "roc_auc_high": 0.6, "n_own": 5, "own": 0.5, "own_low": 0.1, "own_high": 0.9},
}


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return how often intervals hold the truth; an image is as hard for every model, alike within groups."""
    claims = []
    for n, size in ((40, 1), (100, 1), (100, 5)):
        rng, sets = np.random.default_rng(seed), max(20, round(scale * N_SETS))
        rows = [_summary(rng, n, size) for _ in range(sets)]
        true = {"same": norm.cdf(SAME), "other": norm.cdf(OTHER)}
        true["fall"] = true["same"] - true["other"]
        for name, value in true.items():
            held = sum(row[f"{name}_low"] <= value <= row[f"{name}_high"] for row in rows)
            what = f"interval of {name}, {N_SOURCES} sources of {n} images, groups of {size}: holds the truth"
            claims.append(share(what, held, sets, 0.92, 0.98))
    return claims


def _summary(rng: np.random.Generator, n: int, size: int) -> pd.Series:
    alike = 0.5 if size > 1 else 0.0
    groups = [np.repeat(rng.normal(size=n // size), size) for _ in range(N_SOURCES)]
    hard = [alike**0.5 * group + (1 - alike) ** 0.5 * rng.normal(size=n) for group in groups]
    cells, answers = [], []
    for train in range(N_SOURCES):
        for test in range(N_SOURCES):
            same = train == test
            score = (hard[test] + rng.normal(size=n)) / 2**0.5
            right = score < (SAME if same else OTHER)
            unit = np.arange(n) // size + 1000 * test
            answers.append(pd.DataFrame({"model": "svm", "same": same, "unit": unit, "right": right, "weight": 1 / n}))
            cells.append({**CELL, "train_source": train, "test_source": test, "n": n, "accuracy": right.mean()})
    return summarise(pd.DataFrame(cells), pd.concat(answers, ignore_index=True)).iloc[0]

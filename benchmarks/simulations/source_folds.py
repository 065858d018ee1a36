"""Folds that hold out sources, on labels that are chance: one score in passport and page, and no score above chance."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.simulations.claims import Claim
from classify.splits.folds import folds_by_source
from classify.splits.scheme import Scheme
from classify.stats.tables import fold_scores
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.store.features import Features

DRAWS = 200  # of data sets
IMAGES = 40  # a source on average
COLUMNS = 8


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return claims on sets of 2 to 5 sources a class, of unequal sizes."""
    chance = np.random.default_rng(seed)
    n, equal, once, scores = max(10, round(scale * DRAWS)), 0, 0, []
    for draw in range(n):
        features = drawn(chance)
        y, sources = (features.rows[name].to_numpy(dtype=str) for name in ("label", "source"))
        pairs = folds_by_source(y, np.arange(len(y)), sources, draw)
        judged = np.sort(np.concatenate([rows for _, rows in pairs]))
        once += np.array_equal(judged, np.arange(len(y))) and all(set(y[rows]) == set(y) for _, rows in pairs)
        job = plan("logreg", features, trials=0, scoring="balanced_accuracy", seed=draw, scheme=Scheme("source"))
        tuned = tune(job)
        cv, page = tuned.model.passport.cv, fold_scores(tuned.predictions, "balanced_accuracy").iloc[0]
        equal += np.allclose([cv.mean, cv.std], page[["mean", "std"]].astype(float), rtol=0, atol=1e-12)
        scores.append(cv.mean)
    error = float(np.std(scores, ddof=1) / np.sqrt(n))
    return [
        Claim(f"each row is judged in one fold, and each fold judges both classes (n = {n:,})", once / n, 0.0, 1, 1),
        Claim(f"passport and page have the same mean and spread over folds (n = {n:,})", equal / n, 0.0, 1, 1),
        Claim(
            f"mean balanced accuracy over folds of labels that are chance (n = {n:,})",
            float(np.mean(scores)),
            error,
            0.49,
            0.51,
        ),
    ]


def drawn(chance: np.random.Generator) -> Features:
    """Return features without any signal, 2 to 5 sources a class."""
    labels, sources = [], []
    for label in ("ai", "real"):
        for number, size in enumerate(chance.integers(IMAGES // 2, 3 * IMAGES // 2, chance.integers(2, 6))):
            labels += [label] * size
            sources += [f"{label}/{number}"] * size
    n = len(labels)
    names = [f"{i}.jpg" for i in range(n)]
    rows = pd.DataFrame({"path": names, "label": labels, "split": "train", "source": sources, "group": ""})
    rows["key"] = [f"{key:064x}" for key in chance.integers(0, 2**62, n)]
    X = chance.normal(size=(n, COLUMNS)).astype(np.float32)
    extractor = {"name": "none", "fingerprint": "none", "n_features": COLUMNS, "trained": True}
    return Features(X, rows, "chance", Path("."), extractor)

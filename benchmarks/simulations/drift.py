"""Sets that are drawn like the training images are hardly ever called unlike them."""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.svm import SVC

from benchmarks.simulations.claims import Claim, share
from classify.predictions import VALIDATION, Predictions
from classify.stats.calibration import Calibration, class_scores
from classify.stats.drift import drift_table
from classify.stats.novelty import LEVEL, fit_novelty, novelty_counts

N_SETS = 100
KINDS = ((300, 100, 64, 1), (200, 200, 512, 1), (120, 10, 64, 1), (600, 100, 64, 5))  # training, set, columns, a group


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return how often a set is called unlike, by sureness and by features; 1 % is stated."""
    claims, sets = [], max(5, round(scale * N_SETS))
    for n_train, n, width, size in KINDS:
        rng = np.random.default_rng(seed)
        wolves = np.array([_called(rng, n_train, n, width, size) for _ in range(sets)])
        of = f"{n} images drawn like the {n_train} of training, {width} columns, groups of {size}: called unlike"
        for what, k in zip(("sureness", "features"), wolves.sum(axis=0), strict=True):
            claims.append(share(f"{what}, {of}", int(k), sets, 0, 0.01))
    return claims


def _called(rng: np.random.Generator, n_train: int, n: int, width: int, size: int) -> tuple[bool, bool]:
    (X, y, unit), (other, _, other_unit) = (_drawn(rng, rows, width, size) for rows in (n_train, n))
    folds, estimator = StratifiedGroupKFold(5, shuffle=True, random_state=0), SVC(C=1.7)
    out_of_fold = cross_val_predict(estimator, X, y, groups=unit, cv=folds, method="decision_function")
    scores = np.column_stack([-out_of_fold / 2, out_of_fold / 2])
    calibration, estimator = Calibration.fit(scores, y), estimator.fit(X, y)
    parts = [_table(calibration(scores), unit, VALIDATION)]
    parts.append(_table(calibration(class_scores(estimator, other)), other_unit, "wild"))
    table = drift_table(Predictions(pd.concat(parts, ignore_index=True)))
    counts = novelty_counts(fit_novelty(X, unit), other, np.zeros(n, bool), other_unit)
    return bool(table["unlike"].iloc[0]), counts["p"] <= LEVEL


def _drawn(rng, n, width, size):
    y = np.repeat(np.arange(n // size) % 2, size)
    X = np.repeat(rng.normal(size=(n // size, width)), size, axis=0) * 0.7 + rng.normal(size=(n, width)) * 0.7
    X[:, :5] += 0.6 * (y[:, None] - 0.5)
    return X, y, np.repeat(np.arange(n // size), size)


def _table(p, unit, name):
    columns = {"path": [f"{name}{row}" for row in range(len(p))], "prob_real": p[:, 0], "prob_ai": p[:, 1]}
    predicted = np.where(p[:, 1] > p[:, 0], "ai", "real")
    group = [f"{name}{code}" for code in unit]
    table = pd.DataFrame({**columns, "predicted": predicted, "group": group})
    return table.assign(model="svm", set=name, label="", split="", source="", fold=0 if name == VALIDATION else -1)

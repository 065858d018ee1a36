"""Cross-validation of one setting: a score for each fold, and scores of every training row out of fold."""

import os
from dataclasses import dataclass

import joblib
import numpy as np

from classify.calibration import class_scores
from classify.errors import DataError
from classify.metrics import SCORES
from classify.models import unchanged
from classify.plan import Plan
from classify.splits import folds
from featex.progress import Progress

KEEP_BYTES = 4e9  # prepared folds above this are made anew for each trial instead of kept


@dataclass(frozen=True)
class Folded:
    """What cross-validation of one setting gives.

    Parameters
    ----------
    params : dict
        The setting.
    scores : list of float
        One a fold.
    oof : ndarray of shape (n_train, n_classes)
        Scores of each row by the model that was not fitted on it.
    fold : ndarray of shape (n_train,), int
        The fold that each row was validated in.
    """

    params: dict
    scores: list[float]
    oof: np.ndarray
    fold: np.ndarray

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))


class CrossValidation:
    """The folds of a job, with what each fold's two sides were prepared to."""

    def __init__(self, job: Plan, X: np.ndarray):
        self.job, self.X, self.y = job, X, job.y
        self.units = job.parts.units[job.parts.train]
        self.classes = np.unique(self.y)
        self.pairs = folds(self.y, self.units, job.n_folds, job.seed)
        # What is prepared may be a matrix of all rows against all rows.
        self._keep = job.spec.prepare is not unchanged and 8 * len(self.y) ** 2 * job.n_folds < KEEP_BYTES
        self._prepared: dict[int, tuple] = {}

    def run(self, params: dict, progress: Progress) -> Folded:
        """Fit and judge every fold."""
        spec = self.job.spec
        n_jobs = min(len(self.pairs), os.cpu_count() or 1) if spec.parallel_folds else 1
        parallel = joblib.Parallel(n_jobs=n_jobs, prefer="threads")
        judged = parallel(joblib.delayed(self._fold)(number, params, progress) for number in range(len(self.pairs)))
        oof = np.empty((len(self.y), len(self.classes)))
        fold = np.empty(len(self.y), dtype=int)
        for number, ((_, rows), scores) in enumerate(zip(self.pairs, judged, strict=True)):
            oof[rows], fold[rows] = scores, number
        return Folded(params, [self._score(rows, oof[rows]) for _, rows in self.pairs], oof, fold)

    def refit(self, params: dict, progress: Progress):
        """Return the estimator fitted on all training rows."""
        return self._fit(self.X, self.y, self.units, params, progress, "all training images")

    def _fold(self, number: int, params: dict, progress: Progress) -> np.ndarray:
        train, _ = self.pairs[number]
        fitted_on, judged_on = self._sides(number)
        label = f"fold {number + 1} of {len(self.pairs)}"
        estimator = self._fit(fitted_on, self.y[train], self.units[train], params, progress, label)
        return class_scores(estimator, judged_on)

    def _fit(self, X, y: np.ndarray, units: np.ndarray, params: dict, progress: Progress, label: str):
        spec, settings = self.job.spec, self.job.settings

        def told(line: str) -> None:
            progress.remark(f"{spec.name}, {label}: {line}")

        return spec.build(**params, **settings).fit(X, y, **spec.fit_options(units, told))

    def _sides(self, number: int):
        train, rows = self.pairs[number]
        sides = self._prepared.get(number) or self.job.spec.prepare(self.X[train], self.X[rows])
        if self._keep:
            self._prepared[number] = sides
        return sides

    def _score(self, rows: np.ndarray, scores: np.ndarray) -> float:
        score = SCORES[self.job.scoring]
        value = score(self.y[rows], scores, self.classes[scores.argmax(axis=1)], list(self.classes))
        if not np.isfinite(value):
            raise DataError(f"{self.job.scoring} is not defined on a fold that lacks a class; take fewer --folds")
        return value

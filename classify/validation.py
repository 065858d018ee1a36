"""Cross-validation of one setting: a score for each fold, and scores of every training row out of fold."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

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
    histories : list
        One a fold: the rows of epochs of a model that is trained in epochs, else None.
    """

    params: dict
    scores: list[float]
    oof: np.ndarray
    fold: np.ndarray
    histories: list[list[dict] | None]

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))


class CrossValidation:
    """The folds of a job, with what each fold's two sides were prepared to.

    Parameters
    ----------
    job : Plan
    X : inputs of the training rows
    checkpoints : Path, optional
        Folder that long fits are kept in as they go: a job that was killed finds its finished ones there.
    """

    def __init__(self, job: Plan, X, checkpoints: Path | None = None):
        self.job, self.X, self.y, self.checkpoints = job, X, job.y, checkpoints
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
        for number, ((_, rows), (scores, _)) in enumerate(zip(self.pairs, judged, strict=True)):
            oof[rows], fold[rows] = scores, number
        fold_scores = [self._score(rows, oof[rows]) for _, rows in self.pairs]
        return Folded(params, fold_scores, oof, fold, [history for _, history in judged])

    def refit(self, params: dict, progress: Progress):
        """Return the estimator fitted on all training rows."""
        return self._fit(self.X, self.y, self.units, params, progress, "all training images")

    def _fold(self, number: int, params: dict, progress: Progress) -> tuple[np.ndarray, list[dict] | None]:
        train, _ = self.pairs[number]
        fitted_on, judged_on = self._sides(number)
        label = f"fold {number + 1} of {len(self.pairs)}"
        estimator = self._fit(fitted_on, self.y[train], self.units[train], params, progress, label)
        return class_scores(estimator, judged_on), getattr(estimator, "history_", None)

    def _fit(self, X, y: np.ndarray, units: np.ndarray, params: dict, progress: Progress, label: str):
        spec, settings = self.job.spec, self.job.settings

        def told(line: str) -> None:
            progress.remark(f"{spec.name}, {label}: {line}")

        checkpoint = None
        if self.checkpoints is not None:
            key = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:12]
            checkpoint = self.checkpoints / f"{label.replace(' ', '-')}-{key}.pt"
        options = spec.fit_options(units, told, checkpoint)
        return spec.build(**settings, **params).fit(X, y, **options)

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

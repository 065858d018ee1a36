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
from classify.regime import weighted, with_copies
from classify.tilewise import Tilewise
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

    @property
    def worst(self) -> float:
        return float(np.min(self.scores))


class CrossValidation:
    """The folds of a job, with what each fold's two sides were prepared to.

    Parameters
    ----------
    job : Plan
    X : inputs of the training rows
    copies : ndarray of shape (n_train, n_copies, n_features), optional
        Varied copies of them, which are fitted on and never judged.
    checkpoints : Path, optional
        Folder that long fits are kept in as they go: a job that was killed finds its finished ones there.
    """

    def __init__(self, job: Plan, X, copies: np.ndarray | None = None, checkpoints: Path | None = None):
        self.job, self.X, self.copies, self.y, self.checkpoints = job, X, copies, job.y, checkpoints
        self.rows = job.parts.train
        self.units = job.parts.units[self.rows]
        self.sources = job.features.rows["source"].to_numpy(dtype=str)[self.rows]
        self.classes = np.unique(self.y)
        self.pairs = job.regime.pairs(self.y, self.units, self.sources, self.rows, job.n_folds, job.seed)
        n_fitted = len(self.y) * (1 + job.n_copies)
        # What is prepared may be a matrix of all rows against all rows.
        self._keep = job.spec.prepare is not unchanged and 8 * n_fitted**2 * job.n_folds < KEEP_BYTES
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
        fold_scores = [self._score(rows, scores) for (_, rows), (scores, _) in zip(self.pairs, judged, strict=True)]
        return Folded(params, fold_scores, oof, fold, [history for _, history in judged])

    def value(self, folded: Folded) -> float:
        """Return what is maximised: the mean over folds, or where sources are held out the worst."""
        return folded.worst if self.job.regime.worst else folded.mean

    def refit(self, params: dict, progress: Progress):
        """Return the estimator fitted on all training rows."""
        everything = np.arange(len(self.y))
        return self._fit(self._fitted_on(everything), everything, params, progress, "all training images")

    def _fold(self, number: int, params: dict, progress: Progress) -> tuple[np.ndarray, list[dict] | None]:
        train, _ = self.pairs[number]
        fitted_on, judged_on = self._sides(number)
        estimator = self._fit(fitted_on, train, params, progress, f"fold {number + 1} of {len(self.pairs)}")
        return class_scores(estimator, judged_on), getattr(estimator, "history_", None)

    def _fit(self, X, rows: np.ndarray, params: dict, progress: Progress, label: str):
        """Return the estimator fitted on X, which `rows` were made to."""
        spec, settings = self.job.spec, self.job.settings
        y, units, weights = self.y[rows], self.units[rows], self._weights(rows)
        if self.copies is not None:
            times = 1 + self.copies.shape[1]
            y, units, weights = (part if part is None else np.tile(part, times) for part in (y, units, weights))

        def told(line: str) -> None:
            progress.remark(f"{spec.name}, {label}: {line}")

        checkpoint = None
        if self.checkpoints is not None:
            key = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:12]
            checkpoint = self.checkpoints / f"{label.replace(' ', '-')}-{key}.pt"
        options = spec.fit_options(units, told, checkpoint)
        estimator = spec.build(**settings, **params)
        if self.job.tiles > 1:
            estimator = Tilewise(estimator, self.job.tiles, self.job.regime.pool)
        return estimator.fit(X, y, **options, **weighted(estimator, weights))

    def _weights(self, rows: np.ndarray) -> np.ndarray | None:
        return self.job.regime.weights(self.y[rows], self.sources[rows], self.rows[rows])

    def _fitted_on(self, rows: np.ndarray):
        return self.X[rows] if self.copies is None else with_copies(self.X[rows], self.copies[rows])

    def _sides(self, number: int):
        train, rows = self.pairs[number]
        prepare = self.job.spec.prepare if self.job.tiles == 1 else unchanged
        sides = self._prepared.get(number) or prepare(
            self._fitted_on(train), self.X[rows], self.job.settings.get("blocks")
        )
        if self._keep:
            self._prepared[number] = sides
        return sides

    def _score(self, rows: np.ndarray, scores: np.ndarray) -> float:
        score = SCORES[self.job.scoring]
        value = score(self.y[rows], scores, self.classes[scores.argmax(axis=1)], list(self.classes))
        if not np.isfinite(value):
            raise DataError(f"{self.job.scoring} is not defined on a fold that lacks a class; take fewer --folds")
        return value

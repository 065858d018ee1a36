"""Cross-validation of one setting: a score for each fold, and scores of every training row out of fold."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController

from classify.errors import DataError
from classify.models.registry import unchanged
from classify.models.tiles import Tilewise
from classify.splits.sample_weights import weighted, with_copies
from classify.stats.calibration import class_scores
from classify.stats.scores import SCORES
from classify.stats.selection import selection_score
from classify.tuning.epochs import in_full, state
from classify.tuning.plan import Plan
from classify.tuning.race import LEAST_FOLDS, MARGIN, behind, lost_after
from featex.system.cores import n_cores, ram_bytes, threads_for
from featex.system.progress import Progress

KEEP_BYTES = min(4e9, ram_bytes() / 4)  # prepared folds above this are made anew for each trial instead of kept


@dataclass(frozen=True)
class Folded:
    """What cross-validation of one setting gives.

    Parameters
    ----------
    params : dict
        The setting.
    scores : list of float
        One a fold; of a setting that was stopped, those of the first folds.
    oof : ndarray of shape (n_train, n_classes)
        Scores of each row by the model that was not fitted on it; NaN where it was stopped before.
    fold : ndarray of shape (n_train,), int
        The fold that each row was validated in, or -1.
    histories : list
        One a fold: the rows of epochs of a model that is trained in epochs, else None.
    """

    params: dict
    scores: list[float]
    oof: np.ndarray
    fold: np.ndarray
    histories: list[list[dict] | None]


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
    part : ndarray of shape (n_train,), bool, optional
        Which rows are fitted on; all are judged, as by any fold. By default all of them.
    """

    def __init__(
        self,
        job: Plan,
        X,
        copies: np.ndarray | None = None,
        checkpoints: Path | None = None,
        part: np.ndarray | None = None,
    ):
        self.job, self.X, self.copies, self.y, self.checkpoints = job, X, copies, job.y, checkpoints
        self.rows = job.parts.train
        self.units = job.parts.units[self.rows]
        self.sources = job.features.rows["source"].to_numpy(dtype=str)[self.rows]
        self.classes = np.unique(self.y)
        self.pairs = job.pairs()
        if part is not None:
            self.pairs = [(train[part[train]], judged) for train, judged in self.pairs]
        self._n_fitted = n_fitted = max(len(train) for train, _ in self.pairs) * (1 + job.n_copies)
        # What is prepared may be a matrix of all rows against all rows.
        bytes_of_fold = 8 * n_fitted * (n_fitted + len(self.y) / len(self.pairs))
        self._keep = job.spec.prepare is not unchanged and bytes_of_fold * len(self.pairs) < KEEP_BYTES
        self._prepared: dict[int, tuple] = {}
        self._products = ThreadpoolController()

    def run(self, params: dict, progress: Progress, best: Sequence[float] = ()) -> Folded:
        """Fit and judge every fold, or so many until the setting can no longer beat `best`, the best one's scores."""
        n_jobs = self._at_once(len(self.pairs))
        at_once = n_jobs if best else len(self.pairs)
        judged, scores, lost = [], [], None
        while len(judged) < len(self.pairs) and lost is None:
            numbers = range(len(judged), min(len(judged) + at_once, len(self.pairs)))
            judged += self._each(n_jobs, lambda number: self._fold(number, params, progress), numbers)
            scores += [self._score(self.pairs[number][1], judged[number][0]) for number in numbers]
            lost = lost_after(scores, best, self.job.scheme.worst)
        return self._folded(params, judged[:lost], scores[:lost])

    def race(self, settings: Sequence[dict], progress: Progress, best: Folded | None = None) -> Folded:
        """Return the best of several settings, judged on every fold; `best` where none of them beats that.

        All are tried fold by fold, on what a fold was prepared to once, and those that can no longer win are left out.
        """
        n_jobs = self._at_once(len(settings))
        judged: list[list] = [[] for _ in settings]
        scores: list[list[float]] = [[] for _ in settings]
        running = list(range(len(settings)))
        for number, (_, rows) in enumerate(self.pairs):
            if not running:
                return best
            fit = partial(self._fit_and_judge, number, self._sides(number), progress)
            outcomes = self._each(n_jobs, fit, [settings[i] for i in running])
            del fit  # and with it a matrix of all rows against all rows
            for i, outcome in zip(running, outcomes, strict=True):
                judged[i].append(outcome)
                scores[i].append(self._score(rows, outcome[0]))
            leading = max((scores[i] for i in running), key=self._value)
            if best is not None and self._value(best.scores[: len(leading)]) >= self._value(leading):
                leading = best.scores
            running = [i for i in running if not self._lost(scores[i], leading)]
        won = max(running, key=lambda i: self._value(scores[i]), default=None)
        if best is not None and (won is None or self._value(scores[won]) <= self.value(best)):
            return best
        return self._folded(settings[won], judged[won], scores[won])

    def _each(self, n_jobs: int, function: Callable, items: Sequence) -> list:
        """Return function(item) for each item, `n_jobs` at once; these take the cores, and matrix products one each."""
        if n_jobs == 1:
            return [function(item) for item in items]
        with self._products.limit(limits=1), ThreadPoolExecutor(n_jobs) as pool:
            return list(pool.map(function, items))

    def _lost(self, scores: list[float], leader: list[float]) -> bool:
        return not self.job.scheme.worst and len(scores) >= LEAST_FOLDS and behind(scores, leader) > MARGIN

    def _at_once(self, n_fits: int) -> int:
        spec = self.job.spec
        return min(n_fits, n_cores(), spec.at_once(self._n_fitted)) if spec.parallel_folds else 1

    def value(self, folded: Folded) -> float:
        """Return what is maximised: the mean over folds, or where sources are held out the worst."""
        return self._value(folded.scores)

    def _value(self, scores: Sequence[float]) -> float:
        return selection_score(scores, self.job.scheme.folds)

    @property
    def held_out(self) -> list[dict[str, list[str]]]:
        """For each fold the sources that it holds out, by class; [] for other kinds of folds."""
        if self.job.scheme.folds != "source":
            return []

        def names(label: str, rows: np.ndarray) -> list[str]:
            return np.unique(self.sources[rows][self.y[rows] == label]).tolist()

        everything = np.arange(len(self.y))
        several = [label for label in self.classes.tolist() if len(names(label, everything)) > 1]
        return [{label: names(label, judged) for label in several} for _, judged in self.pairs]

    def _folded(self, params: dict, judged: list[tuple], scores: list[float]) -> Folded:
        oof = np.full((len(self.y), len(self.classes)), np.nan)
        fold = np.full(len(self.y), -1)
        for number, (scores_of_fold, _) in enumerate(judged):
            oof[self.pairs[number][1]], fold[self.pairs[number][1]] = scores_of_fold, number
        return Folded(params, scores, oof, fold, [history for _, history in judged])

    def refit(self, params: dict, progress: Progress):
        """Return the estimator fitted on all training rows."""
        everything = np.arange(len(self.y))
        return self._fit(self._fitted_on(everything), everything, params, progress, "all training images")

    def _fold(self, number: int, params: dict, progress: Progress) -> tuple[np.ndarray, list[dict] | None]:
        return self._fit_and_judge(number, self._sides(number), progress, params)

    def _fit_and_judge(self, number: int, sides: tuple, progress: Progress, params: dict):
        train, _ = self.pairs[number]
        fitted_on, judged_on = sides
        n_folds = len(self.pairs)  # after them, one fit on all training images
        label = f"fold {number + 1} of {n_folds}"
        estimator = self._fit(fitted_on, train, params, progress, label, n_after=n_folds - number)
        return class_scores(estimator, judged_on), getattr(estimator, "history_", None)

    def _fit(self, X, rows: np.ndarray, params: dict, progress: Progress, label: str, n_after: int = 0):
        """Return the estimator fitted on X, which `rows` were made to; `n_after` fits follow."""
        spec, settings = self.job.spec, self.job.settings
        # Codes instead of names: scikit-learn's class weights read "0" and "001" as numbers, and then miss the class.
        y = np.searchsorted(self.classes, self.y[rows])
        units, weights = self.units[rows], self._weights(rows)
        if self.copies is not None:
            times = 1 + self.copies.shape[1]
            y, units, weights = (part if part is None else np.tile(part, times) for part in (y, units, weights))

        def report(row: dict) -> None:
            progress.status(f"{spec.name}, {label}: {state(row, n_after)}")
            progress.remark(f"{spec.name}, {label}: {in_full(row)}")

        checkpoint = None
        if self.checkpoints is not None:
            key = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:12]
            checkpoint = self.checkpoints / f"{label.replace(' ', '-')}-{key}.pt"
        options = spec.fit_options(units, report, checkpoint)
        estimator = spec.build(**settings, **params)
        if self.job.tiles > 1:
            estimator = Tilewise(estimator, self.job.tiles, self.job.scheme.tile_score, self._positive)
        with threads_for(len(y)):
            return estimator.fit(X, y, **options, **weighted(estimator, weights))

    def _weights(self, rows: np.ndarray) -> np.ndarray | None:
        return self.job.scheme.weights(self.y[rows], self.sources[rows], self.rows[rows])

    def _fitted_on(self, rows: np.ndarray):
        return self.X[rows] if self.copies is None else with_copies(self.X[rows], self.copies[rows])

    def _sides(self, number: int):
        train, rows = self.pairs[number]
        prepare = self.job.spec.prepare if self.job.tiles == 1 else unchanged
        sides = self._prepared.get(number) or prepare(self._fitted_on(train), self.X[rows], self.job.settings)
        if self._keep:
            self._prepared[number] = sides
        return sides

    @property
    def _positive(self) -> int | None:
        """The code of the positive one of two classes."""
        return self.job.positive and int(np.searchsorted(self.classes, self.job.positive.name))

    def _score(self, rows: np.ndarray, scores: np.ndarray) -> float:
        score, positive = SCORES[self.job.scoring], self.job.positive and self.job.positive.name
        value = score(self.y[rows], scores, self.classes[scores.argmax(axis=1)], list(self.classes), positive)
        if not np.isfinite(value):
            least = getattr(score.statistic, "least", 1)
            raise DataError(
                f"{self.job.scoring} is not defined on a fold with fewer than {least} images of "
                f"{'the other class' if least > 1 else 'a class'}; take fewer --folds or another --scoring"
            )
        return value

"""Scores of predictions, each with a 95 % interval, and what may be said of them.

A statistic here takes many weightings of the rows at once, shape (n_resamples, n), and gives as many values: with
weights of one it is the score, with the counts of a bootstrap it is the whole resampling distribution, at a thousandth
of the cost of calling scikit-learn once a resample. The tests hold every score to scikit-learn's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import binomtest

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions

N_RESAMPLES = 1000
LEVEL = 0.95
CHUNK = 4_000_000  # weights held at once: 32 MB
POSITIVE_NAMES = {"ai", "aigenerated", "artificial", "deepfake", "fake", "generated", "synthetic"}


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to score: classes as codes (n,), scores (n, n_classes) where higher means more of that class."""

    truth: np.ndarray
    scores: np.ndarray
    predicted: np.ndarray
    positive: int | None

    @classmethod
    def of(cls, y, scores, predicted, classes, positive=None) -> "Sample":
        """Return the sample of labels and scores; for two classes, `positive` is found when it is not given."""
        names = pd.Index(classes)
        truth, decided = names.get_indexer(np.asarray(y)), names.get_indexer(np.asarray(predicted))
        if not len(truth) or min(truth.min(), decided.min()) < 0:
            raise DataError(f"labels to score must be one or more of {list(classes)}; leave other rows out")
        if len(names) > 2:
            return cls(truth, np.asarray(scores), decided, None)
        positive = positive_class(classes) if positive is None else positive
        return cls(truth, np.asarray(scores), decided, names.get_loc(positive))


Statistic = Callable[[Sample, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Score:
    """A score in 0..1, greater is better; `statistic` maps a sample and weights (m, n) to m values."""

    title: str
    statistic: Statistic

    def __call__(self, y, scores, predicted, classes: Sequence[str], positive: str | None = None) -> float:
        """Return the score.

        Parameters
        ----------
        y, predicted : array-like of shape (n,)
            True and decided classes.
        scores : array-like of shape (n, n_classes)
            Probabilities or any decision values; a column is only ever ranked.
        classes : sequence
            The classes, in the order of the columns.
        positive : str, optional
            The positive one of two classes; `positive_class` if not given. No meaning for more classes.

        Returns
        -------
        float
            In 0..1; NaN where a ranking score meets a single class.
        """
        sample = Sample.of(y, scores, predicted, classes, positive)
        return float(self.statistic(sample, np.ones((1, len(sample.truth))))[0])


def _of_confusion(statistic: Callable[[np.ndarray], np.ndarray]) -> Statistic:
    def weighted(sample, weights):
        n, k = sample.scores.shape
        cells = csr_array((np.ones(n), (np.arange(n), sample.truth * k + sample.predicted)), shape=(n, k * k))
        return statistic((weights @ cells).reshape(len(weights), k, k))

    return weighted


def _one_against_rest(statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Statistic:
    def weighted(sample, weights):
        codes = range(sample.scores.shape[1]) if sample.positive is None else [sample.positive]
        values = []
        for code in codes:
            score = sample.scores[:, code]
            order = np.argsort(-score, kind="stable")
            ties = np.flatnonzero(np.r_[True, score[order][1:] != score[order][:-1]])  # where a new score begins
            here, heavy = (sample.truth == code)[order], weights[:, order]
            hits, misses = (np.add.reduceat(heavy * side, ties, axis=1) for side in (here, ~here))
            values.append(statistic(hits, misses))
        values = np.array(values)
        return _mean(values, ~np.isnan(values), axis=0)

    return weighted


def _mean(values, where, axis):
    """Mean of some values; NaN where there are none."""
    return _ratio(np.where(where, values, 0).sum(axis), where.sum(axis))


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)


def _accuracy(matrix):
    return _ratio(np.trace(matrix, axis1=1, axis2=2), matrix.sum((1, 2)))


def _balanced_accuracy(matrix):
    support = matrix.sum(2)
    return _mean(_ratio(np.diagonal(matrix, axis1=1, axis2=2), support), support > 0, axis=1)


def _f1_macro(matrix):
    # over classes that are there: scikit-learn's own default would halve the score of a set of one class, all fakes
    # say, at the first image called real
    support = matrix.sum(2)
    f1 = _ratio(2 * np.diagonal(matrix, axis1=1, axis2=2), support + matrix.sum(1))
    return _mean(f1, support > 0, axis=1)


def _roc_auc(hits, misses):
    # the share of (hit, miss) pairs in the right order, ties counting half
    after = misses.sum(1, keepdims=True) - np.cumsum(misses, axis=1)
    return _ratio((hits * (after + misses / 2)).sum(1), hits.sum(1) * misses.sum(1))


def _average_precision(hits, misses):
    found = np.cumsum(hits, axis=1)
    precision = np.nan_to_num(_ratio(found, found + np.cumsum(misses, axis=1)))
    value = _ratio((hits * precision).sum(1), hits.sum(1))
    return np.where(misses.sum(1) > 0, value, np.nan)


SCORES: dict[str, Score] = {
    "accuracy": Score("accuracy", _of_confusion(_accuracy)),
    "balanced_accuracy": Score("balanced accuracy", _of_confusion(_balanced_accuracy)),
    "f1_macro": Score("macro F1", _of_confusion(_f1_macro)),
    "roc_auc": Score("ROC AUC", _one_against_rest(_roc_auc)),
    "average_precision": Score("average precision", _one_against_rest(_average_precision)),
}


def positive_class(classes: Sequence[str]) -> str:
    """Return the class that stands for "generated" by its name, or the last in sorted order.

    >>> positive_class(["AI", "real"]), positive_class(["cat", "dog"])
    ('AI', 'dog')
    """
    named = [name for name in classes if str(name).casefold().translate(_JOINTS) in POSITIVE_NAMES]
    return named[0] if len(named) == 1 else sorted(classes)[-1]


_JOINTS = str.maketrans("", "", " -_")


def interval(name: str, y, scores, predicted, classes, positive=None, *, group=None, seed=0):
    """Return the 95 % interval (low, high) of a score; the arguments are those of `Score.__call__`.

    Accuracy gets Wilson's (1927) interval. The others get the 2.5 and 97.5 percentiles of `N_RESAMPLES` bootstrap
    resamples that keep the size of every class, since whoever built the set chose those. Where images share a
    non-empty `group`, all are drawn a second time with groups whole (strata are then the sets of classes that groups
    hold), and each score gets the wider of both: images of a group are not independent, and a handful of groups is
    too few to resample alone.

    Returns
    -------
    tuple of float
        NaN, NaN where the score is NaN, and where every resample has the same value, as when nothing is wrong:
        a bootstrap cannot say how sure that is.
    """
    return _intervals([name], Sample.of(y, scores, predicted, classes, positive), group, seed)[name]


def _intervals(names, sample, group=None, seed=0):
    n = len(sample.truth)
    group = np.full(n, "") if group is None else np.asarray(group).astype(str)
    _, unit = np.unique(np.where(group == "", np.arange(n).astype(str), np.char.add("g", group)), return_inverse=True)
    found = {"accuracy": wilson(int((sample.truth == sample.predicted).sum()), n)} if "accuracy" in names else {}
    found |= _resampled([name for name in names if name != "accuracy"], sample, np.arange(n), seed)
    if unit.max() + 1 < n:
        by_group = _resampled(names, sample, unit, seed)
        found = {
            name: (np.fmin(found[name][0], low), np.fmax(found[name][1], high))
            for name, (low, high) in by_group.items()
        }
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _resampled(names, sample, unit, seed):
    values = {name: [] for name in names}
    for weights in _bootstrap(sample.truth, unit, seed) if names else ():
        for name in names:
            values[name].append(SCORES[name].statistic(sample, weights))
    return {name: _percentiles(np.concatenate(parts)) for name, parts in values.items()}


def _bootstrap(truth, unit, seed) -> Iterator[np.ndarray]:
    """Yield weights (m, n) of resampled rows; units (groups, or single rows) are drawn within their stratum."""
    n, n_units = len(truth), unit.max() + 1
    held = csr_array((np.ones(n), (unit, truth)), shape=(n_units, truth.max() + 1)).toarray() > 0
    _, stratum = np.unique(held, axis=0, return_inverse=True)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // n)
    for start in range(0, N_RESAMPLES, step):
        m = min(step, N_RESAMPLES - start)
        counts = np.zeros((m, n_units))
        for value in range(stratum.max() + 1):
            (members,) = np.nonzero(stratum == value)
            draws = rng.integers(len(members), size=(m, len(members)))
            draws += np.arange(m)[:, None] * len(members)
            counts[:, members] = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        yield counts[:, unit]


def _percentiles(values):
    values = values[~np.isnan(values)]
    if not len(values) or np.ptp(values) < 1e-12:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def wilson(k: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of k right out of n."""
    found = binomtest(k, n).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def against_chance(low: float, high: float, chance: float) -> str:
    """Return "better", "worse" or "unclear": can an accuracy be told from always guessing the largest class?

    It can when its 95 % interval leaves `chance` out, so the answer never contradicts the interval beside it. For
    Wilson's interval this is the two-sided score test of a binomial at 5 %; for grouped images it is stricter.
    """
    if low > chance:
        return "better"
    return "worse" if high < chance else "unclear"


def difference(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a - b of two independent (value, low, high), with its 95 % interval.

    Newcombe, Statistics in Medicine 17 (1998) 873, method 10: exact to the digit for two Wilson intervals.
    """
    d = a[0] - b[0]
    return d, d - np.hypot(a[0] - a[1], b[2] - b[0]), d + np.hypot(a[2] - a[0], b[0] - b[1])


def score_table(
    predictions: Predictions, positive: str | None = None, *, names: Iterable[str] = tuple(SCORES), seed: int = 0
) -> pd.DataFrame:
    """Return a row for each model and unseen set with labels: the scores of `names`, each with its interval.

    The validation set is not here: its rows helped to choose the model. See `fold_scores`.

    Returns
    -------
    pandas.DataFrame
        ``model, set, n``, ``n_<class>`` of every class, ``chance`` (share of the largest class), and for each
        score ``<score>, <score>_low, <score>_high``.
    """
    rows, labelled = [], predictions.labelled
    unseen = labelled[labelled["set"] != VALIDATION]
    for (model, name), part in unseen.groupby(["model", "set"], sort=False):
        sample = Sample.of(*_said(predictions, part), predictions.classes, positive)
        intervals = _intervals(names, sample, part["group"], seed)
        counts = part["label"].value_counts().reindex(predictions.classes, fill_value=0)
        row = {"model": model, "set": name, "n": len(part)} | counts.add_prefix("n_").to_dict()
        row["chance"] = counts.max() / len(part)
        for score in names:
            value = float(SCORES[score].statistic(sample, np.ones((1, len(part))))[0])
            row |= {score: value, f"{score}_low": intervals[score][0], f"{score}_high": intervals[score][1]}
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else ["model", "set", "n", "chance", *names])


def fold_scores(predictions: Predictions, scoring: str = "accuracy", positive: str | None = None) -> pd.DataFrame:
    """Return a row for each model with validation rows: ``model, scoring, n, mean, std, fold_0, fold_1, ...``.

    `std` is the sample standard deviation over folds; NaN for a single fold. The mean chose the model's settings:
    it is a selection score, not a result.
    """
    rows, labelled = [], predictions.labelled
    for model, part in labelled[labelled["set"] == VALIDATION].groupby("model", sort=False):
        folds = {
            f"fold_{fold}": SCORES[scoring](*_said(predictions, rest), predictions.classes, positive)
            for fold, rest in part.groupby("fold")
        }
        values = pd.Series(folds)
        summary = {"mean": values.mean(skipna=False), "std": values.std(skipna=False)}
        rows.append({"model": model, "scoring": scoring, "n": len(part), **summary, **folds})
    return pd.DataFrame(rows, columns=None if rows else ["model", "scoring", "n", "mean", "std"])


def _said(predictions, rows):
    return rows["label"], predictions.probabilities(rows), rows["predicted"]

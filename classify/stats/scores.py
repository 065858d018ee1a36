"""Scores of predictions: accuracy, ROC AUC, log loss and others.

A statistic takes weights of shape (m, n) and returns m values. With weights of one it is the score. With the counts of
a bootstrap it is the whole resampling distribution, a thousand times as fast as calling scikit-learn for each resample.
The tests compare every score with scikit-learn's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from classify.errors import DataError, SettingError
from classify.positive import positive_class
from featex.errors import unknown

N_BINS = 15  # of the expected calibration error, as in Guo et al. 2017
LEAST = np.finfo(np.float64).eps  # log loss counts smaller probabilities as this one, as scikit-learn does
MOST_DECIMALS = 4  # probabilities with more decimals count as not rounded


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to score.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n,), int
        Codes of the true and the decided classes.
    scores : ndarray of shape (n, n_classes)
        Greater where a class is likelier.
    positive : int or None
        Code of the positive one of two classes; None for more classes.
    """

    truth: np.ndarray
    scores: np.ndarray
    predicted: np.ndarray
    positive: int | None

    @classmethod
    def of(cls, y, scores, predicted, classes, positive=None) -> "Sample":
        """Return the sample of labels and scores; by default the names of two classes tell which is positive."""
        names = pd.Index(classes)
        truth, decided = names.get_indexer(np.asarray(y)), names.get_indexer(np.asarray(predicted))
        if not len(truth) or min(truth.min(), decided.min()) < 0:
            raise DataError(f"labels to score must be one or more of {list(classes)}; leave other rows out")
        if len(names) > 2:
            return cls(truth, np.asarray(scores), decided, None)
        return cls(truth, np.asarray(scores), decided, names.get_loc(positive or positive_class(classes)))

    def rows(self, index: np.ndarray) -> "Sample":
        """Return the sample of some rows."""
        return Sample(self.truth[index], self.scores[index], self.predicted[index], self.positive)

    @property
    def cells(self) -> csr_array:
        """The cell of the confusion matrix (true class, decided class) of each row, (n, n_classes²)."""
        n, k = self.scores.shape
        return csr_array((np.ones(n), (np.arange(n), self.truth * k + self.predicted)), shape=(n, k * k))


Statistic = Callable[[Sample, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Confusion:
    """A statistic of the confusion matrix.

    `of` maps matrices (m, n_classes, n_classes), whose rows are true classes, and the code of the positive class, or
    None, to m values.
    """

    of: Callable[[np.ndarray, int | None], np.ndarray]

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        k = sample.scores.shape[1]
        return self.of((weights @ sample.cells).reshape(len(weights), k, k), sample.positive)


@dataclass(frozen=True)
class Ranking:
    """A statistic of the order of scores: of the positive class against the rest, or the mean over all classes.

    `of` maps hits and misses, both (m, n_scores), to m values. They are the weights of the class and of the rest at
    each score, the greatest first.
    """

    of: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        codes = range(sample.scores.shape[1]) if sample.positive is None else [sample.positive]
        values = []
        for code in codes:
            values.append(self.of(*_by_score(sample, code, weights)))
        values = np.array(values)
        return _mean(values, ~np.isnan(values), axis=0)


def _by_score(sample, code, weights):
    """Return hits and misses of a class as `Ranking` takes them."""
    score = sample.scores[:, code]
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, score[order][1:] != score[order][:-1]])  # equal scores count together
    of_class, ordered = (sample.truth == code)[order], weights[:, order]
    return [np.add.reduceat(ordered * side, starts, axis=1) for side in (of_class, ~of_class)]


@dataclass(frozen=True)
class AtFalsePositives:
    """The true positive rate at a false positive rate of `rate`.

    The threshold is the median-unbiased quantile of the n negative scores (Hyndman & Fan 1996,
    doi:10.2307/2684934, type 8): the score of rank ``rate * (n + 1 / 3) + 1 / 3`` from the top. The true positive rate
    is interpolated between the ranks on either side. The score is NaN for fewer than 1 / `rate` negative images.

    Where 0.37 is true of normal scores, the mean over 1,500 sets is 0.36 at 1 % with 100 negative images, and 0.37 at
    5 % with 20. The greatest threshold that passes at most 1 % of the negatives, as on the curve of scikit-learn's
    `roc_curve`, gave 0.45 with 100 and 0.60 with 15.
    """

    rate: float

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        if sample.positive is None:
            return np.full(len(weights), np.nan)
        hits, misses = _by_score(sample, sample.positive, weights)
        positives, negatives, n = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1), misses.sum(1)
        rank = self.rate * (n + 1 / 3) + 1 / 3
        lower = np.floor(rank + 1e-9)
        above = [(positives * (negatives < at[:, None] - 1e-9)).max(axis=1) for at in (lower, lower + 1)]
        value = above[0] + (rank - lower) * (above[1] - above[0])
        return np.where(n >= self.least - 1e-9, _ratio(value, positives[:, -1]), np.nan)

    @property
    def least(self) -> int:
        """The fewest negative images that it takes."""
        return round(1 / self.rate)

    def curve(self, sample: Sample) -> np.ndarray:
        """Return the true positive rate above the r-th highest negative score, for r from 0 (none) up."""
        positive = sample.truth == sample.positive
        positives, negatives = (np.sort(sample.scores[side, sample.positive]) for side in (positive, ~positive))
        return np.r_[0, 1 - np.searchsorted(positives, negatives[::-1], side="right") / len(positives), 1]


@dataclass(frozen=True)
class Loss:
    """The mean of a loss over rows.

    Parameters
    ----------
    of_each : callable
        Maps probabilities (n, n_classes) to losses (n, n_classes), as if each class in turn were the true one.
    clipped : callable
        Maps a sample to the probabilities that `of_each` takes.
    most : callable
        Maps a sample to the greatest loss that a row can have.
    """

    of_each: Callable[[np.ndarray], np.ndarray]
    clipped: Callable[[Sample], np.ndarray]
    most: Callable[[Sample], float]

    def of(self, sample: Sample) -> np.ndarray:
        """Return the loss of each row, (n,)."""
        return self.of_each(self.clipped(sample))[np.arange(len(sample.truth)), sample.truth]

    def expected_error(self, sample: Sample) -> float:
        """Return the standard error that the mean loss has if the probabilities are right."""
        p = self.clipped(sample)
        p, loss = p / p.sum(axis=1, keepdims=True), self.of_each(p)
        return float(np.sqrt(((p * loss**2).sum(axis=1) - (p * loss).sum(axis=1) ** 2).sum()) / len(p))

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        return _ratio(weights @ self.of(sample), weights.sum(axis=1))


@dataclass(frozen=True)
class Score:
    """A score.

    Parameters
    ----------
    title : str
        Its name in tables.
    statistic : callable
        Maps a sample and weights (m, n) to m values.
    smaller_is_better : bool
        Such scores need probabilities; all others are in 0..1 and need decisions and the order of scores only.
    unit : str
        "%" where reports show 100 times the value; "" where they show the value.
    only_positive : bool
        Whether it is about the positive one of two classes, and NaN for more classes; see `scores_for`.
    share : callable, optional
        For a score that is a share of rows: maps a sample to the rows that count and the rows that are right, both
        (n,) bool. Its interval is then that of a proportion.
    """

    title: str
    statistic: Statistic
    smaller_is_better: bool = False
    unit: str = "%"
    only_positive: bool = False
    share: Callable[[Sample], tuple[np.ndarray, np.ndarray]] | None = None

    def of(self, sample: Sample) -> float:
        """Return the score of a sample."""
        return float(self.statistic(sample, np.ones((1, len(sample.truth))))[0])

    def __call__(self, y, scores, predicted, classes: Sequence[str], positive: str | None = None) -> float:
        """Return the score.

        Parameters
        ----------
        y, predicted : array-like of shape (n,)
            True and decided classes.
        scores : array-like of shape (n, n_classes)
            Probabilities, or decision values for a score that only ranks them.
        classes : sequence
            The classes, in the order of the columns.
        positive : str, optional
            The positive one of two classes; by default `positive_class` of them.

        Returns
        -------
        float
            NaN where the score is not defined, as ROC AUC or precision of a single class.

        Raises
        ------
        DataError
            If a label is none of the classes, or a score of probabilities gets other numbers.
        """
        sample = Sample.of(y, scores, predicted, classes, positive)
        if self.smaller_is_better and not ((sample.scores >= 0) & (sample.scores <= 1)).all():
            raise DataError(f"{self.title} needs probabilities, within 0..1; calibrate the decision values first")
        return self.of(sample)


def _mean(values, where, axis):
    """Return the mean of the values at `where`; NaN where there are none."""
    return _ratio(np.where(where, values, 0).sum(axis), where.sum(axis))


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)


def _right(matrix):
    return np.diagonal(matrix, axis1=1, axis2=2)


def _accuracy(matrix, positive):
    return _ratio(_right(matrix).sum(1), matrix.sum((1, 2)))


def _recall_macro(matrix, positive):
    support = matrix.sum(2)
    return _mean(_ratio(_right(matrix), support), support > 0, axis=1)


def _precision_macro(matrix, positive):
    # A class that no decision names counts as 0: without it, a model would gain by never deciding on that class.
    present, decided = matrix.sum(2) > 0, matrix.sum(1)
    precision = np.where(decided > 0, _ratio(_right(matrix), decided), 0)
    return np.where(present.sum(1) > 1, _mean(precision, present, axis=1), np.nan)


def _f1_macro(matrix, positive):
    # Over the classes that the set holds: scikit-learn's default would halve the score of a set of fakes at the first
    # image called real.
    support = matrix.sum(2)
    f1 = _ratio(2 * _right(matrix), support + matrix.sum(1))
    return _mean(f1, support > 0, axis=1)


def _of_positive(ratio: Callable) -> Callable:
    """Return the statistic of confusion matrices that is `ratio` of the positive class.

    `ratio` takes the weights, each (m,), of rows that are rightly decided positive, are positive, are decided positive,
    and are negative.
    """

    def of(matrix, positive):
        if positive is None:
            return np.full(len(matrix), np.nan)
        support, decided = matrix.sum(2), matrix.sum(1)
        negative = support.sum(1) - support[:, positive]
        return ratio(_right(matrix)[:, positive], support[:, positive], decided[:, positive], negative)

    return of


def _recall(right, support, decided, negative):
    return _ratio(right, support)


# On a set of one class precision and F1 would tell which class it is, and nothing of the model.
def _precision(right, support, decided, negative):
    return np.where((support > 0) & (negative > 0), _ratio(right, decided), np.nan)


def _f1(right, support, decided, negative):
    return np.where((support > 0) & (negative > 0), _ratio(2 * right, support + decided), np.nan)


def _roc_auc(hits, misses):
    # The share of pairs of a positive and a negative that are in the right order; a tie counts half.
    after = misses.sum(1, keepdims=True) - np.cumsum(misses, axis=1)
    return _ratio((hits * (after + misses / 2)).sum(1), hits.sum(1) * misses.sum(1))


def _average_precision(hits, misses):
    positives = np.cumsum(hits, axis=1)
    precision = np.nan_to_num(_ratio(positives, positives + np.cumsum(misses, axis=1)))
    value = _ratio((hits * precision).sum(1), hits.sum(1))
    return np.where(misses.sum(1) > 0, value, np.nan)


def _all_right(sample):
    return np.ones(len(sample.truth), bool), sample.truth == sample.predicted


def _positive_right(sample):
    return sample.truth == sample.positive, sample.predicted == sample.positive


def least_probability(p: np.ndarray) -> float:
    """Return the probability that log loss counts 0 as: half a unit of the last decimal, if probabilities are rounded.

    A detector that writes 0.0 for all below 0.05 does not mean "never". Read as that, one such error costs 36 nats,
    and the few sets that hold one decide the mean. Nothing but 0 and 1 are decisions, not rounded probabilities; and
    where one is 1e-9, none is rounded. `MOST_DECIMALS` decimals are the most that count as rounded.
    """
    for decimals in range(1, MOST_DECIMALS + 1):
        tens = 10.0**decimals
        if np.abs(p * tens - np.round(p * tens)).max(initial=0) < 1e-6:
            unrounded = np.isin(p, (0, 1)).all() or ((p > 1e-12) & (p < 0.5 / tens)).any()
            return LEAST if unrounded else 0.5 / tens
    return LEAST


def _log_loss(p):
    return -np.log(p)


def _clipped(sample):
    return np.clip(sample.scores, least_probability(sample.scores), 1)


def _most_log_loss(sample):
    return -np.log(least_probability(sample.scores))


def _most_brier(sample):
    return 2 if sample.positive is None else 1


def _brier(p):
    if p.shape[1] == 2:
        return (1 - p) ** 2
    return ((p[:, None, :] - np.eye(p.shape[1])) ** 2).sum(axis=2)


def _as_they_are(sample):
    return sample.scores


def _calibration_error(sample, weights):
    top = sample.scores.max(axis=1)
    decided = sample.scores[np.arange(len(top)), sample.predicted]
    likeliest = np.where(decided == top, sample.predicted, sample.scores.argmax(axis=1))
    bins = np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], top)  # a bin holds its upper edge
    gaps = csr_array(((sample.truth == likeliest) - top, (np.arange(len(top)), bins)), shape=(len(top), N_BINS))
    return _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


SCORES: dict[str, Score] = {
    "accuracy": Score("accuracy", Confusion(_accuracy), share=_all_right),
    "balanced_accuracy": Score("balanced accuracy", Confusion(_recall_macro)),
    "f1_macro": Score("macro F1", Confusion(_f1_macro)),
    "roc_auc": Score("ROC AUC", Ranking(_roc_auc)),
    "average_precision": Score("average precision", Ranking(_average_precision)),
    "precision": Score("precision", Confusion(_of_positive(_precision)), only_positive=True),
    "recall": Score("recall", Confusion(_of_positive(_recall)), only_positive=True, share=_positive_right),
    "f1": Score("F1", Confusion(_of_positive(_f1)), only_positive=True),
    "precision_macro": Score("macro precision", Confusion(_precision_macro)),
    "recall_macro": Score("macro recall", Confusion(_recall_macro)),  # is balanced accuracy by another name
    "tpr_at_fpr_1": Score("recall at 1 % FPR", AtFalsePositives(0.01), only_positive=True),
    "tpr_at_fpr_5": Score("recall at 5 % FPR", AtFalsePositives(0.05), only_positive=True),
    # The mean of -log of the true class's probability; `least_probability` says what rounded ones count as.
    "log_loss": Score("log loss", Loss(_log_loss, _clipped, _most_log_loss), smaller_is_better=True, unit=""),
    # For two classes the mean squared error of the positive one's probability, in 0..1 (scikit-learn's
    # `brier_score_loss`); for more, Brier's (1950) sum over classes, in 0..2.
    "brier": Score("Brier score", Loss(_brier, _as_they_are, _most_brier), smaller_is_better=True, unit=""),
    # Guo et al. 2017, arXiv 1706.04599: the mean gap between confidence and accuracy over 15 bins of equal width. It is
    # too high on average, since chance makes the gap of a bin of few rows: 0.1 for a calibrated model on 60 rows
    # (Roelofs et al. 2022, arXiv 2012.08668). Compare models on the same rows, never with 0.
    "calibration_error": Score("expected calibration error", _calibration_error, smaller_is_better=True),
}


def scores_for(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the scores that are defined for so many classes, in the order of `SCORES`."""
    return tuple(name for name, score in SCORES.items() if len(classes) == 2 or not score.only_positive)


def checked_scoring(scoring: str, classes: Sequence[str]) -> str:
    """Return the name of a score that tuning can maximise.

    Raises
    ------
    InputError
        If no score has that name.
    ModelError
        If it is a loss, or needs two classes.
    """
    if scoring not in SCORES:
        raise unknown("scoring", scoring, SCORES)
    if SCORES[scoring].smaller_is_better:
        able = [name for name in scores_for(classes) if not SCORES[name].smaller_is_better]
        raise SettingError(
            f"{scoring} is a loss, of calibrated probabilities, and tuning maximises a score before calibration; "
            f"choose one of {', '.join(able)}"
        )
    if scoring not in scores_for(classes):
        raise SettingError(f"{scoring} needs two classes, and there are {len(classes)}; choose f1_macro, for example")
    return scoring

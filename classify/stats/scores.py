"""Scores of predictions: each a statistic of many weightings of the rows at once.

A statistic takes weights of shape (m, n) and gives m values: with weights of one it is the score, with the counts of a
bootstrap it is the whole resampling distribution, at a thousandth of the cost of calling scikit-learn once a resample.
The tests hold every score to scikit-learn's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from classify.errors import DataError, ModelError
from classify.positive import positive_class
from featex.errors import unknown

N_BINS = 15  # of the expected calibration error, as in Guo et al. 2017
LEAST = np.finfo(np.float64).eps  # no probability counts as less in log loss, as in scikit-learn
MOST_DECIMALS = 4  # so many tell rounded probabilities from others


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

    def rows(self, index: np.ndarray) -> "Sample":
        """Return some rows as a sample of their own."""
        return Sample(self.truth[index], self.scores[index], self.predicted[index], self.positive)

    @property
    def cells(self) -> csr_array:
        """The cell of the confusion matrix (true class, decided class) that each row is in, shape (n, n_classes²)."""
        n, k = self.scores.shape
        return csr_array((np.ones(n), (np.arange(n), self.truth * k + self.predicted)), shape=(n, k * k))


Statistic = Callable[[Sample, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Confusion:
    """A statistic of the confusion matrix: `of` maps matrices (m, n_classes, n_classes), a row a true class, and the
    positive class's code or None to m values."""

    of: Callable[[np.ndarray, int | None], np.ndarray]

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        k = sample.scores.shape[1]
        return self.of((weights @ sample.cells).reshape(len(weights), k, k), sample.positive)


@dataclass(frozen=True)
class Ranking:
    """A statistic of the order of scores, the positive class against the rest, or the mean over each class in turn.

    `of` maps hits and misses, both (m, n_scores), the weight of the class and of the rest at each score in falling
    order, to m values.
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
    """Hits and misses, the weights (m, n_scores) of a class and of the rest at each score in falling order."""
    score = sample.scores[:, code]
    order = np.argsort(-score, kind="stable")
    ties = np.flatnonzero(np.r_[True, score[order][1:] != score[order][:-1]])  # where a new score begins
    here, heavy = (sample.truth == code)[order], weights[:, order]
    return [np.add.reduceat(heavy * side, ties, axis=1) for side in (here, ~here)]


@dataclass(frozen=True)
class AtFalsePositives:
    """The true positive rate at the threshold that a share `rate` of all images of the other class would pass.

    The threshold is the quantile of the other class's n scores that is right in the median whatever their distribution
    (Hyndman & Fan 1996, type 8): the score of rank ``rate * (n + 1 / 3) + 1 / 3`` from the top; the true positive rate
    is interpolated between the ranks on either side. Fewer than 1 / `rate` images of the other class do not reach that
    far, and the score is NaN.

    Of normal scores and a true value of 0.37, the mean over 1,500 sets with 100 images of the other class is 0.36 at
    1 %, and with 20 it is 0.37 at 5 %. The greatest threshold that lets at most 1 % of the others through, as on the
    curve of scikit-learn's `roc_curve`, gave 0.45 with 100 and 0.60 with 15.
    """

    rate: float

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        if sample.positive is None:
            return np.full(len(weights), np.nan)
        hits, misses = _by_score(sample, sample.positive, weights)
        found, passed, n = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1), misses.sum(1)
        rank = self.rate * (n + 1 / 3) + 1 / 3
        lower = np.floor(rank + 1e-9)
        above = [(found * (passed < at[:, None] - 1e-9)).max(axis=1) for at in (lower, lower + 1)]
        value = above[0] + (rank - lower) * (above[1] - above[0])
        return np.where(n >= self.least - 1e-9, _ratio(value, found[:, -1]), np.nan)

    @property
    def least(self) -> int:
        """How many images of the other class it takes."""
        return round(1 / self.rate)

    def curve(self, sample: Sample) -> np.ndarray:
        """Return the share of positive images above the r-th highest score of the others, of each r from 0 (none)."""
        positive = sample.truth == sample.positive
        ours, others = (np.sort(sample.scores[side, sample.positive]) for side in (positive, ~positive))
        return np.r_[0, 1 - np.searchsorted(ours, others[::-1], side="right") / len(ours), 1]


@dataclass(frozen=True)
class Loss:
    """The mean over rows of a loss.

    `of` maps probabilities (n, n_classes), clipped by `clipped` of a sample, to losses (n, n_classes), were each class
    the true one. None is above `most` of a sample.
    """

    of_each: Callable[[np.ndarray], np.ndarray]
    clipped: Callable[[Sample], np.ndarray]
    most: Callable[[Sample], float]

    def of(self, sample: Sample) -> np.ndarray:
        """Return the loss of each row, (n,)."""
        return self.of_each(self.clipped(sample))[np.arange(len(sample.truth)), sample.truth]

    def expected_error(self, sample: Sample) -> float:
        """Return the standard error of the mean loss, were the probabilities right."""
        p = self.clipped(sample)
        p, loss = p / p.sum(axis=1, keepdims=True), self.of_each(p)
        return float(np.sqrt(((p * loss**2).sum(axis=1) - (p * loss).sum(axis=1) ** 2).sum()) / len(p))

    def __call__(self, sample: Sample, weights: np.ndarray) -> np.ndarray:
        return _ratio(weights @ self.of(sample), weights.sum(axis=1))


@dataclass(frozen=True)
class Score:
    """A score; `statistic` maps a sample and weights (m, n) to m values.

    Parameters
    ----------
    title : str
        What a table calls it.
    statistic : callable
    smaller_is_better : bool
        Such scores are made of probabilities; all others are in 0..1 and need decisions and the order of scores only.
    unit : str
        "%" where a reader is shown 100 times the value; "" for losses, shown as they are.
    only_positive : bool
        About one of two classes; NaN for more, see `scores_for`.
    share : callable, optional
        Where the score is a share of rows: maps a sample to which rows are counted, and which of all are right, both
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
            Probabilities; or any decision values where greater is better, since columns are then only ever ranked.
        classes : sequence
            The classes, in the order of the columns.
        positive : str, optional
            The positive one of two classes; `positive_class` if not given. No meaning for more classes.

        Returns
        -------
        float
            NaN where the score is not defined: a ranking, or a precision, of a single class.

        Raises
        ------
        DataError
            A label is none of the classes, or a score made of probabilities is given something else.
        """
        sample = Sample.of(y, scores, predicted, classes, positive)
        if self.smaller_is_better and not ((sample.scores >= 0) & (sample.scores <= 1)).all():
            raise DataError(f"{self.title} is made of probabilities, within 0..1; calibrate the decision values first")
        return self.of(sample)


def _mean(values, where, axis):
    """Mean of some values; NaN where there are none."""
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
    # a class that is there and never decided on counts as 0: leaving it out would reward never to decide on it
    there, decided = matrix.sum(2) > 0, matrix.sum(1)
    precision = np.where(decided > 0, _ratio(_right(matrix), decided), 0)
    return np.where(there.sum(1) > 1, _mean(precision, there, axis=1), np.nan)


def _f1_macro(matrix, positive):
    # over classes that are there: scikit-learn's own default would halve the score of a set of one class, all fakes
    # say, at the first image called real
    support = matrix.sum(2)
    f1 = _ratio(2 * _right(matrix), support + matrix.sum(1))
    return _mean(f1, support > 0, axis=1)


def _of_positive(ratio: Callable) -> Callable:
    """A statistic of (right, there, decided, rest): of the positive class, and the weight of the other, each (m,)."""

    def of(matrix, positive):
        if positive is None:
            return np.full(len(matrix), np.nan)
        there, decided = matrix.sum(2), matrix.sum(1)
        rest = there.sum(1) - there[:, positive]
        return ratio(_right(matrix)[:, positive], there[:, positive], decided[:, positive], rest)

    return of


def _recall(right, there, decided, rest):
    return _ratio(right, there)


# Of a set of one class both would say no more than which class it is.
def _precision(right, there, decided, rest):
    return np.where((there > 0) & (rest > 0), _ratio(right, decided), np.nan)


def _f1(right, there, decided, rest):
    return np.where((there > 0) & (rest > 0), _ratio(2 * right, there + decided), np.nan)


def _roc_auc(hits, misses):
    # the share of (hit, miss) pairs in the right order, ties counting half
    after = misses.sum(1, keepdims=True) - np.cumsum(misses, axis=1)
    return _ratio((hits * (after + misses / 2)).sum(1), hits.sum(1) * misses.sum(1))


def _average_precision(hits, misses):
    found = np.cumsum(hits, axis=1)
    precision = np.nan_to_num(_ratio(found, found + np.cumsum(misses, axis=1)))
    value = _ratio((hits * precision).sum(1), hits.sum(1))
    return np.where(misses.sum(1) > 0, value, np.nan)


def _all_right(sample):
    return np.ones(len(sample.truth), bool), sample.truth == sample.predicted


def _positive_right(sample):
    return sample.truth == sample.positive, sample.predicted == sample.positive


def least_probability(p: np.ndarray) -> float:
    """Return what a probability of 0 counts as: half a unit of the last of up to `MOST_DECIMALS` decimals, if rounded.

    A detector that writes 0.0 for all below 0.05 has not said "never"; taken at its word, one such error costs
    36 nats, and the few sets that hold one decide the mean. Only 0 and 1 are no rounded probabilities but decisions,
    and where a probability of 1e-9 is written, none was rounded.
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
    said = np.where(decided == top, sample.predicted, sample.scores.argmax(axis=1))
    place = np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], top)  # bins hold their upper edge
    gaps = csr_array(((sample.truth == said) - top, (np.arange(len(top)), place)), shape=(len(top), N_BINS))
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
    "tpr_at_fpr_1": Score("TPR at 1 % FPR", AtFalsePositives(0.01), only_positive=True),
    "tpr_at_fpr_5": Score("TPR at 5 % FPR", AtFalsePositives(0.05), only_positive=True),
    # Mean -log of the probability given to the true class; of rounded ones see `least_probability`.
    "log_loss": Score("log loss", Loss(_log_loss, _clipped, _most_log_loss), smaller_is_better=True, unit=""),
    # Of two classes the mean squared error of the positive one's probability, in 0..1 (scikit-learn's
    # `brier_score_loss`); of more, Brier's (1950) sum over classes, in 0..2.
    "brier": Score("Brier score", Loss(_brier, _as_they_are, _most_brier), smaller_is_better=True, unit=""),
    # Guo et al. 2017, arXiv 1706.04599: the mean gap between confidence and share right over 15 bins of equal width of
    # the largest probability. Too high on average: in a bin of few rows the gap is chance, so a calibrated model of 60
    # rows has about 0.1 (Roelofs et al. 2022, arXiv 2012.08668). Compare models on the same rows, never with 0.
    "calibration_error": Score("expected calibration error", _calibration_error, smaller_is_better=True),
}


def scores_for(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the scores that mean something for so many classes, in the order of `SCORES`."""
    return tuple(name for name, score in SCORES.items() if len(classes) == 2 or not score.only_positive)


def checked_scoring(scoring: str, classes: Sequence[str]) -> str:
    """Return the name of a score that tuning may maximise.

    Raises
    ------
    InputError
        No score has that name.
    ModelError
        It is a loss, or it needs two classes.
    """
    if scoring not in SCORES:
        raise unknown("scoring", scoring, SCORES)
    if SCORES[scoring].smaller_is_better:
        able = [name for name in scores_for(classes) if not SCORES[name].smaller_is_better]
        raise ModelError(
            f"{scoring} is a loss, made of calibrated probabilities, and tuning looks for the greatest score before "
            f"any calibration; choose one of {', '.join(able)}"
        )
    if scoring not in scores_for(classes):
        raise ModelError(f"{scoring} is about one of two classes, and here are {len(classes)}; take f1_macro, say")
    return scoring

"""Regime: how a model of features is trained so that it learns what travels, not what its training set happens to hold.

Folds that hold out sources or content choose the setting that survives a change; weights keep one source, or content
that gives the class away, from deciding alone.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from classify.errors import DataError, ModelError
from classify.splits.folds import folds, folds_by_content, folds_by_source, judged_once
from classify.stats.selection import by_worst_fold
from featex.errors import unknown

N_FOLDS = 5
FOLDS = ("random", "source", "content")
POOLS = ("mean", "suspicious")
WEIGHTS = ("none", "source", "content")
CONTENT_C = 1.5  # over the number of columns: so weak that probabilities are not all 0 and 1
LEAST_SOURCE = 20  # images of a source; the score of fewer chooses nothing
MISLEADING = 1 / 3  # of each class
LEAST_WEIGHT = 0.02  # of an image whose class its content gives away, before weights are scaled to a mean of 1


@dataclass(frozen=True)
class Regime:
    """How folds are cut, and how training images are weighed.

    Parameters
    ----------
    folds : {"random", "source", "content"}
        `content` and `source` hold out whole clusters of content, or whole sources; of sources the worst one counts,
        of the others the mean.
    weigh : {"none", "source", "content"}
        Whether each source of a class weighs the same, or images whose content gives their class away weigh little
        (overlap weights, Li, Morgan & Zaslavsky 2018, doi:10.1080/01621459.2016.1260466). Classes keep their weight.
    pool : {"mean", "suspicious"}
        What becomes of the scores of tiles that have columns of their own; see `classify.models.tiles`.
    content : ndarray of shape (n_samples, n_features), optional
        A row for each row of the features: what pictures show, as a late layer sees it. Needed where content is asked
        for.
    """

    folds: str = "random"
    weigh: str = "none"
    pool: str = "mean"
    content: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def facts(self) -> dict:
        """What a digest of a job depends on; {} for the default."""
        facts = {"folds by": self.folds} if self.folds != "random" else {}
        facts |= {"weigh": self.weigh} if self.weigh != "none" else {}
        facts |= {"pool": self.pool} if self.pool != "mean" else {}
        if "content" in (self.folds, self.weigh):
            facts["content"] = hashlib.sha256(np.ascontiguousarray(self.content)).hexdigest()
        return facts

    @property
    def worst(self) -> bool:
        """Whether the worst fold decides, rather than their mean."""
        return by_worst_fold(self.folds)

    def check(self, reads: str, model: str) -> None:
        """Raise where a choice is unknown, needs what is not there, or is not for this kind of model."""
        choices = (
            ("kind of folds", self.folds, FOLDS),
            ("kind of weights", self.weigh, WEIGHTS),
            ("pool", self.pool, POOLS),
        )
        for what, value, there in choices:
            if value not in there:
                raise unknown(what, value, there)
        if "content" in (self.folds, self.weigh) and self.content is None:
            raise ModelError(
                "content was asked for, and neither these features nor others of the same images see it; extract the "
                "same folder with the default features too: featex extract DIR"
            )
        if self.weigh != "none" and reads != "features":
            raise ModelError(f"{model} cannot weigh images by {self.weigh}; that is for models that read features")

    def pairs(
        self, y: np.ndarray, units: np.ndarray, sources: np.ndarray, rows: np.ndarray, n_folds: int, seed: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the folds of the training rows, pairs of row numbers among them; `rows` are theirs among all."""
        if self.folds == "source":
            pairs = folds_by_source(y, units, sources, seed)
        elif self.folds == "content":
            pairs = folds_by_content(y, units, self.content[rows], n_folds, seed)
        else:
            pairs = folds(y, units, n_folds, seed)
        return judged_once(pairs, y, units)

    def weights(self, y: np.ndarray, sources: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """Return a weight for each training row, 1 on average over each class; None where all weigh the same."""
        if self.weigh == "none":
            return None
        weights = by_source(y, sources) if self.weigh == "source" else by_content(y, self.content[rows])
        for label in np.unique(y):
            weights[y == label] /= weights[y == label].mean()
        return weights


USUAL = Regime()


def travelling(labels: np.ndarray, sources: np.ndarray, content: np.ndarray | None) -> Regime:
    """Return the regime that chooses settings by what changes from source to source.

    Sources are held out where every class has two with `LEAST_SOURCE` images or more; else clusters of content, where
    something tells the content; else folds are random.

    Parameters
    ----------
    labels, sources : ndarray of shape (n_train,), of str
        Of the training images.
    content : ndarray or None
        As `Regime` takes it.
    """

    def several(label: str) -> bool:
        counts = np.unique(sources[labels == label], return_counts=True)[1]
        return len(counts) > 1 and counts.min() >= LEAST_SOURCE

    if all(several(label) for label in np.unique(labels)):
        return Regime("source", content=content)
    return USUAL if content is None else Regime("content", content=content)


def parse_folds(text: str) -> tuple[str, int]:
    """Return the kind of folds and how many of "5", "source", "content" or "content:5"; by default `N_FOLDS`."""
    kind, _, number = text.partition(":")
    if kind.isdigit():
        kind, number = "random", text
    if kind not in FOLDS or (number and not number.isdigit()):
        raise ModelError(f"folds {text!r} are neither a number nor one of source, content and content:N")
    return kind, int(number or N_FOLDS)


def by_source(y: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Return weights (n_samples,) by which each source of a class weighs as much as its others."""
    names, counts = np.unique(np.char.add(np.char.add(y.astype(str), "\n"), sources.astype(str)), return_counts=True)
    return 1 / counts[np.searchsorted(names, np.char.add(np.char.add(y.astype(str), "\n"), sources.astype(str)))]


def by_content(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return overlap weights (n_samples,): how little a model of the content alone expects each image's own class.

    Under them content tells as good as nothing of the class, so that a model that is fitted with them must look for
    something else.
    """
    return np.maximum(_unexpected(y, content), LEAST_WEIGHT)


def misleading(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return which images (n_samples,) have content that speaks least for their class: a third of each class.

    Whoever goes by content ranks them badly, as it does images of other sources, whose classes differ in other content
    or in none.
    """
    unexpected, chosen = _unexpected(y, content), np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        chosen[rows[np.argsort(-unexpected[rows], kind="stable")[: max(1, round(MISLEADING * len(rows)))]]] = True
    return chosen


def _unexpected(y: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return 1 less the probability of each image's own class, by a logistic regression on content, out of fold."""
    n_folds = min(5, np.unique(y, return_counts=True)[1].min())
    if n_folds < 2:
        raise DataError("a class has one training image, so images cannot be weighed by content; add images")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=CONTENT_C / content.shape[1], max_iter=2000))
    codes = np.unique(y, return_inverse=True)[1]
    expected = cross_val_predict(model, content.astype(np.float64), codes, cv=n_folds, method="predict_proba")
    own = expected[np.arange(len(y)), codes]
    return 1 - own


def weighted(estimator, weights: np.ndarray | None) -> dict:
    """Return the keyword argument of ``estimator.fit`` that weighs its rows, {} for None."""
    if weights is None:
        return {}
    name = "sample_weight"
    return {f"{estimator.steps[-1][0]}__{name}" if isinstance(estimator, Pipeline) else name: weights}


def with_copies(X: np.ndarray, copies: np.ndarray | None) -> np.ndarray:
    """Return rows (n, d), and after them their copies (n, n_copies, d), copy by copy: (n * (1 + n_copies), d)."""
    if copies is None:
        return X
    return np.concatenate([X, *np.moveaxis(copies, 1, 0)])

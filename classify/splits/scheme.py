"""Scheme: how folds are cut and training images weighed, so that a model learns what holds for other sources too."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from classify.errors import ModelError, SettingError
from classify.splits.folds import folds, folds_by_content, folds_by_source, judged_once
from classify.splits.sample_weights import by_content, by_source
from classify.stats.selection import by_worst_fold
from featex.errors import unknown

N_FOLDS = 5
FOLDS = ("random", "source", "content")
TILE_SCORES = ("mean", "max")
WEIGHTS = ("none", "source", "content")
LEAST_SOURCE = 20  # images of a source that can be held out; with fewer, its score is too uncertain to choose by


@dataclass(frozen=True)
class Scheme:
    """How folds are cut, and how training images are weighed.

    Parameters
    ----------
    folds : {"random", "source", "content"}
        What a fold holds out: random images, whole sources, or whole clusters of content. The worst fold by source is
        the selection score; of the others it is the mean.
    weigh : {"none", "source", "content"}
        "source": each source of a class has the same total weight; "content": images whose content gives their class
        away have little. The weight of a class stays the same.
    tile_score : {"mean", "max"}
        How the scores of an image's tiles are combined; see `classify.models.tiles`.
    content : ndarray of shape (n_samples, n_features), optional
        What each picture shows, as features of a late layer; needed for "content".
    """

    folds: str = "random"
    weigh: str = "none"
    tile_score: str = "mean"
    content: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def facts(self) -> dict:
        """The choices that differ from the default, for the digest of a job."""
        facts = {"folds by": self.folds} if self.folds != "random" else {}
        facts |= {"weigh": self.weigh} if self.weigh != "none" else {}
        facts |= {"tile score": self.tile_score} if self.tile_score != "mean" else {}
        if "content" in (self.folds, self.weigh):
            facts["content"] = hashlib.sha256(np.ascontiguousarray(self.content)).hexdigest()
        return facts

    @property
    def worst(self) -> bool:
        """Whether the worst fold is the selection score, rather than the mean."""
        return by_worst_fold(self.folds)

    def check(self, on_features: bool, model: str) -> None:
        """Raise InputError for an unknown choice, ModelError where content is missing or the model takes no weights."""
        choices = (
            ("kind of folds", self.folds, FOLDS),
            ("kind of weights", self.weigh, WEIGHTS),
            ("tile score", self.tile_score, TILE_SCORES),
        )
        for what, value, known in choices:
            if value not in known:
                raise unknown(what, value, known)
        if "content" in (self.folds, self.weigh) and self.content is None:
            raise ModelError(
                "folds or weights by content need features that tell what pictures show, and there are none of these "
                "images; extract the same folder with the default features too: featex extract DIR"
            )
        if self.weigh != "none" and not on_features:
            raise SettingError(f"{model} cannot weigh images by {self.weigh}; choose a model that reads features")

    def pairs(
        self, y: np.ndarray, units: np.ndarray, sources: np.ndarray, rows: np.ndarray, n_folds: int, seed: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the folds: pairs of training and validation row numbers, among the training rows.

        `rows` are the numbers of the training rows among all rows.
        """
        if self.folds == "source":
            pairs = folds_by_source(y, units, sources, seed)
        elif self.folds == "content":
            pairs = folds_by_content(y, units, self.content[rows], n_folds, seed)
        else:
            pairs = folds(y, units, n_folds, seed)
        return judged_once(pairs, y, units)

    def weights(self, y: np.ndarray, sources: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """Return a weight for each training row, with a mean of 1 in each class; None for equal weights."""
        if self.weigh == "none":
            return None
        weights = by_source(y, sources) if self.weigh == "source" else by_content(y, self.content[rows])
        for label in np.unique(y):
            weights[y == label] /= weights[y == label].mean()
        return weights


DEFAULT_SCHEME = Scheme()


def robust_scheme(labels: np.ndarray, sources: np.ndarray, content: np.ndarray | None) -> Scheme:
    """Return the scheme whose folds differ most from their training rows.

    Folds are by source where every class has two or more, of at least `LEAST_SOURCE` images each; otherwise by content
    where `content` is there; otherwise random.

    Parameters
    ----------
    labels, sources : ndarray of shape (n_train,), of str
        Of the training images.
    content : ndarray or None
        See `Scheme`.
    """

    def several(label: str) -> bool:
        counts = np.unique(sources[labels == label], return_counts=True)[1]
        return len(counts) > 1 and counts.min() >= LEAST_SOURCE

    if all(several(label) for label in np.unique(labels)):
        return Scheme("source", content=content)
    return DEFAULT_SCHEME if content is None else Scheme("content", content=content)


def parse_folds(text: str) -> tuple[str, int]:
    """Return the kind and the number of folds of "5", "source", "content" or "content:5"; by default `N_FOLDS`."""
    kind, _, number = text.partition(":")
    if kind.isdigit():
        kind, number = "random", text
    if kind not in FOLDS or (number and not number.isdigit()):
        raise SettingError(f"unknown folds {text!r}; choose a number, source, content or content:N")
    return kind, int(number or N_FOLDS)

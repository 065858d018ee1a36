"""The subject that every check of an audit looks at, and the findings that it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.pages.codes import CODES, LEVELS
from classify.pages.sections import Picture, Table
from featex.store.features import Features


@dataclass(frozen=True, eq=False)
class Subject:
    """A set of images as checks see it; row i of all parts is the same image.

    Parameters
    ----------
    features : Features
        Features, labels, sets and sources, and the facts of each file (`featex.images.facts.FACTS`) in its rows.
    looks : ndarray of shape (n,), `pipelines.auditing.appearance.LOOK`
        Small pictures, colours, spectra and hashes of the same images.
    failed : DataFrame
        Files that cannot be used: ``path, reason``.
    seed : int
        Of folds, clusters and samples.
    """

    features: Features
    looks: np.ndarray
    failed: pd.DataFrame
    seed: int = 0

    @property
    def rows(self) -> pd.DataFrame:
        return self.features.rows

    @property
    def train(self) -> np.ndarray:
        """Row numbers of labelled training images, as `classify.splits.partition.partition` puts them."""
        from classify.splits.partition import partition

        return partition(self.rows).train


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    id : str
        What kind of finding it is, the same in every audit: its check, a key of `pipelines.auditing.audit.CHECKS`, a
        dot and a name, such as "FX201".
    level : str
        One of `LEVELS`.
    sentence : str
        What was found, with its number and interval; it can be read without any other.
    value, low, high : float
        The number that the sentence is about and its 95 % interval; NaN where there is none.
    tables, pictures : tuples
    claim : str
        The finding in a clause, for the headline; by default the title of its id.
    warning : str
        A clause that a report on these images must begin with: such as that training has seen test images.
    of : str
        The set that the finding is about, or "".
    """

    id: str
    level: str
    sentence: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    warning: str = ""
    of: str = ""
    claim: str = ""

    @property
    def check(self) -> str:
        """The key in `pipelines.auditing.audit.CHECKS`."""
        return CODES[self.id]

    @property
    def badness(self) -> int:
        """0 for the worst level, then 1 and 2: what findings are sorted by."""
        return len(LEVELS) - 1 - LEVELS.index(self.level)


@dataclass(frozen=True)
class Check:
    """A check of the audit.

    Parameters
    ----------
    title : str
        Its heading on the page.
    about : str
        What it looks for, beside the heading.
    run : callable
        ``run(subject)`` returns findings, at least one, for any set: one class, no labels, ten images.
    """

    title: str
    about: str
    run: Callable[[Subject], Sequence[Finding]]

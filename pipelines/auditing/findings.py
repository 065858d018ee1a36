"""What crosses the doors of an audit: the subject that every check looks at, and the findings it comes back with."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.pages.sections import Picture, Table
from featex.store.features import Features

LEVELS = ("fine", "mind", "bad")
"""How a finding weighs: nothing to mend; to be known when a score is read; it makes a score worthless if left."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A set of images as checks see it; row i of all parts is the same image.

    Parameters
    ----------
    features : Features
        Features, labels, sets and sources, and the facts of each file (`featex.images.facts.FACTS`) in its rows.
    looks : ndarray of shape (n,), `pipelines.auditing.looks.LOOK`
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
    check : str
        The key in `pipelines.auditing.audit.CHECKS`.
    level : str
        One of `LEVELS`.
    sentence : str
        What was found, with its number and interval, in words that stand alone.
    value, low, high : float
        The number that the sentence is about and its 95 % interval; NaN where there is none.
    tables, pictures : tuples
    warning : str
        What a report on these images must begin with, as a clause: such as that a test set is known in training.
    """

    check: str
    level: str
    sentence: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    warning: str = ""

"""Better than chance? Whether scores of a set show that a model tells its classes apart, as data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd
from scipy.stats import norm

from classify.stats.intervals import difference, wilson

BETTER, RANKS, REVERSED, WORSE = "better", "ranks", "reversed", "worse"
ONE_ANSWER, UNSHOWN, ONE_CLASS, UNKNOWN = "one answer", "not shown", "one class", "unknown"
FALLS, RISES, UNCLEAR = "falls", "rises", "unclear"
ALPHA = 0.05
TWICE = 2.0
"""By how much folds widen the variance. In cross-validation each pair of rows in different folds is counted twice: one
row trains what judges the other, and the other way round. For a rule that is linear in the labels the variance of the
number right is thus at most twice that of as many coins (Noirhomme et al. 2014 describe the excess). For forests it is
a rule of thumb; `benchmarks/simulations/audit.py` measures the false alarms that are left."""


@dataclass(frozen=True)
class Ability:
    """Whether a model tells the classes of a set apart.

    Parameters
    ----------
    kind : str
        "better": its decisions beat guessing; "ranks": they are not shown to, and its scores rank the classes apart;
        "reversed": its scores rank them the wrong way round; "worse": its decisions are worse than guessing;
        "one answer": it decides on the same class for all images; "not shown": none of these is shown; "one class":
        there is nothing to tell apart; "unknown": nothing has an interval.
    guess : float
        Balanced accuracy of guessing.
    only : str
        The only class of the images, or the only one that the model decides on.
    """

    kind: str
    guess: float
    only: str = ""


def ability(row: pd.Series, classes: Sequence[str], decided: Collection[str] = ()) -> Ability:
    """Return what a row of `tables.score_table` shows, by ROC AUC and balanced accuracy with their intervals.

    Accuracy is not asked: of 190 real and 10 generated images a model that finds all of the latter may be right less
    often than one that always says "real".

    Parameters
    ----------
    row : pandas.Series
    classes : sequence of str
    decided : collection of str
        The classes that the model decides on, where they are known.
    """
    present = [label for label in classes if row[f"n_{label}"]]
    if len(present) == 1:
        return Ability(ONE_CLASS, 1.0, present[0])
    guess = 1 / len(present)
    low, high = row["balanced_accuracy_low"], row["balanced_accuracy_high"]
    auc_low, auc_high = row["roc_auc_low"], row["roc_auc_high"]
    if isnan(low) and isnan(auc_low):
        return Ability(UNKNOWN, guess)
    # NaN is neither above nor below
    if low > guess and not auc_high < 0.5:
        return Ability(BETTER, guess)
    if auc_high < 0.5 and not low > guess:
        return Ability(REVERSED, guess)
    if high < guess:
        return Ability(WORSE, guess)
    only = next(iter(decided)) if len(decided) == 1 else ""
    if auc_low > 0.5:
        return Ability(RANKS, guess, only)
    return Ability(ONE_ANSWER if only else UNSHOWN, guess, only)


@dataclass(frozen=True)
class Change:
    """How far balanced accuracy is from one set to another, in shares; `kind` is "falls", "rises", "unclear" or
    "unknown"."""

    kind: str
    value: float
    low: float
    high: float


def change(before: pd.Series, after: pd.Series) -> Change:
    """Return the change of balanced accuracy between two sets, of any mix of classes.

    Plain accuracy would change with the mix alone: who always says "real" is right on 50 % of one set and 90 % of
    another.
    """
    columns = ["balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high"]
    value, low, high = (float(part) for part in difference(tuple(after[columns]), tuple(before[columns])))
    if isnan(low) or isnan(high):
        return Change(UNKNOWN, value, low, high)
    return Change(FALLS if high < 0 else RISES if low > 0 else UNCLEAR, value, low, high)


def against_chance(low: float, high: float, chance: float) -> str:
    """Return "better", "worse" or "unclear": can an accuracy be told from always guessing the largest class?

    It can when its 95 % interval leaves `chance` out, so the answer never contradicts the interval beside it. For
    Wilson's interval this is the two-sided score test of a binomial at 5 %; for grouped images it is stricter. Without
    an interval (NaN) it is "unknown", and neither is to be claimed.
    """
    if np.isnan(low) or np.isnan(high):
        return "unknown"
    if low > chance:
        return "better"
    return "worse" if high < chance else "unclear"


@dataclass(frozen=True)
class Judged:
    """A balanced accuracy with its interval; `low` above chance means that the labels are told."""

    value: float
    low: float
    high: float


def judged(labels: np.ndarray, predicted: np.ndarray, units: np.ndarray, n_judged: int = 1) -> Judged:
    """Return the balanced accuracy of out-of-fold predictions with its interval.

    The interval is Wilson's, at the number of independent answers that have the variance which chance has here: of
    sums over whole units, widened by `TWICE`. It is simultaneous: all `n_judged` intervals together hold their values
    in 95 % of data sets, by Bonferroni.

    Parameters
    ----------
    labels, predicted : ndarray of shape (n,), str
    units : ndarray of shape (n,), int
        Rows with the same number are not independent.
    n_judged : int
        How many balanced accuracies are judged beside each other.
    """
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    chance, weight = 1 / len(classes), 1 / len(classes) / counts[codes]
    right = predicted == labels
    value = float((weight * right).sum())
    said = np.array([weight[predicted == name].sum() for name in classes])  # with what chance a label is said
    excess = weight * (right - said[codes])
    by_unit = np.bincount(np.unique(units, return_inverse=True)[1], excess)
    variance = TWICE * max((by_unit**2).sum(), (excess**2).sum())
    if variance < 1e-12:  # one class is always said
        return Judged(value, 0.0, 1.0)
    n = chance * (1 - chance) / variance
    return Judged(value, *wilson(min(value, 1.0) * n, n, norm.isf(ALPHA / 2 / n_judged)))

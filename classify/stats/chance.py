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
"""Factor of the variance in cross-validation, where each pair of rows in different folds counts twice: one row trains
the model that judges the other, and the other way round. For a rule that is linear in the labels the variance of the
number right is at most twice that of as many coins (Noirhomme et al. 2014, doi:10.1016/j.nicl.2014.04.004, describe the
excess). For forests it is a rule of thumb; `benchmarks/simulations/audit.py` measures the false alarms that remain."""


@dataclass(frozen=True)
class Ability:
    """Whether a model tells the classes of a set apart.

    Parameters
    ----------
    kind : str
        "better": its decisions beat guessing; "ranks": they are not shown to, but its scores rank the classes apart;
        "reversed": its scores rank them the wrong way round; "worse": its decisions are worse than guessing;
        "one answer": it decides on one class for all images; "not shown": none of these is shown; "one class": the set
        holds one class; "unknown": there is no interval.
    guess : float
        Balanced accuracy of guessing.
    only : str
        The only class of the images, or the only one that the model decides on.
    """

    kind: str
    guess: float
    only: str = ""


def ability(row: pd.Series, classes: Sequence[str], decided: Collection[str] = ()) -> Ability:
    """Return what the intervals of ROC AUC and balanced accuracy show, of a row of `classify.stats.tables.score_table`.

    Accuracy does not count: on 190 real and 10 generated images a model that finds every generated one may be less
    accurate than one that always answers "real".

    Parameters
    ----------
    row : pandas.Series
    classes : sequence of str
    decided : collection of str
        The classes that the model decides on, if known.
    """
    present = [label for label in classes if row[f"n_{label}"]]
    if len(present) == 1:
        return Ability(ONE_CLASS, 1.0, present[0])
    guess = 1 / len(present)
    low, high = row["balanced_accuracy_low"], row["balanced_accuracy_high"]
    auc_low, auc_high = row["roc_auc_low"], row["roc_auc_high"]
    if isnan(low) and isnan(auc_low):
        return Ability(UNKNOWN, guess)
    # NaN is neither above nor below a limit.
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
    """The change of balanced accuracy between two sets; `kind` is "falls", "rises", "unclear" or "unknown"."""

    kind: str
    value: float
    low: float
    high: float


def change(before: pd.Series, after: pd.Series) -> Change:
    """Return the change of balanced accuracy between two sets, whatever their shares of classes.

    Accuracy would change with these shares alone: a model that always answers "real" is right on 50 % of one set and
    on 90 % of another.
    """
    columns = ["balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high"]
    value, low, high = (float(part) for part in difference(tuple(after[columns]), tuple(before[columns])))
    if isnan(low) or isnan(high):
        return Change(UNKNOWN, value, low, high)
    return Change(FALLS if high < 0 else RISES if low > 0 else UNCLEAR, value, low, high)


def against_chance(low: float, high: float, chance: float) -> str:
    """Return "better", "worse" or "unclear": how an accuracy compares with always guessing the largest class.

    It is "better" or "worse" where the 95 % interval excludes `chance`, so the answer never contradicts the interval
    beside it. For Wilson's interval this is the two-sided score test of a binomial at 5 %; for grouped images it is
    stricter. Without an interval (NaN) it is "unknown".
    """
    if np.isnan(low) or np.isnan(high):
        return "unknown"
    if low > chance:
        return "better"
    return "worse" if high < chance else "unclear"


@dataclass(frozen=True)
class Judged:
    """A balanced accuracy with its interval; where `low` is above chance, the labels can be predicted."""

    value: float
    low: float
    high: float


def judged(labels: np.ndarray, predicted: np.ndarray, units: np.ndarray, n_judged: int = 1) -> Judged:
    """Return the balanced accuracy of out-of-fold predictions with its interval.

    The interval is Wilson's, for the number of independent answers whose variance is that of chance here: of sums over
    whole units, times `TWICE`. It is simultaneous: by Bonferroni, all `n_judged` intervals together hold their true
    values in 95 % of data sets.

    Parameters
    ----------
    labels, predicted : ndarray of shape (n,), str
    units : ndarray of shape (n,), int
        Rows with the same number are not independent.
    n_judged : int
        How many balanced accuracies are judged together.
    """
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    chance, weight = 1 / len(classes), 1 / len(classes) / counts[codes]
    right = predicted == labels
    value = float((weight * right).sum())
    rates = np.array([weight[predicted == name].sum() for name in classes])  # at which each class is predicted
    excess = weight * (right - rates[codes])
    by_unit = np.bincount(np.unique(units, return_inverse=True)[1], excess)
    variance = TWICE * max((by_unit**2).sum(), (excess**2).sum())
    if variance < 1e-12:  # one class is predicted for all rows
        return Judged(value, 0.0, 1.0)
    n = chance * (1 - chance) / variance
    return Judged(value, *wilson(min(value, 1.0) * n, n, norm.isf(ALPHA / 2 / n_judged)))

"""What scores say of a model on a set of images, as data: whether it tells the classes apart, and what changes from set
to set. Sentences are made of these, so that simulations can judge them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isnan

import pandas as pd

from classify.intervals import difference

BETTER, RANKS, REVERSED, WORSE = "better", "ranks", "reversed", "worse"
ONE_ANSWER, UNSHOWN, ONE_CLASS, UNKNOWN = "one answer", "not shown", "one class", "unknown"
FALLS, RISES, UNCLEAR = "falls", "rises", "unclear"


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
    """Return what a row of `classify.metrics.score_table` shows, by ROC AUC and balanced accuracy with their intervals.

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

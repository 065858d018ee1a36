"""What conditions do to models, from predictions alone: tables that tell bias from fragility.

What a model says of an image under a condition depends on no other image. So a set of which only one class went
through it is put together from what was said of its images as they are and under the condition.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from classify.positive import positive_class
from classify.predictions import PROB
from classify.stats.differences import holm
from classify.stats.effective import units
from classify.stats.intervals import difference, interval
from classify.stats.paired import LEVEL, paired_interval, sign_flip
from classify.stats.scores import SCORES
from pipelines.robustness.conditions import Condition

KEYS = ["model", "set", "transform", "grade"]


def stress_table(said: pd.DataFrame, positive: str | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return how well each model does on each set under each condition, on all images or one class of them.

    Parameters
    ----------
    said : DataFrame
        ``model, set, path, label, predicted, transform, grade, source, group`` and a ``prob_<class>`` for each class;
        images as they are have no transform ("") and no grade (NaN).
    positive : str, optional
        The positive one of two classes.
    seed : int
        Of intervals that need resamples.

    Returns
    -------
    pandas.DataFrame
        ``model, set, transform, grade``, first of the images as they are;

        ============ ===============================================================================================
        only         the class whose images alone went through the condition, or empty: all did
        n            images
        accuracy     with its 95 % interval ``_low, _high``
        balanced_accuracy, roc_auc, recall_<class>
                     NaN where a set has not the classes for it
        difference   of accuracy to the images as they are, with its paired 95 % interval ``_low, _high``; see
                     `classify.stats.paired.paired_interval`
        p            that such a difference is chance: McNemar's exact test, of groups where there are any
        p_holm, tests
                     p corrected by Holm (1979) for all conditions that a model was tried under on a set, and how many
                     they are; where `only` is set, for all of these together
        apart        whether the corrected p is under 0.05. Intervals are of one comparison each
        ============ ===============================================================================================
    """
    classes, rows = _classes(said), []
    for (model, name), before, conditions in _tried(said):
        y, group = before["label"].to_numpy(), before["group"].to_numpy()
        there = [label for label in classes if (y == label).any()]
        unit = units(group, len(y))
        was_right = before["predicted"].to_numpy() == y
        probabilities = [PROB + label for label in classes]
        scored = partial(_scored, y, group, there, (classes, positive), seed)
        key = {"model": model, "set": name}
        said_before, p_before = before["predicted"].to_numpy(), before[probabilities].to_numpy()
        rows.append({**key, "transform": "", "grade": np.nan, "only": "", **scored(said_before, p_before)})
        for condition, after in conditions:
            for only in ["", *(there if len(there) > 1 else [])]:
                here = (y == only) if only else np.ones(len(y), bool)
                predicted = np.where(here, after["predicted"].to_numpy(), said_before)
                p = np.where(here[:, None], after[probabilities].to_numpy(), p_before)
                right = predicted == y
                low, high = paired_interval(right, was_right, unit)
                gain = right.astype(int) - was_right
                test = {"difference": gain.mean(), "difference_low": low, "difference_high": high}
                test["p"] = sign_flip(np.bincount(unit, gain).astype(int))
                rows.append({**key, **_named(condition), "only": only, **scored(predicted, p), **test})
    recalls = [f"recall_{label}" for label in classes]
    changes = ["difference", "difference_low", "difference_high", "p", "p_holm", "tests", "apart"]
    right = ["n", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "roc_auc"]
    table = pd.DataFrame(rows).reindex(columns=[*KEYS, "only", *right, *recalls, *changes[:4]])
    family = [table["model"], table["set"], table["only"] != ""]
    table["p_holm"] = table.groupby(family, sort=False)["p"].transform(lambda p: holm(p.to_numpy()))
    table["tests"] = table.groupby(family, sort=False)["p"].transform("count").astype(int)
    return table.assign(apart=table["p_holm"] < LEVEL)


def _scored(y, group, there, asked, seed, predicted, p) -> dict:
    low, high = interval("accuracy", y, p, predicted, *asked, group=group, seed=seed)
    row = {"n": len(y), "accuracy": (predicted == y).mean(), "accuracy_low": low, "accuracy_high": high}
    row |= {score: SCORES[score](y, p, predicted, *asked) for score in ("balanced_accuracy", "roc_auc")}
    return row | {f"recall_{label}": (predicted[y == label] == label).mean() for label in there}


def bias_table(said: pd.DataFrame, positive: str | None = None) -> pd.DataFrame:
    """Return what conditions make images look like: how many more of each class are taken for the positive one.

    Of two classes, a condition may move the share that is taken for the positive one, by `shift` of either class.
    Half the sum of both shifts is `bias`: it is the balanced accuracy where the positive class alone went through the
    condition less that where the other one alone did, so how much it matters to a score which class of a test set was
    treated so. Half their difference is `fall`, of balanced accuracy where both went through it: a model that is lost
    under a condition without leaning to a class has all fall and no bias.

    Parameters
    ----------
    said : DataFrame
        As `stress_table` takes it.
    positive : str, optional
        The positive one of two classes.

    Returns
    -------
    pandas.DataFrame
        A row a model, set that holds both classes, and condition: ``model, set, transform, grade, positive, n``; for
        each class ``n_<class>``, ``share_<class>`` taken for the positive one as they are, and ``shift_<class>`` with
        its paired 95 % interval and its ``p_holm_<class>``, McNemar's exact p corrected by Holm for all shifts of a
        model on a set; ``bias`` and ``fall`` with 95 % intervals (Newcombe 1998, method 10: images of two classes are
        taken as independent); and ``looks``, the class that images are made to look like, or empty. It is named where
        the corrected p of a shift towards it, of images of the other class, is under 0.05 and the interval of the bias
        lies on that side. Empty for more than two classes.
    """
    classes = _classes(said)
    ends = ("", "_low", "_high")
    columns = [*KEYS, "positive", "n", *(f"{name}_{label}" for label in classes for name in ("n", "share"))]
    columns += [f"shift_{label}{end}" for label in classes for end in ends]
    columns += [f"p_holm_{label}" for label in classes] + [f"{name}{end}" for name in ("bias", "fall") for end in ends]
    if len(classes) != 2:
        return pd.DataFrame(columns=[*columns, "looks"])
    positive = positive or positive_class(classes)
    (other,) = (label for label in classes if label != positive)
    rows = []
    for (model, name), before, conditions in _tried(said):
        sides = {label: np.flatnonzero(before["label"] == label) for label in classes}
        if not all(len(side) for side in sides.values()):
            continue
        taken = (before["predicted"] == positive).to_numpy()
        family = []
        for condition, after in conditions:
            row = {"model": model, "set": name, **_named(condition), "positive": positive, "n": len(taken)}
            moved, shifts = (after["predicted"] == positive).to_numpy(), {}
            for label, side in sides.items():
                unit = units(before["group"].to_numpy()[side], len(side))
                gain = moved[side].astype(int) - taken[side]
                shifts[label] = (gain.mean(), *paired_interval(moved[side], taken[side], unit))
                row |= {f"n_{label}": len(side), f"share_{label}": taken[side].mean()}
                row |= _ends(f"shift_{label}", shifts[label])
                row[f"p_holm_{label}"] = sign_flip(np.bincount(unit, gain).astype(int))
            ours, theirs = shifts[positive], shifts[other]
            row |= _ends("bias", [half / 2 for half in difference(ours, _turned(theirs))])
            row |= _ends("fall", [half / 2 for half in difference(theirs, ours)])
            family.append(row)
        p = np.array([row[f"p_holm_{label}"] for row in family for label in classes])
        for row, corrected in zip(family, holm(p).reshape(-1, 2), strict=True):
            row |= dict(zip((f"p_holm_{label}" for label in classes), corrected, strict=True))
            row["looks"] = _looks(row, positive, other)
        rows += family
    return pd.DataFrame(rows, columns=[*columns, "looks"])


def _looks(row: dict, positive: str, other: str) -> str:
    if row["bias_low"] > 0 and row[f"shift_{other}"] > 0 and row[f"p_holm_{other}"] < LEVEL:
        return positive
    if row["bias_high"] < 0 and row[f"shift_{positive}"] < 0 and row[f"p_holm_{positive}"] < LEVEL:
        return other
    return ""


def _turned(shift):
    return -shift[0], -shift[2], -shift[1]


def _ends(name, values) -> dict:
    return {f"{name}{end}": float(value) for end, value in zip(("", "_low", "_high"), values, strict=True)}


def _classes(said) -> list[str]:
    return [column.removeprefix(PROB) for column in said if column.startswith(PROB)]


def _named(condition: Condition) -> dict:
    return {"transform": condition.transform, "grade": condition.grade}


def _tried(said: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame, list]]:
    """Yield ((model, set), rows of images as they are, [(condition, rows under it)]), all of the same images."""
    for key, part in said.groupby(["model", "set"], sort=False, observed=True):
        as_text = part.astype({"label": object, "predicted": object, "group": object})
        as_is = as_text["transform"] == ""
        before = as_text[as_is].set_index("path")
        found = as_text[~as_is].groupby(["transform", "grade"], sort=False, observed=True)
        conditions = [(Condition(*name), after.set_index("path").loc[before.index]) for name, after in found]
        yield key, before, conditions

"""Tables of what conditions do to models' predictions; they separate bias to a class from a loss of accuracy.

A model's prediction for an image depends on no other image. So the tables can also show a set of which only one class
was treated: its predictions are those under the condition for that class, and the untreated ones for the others.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from classify.positive import positive_class
from classify.predictions import PROB
from classify.stats.differences import holm
from classify.stats.effective import units
from classify.stats.intervals import difference, interval, with_ends
from classify.stats.paired import LEVEL, paired_test
from classify.stats.scores import SCORES
from pipelines.robustness.conditions import Condition

KEYS = ["model", "set", "transform", "grade"]


def stress_table(predictions: pd.DataFrame, positive: str | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return the scores of each model on each set under each condition, with all images treated or only one class.

    Parameters
    ----------
    predictions : DataFrame
        ``model, set, path, label, predicted, transform, grade, source, group`` and a ``prob_<class>`` for each class;
        untreated images have no transform ("") and no grade (NaN).
    positive : str, optional
        The positive one of two classes.
    seed : int
        Seed of intervals that need resamples.

    Returns
    -------
    pandas.DataFrame
        ``model, set, transform, grade``, untreated images first;

        ============ ===============================================================================================
        only         the one class that was treated, or empty if all were
        n            images
        accuracy     with its 95 % interval ``_low, _high``
        balanced_accuracy, roc_auc, recall_<class>
                     NaN if the set lacks the classes for it
        difference   of accuracy to the untreated images, with its paired 95 % interval ``_low, _high``; see
                     `classify.stats.paired.paired_interval`
        p            McNemar's exact test of that difference, by groups if there are any
        p_holm, tests
                     p corrected by Holm (1979) for all conditions that a model was tested under on a set, and their
                     number; rows with `only` form a family of their own
        apart        whether the corrected p is below 0.05. Each interval is of one comparison
        ============ ===============================================================================================
    """
    classes, rows = _classes(predictions), []
    for (model, name), before, conditions in _by_condition(predictions):
        y, group = before["label"].to_numpy(), before["group"].to_numpy()
        present = [label for label in classes if (y == label).any()]
        unit = units(group, len(y))
        was_right = before["predicted"].to_numpy() == y
        probabilities = [PROB + label for label in classes]
        scored = partial(_scored, y, group, present, (classes, positive), seed)
        key = {"model": model, "set": name}
        predicted_before, p_before = before["predicted"].to_numpy(), before[probabilities].to_numpy()
        rows.append({**key, "transform": "", "grade": np.nan, "only": "", **scored(predicted_before, p_before)})
        for condition, after in conditions:
            for only in ["", *(present if len(present) > 1 else [])]:
                treated = (y == only) if only else np.ones(len(y), bool)
                predicted = np.where(treated, after["predicted"].to_numpy(), predicted_before)
                p = np.where(treated[:, None], after[probabilities].to_numpy(), p_before)
                test = paired_test(predicted == y, was_right, unit)
                rows.append({**key, **_key(condition), "only": only, **scored(predicted, p), **test})
    recalls = [f"recall_{label}" for label in classes]
    changes = ["difference", "difference_low", "difference_high", "p", "p_holm", "tests", "apart"]
    right = ["n", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "roc_auc"]
    table = pd.DataFrame(rows).reindex(columns=[*KEYS, "only", *right, *recalls, *changes[:4]])
    family = [table["model"], table["set"], table["only"] != ""]
    table["p_holm"] = table.groupby(family, sort=False)["p"].transform(lambda p: holm(p.to_numpy()))
    table["tests"] = table.groupby(family, sort=False)["p"].transform("count").astype(int)
    return table.assign(apart=table["p_holm"] < LEVEL)


def _scored(y, group, present, classes, seed, predicted, p) -> dict:
    limits = interval("accuracy", y, p, predicted, *classes, group=group, seed=seed)
    row = {"n": len(y), **with_ends("accuracy", (predicted == y).mean(), *limits)}
    row |= {score: SCORES[score](y, p, predicted, *classes) for score in ("balanced_accuracy", "roc_auc")}
    return row | {f"recall_{label}": (predicted[y == label] == label).mean() for label in present}


def bias_table(predictions: pd.DataFrame, positive: str | None = None) -> pd.DataFrame:
    """Return to which class each condition biases each model.

    Of two classes, a condition may move the share that a model takes for the positive one, by `shift` for each class.
    Half the sum of both shifts is `bias`: the balanced accuracy with only the positive class treated, less that with
    only the other class treated. It measures how much a score depends on which class of a test set was treated. Half
    the difference of the shifts is `fall`, of balanced accuracy with both classes treated: a model whose errors grow
    equally in both classes has a fall and no bias.

    Parameters
    ----------
    predictions : DataFrame
        As `stress_table` takes it.
    positive : str, optional
        The positive one of two classes.

    Returns
    -------
    pandas.DataFrame
        A row a model, set that holds both classes, and condition: ``model, set, transform, grade, positive, n``; for
        each class ``n_<class>``, ``share_<class>`` taken for the positive class untreated, and ``shift_<class>`` with
        its paired 95 % interval and its ``p_holm_<class>``, McNemar's exact p corrected by Holm for all shifts of a
        model on a set; ``bias`` and ``fall`` with 95 % intervals (Newcombe 1998, method 10: images of two classes are
        taken as independent); and ``looks``, the class that treated images look like, or empty. It is named if the
        corrected p of a shift towards it, of images of the other class, is below 0.05 and the interval of the bias
        lies on that side. Empty for more than two classes.
    """
    classes = _classes(predictions)
    ends = ("", "_low", "_high")
    columns = [*KEYS, "positive", "n", *(f"{name}_{label}" for label in classes for name in ("n", "share"))]
    columns += [f"shift_{label}{end}" for label in classes for end in ends]
    columns += [f"p_holm_{label}" for label in classes] + [f"{name}{end}" for name in ("bias", "fall") for end in ends]
    if len(classes) != 2:
        return pd.DataFrame(columns=[*columns, "looks"])
    positive = positive or positive_class(classes)
    (other,) = (label for label in classes if label != positive)
    rows = []
    for (model, name), before, conditions in _by_condition(predictions):
        sides = {label: np.flatnonzero(before["label"] == label) for label in classes}
        if not all(len(side) for side in sides.values()):
            continue
        was_positive = (before["predicted"] == positive).to_numpy()
        family = []
        for condition, after in conditions:
            row = {"model": model, "set": name, **_key(condition), "positive": positive, "n": len(was_positive)}
            is_positive, shifts = (after["predicted"] == positive).to_numpy(), {}
            for label, side in sides.items():
                unit = units(before["group"].to_numpy()[side], len(side))
                *shifts[label], p = paired_test(is_positive[side], was_positive[side], unit).values()
                row |= {f"n_{label}": len(side), f"share_{label}": was_positive[side].mean()}
                row |= with_ends(f"shift_{label}", *shifts[label]) | {f"p_holm_{label}": p}
            of_positive, of_other = shifts[positive], shifts[other]
            row |= with_ends("bias", *(half / 2 for half in difference(of_positive, _negated(of_other))))
            row |= with_ends("fall", *(half / 2 for half in difference(of_other, of_positive)))
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


def _negated(shift):
    return -shift[0], -shift[2], -shift[1]


def _classes(predictions) -> list[str]:
    return [column.removeprefix(PROB) for column in predictions if column.startswith(PROB)]


def _key(condition: Condition) -> dict:
    return {"transform": condition.transform, "grade": condition.grade}


def _by_condition(predictions: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame, list]]:
    """Yield ((model, set), rows of untreated images, [(condition, rows under it)]), all in the order of the first."""
    for key, part in predictions.groupby(["model", "set"], sort=False, observed=True):
        as_text = part.astype({"label": object, "predicted": object, "group": object})
        untreated = as_text["transform"] == ""
        before = as_text[untreated].set_index("path")
        groups = as_text[~untreated].groupby(["transform", "grade"], sort=False, observed=True)
        conditions = [(Condition(*name), after.set_index("path").loc[before.index]) for name, after in groups]
        yield key, before, conditions

"""What the numbers say, in words: which model was chosen, and how it does on images it has not seen."""

from collections.abc import Collection, Sequence

import pandas as pd

from classify.effective import too_few
from classify.metrics import SCORES, against_chance, difference
from classify.predictions import HELD_OUT, VALIDATION, Predictions
from classify.reliability import share_interval
from classify.selection import Group, groups, not_ranked, ranked
from classify.words import count, listed, percent, spread, with_interval

SELECTION = "a selection score, not a result"


def verdict(
    scores: pd.DataFrame,
    folds: pd.DataFrame,
    predictions: Predictions,
    scoring: str,
    blind: Collection[str] = (),
    passports: Sequence[dict] = (),
) -> dict:
    """Return ``chosen`` (a model or None), a ``headline``, the ``sentences`` below it, and ``why`` it was chosen.

    The model is the one with the best `scoring` over validation folds (the mean, or of held-out sources the worst
    fold), so that the unseen sets judge it and do not choose it. It is chosen among models that were validated alike,
    see `classify.selection.groups`. Models that are `blind`, which see no picture, are not chosen: they say what a
    score is worth.
    """
    seeing = [model for model in predictions.models if model not in blind]
    folds = folds[(folds["scoring"] == scoring) & folds["model"].isin(seeing)]
    chosen, why = _choose(folds, seeing, scoring, groups(folds["model"], passports))
    if chosen is None:
        return {"chosen": None, "headline": "No model is chosen: see all of them below.", "sentences": [], "why": why}
    rows = scores[scores["model"] == chosen].set_index("set")
    blind_rows = scores[scores["model"].isin(blind)]
    order = [name for name in predictions.sets if name in rows.index]
    custom = [name for name in order if name != HELD_OUT]
    sentences = [_on_unseen(name, rows.loc[name], predictions.classes) for name in order]
    if HELD_OUT in order:
        mixed = [name for name in custom if rows.loc[[name, HELD_OUT], "chance"].max() < 1]
        sentences += [_fall(rows.loc[HELD_OUT], rows.loc[name], name) for name in mixed]
    else:
        sentences.append(
            "There is no held-out set: nothing here says how the model does on unseen images of the kind it was "
            "trained on."
        )
    sentences += _validation_falls(predictions, chosen, rows, custom)
    sentences += _cannot(chosen, rows.loc[order])
    sentences += [_blind(row) for _, row in blind_rows.iterrows() if row["set"] in order and row["chance"] < 1]
    parts = [f"{percent(rows.loc[name, 'accuracy'])} of {_images(name, rows.loc[name])}" for name in order]
    if len(custom) > 2:
        low, high = (percent(limit(rows.loc[custom, "accuracy"])) for limit in (min, max))
        parts = [
            *parts[: len(order) - len(custom)],
            f"between {low} and {high} of the images of {len(custom)} custom sets",
        ]
    headline = f"{chosen} is right on {listed(parts)}."
    if not order:
        headline = "No result yet: no model was tried on labelled images it had not seen."
    return {"chosen": chosen, "headline": headline, "sentences": sentences, "why": why}


def _choose(folds, models, scoring, alike: Sequence[Group]) -> tuple[str | None, str]:
    """Return the model that cross-validation chose, or None, and why; models of other folds are named, not ranked."""
    if not models:
        return None, "Every model here judges by how files are stored, and none has seen a picture."
    rows = ranked(folds, alike[0]) if alike else folds
    if rows.empty and len(models) > 1:
        return None, "No model has validation scores, and choosing by an unseen set would be choosing by hindsight."
    if rows.empty:
        return models[0], "There is one model, and no validation score."
    best, title, worst = rows["model"].iloc[0], SCORES[scoring].title, alike[0].worst

    def score(row) -> str:
        return f"{percent(row['selection'])} (over folds {spread(row)})" if worst else spread(row)

    what = f"{title} in the worst of {_n_folds(rows)} folds" if worst else f"mean {title} over folds"
    if len(rows) > 1:
        second = f"{rows['model'].iloc[1]} with {score(rows.iloc[1])}"
        why = f"{best} was chosen from {len(rows)} models by cross-validation, for its {what}: {score(rows.iloc[0])}, "
        why += f"before {second}"
    elif worst:
        why = f"The {what} of {best} is {score(rows.iloc[0])}"
    else:
        why = f"{best} has a mean {title} of {score(rows.iloc[0])} over the folds of cross-validation"
    why += f". That is {SELECTION}: it helped to choose, so it tends to be too high."
    return best, " ".join([why, *filter(None, [not_ranked(alike), _unvalidated(folds, models)])])


def _n_folds(rows: pd.DataFrame) -> int:
    return int(rows.iloc[0].filter(regex="^fold_").notna().sum())


def _unvalidated(folds: pd.DataFrame, models: Sequence[str]) -> str:
    if not (names := [name for name in models if name not in set(folds["model"])]):
        return ""
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} no validation score, and could not be chosen."


def _on_unseen(name, row, classes) -> str:
    said = f"On {_images(name, row)}: {with_interval(row)} right"
    if row["chance"] == 1:
        only = next(label for label in classes if row[f"n_{label}"])
        return f"{said}; all of them are {only}, and with one class there is no guessing to compare with."
    told = against_chance(row["accuracy_low"], row["accuracy_high"], row["chance"])
    if told == "unknown":
        return f"{said}; {too_few(row['n'], row['units'], row['effective_units'])}, so nothing is claimed of it."
    words = {"better": "better than", "worse": "worse than", "unclear": "which cannot be told from"}[told]
    return f"{said}, {words} guessing the largest class ({percent(row['chance'])})."


def _validation_falls(predictions, chosen, rows, custom) -> list[str]:
    """Return how far accuracy falls from the folds to each custom set that holds several classes."""
    labelled = predictions.labelled
    seen = labelled[(labelled["model"] == chosen) & (labelled["set"] == VALIDATION)]
    if seen.empty:
        return []
    right = (seen["label"] == seen["predicted"]).to_numpy()
    before = (right.mean(), *share_interval(right, seen["group"].to_numpy()))
    said = []
    for name in custom:
        after = tuple(rows.loc[name, ["accuracy", "accuracy_low", "accuracy_high"]])
        fall, low, high = (100 * value for value in difference(before, after))
        if rows.loc[name, "chance"] < 1 and low > 0:
            said.append(
                f"From validation, where {percent(before[0])} of out-of-fold images are right, to “{name}” it falls by "
                f"{fall:.1f} points ({low:.1f}–{high:.1f})."
            )
    return said


def _cannot(chosen, rows) -> list[str]:
    """Return what the model cannot do: the sets on which it is no better than guessing."""
    rows = rows[rows["chance"] < 1]
    no_better = [
        name
        for name, row in rows.iterrows()
        if against_chance(row["accuracy_low"], row["accuracy_high"], row["chance"]) in ("unclear", "worse")
    ]
    if not no_better:
        return []
    sets = ["held-out images" if name == HELD_OUT else f"images such as those of “{name}”" for name in no_better]
    return [f"What it cannot do: tell the classes apart on {listed(sets)}, as far as these images say."]


def _blind(row) -> str:
    told = against_chance(row["accuracy_low"], row["accuracy_high"], row["chance"])
    said = f"{row['model']} is right on {with_interval(row)} of {_images(row['set'], row)}"
    how = "by how files are stored alone (format, size, compression, metadata)"
    if told == "unknown":
        return f"Without a look at any picture, {how}, {said}; nothing is claimed of so few groups."
    if told != "better":
        return f"Without a look at any picture, {how}, {said}: no better than guessing."
    return (
        f"Without a look at any picture, {how}, {said}. Scores up to that prove nothing about the pictures; "
        "`pipelines audit` names what gives the answer away."
    )


def _fall(held_out, row, name) -> str:
    columns = ["accuracy", "accuracy_low", "accuracy_high"]
    fall, low, high = (100 * value for value in difference(tuple(held_out[columns]), tuple(row[columns])))
    if pd.isna(low):
        return f"From held-out to “{name}” accuracy changes by {-fall:+.1f} points; so few groups tell no more."
    if low <= 0 <= high:
        middle, lowest, highest = (round(-value, 1) + 0.0 for value in (fall, high, low))  # + 0.0: never "-0.0"
        change = f"{middle:+.1f} points ({lowest:+.1f} to {highest:+.1f})"
        return f"From held-out to “{name}” no change of accuracy can be told: {change}."
    if fall < 0:
        return f"From held-out to “{name}” accuracy rises by {-fall:.1f} points ({-high:.1f}–{-low:.1f})."
    return f"From held-out to “{name}” accuracy falls by {fall:.1f} points ({low:.1f}–{high:.1f})."


def _images(name: str, row: pd.Series) -> str:
    return f"{count(row)} held-out images" if name == HELD_OUT else f"{count(row)} images of “{name}”"

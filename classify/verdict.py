"""What the numbers say, in words: which model was chosen, and how it does on images it has not seen."""

from collections.abc import Collection, Sequence

import pandas as pd

from classify.ability import (
    BETTER,
    FALLS,
    ONE_ANSWER,
    ONE_CLASS,
    RANKS,
    REVERSED,
    RISES,
    UNCLEAR,
    UNKNOWN,
    UNSHOWN,
    WORSE,
    Ability,
    Change,
    ability,
    change,
)
from classify.intervals import interval
from classify.predictions import HELD_OUT, VALIDATION, Predictions
from classify.scores import SCORES
from classify.selection import Group, groups, not_ranked, ranked
from classify.sentences import too_few
from classify.words import listed, percent, spread, with_interval
from featex.words import count

SELECTION = "a selection score, not a result"
SKEWED = 0.6  # share of the largest class from which accuracy alone would mislead, so that guessing stands beside it


def verdict(
    scores: pd.DataFrame,
    folds: pd.DataFrame,
    predictions: Predictions,
    scoring: str,
    blind: Collection[str] = (),
    passports: Sequence[dict] = (),
) -> dict:
    """Return ``chosen`` (a model or None), a ``headline``, the ``sentences`` below it, and ``why`` it was chosen.

    ``abilities`` and ``changes`` (from held-out, by set) are what the sentences say, as data; see `classify.ability`.

    The model is the one with the best `scoring` over validation folds (the mean, or of held-out sources the worst
    fold), so that the unseen sets judge it and do not choose it. It is chosen among models that were validated alike,
    see `classify.selection.groups`. Models that are `blind`, which see no picture, are not chosen: they say what a
    score is worth.
    """
    seeing = [model for model in predictions.models if model not in blind]
    folds = folds[(folds["scoring"] == scoring) & folds["model"].isin(seeing)]
    chosen, why = _choose(folds, seeing, scoring, groups(folds["model"], passports))
    if chosen is None:
        nothing = {"sentences": [], "abilities": {}, "changes": {}}
        return {"chosen": None, "headline": "No model is chosen: see all of them below.", "why": why, **nothing}
    rows = scores[scores["model"] == chosen].set_index("set")
    blind_rows = scores[scores["model"].isin(blind)]
    order = [name for name in predictions.sets if name in rows.index]
    custom = [name for name in order if name != HELD_OUT]
    abilities = {name: _ability(predictions, rows.loc[name].rename(name), chosen) for name in order}
    mixed = [name for name in custom if abilities[name].kind != ONE_CLASS]
    changes = {}
    sentences = [_on_unseen(name, rows.loc[name], abilities[name]) for name in order]
    if HELD_OUT not in order:
        sentences.append(
            "There is no held-out set: nothing here says how the model does on unseen images of the kind it was "
            "trained on."
        )
    elif abilities[HELD_OUT].kind != ONE_CLASS:
        changes = {name: change(rows.loc[HELD_OUT], rows.loc[name]) for name in mixed}
        sentences += [_changed("held-out", name, changes[name]) for name in mixed]
    sentences += _validation_falls(predictions, chosen, rows.loc[mixed])
    sentences += [_blind(row, predictions) for _, row in blind_rows.iterrows() if row["set"] in order]
    parts = [_right(name, rows.loc[name], predictions.classes) for name in order]
    if len(custom) > 2:
        low, high = (percent(limit(rows.loc[custom, "accuracy"])) for limit in (min, max))
        parts = [
            *parts[: len(order) - len(custom)],
            f"between {low} and {high} of the images of {len(custom)} custom sets",
        ]
    headline = f"{chosen} is right on {listed(parts)}."
    if not order:
        headline = "No result yet: no model was tried on labelled images it had not seen."
    found = {"abilities": abilities, "changes": changes}
    return {"chosen": chosen, "headline": headline, "sentences": [*filter(None, sentences)], "why": why} | found


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


def _ability(predictions: Predictions, row: pd.Series, model: str) -> Ability:
    """Return what the row of a set, whose name it has, shows of a model."""
    table = predictions.labelled
    decided = table.loc[(table["model"] == model) & (table["set"] == row.name), "predicted"].unique()
    return ability(row, predictions.classes, decided)


def _right(name: str, row: pd.Series, classes: Sequence[str]) -> str:
    """Return a part of the headline; where one class is most of the set, with what guessing it gets."""
    images = f"{percent(row['accuracy'])} of {_images(name, row)}"
    if not SKEWED <= row["chance"] < 1:
        return images
    largest = max(classes, key=lambda label: row[f"n_{label}"])
    return f"{images} (always guessing {largest}: {percent(row['chance'])})"


def _on_unseen(name: str, row: pd.Series, found: Ability) -> str:
    right = f"On {_images(name, row)}: {with_interval(row)} right"
    if found.kind == ONE_CLASS:
        return f"{right}; all of them are {found.only}, and with one class there is no guessing to compare with."
    return f"{right}; balanced accuracy {with_interval(row, 'balanced_accuracy')}, {in_words(row, found)}."


def in_words(row: pd.Series, found: Ability) -> str:
    """Return what a model can do on a set of several classes, to stand behind its balanced accuracy."""
    guess, area = f"guessing ({percent(found.guess)})", f"ROC AUC {with_interval(row, 'roc_auc')}"
    reason = too_few(row["n"], row["units"], row["effective_units"]) or "no interval"
    everything = f": it calls every image {found.only}" if found.only else ""
    return {
        BETTER: f"better than {guess}",
        RANKS: f"not shown to beat {guess}{everything}; yet its scores rank the classes apart ({area})"
        + (", so another threshold may do better" if found.guess == 0.5 else ""),
        REVERSED: f"reversed: its scores rank the classes the wrong way round ({area}, and guessing gets 50.0 %), as "
        "where labels are swapped",
        WORSE: f"worse than {guess}",
        ONE_ANSWER: f"not shown to beat {guess}{everything}",
        UNSHOWN: f"not shown to beat {guess}",
        UNKNOWN: f"of which nothing is claimed, for there is {reason}",
    }[found.kind]


def _validation_falls(predictions: Predictions, chosen: str, rows: pd.DataFrame) -> list[str]:
    """Return how far balanced accuracy falls from the folds to each custom set that holds several classes."""
    labelled, name = predictions.labelled, "balanced_accuracy"
    seen = labelled[(labelled["model"] == chosen) & (labelled["set"] == VALIDATION)]
    if seen.empty or rows.empty:
        return []
    asked = (seen["label"], predictions.probabilities(seen), seen["predicted"], predictions.classes)
    low, high = interval(name, *asked, group=seen["group"])
    before = pd.Series({name: SCORES[name](*asked), f"{name}_low": low, f"{name}_high": high})
    changes = {set_name: change(before, row) for set_name, row in rows.iterrows()}
    where = f"validation (out of fold {percent(before[name])})"
    return [_changed(where, set_name, found) for set_name, found in changes.items() if found.kind == FALLS]


def _blind(row: pd.Series, predictions: Predictions) -> str:
    found = _ability(predictions, row.rename(row["set"]), row["model"])
    if found.kind == ONE_CLASS:
        return ""
    right = f"{row['model']} is right on {with_interval(row)} of {_images(row['set'], row)}"
    score = f"balanced accuracy {with_interval(row, 'balanced_accuracy')}"
    how = "Without a look at any picture, by how files are stored alone (format, size, compression, metadata)"
    if found.kind not in (BETTER, RANKS):
        return f"{how}, {right}: {score}, {in_words(row, found)}."
    return (
        f"{how}, {right} ({score}). Scores up to that prove nothing about the pictures; "
        "`pipelines audit` names what gives the answer away."
    )


def _changed(where: str, name: str, found: Change) -> str:
    # + 0.0: never "-0.0"
    value, low, high = (round(100 * part, 1) + 0.0 for part in (found.value, found.low, found.high))
    start = f"From {where} to “{name}”"
    return {
        FALLS: f"{start} balanced accuracy falls by {-value:.1f} points ({-high:.1f}–{-low:.1f}).",
        RISES: f"{start} balanced accuracy rises by {value:.1f} points ({low:.1f}–{high:.1f}).",
        UNCLEAR: f"{start} no change of balanced accuracy is shown: {value:+.1f} points ({low:+.1f} to {high:+.1f}).",
        UNKNOWN: f"{start} balanced accuracy changes by {value:+.1f} points; so few independent images show no more.",
    }[found.kind]


def _images(name: str, row: pd.Series) -> str:
    n = int(row["n"])
    return count(n, "held-out image") if name == HELD_OUT else f"{count(n, 'image')} of “{name}”"

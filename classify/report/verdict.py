"""The opening of a page: which model was chosen and why, and what it can do on images it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from classify.pages.words import listed, percent, spread, with_interval
from classify.predictions import HELD_OUT, SELECTION, VALIDATION, set_images, set_title
from classify.report.sentences import not_ranked, too_few
from classify.stats.chance import (
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
)
from classify.stats.evaluation import Evaluation
from classify.stats.scores import SCORES

SKEWED = 0.6  # where the largest class has this share or more, the headline adds what always guessing it gets


@dataclass(frozen=True)
class Verdict:
    """A `headline`, the `sentences` below it, and `why` the model was chosen."""

    headline: str
    sentences: list[str]
    why: str


def verdict(evaluation: Evaluation) -> Verdict:
    """Return what the opening of a page says of the chosen model and its scores."""
    chosen, why = evaluation.chosen, _why(evaluation)
    if chosen is None:
        return Verdict("No model was chosen; all of them are listed below.", [], why)
    rows = evaluation.scores_of(chosen)
    sentences = [_on_unseen(row, evaluation.abilities[chosen, name]) for name, row in rows.iterrows()]
    if HELD_OUT not in rows.index:
        sentences.append(
            "There is no test set, so nothing is known about unseen images of the kind that the model was trained on."
        )
    changes = {start: [] for start in (HELD_OUT, VALIDATION)}
    for (start, name), change in evaluation.changes.items():
        if start == HELD_OUT:
            changes[start].append(_changed(set_title(HELD_OUT), name, change))
        elif change.kind == FALLS:
            before = percent(evaluation.out_of_fold["balanced_accuracy"])
            changes[start].append(_changed(f"cross-validation (out of fold {before})", name, change))
    sentences += [*changes[HELD_OUT], *changes[VALIDATION]]
    for model in (name for name in evaluation.predictions.models if name in evaluation.baselines):
        on_same_sets = evaluation.scores_of(model).loc[lambda table: table.index.isin(rows.index)]
        sentences += [_baseline(row, evaluation.abilities[model, name]) for name, row in on_same_sets.iterrows()]
    return Verdict(_headline(chosen, rows, evaluation), [*filter(None, sentences)], why)


def _headline(chosen: str, rows: pd.DataFrame, evaluation: Evaluation) -> str:
    if rows.empty:
        return "No result yet: there are no labelled images that the models have not seen."
    parts = [_right(row, evaluation.predictions.classes) for _, row in rows.iterrows()]
    custom = rows[rows.index != HELD_OUT]
    if len(custom) > 2:
        low, high = (percent(limit(custom["accuracy"])) for limit in (min, max))
        parts = [
            *parts[: len(rows) - len(custom)],
            f"between {low} and {high} of the images of {len(custom)} external sets",
        ]
    return f"{chosen} is right on {listed(parts)}."


def _why(evaluation: Evaluation) -> str:
    """Return why cross-validation chose a model, or why it chose none; models of other folds are named, not ranked."""
    rows, alike = evaluation.ranking, evaluation.groups
    models = [model for model in evaluation.predictions.models if model not in evaluation.baselines]
    if not models:
        return "No model was chosen: all of them are baselines that read only file metadata."
    if rows.empty and len(models) > 1:
        return (
            "No model has a cross-validation score. A choice by scores on an unseen set would be a choice in hindsight."
        )
    if rows.empty:
        return "There is only one model, and it has no cross-validation score."
    best, title, worst = rows["model"].iloc[0], SCORES[evaluation.scoring].title, alike[0].worst

    def score(row) -> str:
        return f"{percent(row['selection'])} (over folds {spread(row)})" if worst else spread(row)

    what = f"{title} in the worst of {_n_folds(rows)} folds" if worst else f"mean {title} over folds"
    if len(rows) > 1:
        second = f"{rows['model'].iloc[1]} with {score(rows.iloc[1])}"
        why = f"Cross-validation chose {best} from {len(rows)} models. Its {what} is the best: {score(rows.iloc[0])}; "
        why += f"the second best is {second}"
    else:
        why = f"The {what} of {best} is {score(rows.iloc[0])}"
    why += f". That is a {SELECTION}: it chose the settings and the model, so it tends to be too high."
    scored = evaluation.folds.loc[evaluation.folds["scoring"] == evaluation.scoring, "model"]
    more = [not_ranked(alike, evaluation.baselines), _unvalidated([name for name in models if name not in set(scored)])]
    return " ".join([why, *filter(None, more)])


def _n_folds(rows: pd.DataFrame) -> int:
    return int(rows.iloc[0].filter(regex="^fold_").notna().sum())


def _unvalidated(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} no cross-validation score, so could not be chosen."


def _right(row: pd.Series, classes: Sequence[str]) -> str:
    """Return a set's part of the headline; where one class dominates the set, it adds what guessing that class gets."""
    images = f"{percent(row['accuracy'])} of {_images(row)}"
    if not SKEWED <= row["chance"] < 1:
        return images
    largest = max(classes, key=lambda label: row[f"n_{label}"])
    return f"{images} (always guessing {largest}: {percent(row['chance'])})"


def _on_unseen(row: pd.Series, ability: Ability) -> str:
    accuracy = f"On {_images(row)}: accuracy {with_interval(row)}"
    if ability.kind == ONE_CLASS:
        return f"{accuracy}. All of them are {ability.only}, so there is no guessing to compare with."
    return f"{accuracy}, balanced accuracy {with_interval(row, 'balanced_accuracy')}: {ability_words(row, ability)}."


def ability_words(row: pd.Series, ability: Ability) -> str:
    """Return what a model can do on a set of several classes; it follows the balanced accuracy."""
    guess, area = f"guessing ({percent(ability.guess)})", f"ROC AUC {with_interval(row, 'roc_auc')}"
    reason = too_few(row["n"], row["units"], row["effective_units"]) or "no interval"
    everything = f" (it calls every image {ability.only})" if ability.only else ""
    return {
        BETTER: f"better than {guess}",
        RANKS: f"not shown to beat {guess}{everything}, but its scores separate the classes ({area})"
        + (", so another threshold may do better" if ability.guess == 0.5 else ""),
        REVERSED: f"reversed, because its scores rank the classes the wrong way round ({area}; guessing gets 50.0 %), "
        "as if the labels were swapped",
        WORSE: f"worse than {guess}",
        ONE_ANSWER: f"not shown to beat {guess}{everything}",
        UNSHOWN: f"not shown to beat {guess}",
        UNKNOWN: f"no conclusion, because there is {reason}",
    }[ability.kind]


def _baseline(row: pd.Series, ability: Ability) -> str:
    if ability.kind == ONE_CLASS:
        return ""
    sentence = (
        f"{row['model']}, the metadata-only baseline (format, size, compression), reaches "
        f"{with_interval(row)} on {_images(row)} (balanced accuracy {with_interval(row, 'balanced_accuracy')})"
    )
    if ability.kind not in (BETTER, RANKS):
        return f"{sentence}: {ability_words(row, ability)}."
    return (
        f"{sentence}. A score up to that says nothing about what images show; `pipelines audit` names the metadata "
        "that gives the answer away."
    )


def _changed(where: str, name: str, change: Change) -> str:
    # + 0.0: never "-0.0"
    value, low, high = (round(100 * part, 1) + 0.0 for part in (change.value, change.low, change.high))
    start = f"From {where} to {set_title(name)}"
    return {
        FALLS: f"{start} balanced accuracy falls by {-value:.1f} points ({-high:.1f}–{-low:.1f}).",
        RISES: f"{start} balanced accuracy rises by {value:.1f} points ({low:.1f}–{high:.1f}).",
        UNCLEAR: f"{start} balanced accuracy shows no significant difference: {value:+.1f} points "
        f"({low:+.1f} to {high:+.1f}).",
        UNKNOWN: f"{start} balanced accuracy changes by {value:+.1f} points; there are too few independent images for "
        "an interval.",
    }[change.kind]


def _images(row: pd.Series) -> str:
    return set_images(row["set"], row["n"])

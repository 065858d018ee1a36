"""The opening of a page: which model was chosen and why, and what it can do on images it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from classify.pages.words import listed, percent, spread, with_interval
from classify.predictions import HELD_OUT, VALIDATION
from classify.report.sentences import too_few
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
from classify.stats.selection import not_ranked
from featex.system.words import count

SELECTION = "a selection score, not a result"
SKEWED = 0.6  # share of the largest class from which accuracy alone would mislead, so that guessing stands beside it


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
        return Verdict("No model is chosen: see all of them below.", [], why)
    rows = evaluation.scores_of(chosen)
    sentences = [_on_unseen(row, evaluation.abilities[chosen, name]) for name, row in rows.iterrows()]
    if HELD_OUT not in rows.index:
        sentences.append(
            "There is no held-out set: nothing here says how the model does on unseen images of the kind it was "
            "trained on."
        )
    changes = {start: [] for start in (HELD_OUT, VALIDATION)}
    for (start, name), change in evaluation.changes.items():
        if start == HELD_OUT:
            changes[start].append(_changed("held-out", name, change))
        elif change.kind == FALLS:
            before = percent(evaluation.out_of_fold["balanced_accuracy"])
            changes[start].append(_changed(f"validation (out of fold {before})", name, change))
    sentences += [*changes[HELD_OUT], *changes[VALIDATION]]
    for model in (name for name in evaluation.predictions.models if name in evaluation.baselines):
        on_same_sets = evaluation.scores_of(model).loc[lambda table: table.index.isin(rows.index)]
        sentences += [_baseline(row, evaluation.abilities[model, name]) for name, row in on_same_sets.iterrows()]
    return Verdict(_headline(chosen, rows, evaluation), [*filter(None, sentences)], why)


def _headline(chosen: str, rows: pd.DataFrame, evaluation: Evaluation) -> str:
    if rows.empty:
        return "No result yet: no model was tried on labelled images it had not seen."
    parts = [_right(row, evaluation.predictions.classes) for _, row in rows.iterrows()]
    custom = rows[rows.index != HELD_OUT]
    if len(custom) > 2:
        low, high = (percent(limit(custom["accuracy"])) for limit in (min, max))
        parts = [
            *parts[: len(rows) - len(custom)],
            f"between {low} and {high} of the images of {len(custom)} custom sets",
        ]
    return f"{chosen} is right on {listed(parts)}."


def _why(evaluation: Evaluation) -> str:
    """Return why cross-validation chose a model, or why it chose none; models of other folds are named, not ranked."""
    rows, alike = evaluation.ranking, evaluation.groups
    models = [model for model in evaluation.predictions.models if model not in evaluation.baselines]
    if not models:
        return "Every model here judges by how files are stored, and none has seen a picture."
    if rows.empty and len(models) > 1:
        return "No model has validation scores, and choosing by an unseen set would be choosing by hindsight."
    if rows.empty:
        return "There is one model, and no validation score."
    best, title, worst = rows["model"].iloc[0], SCORES[evaluation.scoring].title, alike[0].worst

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
    scored = evaluation.folds.loc[evaluation.folds["scoring"] == evaluation.scoring, "model"]
    more = [not_ranked(alike, evaluation.baselines), _unvalidated([name for name in models if name not in set(scored)])]
    return " ".join([why, *filter(None, more)])


def _n_folds(rows: pd.DataFrame) -> int:
    return int(rows.iloc[0].filter(regex="^fold_").notna().sum())


def _unvalidated(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} no validation score, and could not be chosen."


def _right(row: pd.Series, classes: Sequence[str]) -> str:
    """Return a part of the headline; where one class is most of the set, with what guessing it gets."""
    images = f"{percent(row['accuracy'])} of {_images(row)}"
    if not SKEWED <= row["chance"] < 1:
        return images
    largest = max(classes, key=lambda label: row[f"n_{label}"])
    return f"{images} (always guessing {largest}: {percent(row['chance'])})"


def _on_unseen(row: pd.Series, found: Ability) -> str:
    right = f"On {_images(row)}: {with_interval(row)} right"
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


def _baseline(row: pd.Series, found: Ability) -> str:
    if found.kind == ONE_CLASS:
        return ""
    right = f"{row['model']} is right on {with_interval(row)} of {_images(row)}"
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


def _images(row: pd.Series) -> str:
    n, name = int(row["n"]), row["set"]
    return count(n, "held-out image") if name == HELD_OUT else f"{count(n, 'image')} of “{name}”"

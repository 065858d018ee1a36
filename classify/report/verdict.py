"""The first screen: which model was chosen and why, and what it can do on images it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from classify.pages.words import listed, percent, spread, with_interval
from classify.predictions import HELD_OUT, SELECTION, VALIDATION, set_title
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

SKEWED = 0.6  # where the largest class has this share or more, a cell adds what always guessing it gets
TRUSTED = 0.8  # least balanced accuracy, by the lower limit of its interval, of a model that the page calls trusted
NO_EXTERNAL = "Images from elsewhere were not tested: there is no external set."
MOST_EXTERNAL = 4  # external sets on the first screen; the table of all models holds all


@dataclass(frozen=True)
class Cell:
    """The chosen model's accuracy on a set, as the first screen shows it.

    Parameters
    ----------
    title : str
        Of the set.
    value : str
        "92.0 %".
    about : str
        Its interval and number of images.
    facts : tuple of str
        What it means: against guessing, and against the score before it.
    baseline : str
        Accuracy of the metadata-only baseline on the set; "" without one.
    """

    title: str
    value: str
    about: str
    facts: tuple[str, ...]
    baseline: str


@dataclass(frozen=True)
class Verdict:
    """What the first screen says: a `conclusion`, a cell for each set, and `why` the model was chosen."""

    conclusion: str
    cells: list[Cell]
    why: str


def verdict(evaluation: Evaluation) -> Verdict:
    """Return what the first screen says of the chosen model and its scores."""
    cells = [] if evaluation.chosen is None else _cells(evaluation)
    return Verdict(_conclusion(evaluation), cells, _why(evaluation))


def _conclusion(evaluation: Evaluation) -> str:
    """Return what a reader should do with the chosen model, in one or two sentences."""
    chosen = evaluation.chosen
    if chosen is None:
        return "No model was chosen; all of them are listed below."
    rows = evaluation.scores_of(chosen)
    if rows.empty:
        return f"No result yet for {chosen}: there are no labelled images that the models have not seen."
    kinds = {name: evaluation.abilities[chosen, name].kind for name in rows.index}
    if len(kinds) > 1 and set(kinds.values()) == {UNKNOWN}:
        return f"No conclusion on {chosen}: {listed([f'the {set_title(name)}' for name in kinds])} are too small."
    test = kinds.pop(HELD_OUT, None)
    external = _on_external(evaluation, chosen, kinds) if kinds else [NO_EXTERNAL]
    return " ".join([_on_test(evaluation, chosen, test), *external])


def _on_test(evaluation: Evaluation, chosen: str, kind: str | None) -> str:
    if kind is None:
        return f"There is no test set, so how {chosen} does on new images like its training images is not known."
    row = evaluation.scores_of(chosen).loc[HELD_OUT]
    if kind == BETTER and (rival := _rival(evaluation, chosen)):
        return f"Do not trust {chosen} yet: {rival}, which sees only file metadata, does no worse on the test set."
    if kind == BETTER and not row["balanced_accuracy_low"] >= TRUSTED:
        return (
            f"On the test set {chosen} beats chance, but it is wrong on {percent(1 - row['accuracy'])} of the images."
        )
    return {
        BETTER: f"Trust {chosen} on images from the same source as its training images.",
        RANKS: f"On the test set {chosen} separates the classes, but at its threshold it is not shown to beat chance.",
        REVERSED: f"Do not use {chosen}: on the test set it ranks the classes the wrong way round.",
        WORSE: f"Do not use {chosen}: on the test set it is worse than chance.",
        ONE_ANSWER: f"Do not trust {chosen}: on the test set it is not shown to beat chance.",
        UNSHOWN: f"Do not trust {chosen}: on the test set it is not shown to beat chance.",
        ONE_CLASS: f"The test set holds one class, so it cannot show whether {chosen} tells the classes apart.",
        UNKNOWN: f"No conclusion on {chosen}: the test set is too small for an interval.",
    }[kind]


def _rival(evaluation: Evaluation, chosen: str) -> str:
    """Return a baseline that beats chance on the test set and is not significantly worse than the chosen model."""
    pairs = evaluation.pairs
    for model in evaluation.predictions.models:
        if model not in evaluation.baselines or (model, HELD_OUT) not in evaluation.abilities:
            continue
        both = pairs["model_a"].isin([chosen, model]) & pairs["model_b"].isin([chosen, model])
        row = pairs[both & (pairs["set"] == HELD_OUT)]
        ahead = len(row) and bool(row["apart"].iloc[0]) and row["accuracy_a"].iloc[0] != row["accuracy_b"].iloc[0]
        if ahead:
            ahead = (row["difference"].iloc[0] > 0) == (row["model_a"].iloc[0] == chosen)
        if evaluation.abilities[model, HELD_OUT].kind in (BETTER, RANKS) and not ahead:
            return model
    return ""


def _on_external(evaluation: Evaluation, chosen: str, kinds: dict[str, str]) -> list[str]:
    """Return a sentence for each outcome on external sets."""
    start = HELD_OUT if any(start == HELD_OUT for start, _ in evaluation.changes) else VALIDATION
    by_outcome = {}
    for name, kind in kinds.items():
        change = evaluation.changes.get((start, name))
        falls = kind == BETTER and change is not None and change.kind == FALLS
        by_outcome.setdefault("falls" if falls else kind, []).append(f"the {set_title(name)}")
    words = {
        BETTER: f"{chosen} beats chance too",
        "falls": f"{chosen} does worse, but still beats chance",
        RANKS: f"{chosen} separates the classes, but at its threshold it is not shown to beat chance",
        REVERSED: f"{chosen} ranks the classes the wrong way round",
        WORSE: f"{chosen} is worse than chance",
        ONE_ANSWER: f"{chosen} is not shown to beat chance",
        UNSHOWN: f"{chosen} is not shown to beat chance",
        UNKNOWN: "there are too few independent images for a conclusion",
    }
    return [f"On {listed(names)}, {words[kind]}." for kind, names in by_outcome.items() if kind != ONE_CLASS]


def _cells(evaluation: Evaluation) -> list[Cell]:
    chosen = evaluation.chosen
    baseline = next((model for model in evaluation.predictions.models if model in evaluation.baselines), None)
    folds = evaluation.folds[evaluation.folds["scoring"] == "accuracy"].set_index("model")
    cells = []
    if chosen in folds.index:
        row = folds.loc[chosen]
        std = "" if pd.isna(row["std"]) else f"± {100 * row['std']:.1f} % over {_n_folds(row)} folds, "
        other = spread(folds.loc[baseline]) if baseline in folds.index else ""
        fact = "optimistic: these folds chose settings and model"
        cells.append(Cell(set_title(VALIDATION), percent(row["mean"]), f"{std}n = {row['n']:,.0f}", (fact,), other))
    rows, others = evaluation.scores_of(chosen), evaluation.scores_of(baseline)
    external = [name for name in rows.index if name != HELD_OUT][:MOST_EXTERNAL]
    for name in [*(name for name in rows.index if name == HELD_OUT), *external]:
        other = with_interval(others.loc[name]) if name in others.index else ""
        cells.append(_cell(rows.loc[name], evaluation, other))
    return cells


def _cell(row: pd.Series, evaluation: Evaluation, baseline: str) -> Cell:
    name, ability = row["set"], evaluation.abilities[evaluation.chosen, row["set"]]
    value, text = percent(row["accuracy"]), with_interval(row)
    limits = text.removeprefix(value).strip(" ()")
    facts = []
    if ability.kind == ONE_CLASS:
        facts.append(f"all of them are {ability.only}, so there is no guessing to compare with")
    else:
        facts.append(ability_words(row, ability))
        if abs(row["balanced_accuracy"] - row["accuracy"]) >= 0.005:
            facts.append(f"balanced accuracy {with_interval(row, 'balanced_accuracy')}")
    if SKEWED <= row["chance"] < 1:
        classes = evaluation.predictions.classes
        largest = max(classes, key=lambda label: row[f"n_{label}"])
        facts.append(f"always guessing {largest}: {percent(row['chance'])}")
    for start in (HELD_OUT, VALIDATION):
        if change := evaluation.changes.get((start, name)):
            facts.append(_changed(start, change))
            break
    limits = f"{limits}, " if limits else ""
    return Cell(set_title(name), value, f"{limits}n = {row['n']:,.0f}", tuple(facts), baseline)


def _why(evaluation: Evaluation) -> str:
    """Return why cross-validation chose a model, or why it chose none; models of other folds are named, not ranked."""
    rows, alike = evaluation.ranking, evaluation.groups
    models = [model for model in evaluation.predictions.models if model not in evaluation.baselines]
    if not models:
        return "No model was chosen: all of them are baselines that read only file metadata."
    if rows.empty and len(models) > 1:
        return "No model has a cross-validation score. A choice by scores on an unseen set would be in hindsight."
    if rows.empty:
        return "There is only one model, and it has no cross-validation score."
    best, title, worst = rows["model"].iloc[0], SCORES[evaluation.scoring].title, alike[0].worst

    def score(row) -> str:
        return f"{percent(row['selection'])} (over folds {spread(row)})" if worst else spread(row)

    what = f"{title} in the worst of {_n_folds(rows.iloc[0])} folds" if worst else f"mean {title} over folds"
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


def _n_folds(row: pd.Series) -> int:
    return int(row.filter(regex="^fold_").notna().sum())


def _unvalidated(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} no cross-validation score, so could not be chosen."


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


def _changed(start: str, change: Change) -> str:
    # + 0.0: never "-0.0"
    value, low, high = (round(100 * part, 1) + 0.0 for part in (change.value, change.low, change.high))
    before = set_title(start) if start == VALIDATION else f"the {set_title(start)}"
    return {
        FALLS: f"balanced accuracy {-value:.1f} points below {before} ({-high:.1f}–{-low:.1f})",
        RISES: f"balanced accuracy {value:.1f} points above {before} ({low:.1f}–{high:.1f})",
        UNCLEAR: f"no significant difference from {before}: {value:+.1f} points ({low:+.1f} to {high:+.1f})",
        UNKNOWN: f"balanced accuracy {value:+.1f} points from {before}, without an interval",
    }[change.kind]

"""The tables of scores on a report's page."""

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import listed, percent, spread, with_interval
from classify.predictions import Predictions, set_title
from classify.report.sentences import too_few
from classify.stats.evaluation import Evaluation
from classify.stats.scores import SCORES, Confusion, scores_for


def accuracy_table(evaluation: Evaluation) -> dict:
    """Return the page's first table: ``accuracy`` (its ``header`` and ``rows``) and ``guessing`` (its last row).

    Where models were validated in several ways, a row says how its own model was.
    """
    alike, sets = evaluation.groups, evaluation.sets
    how = {model: str(group.validation) for group in alike for model in group.models} if len(alike) > 1 else {}
    accuracy = evaluation.folds[evaluation.folds["scoring"] == "accuracy"].set_index("model")
    by_model = evaluation.scores.set_index(["model", "set"])
    rows = []
    for model in sorted(evaluation.predictions.models, key=lambda model: model != evaluation.chosen):
        validation = accuracy.loc[model] if model in accuracy.index else None
        cells = [by_model.loc[(model, name)] if (model, name) in by_model.index else None for name in sets]
        if validation is not None:
            validation = {"text": spread(validation), "n": f"{validation['n']:,.0f}", "how": how.get(model, "")}
        rows.append(
            {
                "model": model,
                "baseline": model in evaluation.baselines,
                "validation": validation,
                "cells": [
                    None if row is None else {"text": with_interval(row), "n": f"{row['n']:,.0f}"} for row in cells
                ],
            }
        )
    chances = [by_model.xs(name, level="set")["chance"].max() for name in sets]
    return {
        "accuracy": {"header": [set_title(name) for name in sets], "rows": rows},
        "guessing": [percent(chance) if chance < 1 else "one class only" for chance in chances],
    }


def other_scores(evaluation: Evaluation) -> Section:
    """Return all scores but accuracy: for each set a table on predicted classes and one on probabilities."""
    positive, kinds = evaluation.positive, {"decided": [], "sure": []}
    # macro recall is balanced accuracy by another name
    for name in (
        name for name in scores_for(evaluation.predictions.classes) if name not in ("accuracy", "recall_macro")
    ):
        kinds["decided" if isinstance(SCORES[name].statistic, Confusion) else "sure"].append(name)
    titles = {"decided": "predicted classes", "sure": "ranking and probabilities"}
    tables = []
    for set_name in evaluation.sets:
        part = evaluation.scores[evaluation.scores["set"] == set_name]
        for kind, names in kinds.items():
            rows = pd.DataFrame({"model": part["model"], "n": part["n"].astype(int)})
            for name in names:
                title = SCORES[name].title
                rows[title] = part[name]
                rows[f"{title} low"], rows[f"{title} high"] = part[f"{name}_low"], part[f"{name}_high"]
            plain = tuple(SCORES[name].title for name in names if not SCORES[name].unit)
            title = f"{set_title(set_name)}: {titles[kind]}"
            mark = evaluation.chosen or ""
            tables.append(Table(f"scores-{set_name}-{kind}", title, rows, plain=plain, most=len(rows), mark=mark))
    of = (
        f"Precision, recall, F1 and recall at a false positive rate (FPR) are those of the class {positive}. "
        if positive
        else ""
    )
    about = (
        f"Intervals are 95 %. {of}Lower is better for log loss, Brier score and calibration error. Guessing reaches "
        "50 % ROC AUC, and the share of the class in average precision. A dash means that a set has one class only."
    )
    about = " ".join([about, *unknown(evaluation.scores, positive)])
    summary = f"balanced accuracy, ROC AUC and {len([*kinds['decided'], *kinds['sure']]) - 2} more, with intervals"
    title = "Other scores on unseen sets"
    return Section("scores", title, tables=tables, about=about, folded=True, summary=summary, group="Details")


def unknown(scores: pd.DataFrame, positive: str | None) -> list[str]:
    """Return a sentence for each set that lacks intervals or recall at a false positive rate, with the reason."""
    sentences = []
    for name, row in scores.groupby("set", sort=False).first().iterrows():
        if reason := too_few(row["n"], row["units"], row["effective_units"]):
            sentences.append(f"The {set_title(name)} has {reason}.")
        others = row["n"] - row[f"n_{positive}"] if positive else 0
        lacking = [SCORES[score] for score in ("tpr_at_fpr_1", "tpr_at_fpr_5") if score in row and positive]
        lacking = [score for score in lacking if others < score.statistic.least]
        if lacking and others:
            titles = listed([f"{score.title} needs {score.statistic.least}" for score in lacking])
            sentences.append(f"{titles} images of the other class; the {set_title(name)} has {others:,.0f}.")
    return sentences


def unscored(predictions: Predictions) -> list[str]:
    """Return the sets in which no image has a label."""
    return [name for name in predictions.sets if name not in set(predictions.labelled["set"])]

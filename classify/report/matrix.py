"""Differences between models as matrices: each cell is the row's model less the column's, in points of accuracy."""

from dataclasses import dataclass

import pandas as pd

from classify.pages.words import points
from classify.predictions import VALIDATION, set_title
from classify.stats.evaluation import Evaluation
from classify.stats.scores import SCORES
from featex.system.words import count


@dataclass(frozen=True)
class Matrix:
    """The differences between models on one set.

    Parameters
    ----------
    title : str
        Of the set.
    summary : str
        How many pairs differ significantly.
    models : list of str
        The chosen one first.
    rows : list of list
        For each model and each other (text, kind): "+4.0" and "better", "worse", "alike" (no significant difference)
        or "" (the diagonal, or not compared).
    """

    title: str
    summary: str
    models: list[str]
    rows: list[list[tuple[str, str]]]


def matrices(evaluation: Evaluation) -> list[Matrix]:
    """Return a matrix for each unseen set of two or more models, then one for cross-validation."""
    matrices = []
    for name in evaluation.sets:
        pairs = evaluation.pairs[evaluation.pairs["set"] == name]
        if len(pairs):
            matrices.append(_matrix(evaluation, pairs, set_title(name), ""))
    folds = evaluation.fold_pairs
    if len(folds):
        score = SCORES[folds["scoring"].iloc[0]].title
        matrices.append(_matrix(evaluation, folds, set_title(VALIDATION), f" in mean {score} (optimistic)"))
    return matrices


def _matrix(evaluation: Evaluation, pairs: pd.DataFrame, title: str, of: str) -> Matrix:
    compared = set(pairs["model_a"]) | set(pairs["model_b"])
    models = [model for model in evaluation.predictions.models if model in compared]
    models.sort(key=lambda model: model != evaluation.chosen)
    cells = {}
    for row in pairs.itertuples():
        kind = "alike" if not row.apart else "better" if row.difference > 0 else "worse"
        cells[row.model_a, row.model_b] = (points(row.difference), kind)
        turned = {"better": "worse", "worse": "better"}.get(kind, kind)
        cells[row.model_b, row.model_a] = (points(-row.difference), turned)
    n, apart = len(pairs), int(pairs["apart"].sum())
    summary = (
        f"{apart or 'None'} of {count(n, 'pair')} of models {'differs' if apart == 1 else 'differ'} significantly{of}."
    )
    return Matrix(title, summary, models, [[cells.get((a, b), ("", "")) for b in models] for a in models])

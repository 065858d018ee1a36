"""Selection: which models' validation scores can be ranked together, and by which value."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.stats.scores import SCORES

KINDS = ("source", "content", "random")  # of folds, the hardest first
MIXED = "mixed"  # an ensemble whose members were validated in different folds


@dataclass(frozen=True)
class Validation:
    """How a model was validated. Models of equal validation can be ranked by their validation scores.

    Parameters
    ----------
    folds : {"random", "source", "content", "mixed"} or None
        Kind of folds; None where it is not known.
    n_folds, seed : int or None
    scoring : str or None
        The score that the model was tuned for.
    content : str
        Digest of the features that folds by content were made from.
    """

    folds: str | None = None
    n_folds: int | None = None
    seed: int | None = None
    scoring: str | None = None
    content: str = ""

    def __str__(self) -> str:
        """Return "5 random folds of seed 0, tuned for accuracy"."""
        text = folds_in_words(self.folds, self.n_folds) + ("" if self.seed is None else f" of seed {self.seed}")
        return text + (f", tuned for {SCORES[self.scoring].title}" if self.scoring in SCORES else "")


@dataclass(frozen=True)
class Group:
    """Models of equal validation, in the order of the predictions."""

    validation: Validation
    models: tuple[str, ...]

    @property
    def worst(self) -> bool:
        """Whether the worst fold is the selection score, rather than the mean."""
        return by_worst_fold(self.validation.folds)


def folds_in_words(kind: str | None, n: int | None) -> str:
    """Return "5 random folds", "3 folds by source", or "folds by source" where their number is not known."""
    words = {"random": "random folds", None: "folds", MIXED: "folds that differ between its members"}
    return ("" if n is None else f"{n} ") + words.get(kind, f"folds by {kind}")


def by_worst_fold(folds: str | None) -> bool:
    """Return whether the selection score of this kind of folds is the worst fold, rather than the mean."""
    return folds == "source"


def selection_score(scores: Sequence[float], folds: str | None) -> float:
    """Return the number by which settings and models are chosen."""
    return float(np.min(scores) if by_worst_fold(folds) else np.mean(scores))


def groups(models: Iterable[str], known: Mapping[str, Validation], baselines: Collection[str] = ()) -> list[Group]:
    """Return the models in groups of equal validation, the group to choose from first.

    That is the group with most models, without `baselines`; of equal ones the group with the hardest folds: by source,
    then by content, then random. `known` holds the validation of each model where it is known.
    """
    members: dict[Validation, list[str]] = {}
    for model in models:
        members.setdefault(known.get(model, Validation()), []).append(model)

    def place(group: Group) -> tuple[int, int]:
        kind = group.validation.folds
        return -len(set(group.models) - set(baselines)), KINDS.index(kind) if kind in KINDS else len(KINDS)

    return sorted((Group(validation, tuple(names)) for validation, names in members.items()), key=place)


def ranked(folds: pd.DataFrame, group: Group) -> pd.DataFrame:
    """Return a group's rows of `tables.fold_scores`, the best first, with their selection score ``selection``."""
    rows = folds[folds["model"].isin(group.models)]
    columns = [name for name in rows if str(name).startswith("fold_")]
    rows = rows.assign(selection=rows[columns].min(axis=1) if group.worst else rows["mean"])
    return rows.dropna(subset="mean").sort_values("selection", ascending=False, kind="stable")

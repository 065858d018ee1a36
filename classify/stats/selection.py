"""Which models' validation scores may be ranked together, and by which value: never those from different folds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.pages.words import listed
from classify.stats.scores import SCORES

KINDS = ("source", "content", "random")  # of folds, the hardest first
MIXED = "mixed"  # an ensemble whose members were validated in different folds


@dataclass(frozen=True)
class Validation:
    """How a model was validated; models with equal ones can be ranked by their validation scores.

    Parameters
    ----------
    folds : {"random", "source", "content", "mixed"} or None
        Kind of folds; None where a passport does not say.
    n_folds, seed : int or None
    scoring : str or None
        The score that the model was tuned for.
    content : str
        Digest of what folds by content were cut by.
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
    """Models that were validated alike, in the order they came in."""

    validation: Validation
    models: tuple[str, ...]

    @property
    def worst(self) -> bool:
        """Whether the worst fold is what models are chosen by, rather than the mean."""
        return by_worst_fold(self.validation.folds)


def folds_in_words(kind: str | None, n: int | None) -> str:
    """Return "5 random folds", "3 folds by source", or of an unknown number "folds by source"."""
    words = {"random": "random folds", None: "folds", MIXED: "folds that differ between its members"}
    return ("" if n is None else f"{n} ") + words.get(kind, f"folds by {kind}")


def by_worst_fold(folds: str | None) -> bool:
    """Return whether the worst fold is the selection score of this kind of folds; of the others it is the mean."""
    return folds == "source"


def selection_score(scores: Sequence[float], folds: str | None) -> float:
    """Return what a setting, or a model, is chosen by."""
    return float(np.min(scores) if by_worst_fold(folds) else np.mean(scores))


def groups(models: Iterable[str], known: Mapping[str, Validation], baselines: Collection[str] = ()) -> list[Group]:
    """Return the models in groups of those that were validated alike, the group to choose from first.

    That is the one with most models, `baselines` not counted; of equally many the one with the hardest folds: sources
    held out, then content, then random. `known` has the validation of each model of which one is known.
    """
    members: dict[Validation, list[str]] = {}
    for model in models:
        members.setdefault(known.get(model, Validation()), []).append(model)

    def place(group: Group) -> tuple[int, int]:
        kind = group.validation.folds
        return -len(set(group.models) - set(baselines)), KINDS.index(kind) if kind in KINDS else len(KINDS)

    return sorted((Group(validation, tuple(names)) for validation, names in members.items()), key=place)


def ranked(folds: pd.DataFrame, group: Group) -> pd.DataFrame:
    """Return the rows of `tables.fold_scores` of a group, the best first, with ``selection``: their score."""
    rows = folds[folds["model"].isin(group.models)]
    columns = [name for name in rows if str(name).startswith("fold_")]
    rows = rows.assign(selection=rows[columns].min(axis=1) if group.worst else rows["mean"])
    return rows.dropna(subset="mean").sort_values("selection", ascending=False, kind="stable")


def not_ranked(all_groups: Sequence[Group], blind: Collection[str] = ()) -> str:
    """Return which models the choice left out because they were validated in another way, or ""."""
    others = []
    for group in all_groups[1:]:
        if names := [name for name in group.models if name not in blind]:
            others.append(f"{listed(names)} ({group.validation})")
    if not others:
        return ""
    first = all_groups[0]
    return (
        f"Not ranked with {listed([name for name in first.models if name not in blind])}, validated in "
        f"{first.validation}: {'; '.join(others)}. Scores from different folds, or tuned for different scores, do not "
        "compare."
    )

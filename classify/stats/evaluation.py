"""Evaluation: every number of a report, computed once from predictions. Pages, files and figures only read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from classify.errors import DataError
from classify.positive import choose_positive
from classify.predictions import HELD_OUT, VALIDATION, Predictions
from classify.stats.abstention import UNSURE, rule_table
from classify.stats.calibration import Calibration
from classify.stats.chance import ONE_CLASS, Ability, Change, ability, change
from classify.stats.differences import folds as fold_differences
from classify.stats.differences import paired
from classify.stats.drift import drift_table
from classify.stats.intervals import interval
from classify.stats.reliability import reliability_table
from classify.stats.scores import SCORES, scores_for
from classify.stats.selection import Group, Validation, groups, ranked
from classify.stats.tables import confusion_table, fold_scores, hindsight, roc_table, score_table


@dataclass(frozen=True)
class ModelFacts:
    """What an evaluation needs to know about a model beside its predictions; the defaults mean "not known".

    Parameters
    ----------
    validation : Validation
        How the model was validated; only models that were validated alike are ranked.
    sees_images : bool
        False for a baseline that reads file metadata alone. It is never chosen.
    calibration : Calibration, optional
        What turned the model's scores into the probabilities of the predictions.
    novelty : dict of str to dict
        For each unseen set, `classify.stats.novelty.novelty_counts`.
    training : sequence of dict
        For each fit its name, ``fit``, and its ``epochs``, each with losses and accuracies.
    """

    validation: Validation = field(default_factory=Validation)
    sees_images: bool = True
    calibration: Calibration | None = None
    novelty: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    training: tuple[dict, ...] = ()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All numbers of a report; a frozen record that `evaluate` returns.

    Parameters
    ----------
    predictions : Predictions
        With models in order: the best in cross-validation first, models that see no image last.
    facts : dict of str to ModelFacts
        By model.
    positive : str or None
        The positive one of two classes.
    groups : tuple of Group
        Models that were validated alike. One of the first group is chosen.
    scoring : str
        The score that decides the choice.
    ranking : DataFrame
        The rows of `folds` to choose from, the best first, with their ``selection`` score.
    chosen : str or None
        The chosen model; None if cross-validation cannot choose.
    scores : DataFrame
        `classify.stats.tables.score_table`: a row a model and unseen set.
    folds : DataFrame
        `classify.stats.tables.fold_scores`: a row a score and model.
    abilities : dict of (model, set) to Ability
    out_of_fold : Series or None
        Balanced accuracy of the chosen model over all validation images, with its interval.
    changes : dict of (set, set) to Change
        Of the chosen model's balanced accuracy, from ``validation`` or ``test`` to each external set of two or more
        classes.
    pairs, fold_pairs : DataFrame
        `classify.stats.differences.paired` and `folds`: a row a pair of models.
    rules : DataFrame
        `classify.stats.abstention.rule_table`.
    drift : DataFrame
        `classify.stats.drift.drift_table`.
    hindsight : DataFrame
        `tables.hindsight`, with ``accuracy_fixed`` and ``balanced_accuracy_fixed`` at the model's threshold.
    confusion, roc : DataFrame
        `classify.stats.tables.confusion_table` and `roc_table`.
    reliability : DataFrame
        `classify.stats.reliability.reliability_table`.
    """

    predictions: Predictions
    facts: Mapping[str, ModelFacts]
    positive: str | None
    groups: tuple[Group, ...]
    scoring: str
    ranking: pd.DataFrame
    chosen: str | None
    scores: pd.DataFrame
    folds: pd.DataFrame
    abilities: Mapping[tuple[str, str], Ability]
    out_of_fold: pd.Series | None
    changes: Mapping[tuple[str, str], Change]
    pairs: pd.DataFrame
    fold_pairs: pd.DataFrame
    rules: pd.DataFrame
    drift: pd.DataFrame
    hindsight: pd.DataFrame
    confusion: pd.DataFrame
    roc: pd.DataFrame
    reliability: pd.DataFrame

    @property
    def baselines(self) -> set[str]:
        """Models that see no image, only file metadata."""
        return {name for name, facts in self.facts.items() if not facts.sees_images}

    @property
    def sets(self) -> tuple[str, ...]:
        """Unseen sets that have labels, the test set first."""
        return tuple(name for name in self.predictions.sets if name in set(self.scores["set"]))

    def scores_of(self, model: str | None) -> pd.DataFrame:
        """Return the rows of `scores` of a model, by set."""
        rows = self.scores[self.scores["model"] == model].set_index("set", drop=False)
        return rows.loc[[name for name in self.sets if name in rows.index]]


def evaluate(
    predictions: Predictions, facts: Mapping[str, ModelFacts] | None = None, *, positive: str | None = None
) -> Evaluation:
    """Return every number of a report on some predictions.

    Parameters
    ----------
    predictions : Predictions
        Of all models, on validation folds, the test set and external sets. Each may be absent.
    facts : dict of str to ModelFacts, optional
        By model. A model without an entry gets the defaults.
    positive : str, optional
        The positive one of two classes; by default `classify.positive.choose_positive` decides by its name.

    Raises
    ------
    DataError
        If there are no predictions.
    """
    if predictions.table.empty:
        raise DataError("no predictions to evaluate; predict with one model at least")
    facts = {model: (facts or {}).get(model, ModelFacts()) for model in predictions.models}
    choice = choose_positive(predictions.classes, positive)
    positive = choice and choice.name
    folds = fold_scores(predictions, scores_for(predictions.classes), positive)
    predictions, folds, alike = _best_first(predictions, folds, facts)
    facts = {model: facts[model] for model in predictions.models}
    scoring = alike[0].validation.scoring if alike else None
    scoring = scoring if scoring in SCORES else "accuracy"
    ranking, chosen = _choice(predictions, folds[folds["scoring"] == scoring], facts, alike)
    scores = score_table(predictions, positive)
    ability_of = abilities(predictions, scores)
    out_of_fold = _out_of_fold(predictions, chosen)
    return Evaluation(
        predictions=predictions,
        facts=facts,
        positive=positive,
        groups=tuple(alike),
        scoring=scoring,
        ranking=ranking,
        chosen=chosen,
        scores=scores,
        folds=folds,
        abilities=ability_of,
        out_of_fold=out_of_fold,
        changes=_changes(in_order(scores[scores["model"] == chosen], predictions), ability_of, out_of_fold),
        pairs=paired(predictions, positive),
        fold_pairs=fold_differences(predictions, folds[folds["scoring"] == scoring], [group.models for group in alike]),
        rules=rule_table(predictions, rules={} if UNSURE in predictions.classes else None),
        drift=drift_table(predictions),
        hindsight=_hindsight(predictions, positive, scores),
        confusion=in_order(confusion_table(predictions), predictions),
        roc=in_order(roc_table(predictions, positive, scores), predictions),
        reliability=reliability_table(predictions, {model: known.calibration for model, known in facts.items()}),
    )


def in_order(rows: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """Return rows by ``model`` and ``set``, both in the order in which predictions name them."""
    place = {"model": predictions.models.index, "set": predictions.sets.index}
    by_name = {"key": lambda names: names.map(place[names.name]), "kind": "stable", "ignore_index": True}
    return rows.sort_values(["model", "set"], **by_name) if len(rows) else rows


def abilities(predictions: Predictions, scores: pd.DataFrame) -> dict[tuple[str, str], Ability]:
    """Return for each row of `tables.score_table` whether the model tells the classes of the set apart."""
    decided = predictions.labelled.groupby(["model", "set"])["predicted"].unique()
    keys = zip(scores["model"], scores["set"], strict=True)
    rows = (row for _, row in scores.iterrows())
    return {key: ability(row, predictions.classes, decided[key]) for key, row in zip(keys, rows, strict=True)}


def _best_first(
    predictions: Predictions, folds: pd.DataFrame, facts: Mapping[str, ModelFacts]
) -> tuple[Predictions, pd.DataFrame, list[Group]]:
    """Return all three with models ordered by accuracy over folds, within groups of models that were validated alike.

    Models without folds come after these, and models that see no image last.
    """
    accuracy = folds[folds["scoring"] == "accuracy"]
    baselines = {model for model, known in facts.items() if not known.sees_images}
    alike = groups(accuracy["model"], {model: known.validation for model, known in facts.items()}, baselines)
    order = dict.fromkeys([model for group in alike for model in ranked(accuracy, group)["model"]])
    order = sorted(dict.fromkeys([*order, *predictions.models]), key=lambda model: model in baselines)
    place = {model: i for i, model in enumerate(order)}
    table = predictions.table.sort_values("model", key=lambda names: names.map(place), kind="stable")
    scorings = {name: i for i, name in enumerate(folds["scoring"].unique())}
    rows = folds.assign(place=folds["model"].map(place), turn=folds["scoring"].map(scorings))
    rows = rows.sort_values(["turn", "place"], ignore_index=True).drop(columns=["turn", "place"])
    return Predictions(table), rows, [replace(one, models=tuple(sorted(one.models, key=place.get))) for one in alike]


def _choice(
    predictions: Predictions, folds: pd.DataFrame, facts: Mapping[str, ModelFacts], alike: list[Group]
) -> tuple[pd.DataFrame, str | None]:
    """Return the models to choose from, the best first, and the one that cross-validation chooses.

    Unseen sets judge the model and do not choose it; a model that sees no image is not chosen.
    """
    seeing = [model for model in predictions.models if facts[model].sees_images]
    rows = folds[folds["model"].isin(seeing)]
    rows = ranked(rows, alike[0]) if alike else rows
    if len(rows):
        return rows, rows["model"].iloc[0]
    return rows, seeing[0] if len(seeing) == 1 else None


def _out_of_fold(predictions: Predictions, model: str | None) -> pd.Series | None:
    """Return balanced accuracy of a model over all its validation images, with its interval."""
    labelled, name = predictions.labelled, "balanced_accuracy"
    rows = labelled[(labelled["model"] == model) & (labelled["set"] == VALIDATION)]
    if rows.empty:
        return None
    asked = (rows["label"], predictions.probabilities(rows), rows["predicted"], predictions.classes)
    low, high = interval(name, *asked, group=rows["group"])
    return pd.Series({name: SCORES[name](*asked), f"{name}_low": low, f"{name}_high": high})


def _changes(
    scores: pd.DataFrame, ability_of: Mapping[tuple[str, str], Ability], out_of_fold: pd.Series | None
) -> dict[tuple[str, str], Change]:
    """Return how balanced accuracy changes from validation and the test set to each external set of several classes.

    `scores` are the rows of one model.
    """
    rows = {row["set"]: row for _, row in scores.iterrows() if ability_of[row["model"], row["set"]].kind != ONE_CLASS}
    before = {VALIDATION: out_of_fold, HELD_OUT: rows.pop(HELD_OUT, None)}
    return {
        (start, name): change(at_start, row)
        for start, at_start in before.items()
        if at_start is not None
        for name, row in rows.items()
    }


def _hindsight(predictions: Predictions, positive: str | None, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the best thresholds in hindsight, beside what the threshold that was fixed in advance gets."""
    best = hindsight(predictions, positive)
    if best.empty:
        return best
    fixed = scores[["model", "set", "accuracy", "balanced_accuracy"]]
    return best.merge(fixed, on=["model", "set"], suffixes=("", "_fixed"))

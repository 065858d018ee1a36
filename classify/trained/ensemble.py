"""Ensembles: the predictions of trained models combined, and kept as a model like any other."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from classify.errors import DataError, ModelError, SettingError
from classify.models.combine import Method, get_method
from classify.predictions import VALIDATION, Predictions
from classify.stats.calibration import Calibration, class_scores
from classify.stats.selection import MIXED
from classify.stats.tables import fold_values
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel, Tuned, predictions_table
from classify.trained.passport import FoldFacts, Member, Passport, made_here, versions
from featex.errors import UsageError
from featex.system.disk import checked_name


@dataclass(frozen=True)
class Ensemble:
    """An ensemble to make, with every choice made and checked; equal digests mean equal ensembles.

    The fields are the parameters of `plan_ensemble` with what they were settled to.
    """

    method: Method
    passports: tuple[Passport, ...]
    name: str
    report: str
    notes: tuple[str, ...]
    command: str
    trials: int = 0  # as a `Plan` has them: nothing is searched

    @property
    def thresholds(self) -> list[float]:
        """The mean of the members' thresholds, for each class of the first."""
        first = self.passports[0].classes
        return np.mean([[passport.thresholds[label] for label in first] for passport in self.passports], 0).tolist()

    @property
    def calibration(self) -> Calibration:
        """A calibration that leaves the method's probabilities as they are."""
        return Calibration(1.0, tuple(self.thresholds))

    def build(self):
        """Return the unfitted estimator."""
        return self.method.build(thresholds=self.thresholds)

    @property
    def digest(self) -> str:
        """Sha256 of the method and of what its members are."""
        members = [[passport.name, passport.fingerprint] for passport in self.passports]
        facts = {"model": self.method.name, "members": members, "versions": versions()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def plan_ensemble(
    method: str,
    passports: Sequence[Passport],
    *,
    name: str | None = None,
    report: str | None = None,
    notes: Sequence[str] = (),
    command: str = "",
) -> Ensemble:
    """Return the ensemble that these choices make, after all checks that passports allow.

    Parameters
    ----------
    method : str
        A name in `classify.models.combine.METHODS`.
    passports : sequence of Passport
        Those of the members, two or more.
    name : str, optional
        The ensemble's; by default ``METHOD-REPORT``.
    report : str, optional
        The report that it belongs to; by default that of the first member.
    notes : sequence of str
        What a reader of the scores must know, beside what the members' passports say.
    command : str
        What makes the ensemble again.

    Raises
    ------
    InputError, ModelError
        If the method is unknown, or such models cannot be combined.
    """
    chosen = get_method(method)
    names = [passport.name for passport in passports]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SettingError(f"{twice[0]!r} is named twice; an ensemble needs members that differ")
    if len(names) < 2:
        raise SettingError(f"an ensemble needs two models or more, not {len(names)}; see: classify models")
    first = passports[0]
    for passport in passports:
        if not INPUTS[passport.reads].runs:
            raise SettingError(f"{passport.name!r} is a detector from elsewhere, which has no folds to combine")
        if passport.members:
            members = ", ".join(member.name for member in passport.members)
            raise SettingError(f"{passport.name!r} is an ensemble itself; name its members instead: {members}")
        if set(passport.classes) != set(first.classes):
            raise ModelError(
                f"the classes of {passport.name!r} are {passport.classes}, those of {first.name!r} "
                f"{first.classes}; combine models of the same classes"
            )
        if passport.positive != first.positive:
            raise ModelError(
                f"the positive class of {passport.name!r} is {passport.positive!r}, that of {first.name!r} "
                f"{first.positive!r}; tune both with the same --positive"
            )
        if passport.data.digest != first.data.digest:
            raise ModelError(
                f"{passport.name!r} was trained or judged on other images than {first.name!r} (sets "
                f"{passport.data.set!r} and {first.data.set!r}, or one of them has changed); "
                "tune both on the same set"
            )
    report = report or first.report
    name = checked_name(name or f"{method}-{report}", "a model")
    if name in names:
        raise UsageError(f"an ensemble called {name!r} would replace its member of that name; choose another --name")
    notes = dict.fromkeys([*(note for passport in passports for note in passport.notes), *notes])
    return Ensemble(chosen, tuple(passports), name, report, tuple(notes), command)


def combine(job: Ensemble, predictions: Sequence[Predictions]) -> Tuned:
    """Combine the members' predictions of every set into a model with its predictions.

    Out-of-fold rows of fold k come from a combination fitted on the other folds' out-of-fold rows, as a tuned model's
    come from one fitted on the other folds. That is still a selection score: the members chose their settings on these
    folds, and had been fitted on fold k when they judged the others.

    A vote learns nothing, so each of its out-of-fold rows is honest whatever folds a member had; where members
    differ, its rows carry the folds of the first, and a note says so.

    Parameters
    ----------
    job : Ensemble
        From `plan_ensemble`.
    predictions : sequence of Predictions
        Of each member, in the order of ``job.passports``.

    Returns
    -------
    Tuned
        As `classify.tuning.tune.tune` gives it. Its model holds no members: to predict new images, keep it and load it.

    Raises
    ------
    DataError
        If members did not judge the same images, or the method learns and their folds are not the same.
    """
    started = time.monotonic()
    rows, folds, P = _aligned(job, predictions)
    notes = [*job.notes, *_differing_folds(job, folds)]
    classes, fold = job.passports[0].classes, folds[0]
    train = (rows["set"] == VALIDATION).to_numpy()
    y, X = pd.Index(classes).get_indexer(rows["label"][train]), P[train]
    scores = np.empty((len(y), len(classes)))
    for number in np.unique(fold):
        held = fold == number
        scores[held] = class_scores(job.build().fit(X[~held], y[~held]), X[held])
    decided = np.array(classes)[scores.argmax(axis=1)]
    estimator = job.build().fit(X, y)
    judged = predictions_table(job.name, classes, rows[train], VALIDATION, job.calibration(scores), decided, fold)
    cv = _cv(job, judged, alike=all(np.array_equal(other, fold) for other in folds))
    model = TrainedModel(estimator, _passport(job, cv, notes, time.monotonic() - started))
    tables = [judged]
    for name in rows["set"][~train].unique():
        unseen = (rows["set"] == name).to_numpy()
        tables.append(model.predictions(rows[unseen], P[unseen], name))
    return Tuned(model, Predictions.concat(tables))


def _aligned(job: Ensemble, predictions: Sequence[Predictions]) -> tuple[pd.DataFrame, list[np.ndarray], np.ndarray]:
    """Return the first member's rows, each member's folds of the validation rows, and (n, n_members, n_classes)."""
    names = [passport.name for passport in job.passports]
    columns = [f"prob_{label}" for label in job.passports[0].classes]
    tables = [
        part.table[part.table["model"] == name].set_index(["set", "path"])
        for name, part in zip(names, predictions, strict=True)
    ]
    first = tables[0]
    for name, table in zip(names, tables, strict=True):
        strange = first.index.symmetric_difference(table.index)
        if strange.empty:
            strange = first.index[first["label"] != table["label"].reindex(first.index)]
        if len(strange):
            set_name, path = strange[0]
            raise DataError(
                f"{name} and {names[0]} did not judge the same images with the same labels ({len(strange):,} differ, "
                f"such as {path!r} of set {set_name!r}); tune both on the same set"
            )
    tables = [table.loc[first.index] for table in tables]
    rows = tables[0].reset_index()
    train = (rows["set"] == VALIDATION).to_numpy()
    folds = [table["fold"].to_numpy()[train] for table in tables]
    return rows, folds, np.stack([table[columns].to_numpy() for table in tables], axis=1)


def _differing_folds(job: Ensemble, folds: list[np.ndarray]) -> list[str]:
    """Return a note where members were validated in different folds; refuse them where the method learns."""
    first = job.passports[0]
    for passport, fold in zip(job.passports, folds, strict=True):
        if np.array_equal(fold, folds[0]):
            continue
        if job.method.learns:
            folds_of = [f"{p.name} has {p.cv.n_folds} of seed {p.seed}" for p in (first, passport)]
            raise DataError(
                f"to {job.method.name}, members must be validated in the same folds ({' and '.join(folds_of)}); "
                "tune them with the same --folds and --seed, or take --method vote"
            )
        return [f"{job.name} combines models of different folds; its scores are over the folds of {first.name}."]
    return []


def _cv(job: Ensemble, judged: Predictions, alike: bool) -> FoldFacts:
    """Return the score of each fold: the one that all members were tuned for, or accuracy where they differ.

    Members that were not validated alike make folds that compare with no other model's.
    """
    wanted = {passport.cv.scoring for passport in job.passports}
    scoring = wanted.pop() if len(wanted) == 1 else "accuracy"
    validations = {replace(passport.validation, scoring=scoring) for passport in job.passports}
    first = replace(job.passports[0].validation, scoring=scoring)
    held_out = job.passports[0].cv.held_out
    if not alike or len(validations) > 1:
        first, held_out = replace(first, folds=MIXED, content=job.digest), []
    return FoldFacts.of(fold_values(judged, scoring, job.passports[0].positive), first, held_out)


def _passport(job: Ensemble, cv: FoldFacts, notes: list[str], seconds: float) -> Passport:
    first = job.passports[0]
    extractors = {p.extractor_fingerprint: p.extractor for p in job.passports if p.extractor}
    return Passport(
        name=job.name,
        model=job.method.name,
        about=job.method.about,
        reads="members",
        classes=first.classes,
        positive=first.positive,
        thresholds=dict(zip(first.classes, job.thresholds, strict=True)),
        slope=job.calibration.slope,
        params={name: value for name, value in job.build().get_params().items() if name != "thresholds"},
        settings={"members": ", ".join(passport.name for passport in job.passports)},
        members=[Member(passport.name, passport.fingerprint) for passport in job.passports],
        extractor=next(iter(extractors.values())) if len(extractors) == 1 else None,
        data=first.data,
        report=job.report,
        notes=notes,
        command=job.command,
        cv=cv,
        trials=job.trials,
        digest=job.digest,
        seconds=seconds,
        seed=first.seed,
        device="cpu",
        **made_here(),
    )

"""A model and its predictions on disk, written as one: a killed run leaves the old pair or the new one, never a mix."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classify.errors import ModelError
from classify.predictions import Predictions
from classify.stats.abstention import UNSURE, fit
from classify.trained import persist
from classify.trained.model import TrainedModel, Tuned
from classify.trained.passport import Passport
from featex.errors import InputError, UsageError, nearest, unknown
from featex.system.words import count


def keep_pair(model: TrainedModel, table: Predictions, models: Path, predictions: Path) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    The predictions are written beside their place, then the model takes its place with their sha256 in its passport,
    then they take theirs. A run that is killed before the model is in place leaves the old pair, one that is killed
    after it leaves the new pair, which `settled` completes.
    """
    waiting = table.write(_waiting(predictions, model.name))
    model = replace(model, passport=replace(model.passport, predictions_sha256=_sha256(waiting)))
    path = persist.save(model, models)
    settled(model.passport, predictions)
    return path


def settled(passport: Passport, predictions: Path) -> bool:
    """Return whether the predictions of a model are in place, after putting there what a killed run had ready."""
    place, waiting = predictions / f"{passport.name}.csv", _waiting(predictions, passport.name)
    if waiting.exists() and _sha256(waiting) == passport.predictions_sha256:
        waiting.replace(place)
    return place.exists() and _sha256(place) == passport.predictions_sha256


def read_kept(passport: Passport, predictions: Path) -> Predictions:
    """Return the predictions of a model that is kept.

    Raises
    ------
    InputError
        If they are missing.
    ModelError
        If they are not those that were kept with the model.
    """
    name, place = passport.name, predictions / f"{passport.name}.csv"
    if not settled(passport, predictions):
        if not place.exists():
            raise InputError(f"the predictions of {name} are missing in {predictions}; make the model again")
        raise ModelError(
            f"{place} does not hold the predictions that were kept with the model {name}; put the file back, or make "
            "the model again"
        )
    return Predictions.read(place)


def keep(tuned: Tuned, models: Path, predictions: Path, *, done_with: Path | None = None) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    The rule by which the model answers "unsure" is kept with it. Then the folder `done_with` is removed: it held what a
    killed training would have resumed from.
    """
    model = tuned.model
    if UNSURE not in model.classes:
        model = replace(model, passport=replace(model.passport, unsure=fit(tuned.predictions)))
    path = keep_pair(model, tuned.predictions, models, predictions)
    if done_with is not None:
        shutil.rmtree(done_with, ignore_errors=True)
    return path


def is_kept(job, models: Path, predictions: Path) -> bool:
    """Return whether `keep` has written the outcome of this very job, with as many trials or more.

    A job is a `classify.tuning.plan.Plan` or a `classify.trained.ensemble.Ensemble`.
    """
    passport = next((p for p in persist.passports(models) if p.name == job.name), None)
    return (
        passport is not None
        and passport.digest == job.digest
        and passport.trials >= job.trials
        and settled(passport, predictions)
    )


def replaced(job, models: Path) -> str:
    """Return a sentence on the model of the same name that `keep` would replace, or ""."""
    passport = next((p for p in persist.passports(models) if p.name == job.name), None)
    if passport is None or passport.digest == job.digest:
        return ""
    if passport.cv is None:
        return f"This replaces the imported detector {job.name} of {passport.created}."
    how = f"{count(passport.trials, 'trial')}, {passport.cv.n_folds} folds"
    return f"This replaces the model {job.name} of {passport.created} ({how}; other data, features or choices)."


def find_members(names: Sequence[str], models: Path) -> list[Passport]:
    """Return the passports of the models called `names` below `models`, in that order.

    Raises
    ------
    InputError
        If there is no such model, naming the nearest.
    """
    passports = {passport.name: passport for passport in persist.passports(models)}
    if not passports:
        raise InputError(f"no model {names[0]!r} in {models}; there are: none yet; run classify tune first")
    for name in names:
        if name not in passports:
            raise unknown("model", name, passports)
    return [passports[name] for name in names]


def read_predictions(passports: Sequence[Passport], predictions: Path) -> list[Predictions]:
    """Return the predictions that `keep` has written for each of these models.

    Raises
    ------
    InputError, ModelError
        If a file is missing, or is not the one that was kept with the model.
    """
    return [read_kept(passport, predictions) for passport in passports]


def report_models(report: str | None, models: Path) -> list[Passport]:
    """Return the passports of the models that belong to a report, oldest first; None takes that of the newest model.

    Models of other data than the newest cannot be compared with it, and are left out; `left_out` names them. The name
    of a model instead of a report's stands for the models of the same report and data as that one.

    Raises
    ------
    InputError
        If there is none.
    """
    passports = persist.passports(models)
    if not passports:
        raise InputError(f"there is no model in {models} yet; make one: classify tune svm")
    named = [p for p in passports if p.report == (report or passports[-1].report)]
    newest = named[-1] if named else next((p for p in passports if p.name == report), None)
    if newest is None:
        reports = sorted({p.report for p in passports})
        near = nearest(report, [*reports, *(p.name for p in passports)]) or ";"
        raise UsageError(f"unknown report {report!r}{near} available: {', '.join(reports)}, or the name of a model")
    return [p for p in passports if p.report == newest.report and p.data.digest == newest.data.digest]


def left_out(passports: Sequence[Passport], models: Path) -> str:
    """Return a sentence on the models of the same report that were trained or tested on other data, or ""."""
    report, data = passports[-1].report, {p.data.digest for p in passports}
    others = [p for p in persist.passports(models) if p.report == report and p.data.digest not in data]
    if not others:
        return ""
    names = ", ".join(p.name for p in others)
    return (
        f"Left out of this report: {names}, because other images, labels, groups or sets were used for training or "
        f"testing, so scores do not compare. Tune again on the data of now, or see them by themselves: classify report "
        f"{others[-1].name}"
    )


def _waiting(predictions: Path, name: str) -> Path:
    return predictions / f".{name}.csv.new"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

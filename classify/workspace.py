"""Where models and their predictions are kept side by side, found again, and reported on."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classify.explain.neighbours import neighbours
from classify.pages.sections import read_section
from classify.predictions import Predictions
from classify.report.gallery import N_NEAR, Gallery, shown_errors
from classify.report.notices import of_making
from classify.report.write import write_report
from classify.splits.partition import images_digest, partition
from classify.stats.abstention import UNSURE, fit
from classify.stats.evaluation import ModelFacts, evaluate
from classify.trained import persist
from classify.trained.ensemble import Ensemble, combine
from classify.trained.inputs import INPUTS
from classify.trained.kept import keep_pair, read_kept, settled
from classify.trained.model import Tuned
from classify.trained.passport import DataFacts, Passport, positive_of_report
from classify.tuning.plan import Plan
from classify.tuning.tune import tune
from featex.errors import InputError, unknown
from featex.layout import Artifacts
from featex.store.features import stored_sets
from featex.store.units import rows_as_in
from featex.system.progress import Progress
from featex.system.words import count


def keep(tuned: Tuned, models: Path, predictions: Path, *, done_with: Path | None = None) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    With the model goes the rule by which it answers "unsure". Then the folder `done_with` is removed, which held what a
    killed training would have gone on from.
    """
    model = tuned.model
    if UNSURE not in model.classes:
        model = replace(model, passport=replace(model.passport, unsure=fit(tuned.predictions)))
    path = keep_pair(model, tuned.predictions, models, predictions)
    if done_with is not None:
        shutil.rmtree(done_with, ignore_errors=True)
    return path


def tune_and_keep(
    job: Plan,
    artifacts: Artifacts,
    *,
    timeout: float | None = None,
    storage: str | Path | None = None,
    progress: Progress,
) -> tuple[Tuned, Path]:
    """Tune a planned job, save the outcome below `artifacts`, and return it with the model's folder.

    Parameters
    ----------
    timeout, storage
        As `classify.tuning.tune.tune` takes them; by default the search is stored in a journal of the job's name.
    """
    _announce(job, artifacts, progress)
    checkpoints = artifacts.studies / job.training_folder
    storage = storage or artifacts.studies / f"{job.name}.journal"
    tuned = tune(job, timeout=timeout, storage=storage, checkpoints=checkpoints, progress=progress)
    return tuned, keep(tuned, artifacts.models, artifacts.predictions, done_with=checkpoints)


def combine_and_keep(job: Ensemble, artifacts: Artifacts, *, progress: Progress) -> tuple[Tuned, Path]:
    """Combine the members of a planned ensemble, save it below `artifacts`, and return it with its folder."""
    _announce(job, artifacts, progress)
    combined = combine(job, read_predictions(job.passports, artifacts.predictions))
    return combined, keep(combined, artifacts.models, artifacts.predictions)


def _announce(job: Plan | Ensemble, artifacts: Artifacts, progress: Progress) -> None:
    if sentence := replaced(job, artifacts.models):
        progress.say(sentence)


def is_kept(job: Plan | Ensemble, models: Path, predictions: Path) -> bool:
    """Return whether `keep` has written the outcome of this very job, with as many trials or more."""
    passport = next((p for p in persist.passports(models) if p.name == job.name), None)
    return (
        passport is not None
        and passport.digest == job.digest
        and passport.trials >= job.trials
        and settled(passport, predictions)
    )


def replaced(job: Plan | Ensemble, models: Path) -> str:
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
    there = {passport.name: passport for passport in persist.passports(models)}
    if not there:
        raise InputError(f"no model {names[0]!r} in {models}; there are: none yet; run classify tune first")
    for name in names:
        if name not in there:
            raise unknown("model", name, there)
    return [there[name] for name in names]


def read_predictions(passports: Sequence[Passport], predictions: Path) -> list[Predictions]:
    """Return what `keep` has written that each of these models said.

    Raises
    ------
    InputError, ModelError
        If it has gone, or is not what was kept with the model.
    """
    return [read_kept(passport, predictions) for passport in passports]


def report_models(report: str | None, models: Path) -> list[Passport]:
    """Return the passports of the models that belong to a report, oldest first; None takes that of the newest model.

    Models of other images than the newest cannot be compared with it, and are left out.

    Raises
    ------
    InputError
        If there is none.
    """
    passports = persist.passports(models)
    if report is None and passports:
        report = passports[-1].report
    chosen = [p for p in passports if p.report == report]
    if not chosen:
        there = ", ".join(sorted({p.report for p in passports})) or "none yet; run classify tune first"
        raise InputError(f"no model in {models} belongs to {report or 'a report'}; there are: {there}")
    digest = chosen[-1].data.digest
    return [p for p in chosen if p.data.digest == digest]


def report_again(
    artifacts: Artifacts,
    report: str | None = None,
    *,
    names: Sequence[str] | None = None,
    positive: str | None = None,
) -> Path:
    """Write ``reports/REPORT/index.html`` on the models that belong to a report, and return its path.

    Parameters
    ----------
    artifacts : Artifacts
    report : str, optional
        By default that of the newest model.
    names : sequence of str, optional
        Only these models, and detectors that were imported.
    positive : str, optional
        The positive one of two classes; by default the models' own.

    Raises
    ------
    InputError
        If there is no such model, or its predictions have gone.
    """
    chosen = report_models(report, artifacts.models)
    if names is not None:
        chosen = [p for p in chosen if p.name in names or not INPUTS[p.reads].runs]
    predictions = Predictions.concat(read_predictions(chosen, artifacts.predictions))
    data, report = chosen[-1].data, chosen[-1].report
    commands = dict.fromkeys(p.command for p in chosen if p.command)
    # The page says what it is about at its head: models go by the rest of their names there
    short = {p.name: p.name.removesuffix(f"-{report}") for p in chosen}
    if len(set(short.values())) < len(short):
        short = {name: name for name in short}
    predictions = Predictions(predictions.table.replace({"model": short}))
    chosen = [replace(p, name=short[p.name], kept=p.name) for p in chosen]
    gallery = Gallery(artifacts.gallery / f"{data.set}-{data.digest[:12]}", Path(data.root).expanduser())
    _find_neighbours(gallery, predictions, artifacts.features, data)
    sections = [read_section(folder / data.set, data.images) for folder in artifacts.sections]
    choice = positive_of_report(predictions.classes, chosen, positive)
    facts = {passport.name: facts_of(passport) for passport in chosen}
    return write_report(
        evaluate(predictions, facts, positive=choice and choice.name),
        artifacts.reports / report,
        title=_title(chosen),
        passports=chosen,
        notices=of_making(chosen),
        sections=[section for section in sections if section],
        gallery=gallery,
        command="\n".join([*commands, _report_command(report, positive)]),
    )


def facts_of(passport: Passport) -> ModelFacts:
    """Return what an evaluation must know of a model."""
    return ModelFacts(
        passport.validation,
        INPUTS[passport.reads].sees_images,
        passport.calibration,
        passport.novelty or {},
        tuple(passport.training),
    )


def _report_command(report: str, positive: str | None) -> str:
    return shlex.join(["classify", "report", report, *(["--positive", positive] if positive else [])])


def _find_neighbours(gallery: Gallery, predictions: Predictions, folder: Path, data: DataFacts) -> None:
    """Keep the nearest training images of the errors that are shown, where the set's features are there."""
    known = set(gallery.neighbours()["path"])
    paths = dict.fromkeys(path for model in predictions.models for path in shown_errors(predictions, model))
    new = [path for path in paths if path not in known]
    for stored in stored_sets(folder) if new else ():
        if stored.name == data.set and images_digest((features := stored.load()).rows) == data.images:
            rows = rows_as_in(features.rows, data.near_duplicates)
            gallery.keep_neighbours(neighbours(features, partition(rows).train, new, k=N_NEAR))
            return


def _title(passports: list[Passport]) -> str:
    for passport in passports:
        if study := passport.published:
            return f"{study['title']}: run again"
    return f"What tells the classes of {passports[-1].data.set} apart, and how well"

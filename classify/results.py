"""Where models and their predictions are kept side by side, found again, and reported on."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from classify import persist
from classify.ensemble import Ensemble
from classify.plan import Plan
from classify.predictions import Predictions
from classify.report import write_report
from classify.tuning import Tuned
from classify.verdict import listed
from featex.errors import InputError, unknown


def keep(tuned: Tuned, models: Path, predictions: Path, *, done_with: Path | None = None) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    The predictions come first: a model on disk always has its own beside it. Then the folder `done_with` is removed,
    which held what a killed training would have gone on from.
    """
    tuned.predictions.write(predictions / f"{tuned.model.name}.csv")
    path = persist.save(tuned.model, models)
    if done_with is not None:
        shutil.rmtree(done_with, ignore_errors=True)
    return path


def is_kept(job: Plan | Ensemble, models: Path, predictions: Path) -> bool:
    """Return whether `keep` has written the outcome of this very job, with as many trials or more."""
    passport = next((p for p in persist.passports(models) if p["name"] == job.name), None)
    return (
        passport is not None
        and passport["digest"] == job.digest
        and passport["trials"] >= job.trials
        and (predictions / f"{job.name}.csv").exists()
    )


def replaced(job: Plan | Ensemble, models: Path) -> str:
    """Return a sentence on the model of the same name that `keep` would replace, or ""."""
    passport = next((p for p in persist.passports(models) if p["name"] == job.name), None)
    if passport is None or passport["digest"] == job.digest:
        return ""
    return (
        f"This replaces the model {job.name} of {passport['created']} ({passport['trials']} trials, "
        f"{passport['cv']['n_folds']} folds; other data, features or choices)."
    )


def find_members(names: Sequence[str], models: Path) -> list[dict]:
    """Return the passports of the models called `names` below `models`, in that order.

    Raises
    ------
    InputError
        If there is no such model, naming the nearest.
    """
    there = {passport["name"]: passport for passport in persist.passports(models)}
    if not there:
        raise InputError(f"no model {names[0]!r} in {models}; there are: none yet; run classify tune first")
    for name in names:
        if name not in there:
            raise unknown("model", name, there)
    return [there[name] for name in names]


def read_predictions(passports: Sequence[dict], predictions: Path) -> list[Predictions]:
    """Return what `keep` has written that each of these models said.

    Raises
    ------
    InputError
        If it has gone.
    """
    for passport in passports:
        if not (predictions / f"{passport['name']}.csv").exists():
            raise InputError(f"the predictions of {passport['name']} in {predictions} have gone; make it again")
    return [Predictions.read(predictions / f"{passport['name']}.csv") for passport in passports]


def report_models(report: str | None, models: Path) -> list[dict]:
    """Return the passports of the models that belong to a report, oldest first; None takes that of the newest model.

    Models of other images than the newest cannot be compared with it, and are left out.

    Raises
    ------
    InputError
        If there is none.
    """
    passports = persist.passports(models)
    if report is None and passports:
        report = passports[-1]["report"]
    chosen = [p for p in passports if p["report"] == report]
    if not chosen:
        there = ", ".join(sorted({p["report"] for p in passports})) or "none yet; run classify tune first"
        raise InputError(f"no model in {models} belongs to {report or 'a report'}; there are: {there}")
    digest = chosen[-1]["data"]["digest"]
    return [p for p in chosen if p["data"]["digest"] == digest]


def write_report_on(
    report: str | None, models: Path, predictions: Path, reports: Path, *, names: list[str] | None = None
) -> Path:
    """Write ``reports/REPORT/index.html`` on the models that belong to a report, and return its path.

    Parameters
    ----------
    report : str or None
        None takes that of the newest model.
    names : list of str, optional
        Only these models, and detectors that were imported.

    Raises
    ------
    InputError
        If there is no such model, or its predictions have gone.
    """
    chosen = report_models(report, models)
    if names is not None:
        chosen = [p for p in chosen if p["name"] in names or p["reads"] == "scores"]
    tables = read_predictions(chosen, predictions)
    commands = dict.fromkeys(passport["command"] for passport in chosen if passport["command"])
    return write_report(
        Predictions.concat(tables),
        chosen,
        reports / chosen[-1]["report"],
        title=_title(chosen),
        notices=_notices(chosen),
        command="\n".join([*commands, f"classify report {chosen[-1]['report']}"]),
    )


def _title(passports: list[dict]) -> str:
    for passport in passports:
        if study := passport.get("published"):
            return f"{study['title']}: run again"
    return f"What tells the classes of {passports[-1]['data']['set']} apart, and how well"


def _notices(passports: list[dict]) -> list[str]:
    notices = []
    untrained = [p for p in passports if p["extractor"] and not p["extractor"]["trained"]]
    if untrained:
        notices.append(
            f"The features of {', '.join(p['name'] for p in untrained)} come from an UNTRAINED "
            f"{untrained[0]['extractor']['backbone']} (random weights): ImageNet weights could not be had, or were not "
            "asked for. Judge no deep features by these scores."
        )
    if started := [p["name"] for p in passports if (p.get("settings") or {}).get("weights") == "random"]:
        notices.append(
            f"{listed(started)} started from UNTRAINED (random) weights: ImageNet weights could not be had, or were "
            "not asked for. Judge no fine-tuned net by these scores."
        )
    return [*notices, *dict.fromkeys(note for passport in passports for note in passport["notes"])]

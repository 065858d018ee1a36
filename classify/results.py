"""Where models and their predictions are kept side by side, found again, and reported on."""

from pathlib import Path

from classify import persist
from classify.plan import Plan
from classify.predictions import Predictions
from classify.report import write_report
from classify.tuning import Tuned
from featex.errors import InputError


def keep(tuned: Tuned, models: Path, predictions: Path) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    The predictions come first: a model on disk always has its own beside it.
    """
    tuned.predictions.write(predictions / f"{tuned.model.name}.csv")
    return persist.save(tuned.model, models)


def is_kept(job: Plan, models: Path, predictions: Path) -> bool:
    """Return whether `keep` has written the outcome of this very job, with as many trials or more."""
    passport = next((p for p in persist.passports(models) if p["name"] == job.name), None)
    return (
        passport is not None
        and passport["digest"] == job.digest
        and passport["trials"] >= job.trials
        and (predictions / f"{job.name}.csv").exists()
    )


def write_report_on(
    set_name: str | None,
    models: Path,
    predictions: Path,
    reports: Path,
    *,
    names: list[str] | None = None,
    notices: list[str] | None = None,
    command: str = "",
) -> Path:
    """Write ``reports/SET/index.html`` on the models that were trained on a set, and return its path.

    Parameters
    ----------
    set_name : str or None
        None takes the set of the newest model.
    names : list of str, optional
        Only these models.
    notices : list of str, optional
        What a reader must know first, beside what the passports tell (untrained weights, and so on).
    command : str
        What makes the report again.

    Raises
    ------
    InputError
        If no model was trained on the set.
    """
    passports = persist.passports(models)
    if set_name is None and passports:
        set_name = passports[-1]["data"]["set"]
    chosen = [p for p in passports if p["data"]["set"] == set_name and (names is None or p["name"] in names)]
    if not chosen:
        raise InputError(f"no model in {models} was trained on {set_name or 'anything'}; run classify tune first")
    digest = chosen[-1]["data"]["digest"]
    chosen = [p for p in chosen if p["data"]["digest"] == digest]  # models of other images cannot be compared
    tables = [Predictions.read(predictions / f"{passport['name']}.csv") for passport in chosen]
    return write_report(
        Predictions.concat(tables),
        chosen,
        reports / set_name,
        title=f"What tells the classes of {set_name} apart, and how well",
        notices=[*_notices(chosen), *(notices or [])],
        command=command or f"classify report {set_name}",
    )


def _notices(passports: list[dict]) -> list[str]:
    notices = []
    extractors = {p["extractor"]["name"]: p["extractor"] for p in passports if p["extractor"]}
    for extractor in extractors.values():
        if not extractor["trained"]:
            notices.append(
                f"The features come from an UNTRAINED {extractor['backbone']} (random weights): ImageNet weights could "
                "not be had, or were not asked for. Judge no deep features by these scores."
            )
    for note in dict.fromkeys(note for p in passports for note in p["data"]["notes"]):
        notices.append(note)
    return notices

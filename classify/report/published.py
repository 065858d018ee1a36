"""What a study published of its models, beside what was found here, made from passports and scores alone."""

from collections.abc import Sequence

import pandas as pd

from classify.pages.words import spread, with_interval
from classify.predictions import HELD_OUT, SET_TITLES, VALIDATION
from classify.stats.evaluation import Evaluation
from classify.stats.intervals import wilson
from classify.trained.passport import Passport

CUSTOM = "custom"
SETS = (VALIDATION, HELD_OUT, CUSTOM)  # what a published number may stand beside


def beside(passports: Sequence[Passport], evaluation: Evaluation) -> dict | None:
    """Return what the page says of published numbers: the ``studies``, and ``rows``, a row a number and set here.

    Parameters
    ----------
    passports : sequence of Passport
        Where a model is one of a study that was run again, ``published`` holds ``study`` (its name), ``title``,
        ``source``, ``notes`` (sentences), and ``scores``: for each number ``value`` (accuracy in percent, as printed
        there), ``n`` (images it was measured on, None where not known), ``called`` (what the study called those images)
        and ``set``, the set here that stands for them: one of `SETS`, where "custom" is every set that is neither
        of the other two.
    evaluation : Evaluation

    Returns
    -------
    dict or None
        None where no passport tells of a study.
    """
    told = [passport for passport in passports if passport.published]
    if not told:
        return None
    scores = evaluation.scores
    found = scores.set_index(["model", "set"])
    validation = evaluation.folds[evaluation.folds["scoring"] == "accuracy"].set_index("model")
    rows = []
    for passport in told:
        model = passport.name
        for said in passport.published["scores"]:
            line = {"model": model, "called": said["called"], "n": said["n"] and f"{said['n']:,}"}
            line["value"] = _as_published(said)
            if said["set"] == VALIDATION:
                row = validation.loc[model] if model in validation.index else None
                rows.append(line | _here(VALIDATION, row, spread))
                continue
            names = [HELD_OUT] if said["set"] == HELD_OUT else _custom(scores, model) or [CUSTOM]
            for name in names:
                row = found.loc[(model, name)] if (model, name) in found.index else None
                rows.append(line | _here(name, row, with_interval))
    studies = {passport.published["study"]: passport.published for passport in told}
    return {"studies": list(studies.values()), "rows": rows}


def _as_published(said: dict) -> str:
    """Return "80 % (68.2–88.3)"; the interval follows from n, and none is known of a mean over folds."""
    text = f"{said['value']:g} %"
    if not said["n"] or said["set"] == VALIDATION:
        return text
    low, high = wilson(round(said["value"] / 100 * said["n"]), said["n"])
    return f"{text} ({100 * low:.1f}–{100 * high:.1f})"


def _custom(scores: pd.DataFrame, model: str) -> list[str]:
    return [name for name in scores.loc[scores["model"] == model, "set"] if name not in (VALIDATION, HELD_OUT)]


def _here(name: str, row: pd.Series | None, say) -> dict:
    title = SET_TITLES.get(name, name)
    if row is None:
        return {"set": title, "here": None, "n_here": None}
    return {"set": title, "here": say(row), "n_here": f"{row['n']:,.0f}"}

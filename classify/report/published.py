"""Published numbers of a study beside the numbers that its models reach here."""

from collections.abc import Sequence

import pandas as pd

from classify.pages.words import spread, with_interval
from classify.predictions import HELD_OUT, VALIDATION, set_title
from classify.stats.evaluation import Evaluation
from classify.stats.intervals import wilson
from classify.trained.passport import Passport

CUSTOM = "custom"
SETS = (VALIDATION, HELD_OUT, CUSTOM)  # to which a published number may refer


def beside(passports: Sequence[Passport], evaluation: Evaluation) -> dict | None:
    """Return the page's table of published numbers: the ``studies``, and ``rows``, one for each number and set here.

    Parameters
    ----------
    passports : sequence of Passport
        For a model of a study that was run again, ``published`` holds ``study`` (its name), ``title``, ``source``,
        ``notes`` (sentences) and ``scores``: for each number ``value`` (accuracy in percent, as printed), ``n`` (number
        of images, None if unknown), ``called`` (the study's name for those images) and ``set``, the corresponding set
        here: one of `SETS`, where "custom" means every set that is neither of the other two.
    evaluation : Evaluation

    Returns
    -------
    dict or None
        None if no model belongs to a study.
    """
    of_studies = [passport for passport in passports if passport.published]
    if not of_studies:
        return None
    scores = evaluation.scores
    by_model = scores.set_index(["model", "set"])
    validation = evaluation.folds[evaluation.folds["scoring"] == "accuracy"].set_index("model")
    rows = []
    for passport in of_studies:
        model = passport.name
        for number in passport.published["scores"]:
            line = {"model": model, "called": number["called"], "n": number["n"] and f"{number['n']:,}"}
            line["value"] = _as_published(number)
            if number["set"] == VALIDATION:
                row = validation.loc[model] if model in validation.index else None
                rows.append(line | _here(VALIDATION, row, spread))
                continue
            names = [HELD_OUT] if number["set"] == HELD_OUT else _custom(scores, model) or [CUSTOM]
            for name in names:
                row = by_model.loc[(model, name)] if (model, name) in by_model.index else None
                rows.append(line | _here(name, row, with_interval))
    studies = {passport.published["study"]: passport.published for passport in of_studies}
    return {"studies": list(studies.values()), "rows": rows}


def _as_published(number: dict) -> str:
    """Return "80 % (68.2–88.3)"; the interval follows from n, and a mean over folds has none."""
    text = f"{number['value']:g} %"
    if not number["n"] or number["set"] == VALIDATION:
        return text
    low, high = wilson(round(number["value"] / 100 * number["n"]), number["n"])
    return f"{text} ({100 * low:.1f}–{100 * high:.1f})"


def _custom(scores: pd.DataFrame, model: str) -> list[str]:
    return [name for name in scores.loc[scores["model"] == model, "set"] if name not in (VALIDATION, HELD_OUT)]


def _here(name: str, row: pd.Series | None, text) -> dict:
    title = set_title(name)
    if row is None:
        return {"set": title, "here": None, "n_here": None}
    return {"set": title, "here": text(row), "n_here": f"{row['n']:,.0f}"}

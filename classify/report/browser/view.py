"""The variables of ``errors.html`` and ``thresholds.html``: what shows without a script, and what the scripts read."""

from collections.abc import Mapping

from classify.pages.html import Embedded, as_json
from classify.pages.words import percent
from classify.predictions import Predictions, set_title
from classify.report.browser.answers import answers, unseen
from classify.report.browser.curves import curves
from classify.report.browser.gallery import Gallery
from classify.report.browser.pictures import file_facts, similar, small_and_large, worth_showing
from classify.stats.evaluation import Evaluation

N_STILL = 12  # errors of a set that show without a script


def begins_with(evaluation: Evaluation) -> str:
    """Return the model that a page shows first: the chosen one, or the first."""
    return evaluation.chosen or evaluation.predictions.models[0]


def errors(evaluation: Evaluation, gallery: Gallery) -> dict:
    """Return the variables of ``errors.html``; {} without an unseen labelled set.

    Errors of the model that the page begins with show without a script. The script's data hold all models: those of
    `answers`, ``facts`` of each image's file, ``pool`` (pictures as base64; "" for one that shows without a script),
    ``small`` and ``large``, the number of each image's pictures in it or -1, and for each image ``near``, its most
    similar training images: path, class and picture.
    """
    predictions, model = evaluation.predictions, begins_with(evaluation)
    if not evaluation.sets:
        return {}
    data = answers(predictions, model)
    paths = worth_showing(predictions, model)
    near, facts = similar(gallery, paths), file_facts(gallery, data["path"])
    small, large = small_and_large(gallery, paths, near)
    place = {path: i for i, path in enumerate(small)}
    still = _still(predictions, model, small, place, near)
    shown_paths = {picture["path"] for part in still for picture in part["wrong"]}
    places_of_large = {path: len(small) + i for i, path in enumerate(large)}
    data |= {
        "facts": [facts.get(path, "") for path in data["path"]],
        "pool": ["" if path in shown_paths else code for path, code in small.items()] + list(large.values()),
        "small": [place.get(path, -1) for path in data["path"]],
        "large": [places_of_large.get(path, -1) for path in data["path"]],
        "near": [[[one, label, place.get(one, -1)] for one, label in near.get(path, ())] for path in data["path"]],
    }
    return {"model": model, "sets": still, "shown": len(data["path"]), "total": data["total"], "json": as_json(data)}


def thresholds(evaluation: Evaluation, known: Mapping[str, float]) -> Embedded | None:
    """Return the data of ``thresholds.html``; None unless there are two classes and an unseen labelled set."""
    predictions = evaluation.predictions
    data = curves(predictions, evaluation.positive, begins_with(evaluation), known) if evaluation.sets else {}
    return as_json(data) if data else None


def _still(predictions: Predictions, model: str, small: Mapping, place: Mapping, near: Mapping) -> list[dict]:
    rows = unseen(predictions)
    rows = rows[rows["model"] == model].sort_values("sure", ascending=False, kind="stable")
    return [
        {
            "title": set_title(name),
            "n": len(part),
            "n_wrong": int(part["wrong"].sum()),
            "wrong": [
                {
                    "path": row.path,
                    "uri": f"data:image/jpeg;base64,{small[row.path]}" if row.path in small else "",
                    "place": place.get(row.path, -1),
                    "label": row.label,
                    "predicted": row.predicted,
                    "sure": percent(row.sure),
                    "near": [label for _, label in near.get(row.path, ())],
                }
                for row in part[part["wrong"]].head(N_STILL).itertuples()
            ],
        }
        for name in predictions.sets
        if len(part := rows[rows["set"] == name])
    ]

"""Each model's answer for each image of the unseen labelled sets, in a form that a page can hold."""

import pandas as pd

from classify.predictions import VALIDATION, Predictions, set_title
from classify.stats.reliability import sureness

MOST_ROWS = 20_000  # answers in a page: images times models; about 0.6 MB


def unseen(predictions: Predictions) -> pd.DataFrame:
    """Return the rows of unseen labelled sets, with ``sure``, the probability of the predicted class, and ``wrong``."""
    rows = predictions.labelled[lambda table: table["set"] != VALIDATION]
    sure = sureness(predictions.probabilities(rows), rows["predicted"], predictions.classes)
    return rows.assign(sure=sure, wrong=rows["label"] != rows["predicted"])


def most_telling_first(predictions: Predictions, chosen: str) -> pd.DataFrame:
    """Return ``set, path, label`` of each unseen labelled image, in the order in which a page has room for them.

    First the images that `chosen` gets wrong, the most confident errors first, then those that most other models get
    wrong, then the others.
    """
    rows = unseen(predictions)
    keys = ["set", "path"]
    of_chosen = rows[rows["model"] == chosen].set_index(keys)
    images = rows.groupby(keys, sort=False).agg(label=("label", "first"), others=("wrong", "mean"))
    images["wrong"] = of_chosen["wrong"].reindex(images.index, fill_value=False)
    images["sure"] = of_chosen["sure"].reindex(images.index).where(images["wrong"], 0)
    order = images.sort_values(["wrong", "sure", "others"], ascending=False, kind="stable")
    return order[["label"]].reset_index()


def answers(predictions: Predictions, chosen: str, most: int = MOST_ROWS) -> dict:
    """Return the answers of all models as JSON can hold them, one entry an image in each list.

    Returns
    -------
    dict
        ``classes, models, chosen`` (a number in `models`), ``sets`` (each its ``title`` and ``n``), ``total`` (images
        in all), and for each image ``path``, its numbers in `sets` and `classes`, ``set`` and ``label``; for each
        model and image ``predicted`` (a number in `classes`, or -1 without an answer) and ``sure`` (the probability of
        that class). If images times models are more than `most`, the first of `most_telling_first` are there.
    """
    images = most_telling_first(predictions, chosen)
    models, classes = list(predictions.models), list(predictions.classes)
    total, sizes = len(images), images["set"].value_counts()
    sets = [name for name in predictions.sets if name in sizes]
    images = images.head(max(1, most // len(models)))
    rows = unseen(predictions)
    number = rows["predicted"].map({label: i for i, label in enumerate(classes)})
    by_model = rows.assign(number=number).set_index(["model", "set", "path"])[["number", "sure"]]
    index = pd.MultiIndex.from_frame(images[["set", "path"]])
    parts = [by_model.loc[model].reindex(index) if model in set(rows["model"]) else None for model in models]
    blank = [None] * len(images)
    return {
        "classes": classes,
        "models": models,
        "chosen": models.index(chosen),
        "sets": [{"title": set_title(name), "n": int(sizes[name])} for name in sets],
        "total": total,
        "path": images["path"].tolist(),
        "set": images["set"].map(sets.index).tolist(),
        "label": images["label"].map(classes.index).tolist(),
        "predicted": [[-1] * len(images) if p is None else p["number"].fillna(-1).astype(int).tolist() for p in parts],
        "sure": [blank if p is None else [_short(value) for value in p["sure"]] for p in parts],
    }


def _short(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 6)

"""One page that says how well models do on images they have not seen, made from predictions and passports alone."""

from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd

from classify.errors import DataError
from classify.figures import FIGURES
from classify.metrics import SCORES, fold_scores, positive_class, score_table
from classify.pages import figure, page_folder, render
from classify.predictions import SET_TITLES, VALIDATION, Predictions
from classify.published import beside
from classify.verdict import SELECTION, count, listed, percent, spread, verdict, with_interval

DPI = 160
FEW_GROUPS = 10
TABLES = ("scores.csv", "folds.csv", "predictions.csv")


def write_report(
    predictions: Predictions,
    passports: Sequence[dict],
    out: Path,
    *,
    title: str,
    notices: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write the folder `out`: a self-contained ``index.html``, its tables as CSV and its figures as PNG.

    The folder appears whole or not at all, and takes the place of an older report.

    Parameters
    ----------
    predictions : Predictions
        Of all models, on the validation folds, the held-out set and custom sets; each may be absent.
    passports : sequence of dict
        How each model was made, as saved beside it; ``name`` is the model's name in `predictions`. A model may have
        none, and any key may be absent.
    notices : sequence of str
        What a reader must know before any number, shown above them.
    command : str
        What makes this report again.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    DataError
        There are no predictions, or `out` holds what no report wrote.
    featex.errors.StoreError
        `out` cannot be written.
    """
    if predictions.table.empty:
        raise DataError("no predictions to report on; predict with one model at least")
    blind = {passport["name"] for passport in passports if passport.get("reads") == "facts"}
    predictions = best_first(predictions, blind)
    place = {model: i for i, model in enumerate(predictions.models)}
    passports = sorted(passports, key=lambda passport: place.get(passport.get("name"), len(place)))
    with page_folder(Path(out), {"index.html", *TABLES, *(f"{name}.png" for name in FIGURES)}) as folder:
        positive = _positive(predictions, passports)
        scores = score_table(predictions, positive)
        folds = pd.concat([fold_scores(predictions, name, positive) for name in SCORES], ignore_index=True)
        scores.to_csv(folder / "scores.csv", index=False)
        folds.to_csv(folder / "folds.csv", index=False)
        predictions.write(folder / "predictions.csv")
        page = {
            "title": title,
            "notices": [
                *notices,
                *few_groups(predictions),
                *differing_images(predictions),
                *differing_making(passports),
            ],
            **verdict(scores, folds, predictions, _scoring(passports), blind),
            **tables(scores, folds, predictions, positive, blind),
            "published": beside(passports, scores, folds),
            "figures": list(_figures(predictions, positive, passports, folder)),
            "cards": how_made(passports),
            "data": data_counts(predictions),
            "unscored": unscored(predictions),
            "command": command,
            "files": TABLES,
            "selection": SELECTION,
        }
        html = render(Path(__file__).with_name("report.html"), page)
        (folder / "index.html").write_text(html, encoding="utf-8")
    return Path(out) / "index.html"


def best_first(predictions: Predictions, blind: Collection[str] = ()) -> Predictions:
    """Return the same predictions, models ordered by mean accuracy over folds; those without folds come last.

    Models that are `blind`, which see no picture, come behind all others.
    """
    folds = fold_scores(predictions).sort_values("mean", ascending=False, kind="stable")
    models = dict.fromkeys([*folds["model"], *predictions.models])
    place = {model: i for i, model in enumerate(sorted(models, key=lambda model: model in blind))}
    return Predictions(predictions.table.sort_values("model", key=lambda names: names.map(place), kind="stable"))


def tables(
    scores: pd.DataFrame,
    folds: pd.DataFrame,
    predictions: Predictions,
    positive: str | None,
    blind: Collection[str] = (),
) -> dict:
    """Return the page's tables: ``accuracy`` and ``further`` (a ``header`` and ``rows``)."""
    accuracy = folds[folds["scoring"] == "accuracy"].set_index("model")
    sets = [name for name in predictions.sets if name in set(scores["set"])]
    found = scores.set_index(["model", "set"])
    rows = []
    for model in predictions.models:
        validation = accuracy.loc[model] if model in accuracy.index else None
        cells = [found.loc[(model, name)] if (model, name) in found.index else None for name in sets]
        rows.append(
            {
                "model": model,
                "blind": model in blind,
                "validation": None if validation is None else {"text": spread(validation), "n": count(validation)},
                "cells": [None if row is None else {"text": with_interval(row), "n": count(row)} for row in cells],
            }
        )
    others = [score for score in SCORES if score != "accuracy"]
    further = []
    for name in sets:
        part = found.xs(name, level="set")
        lines = [
            {"model": model, "n": count(row), "cells": [with_interval(row, score) for score in others]}
            for model, row in part.iterrows()
        ]
        further.append({"set": _set_title(name), "rows": lines})
    chances = [found.xs(name, level="set")["chance"].max() for name in sets]
    return {
        "accuracy": {"header": [_set_title(name) for name in sets], "rows": rows},
        "guessing": [percent(chance) if chance < 1 else "one class only" for chance in chances],
        "further": {"header": [SCORES[score].title for score in others], "sets": further},
        "positive": positive,
    }


def how_made(passports: Sequence[dict]) -> list[dict]:
    """Return cards, each with a ``title`` and its ``facts``, a list of (term, text).

    A card a model, then what models share: the features they read, and how they were trained. Models of which the
    same is known stand on one card; what is not known is left out.
    """
    cards: dict[tuple, list[str]] = {}
    for about in (_own_facts, _extractor_facts, _training_facts):
        for passport in passports:
            known = [(term, _text(value)) for term, value in about(passport).items() if value not in (None, "", {})]
            if known:
                cards.setdefault((about, *known), []).append(passport.get("name", "unnamed"))
    lead = {_own_facts: "", _extractor_facts: "features of ", _training_facts: "training of "}
    return [{"title": lead[about] + listed(names), "facts": facts} for (about, *facts), names in cards.items()]


def _own_facts(passport: dict) -> dict:
    return {
        "model": passport.get("model"),
        "reads": passport.get("reads"),
        "best parameters": _pairs(passport.get("params")),
        "settings": _pairs(passport.get("settings")),
        "trials": passport.get("trials"),
        "time": duration(passport["seconds"]) if passport.get("seconds") is not None else None,
        "positive class": passport.get("positive"),
        "threshold": passport.get("threshold"),
        "made": passport.get("created"),
    }


def _extractor_facts(passport: dict) -> dict:
    extractor = passport.get("extractor") or {}
    return {
        "extractor": extractor.get("name"),
        "backbone": extractor.get("backbone"),
        "weights": extractor.get("weights"),
        "trained": {True: "yes", False: "no, random"}.get(extractor.get("trained")),
        "weights sha256": extractor.get("weights_sha256"),
        "features": extractor.get("n_features"),
        "fingerprint": extractor.get("fingerprint"),
    }


def _training_facts(passport: dict) -> dict:
    data, cv = passport.get("data") or {}, passport.get("cv") or {}
    return {
        "data": data.get("root") or data.get("set"),
        "training images": data.get("n_train"),
        "data digest": data.get("digest"),
        "folds": cv.get("n_folds"),
        "scoring": cv.get("scoring"),
        "seed": passport.get("seed"),
        "device": passport.get("device"),
        "versions": _pairs(passport.get("versions")),
    }


def data_counts(predictions: Predictions) -> dict:
    """Return ``header`` and ``rows``: how many images of each class each set and split holds."""
    images = predictions.table.drop_duplicates(["set", "path"])
    counts = pd.crosstab([images["set"], images["split"]], images["label"])
    counts = counts.reindex(columns=[*predictions.classes, ""], fill_value=0)
    counts = counts.sort_index(
        level="set", key=lambda names: names.map(list(predictions.sets).index), sort_remaining=False
    )
    rows = [
        [_set_title(name), split or "—", *map(int, row), int(row.sum())] for (name, split), row in counts.iterrows()
    ]
    return {"header": ["set", "split", *predictions.classes, "no label", "all"], "rows": rows}


def unscored(predictions: Predictions) -> list[str]:
    """Return the sets in which no image has a label."""
    return [name for name in predictions.sets if name not in set(predictions.labelled["set"])]


def differing_images(predictions: Predictions) -> list[str]:
    """Return a notice for each set on which not all models judged the same images."""
    notices = []
    for name, part in predictions.labelled.groupby("set", sort=False):
        times = part["path"].value_counts()
        if (times < part["model"].nunique()).any():
            notices.append(f"On {_set_title(name)} the models judged different images, so their scores do not compare.")
    return notices


def few_groups(predictions: Predictions) -> list[str]:
    """Return a notice for each unseen set whose images come from a handful of groups."""
    notices = []
    unseen = predictions.labelled[predictions.labelled["set"] != VALIDATION]
    for name, part in unseen.groupby("set", sort=False):
        grouped = part["group"] != ""
        n = part["group"][grouped].nunique() + part["path"][~grouped].nunique()
        if grouped.any() and n < FEW_GROUPS:
            notices.append(
                f"The images of {_set_title(name)} come from {n} groups only (such as photographs or scenes): scores "
                "on other groups may differ by more than the intervals say."
            )
    return notices


def differing_making(passports: Sequence[dict]) -> list[str]:
    """Return a notice for what models were not given alike: data, folds, score, features."""

    def differ(part: str, *keys: str) -> bool:
        told = [passport[part] for passport in passports if passport.get(part)]
        return len({tuple(facts.get(key) for key in keys) for facts in told}) > 1

    notices = []
    if differ("data", "digest"):
        notices.append("The models were not trained on the same data, so their scores do not compare.")
    if differ("cv", "scoring", "n_folds"):
        notices.append("The models were validated in different folds or by different scores, so these do not compare.")
    if differ("extractor", "fingerprint"):
        notices.append("The models read features of different extractors; see how each was made.")
    return notices


def duration(seconds: float) -> str:
    """Return 200 as "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _pairs(values: dict | None) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in (values or {}).items())


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _set_title(name: str) -> str:
    return SET_TITLES.get(name, name)


def _scoring(passports: Sequence[dict]) -> str:
    """The score that all models were tuned for, or accuracy where they differ."""
    found = {(passport.get("cv") or {}).get("scoring") for passport in passports} & set(SCORES)
    return found.pop() if len(found) == 1 else "accuracy"


def _positive(predictions: Predictions, passports: Sequence[dict]) -> str | None:
    if len(predictions.classes) > 2:
        return None
    found = {passport.get("positive") for passport in passports} & set(predictions.classes)
    return found.pop() if len(found) == 1 else positive_class(predictions.classes)


def _figures(predictions: Predictions, positive: str | None, passports: Sequence[dict], folder: Path) -> Iterator[dict]:
    """Write each figure that has something to show as PNG, and yield it for the page."""
    for name, drawing in FIGURES.items():
        if drawing.rows(predictions, positive, passports).empty:
            continue
        drawn, png = drawing(predictions, positive, passports), BytesIO()
        drawn.savefig(png, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
        (folder / f"{name}.png").write_bytes(png.getvalue())
        yield figure(f"{name}.png", drawing.caption, png.getvalue())

"""One page that says how well models do on images they have not seen, made from predictions and passports alone."""

import base64
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from classify.errors import DataError
from classify.figures import FIGURES
from classify.metrics import SCORES, against_chance, difference, fold_scores, positive_class, score_table
from classify.predictions import HELD_OUT, SET_TITLES, Predictions
from featex.disk import cannot_write

DPI = 160
TABLES = ("scores.csv", "folds.csv", "predictions.csv")
SELECTION = "a selection score, not a result"


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
    predictions = best_first(predictions)
    with _folder(Path(out)) as folder:
        positive = _positive(predictions, passports)
        scores = score_table(predictions, positive)
        folds = pd.concat([fold_scores(predictions, name, positive) for name in SCORES], ignore_index=True)
        scores.to_csv(folder / "scores.csv", index=False)
        folds.to_csv(folder / "folds.csv", index=False)
        predictions.write(folder / "predictions.csv")
        page = {
            "title": title,
            "notices": [*notices, *differing_images(predictions), *differing_data(passports)],
            **verdict(scores, folds, predictions, _scoring(passports)),
            **tables(scores, folds, predictions, positive),
            "figures": list(_figures(predictions, positive, folder)),
            "cards": how_made(passports),
            "data": data_counts(predictions),
            "unscored": unscored(predictions),
            "command": command,
            "files": TABLES,
            "selection": SELECTION,
        }
        template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
        environment.filters["numbers"] = numbers
        html = environment.from_string(template).render(page)
        (folder / "index.html").write_text(html, encoding="utf-8")
    return Path(out) / "index.html"


def best_first(predictions: Predictions) -> Predictions:
    """Return the same predictions, models ordered by mean accuracy over folds; those without folds come last."""
    folds = fold_scores(predictions).sort_values("mean", ascending=False, kind="stable")
    place = {model: i for i, model in enumerate(dict.fromkeys([*folds["model"], *predictions.models]))}
    return Predictions(predictions.table.sort_values("model", key=lambda names: names.map(place), kind="stable"))


def verdict(scores: pd.DataFrame, folds: pd.DataFrame, predictions: Predictions, scoring: str) -> dict:
    """Return ``chosen`` (a model or None), a ``headline`` and the ``sentences`` below it.

    The model is the one with the best mean of `scoring` over validation folds, so that the unseen sets judge it and
    do not choose it.
    """
    chosen, why = _choose(folds[folds["scoring"] == scoring], predictions, scoring)
    if chosen is None:
        return {"chosen": None, "headline": "No model is chosen: see all of them below.", "sentences": [why]}
    rows = scores[scores["model"] == chosen].set_index("set")
    order = [name for name in predictions.sets if name in rows.index]
    custom = [name for name in order if name != HELD_OUT]
    sentences = [_on_unseen(name, rows.loc[name], predictions.classes) for name in order]
    if HELD_OUT in order:
        mixed = [name for name in custom if rows.loc[name, "chance"] < 1]
        sentences += [_fall(rows.loc[HELD_OUT], rows.loc[name], name) for name in mixed]
    else:
        sentences.append(
            "There is no held-out set: nothing here says how the model does on unseen images of the kind it was "
            "trained on."
        )
    parts = [f"{percent(rows.loc[name, 'accuracy'])} of {_images(name, rows.loc[name])}" for name in order]
    if len(custom) > 2:
        low, high = (percent(limit(rows.loc[custom, "accuracy"])) for limit in (min, max))
        parts = [
            *parts[: len(order) - len(custom)],
            f"between {low} and {high} of the images of {len(custom)} custom sets",
        ]
    headline = f"{chosen} is right on {_listed(parts)}."
    if not order:
        headline = "No result yet: no model was tried on labelled images it had not seen."
    return {"chosen": chosen, "headline": headline, "sentences": [*sentences, why]}


def _choose(folds, predictions, scoring) -> tuple[str | None, str]:
    """Return the model that cross-validation chose, or None, and why."""
    folds = folds.dropna(subset="mean").sort_values("mean", ascending=False, kind="stable")
    if folds.empty and len(predictions.models) > 1:
        return None, "No model has validation scores, and choosing by an unseen set would be choosing by hindsight."
    if folds.empty:
        return predictions.models[0], "There is one model, and no validation score."
    best = folds["model"].iloc[0]
    title, mean = SCORES[scoring].title, spread(folds.iloc[0])
    why = f"{best} has a mean {title} of {mean} over the folds of cross-validation"
    if len(folds) > 1:
        second = f"{folds['model'].iloc[1]} with {spread(folds.iloc[1])}"
        why = (
            f"{best} was chosen from {len(folds)} models by cross-validation, for its mean {title} over folds: {mean}, "
            f"before {second}"
        )
    return best, f"{why}. That is {SELECTION}: it helped to choose, so it tends to be too high."


def _on_unseen(name, row, classes) -> str:
    said = f"On {_images(name, row)}: {with_interval(row)} right"
    if row["chance"] == 1:
        only = next(label for label in classes if row[f"n_{label}"])
        return f"{said}; all of them are {only}, and with one class there is no guessing to compare with."
    told = against_chance(row["accuracy_low"], row["accuracy_high"], row["chance"])
    words = {"better": "better than", "worse": "worse than", "unclear": "which cannot be told from"}[told]
    return f"{said}, {words} guessing the largest class ({percent(row['chance'])})."


def _fall(held_out, row, name) -> str:
    columns = ["accuracy", "accuracy_low", "accuracy_high"]
    fall, low, high = (100 * value for value in difference(tuple(held_out[columns]), tuple(row[columns])))
    if low <= 0 <= high:
        change = f"{-fall:+.1f} points ({-high:+.1f} to {-low:+.1f})"
        return f"From held-out to “{name}” no change of accuracy can be told: {change}."
    if fall < 0:
        return f"From held-out to “{name}” accuracy rises by {-fall:.1f} points ({-high:.1f}–{-low:.1f})."
    return f"From held-out to “{name}” accuracy falls by {fall:.1f} points ({low:.1f}–{high:.1f})."


def tables(scores: pd.DataFrame, folds: pd.DataFrame, predictions: Predictions, positive: str | None) -> dict:
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
    return [{"title": lead[about] + _listed(names), "facts": facts} for (about, *facts), names in cards.items()]


def _own_facts(passport: dict) -> dict:
    return {
        "model": passport.get("model"),
        "reads": passport.get("reads"),
        "best parameters": _pairs(passport.get("params")),
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


def differing_data(passports: Sequence[dict]) -> list[str]:
    """Return a notice if models were not trained on the same data."""
    digests = {(passport.get("data") or {}).get("digest") for passport in passports} - {None}
    return ["The models were not trained on the same data, so their scores do not compare."] if len(digests) > 1 else []


def numbers(text: str) -> Markup:
    """Return the text escaped, with no line break inside a percentage and its interval."""
    return Markup(re.sub(r"\d[\d.± ]*%( \([\d.–]+\))?", r'<span class="number">\g<0></span>', str(escape(text))))


def percent(value: float) -> str:
    """Return 0.92 as "92.0 %", and NaN as a dash."""
    return "—" if pd.isna(value) else f"{100 * value:.1f} %"


def with_interval(row: pd.Series, score: str = "accuracy") -> str:
    """Return "92.0 % (87.4–95.0)"; the value alone where it has no interval."""
    low, high = row[f"{score}_low"], row[f"{score}_high"]
    return percent(row[score]) + ("" if pd.isna(low) else f" ({100 * low:.1f}–{100 * high:.1f})")


def count(row: pd.Series) -> str:
    """Return the number of images of a row, "1,169"."""
    return f"{int(row['n']):,}"


def spread(row: pd.Series) -> str:
    """Return "91.4 ± 2.5 %": mean and sample standard deviation over folds."""
    return percent(row["mean"]) if pd.isna(row["std"]) else f"{100 * row['mean']:.1f} ± {100 * row['std']:.1f} %"


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


def _images(name: str, row: pd.Series) -> str:
    return f"{count(row)} held-out images" if name == HELD_OUT else f"{count(row)} images of “{name}”"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _scoring(passports: Sequence[dict]) -> str:
    """The score that all models were tuned for, or accuracy where they differ."""
    found = {(passport.get("cv") or {}).get("scoring") for passport in passports} & set(SCORES)
    return found.pop() if len(found) == 1 else "accuracy"


def _positive(predictions: Predictions, passports: Sequence[dict]) -> str | None:
    if len(predictions.classes) > 2:
        return None
    found = {passport.get("positive") for passport in passports} & set(predictions.classes)
    return found.pop() if len(found) == 1 else positive_class(predictions.classes)


def _figures(predictions: Predictions, positive: str | None, folder: Path) -> Iterator[dict]:
    """Write each figure that has something to show as PNG, and yield it for the page."""
    for name, drawing in FIGURES.items():
        if drawing.rows(predictions, positive).empty:
            continue
        figure, png = drawing(predictions, positive), BytesIO()
        figure.savefig(png, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
        (folder / f"{name}.png").write_bytes(png.getvalue())
        yield {
            "name": name,
            "caption": drawing.caption,
            "width": round(96 / DPI * int.from_bytes(png.getvalue()[16:20])),  # CSS pixels: its text fits the page's
            "data": base64.b64encode(png.getvalue()).decode(),
        }


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `out` when the block ends without an error."""
    out = out.absolute()
    ours = {"index.html", ".DS_Store", *TABLES, *(f"{name}.png" for name in FIGURES)}
    held = {path.name for path in out.iterdir()} if out.is_dir() else {out.name} if out.exists() else set()
    if foreign := sorted(held - ours):
        raise DataError(f"{out} is in the way: {foreign[0]!r} is no part of a report; name a new or empty folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        new = holder / "new"
        new.mkdir()
        yield new
        if out.exists():
            out.rename(holder / "old")
        new.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(holder, ignore_errors=True)

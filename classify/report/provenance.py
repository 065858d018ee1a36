"""What it takes to reproduce a result: settings of models, features, data, code and machine."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from classify.pages.words import listed
from classify.predictions import Predictions, set_title
from classify.stats.selection import folds_in_words
from classify.trained.passport import DataFacts, Passport
from featex.system.shown import shown_path
from featex.system.words import count

MOST_SOURCES = 10  # of a class and fold, by name


def how_made(passports: Sequence[Passport]) -> list[dict]:
    """Return cards, each with a ``title`` and its ``facts``, a list of (term, text).

    There is a card for each model, then for the features and for the training. Models with equal facts share a card;
    unknown facts are left out.
    """
    cards: dict[tuple, list[str]] = {}
    for about in (_model_facts, _extractor_facts, _training_facts):
        for passport in passports:
            facts = [(term, _text(value)) for term, value in about(passport).items() if value not in (None, "", {})]
            if facts:
                cards.setdefault((about, *facts), []).append(passport.name)
    lead = {_model_facts: "", _extractor_facts: "features of ", _training_facts: "training of "}
    return [{"title": lead[about] + listed(names), "facts": facts} for (about, *facts), names in cards.items()]


def _model_facts(passport: Passport) -> dict:
    return {
        "stored as": passport.kept,
        "model": passport.model,
        "reads": passport.reads,
        "best parameters": _pairs(passport.params),
        "settings": _pairs(passport.settings),
        "trials": passport.trials,
        "time": duration(passport.seconds) if passport.seconds is not None else None,
        "positive class": passport.positive,
        "thresholds": _pairs(passport.thresholds),
        "created": passport.created,
    }


def _extractor_facts(passport: Passport) -> dict:
    extractor = passport.extractor or {}
    return {
        "extractor": extractor.get("name"),
        "backbone": extractor.get("backbone"),
        "weights": extractor.get("weights"),
        "trained": {True: "yes", False: "no, random"}.get(extractor.get("trained")),
        "weights sha256": extractor.get("weights_sha256"),
        "features": extractor.get("n_features"),
        "fingerprint": extractor.get("fingerprint"),
    }


def _training_facts(passport: Passport) -> dict:
    data, cv = passport.data, passport.cv
    return {
        "data": shown_path(Path(data.root).expanduser()) if data.root else data.set,
        "training images": data.n_train,
        "near-duplicates": _near_duplicates(data),
        "data digest": data.digest,
        "folds": folds_in_words(cv.folds, cv.n_folds) if cv else None,
        "held out by each fold": _held_out(cv.held_out) if cv else None,
        "scoring": cv and cv.scoring,
        "seed": passport.seed,
        "device": passport.device,
        "versions": _pairs(passport.versions),
        "machine": _pairs(passport.environment),
        "code sha256": passport.code_sha256,
    }


def _near_duplicates(data: DataFacts) -> str | None:
    if data.near_duplicates == "keep":
        return "count as different images"
    return f"{count(data.near, 'image')}; each group stays on one side of every split" if data.near else None


def _held_out(folds: Sequence[dict]) -> str:
    """Return "1: ai (x, y), real (z); 2: ...", with the first sources only if there are many."""

    def names(sources: list[str]) -> str:
        return ", ".join([*sources[:MOST_SOURCES], *(["..."] if len(sources) > MOST_SOURCES else [])])

    each = (", ".join(f"{label} ({names(sources)})" for label, sources in fold.items()) for fold in folds)
    return "; ".join(f"{number}: {text}" for number, text in enumerate(each, 1))


def data_counts(predictions: Predictions) -> dict:
    """Return ``header`` and ``rows``: the number of images of each class in each set and split."""
    images = predictions.table.drop_duplicates(["set", "path"])
    counts = pd.crosstab([images["set"], images["split"]], images["label"])
    counts = counts.reindex(columns=[*predictions.classes, ""], fill_value=0)
    counts = counts.sort_index(
        level="set", key=lambda names: names.map(list(predictions.sets).index), sort_remaining=False
    )
    rows = [[set_title(name), split or "—", *map(int, row), int(row.sum())] for (name, split), row in counts.iterrows()]
    return {"header": ["set", "split", *predictions.classes, "no label", "all"], "rows": rows}


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

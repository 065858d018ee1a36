"""One page that says how well models do on images they have not seen, made from predictions and passports alone."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pandas as pd

from classify.calibration import threshold_sentence
from classify.cards import model_card
from classify.drawing import pictured
from classify.errors import DataError
from classify.figures import FIGURES
from classify.gallery import Gallery, galleries
from classify.metrics import fold_scores, score_table
from classify.notices import differing_images, differing_making, differing_positive, few_groups, seen_in_training
from classify.pages import own_files, page_folder, render
from classify.positive import positive_of_report
from classify.predictions import Predictions
from classify.protocol import Protocol, protocol
from classify.provenance import data_counts, how_made
from classify.published import beside
from classify.score_tables import accuracy_table, other_scores, unscored
from classify.scores import SCORES, scores_for
from classify.sections import FileNames, Picture, Section, shown
from classify.selection import Group, groups, ranked
from classify.sentences import novelty_sentences
from classify.verdict import SELECTION, verdict
from featex.shown import shown_text

TABLES = ("scores.csv", "folds.csv", "predictions.csv")
MARK = '<meta name="generator" content="classify report">'  # in report.html: the files this page links to are its own


def write_report(
    predictions: Predictions,
    passports: Sequence[dict],
    out: Path,
    *,
    title: str,
    notices: Sequence[str] = (),
    sections: Sequence[Section] = (),
    gallery: Gallery | None = None,
    positive: str | None = None,
    command: str = "",
) -> Path:
    """Write the folder `out`: a self-contained ``index.html``, tables as CSV, figures as PNG and SVG, model cards.

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
    sections : sequence of Section
        What else is known of these models and images, such as what an audit found.
    gallery : Gallery, optional
        Thumbnails of the images; without it the page shows none.
    positive : str, optional
        The positive one of two classes; by default the models' own.
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
    predictions = best_first(predictions, blind, passports)
    place = {model: i for i, model in enumerate(predictions.models)}
    passports = sorted(passports, key=lambda passport: place.get(passport.get("name"), len(place)))
    with page_folder(Path(out), own_files(Path(out) / "index.html", MARK)) as folder:
        choice = positive_of_report(predictions.classes, passports, positive)
        positive = choice and choice.name
        scores = score_table(predictions, positive)
        folds = fold_scores(predictions, scores_for(predictions.classes), positive)
        scores.to_csv(folder / "scores.csv", index=False)
        folds.to_csv(folder / "folds.csv", index=False)
        predictions.write(folder / "predictions.csv")
        alike = groups(folds["model"].unique(), passports, blind)
        scoring = _scoring(alike)
        said = verdict(scores, folds, predictions, scoring, blind, passports)
        found = protocol(predictions, scores, positive, scoring, alike)
        parts = [
            other_scores(scores, predictions, positive, said["chosen"]),
            *found.sections(said["chosen"]),
            Section("figures", "Figures", pictures=list(_figures(predictions, positive, passports))),
            *sections,
        ]
        files = FileNames(*TABLES)
        cards = dict(_cards(passports, predictions, scores, folds, found, files))
        for file, text in cards.items():
            (folder / file).write_text(shown_text(text), encoding="utf-8")
        page = {
            "title": title,
            "notices": [*notices, *_notices(predictions, passports, positive)],
            **_opening(said, found, passports, sections, blind),
            **accuracy_table(scores, folds, predictions, blind, alike),
            "published": beside(passports, scores, folds),
            "parts": [shown(part, folder, files) for part in parts if part.tables or part.pictures or part.sentences],
            "galleries": galleries(predictions, gallery, said["chosen"]) if gallery else [],
            "cards": how_made(passports),
            "data": data_counts(predictions),
            "unscored": unscored(predictions),
            "command": command,
            "files": [*TABLES, *cards],
            "selection": SELECTION,
        }
        html = render(Path(__file__).with_name("report.html"), page)
        (folder / "index.html").write_text(html, encoding="utf-8")
    return Path(out) / "index.html"


def _opening(
    said: dict, found: Protocol, passports: Sequence[dict], sections: Sequence[Section], blind: Collection[str]
) -> dict:
    """Return what the page begins with: ``chosen``, ``headline`` and ``sentences``."""
    chosen, sentences = said["chosen"], [*said["sentences"], *found.opening(said["chosen"], blind)]
    for passport in passports:
        if passport.get("name") == chosen:
            sentences += [threshold_sentence(passport), *novelty_sentences(chosen, passport.get("novelty") or {})]
    sentences += [f"{part.title}. {part.sentences[0]}" for part in sections if part.sentences]
    headline = " ".join([*seen_in_training(passports, chosen, sections), said["headline"]])
    return {"chosen": chosen, "headline": headline, "sentences": [*filter(None, sentences), said["why"]]}


def _notices(predictions: Predictions, passports: Sequence[dict], positive: str | None) -> list[str]:
    """Return what must be known before any number is believed, as far as numbers and passports tell."""
    return [
        *few_groups(predictions),
        *differing_images(predictions),
        *differing_making(passports),
        *differing_positive(passports, positive),
    ]


def best_first(predictions: Predictions, blind: Collection[str] = (), passports: Sequence[dict] = ()) -> Predictions:
    """Return the same predictions, models ordered by accuracy over folds; those without folds come last.

    Models that were validated alike stand together; see `classify.selection.groups`. Models that are `blind`, which see
    no picture, come behind all others.
    """
    folds = fold_scores(predictions)
    order = [model for group in groups(folds["model"], passports, blind) for model in ranked(folds, group)["model"]]
    models = dict.fromkeys([*order, *predictions.models])
    place = {model: i for i, model in enumerate(sorted(models, key=lambda model: model in blind))}
    return Predictions(predictions.table.sort_values("model", key=lambda names: names.map(place), kind="stable"))


def _scoring(alike: Sequence[Group]) -> str:
    """The score that the models to choose from were tuned for, or accuracy where it is not known."""
    scoring = alike[0].validation.scoring if alike else None
    return scoring if scoring in SCORES else "accuracy"


def _cards(
    passports: Sequence[dict],
    predictions: Predictions,
    scores: pd.DataFrame,
    folds: pd.DataFrame,
    found: Protocol,
    files: FileNames,
) -> Iterator[tuple[str, str]]:
    """Yield a file name and a model card for each model that is known to have been made here or imported."""
    for passport in passports:
        if passport.get("name") in predictions.models and passport.get("model"):
            said = found.opening(passport["name"])
            yield files.new(f"card-{passport['name']}", ".md"), model_card(passport, scores, folds, said)


def _figures(predictions: Predictions, positive: str | None, passports: Sequence[dict]) -> Iterator[Picture]:
    """Yield each figure that has something to show, as PNG, with SVG and its numbers beside it."""
    for name, drawing in FIGURES.items():
        rows = drawing.rows(predictions, positive, passports)
        if not rows.empty:
            yield pictured(name, drawing.caption, drawing.drawn(rows), rows)

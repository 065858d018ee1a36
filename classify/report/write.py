"""The report: a page, tables, figures and model cards, written from an evaluation."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from classify.pages.attached import attached
from classify.pages.codes import Notice, explained
from classify.pages.drawing import pictured
from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Picture, Section, shown
from classify.report.browser.gallery import Gallery
from classify.report.browser.view import errors, thresholds
from classify.report.cards import model_card
from classify.report.figures import FIGURES
from classify.report.matrix import matrices
from classify.report.notices import differing_images, differing_making, differing_positive, few_groups, seen_in_training
from classify.report.protocol import differences, opening, protocol
from classify.report.provenance import data_counts, how_made
from classify.report.published import beside
from classify.report.score_tables import accuracy_table, other_scores, unscored
from classify.report.verdict import verdict
from classify.stats.evaluation import Evaluation
from classify.trained.passport import Passport
from featex.system.shown import shown_text

TABLES = ("scores.csv", "folds.csv", "predictions.csv")
SCRIPTS = [Path(__file__).with_name("browser") / name for name in ("errors.js", "thresholds.js")]
MARK = '<meta name="generator" content="classify report">'  # in report.html: the files this page links to are its own


def write_report(
    evaluation: Evaluation,
    out: Path,
    *,
    title: str = "How well models do on images that they have not seen",
    passports: Sequence[Passport] = (),
    notices: Sequence[Notice] = (),
    sections: Sequence[Section] = (),
    gallery: Gallery | None = None,
    command: str = "",
) -> Path:
    """Write the folder `out`: a self-contained ``index.html``, tables as CSV, figures as PNG and SVG, model cards.

    The folder is written completely or not at all, and replaces an older report.

    Parameters
    ----------
    evaluation : Evaluation
    out : Path
    title : str
    passports : sequence of Passport
        How each model was made; ``name`` is the model's name in `evaluation`. A model may have none.
    notices : sequence of Notice
        Shown above all numbers.
    sections : sequence of Section
        Further parts on these models and images, such as the findings of an audit.
    gallery : Gallery, optional
        Thumbnails of the images; without it the page shows no images.
    command : str
        The command that reproduces this report.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    DataError
        If `out` holds files that no report wrote.
    featex.errors.StoreError
        If `out` cannot be written.
    """
    place = {model: i for i, model in enumerate(evaluation.predictions.models)}
    passports = sorted(passports, key=lambda passport: place.get(passport.name, len(place)))
    with page_folder(Path(out), own_files(Path(out) / "index.html", MARK)) as folder:
        evaluation.scores.to_csv(folder / "scores.csv", index=False)
        evaluation.folds.to_csv(folder / "folds.csv", index=False)
        evaluation.predictions.write(folder / "predictions.csv")
        files = FileNames(*TABLES)
        cards = dict(_cards(passports, evaluation, files))
        for file, text in cards.items():
            (folder / file).write_text(shown_text(text), encoding="utf-8")
        page = {
            "title": title,
            "chosen": evaluation.chosen,
            **_warnings(evaluation, passports, notices, sections),
            **_parts(evaluation, sections, folder, files),
            **accuracy_table(evaluation),
            "verdict": verdict(evaluation),
            "threshold": next((one.threshold_sentence() for one in passports if one.name == evaluation.chosen), ""),
            "matrices": matrices(evaluation),
            "published": beside(passports, evaluation),
            "errors": errors(evaluation, gallery) if gallery else {},
            "thresholds": thresholds(evaluation, _known_thresholds(passports, evaluation.positive)),
            "cards": how_made(passports),
            "data": data_counts(evaluation.predictions),
            "unscored": unscored(evaluation.predictions),
            "command": command,
            "files": [attached(folder, file) for file in (*TABLES, *cards)],
            "folder": Path(out).name,
        }
        html = render(Path(__file__).with_name("report.html"), page, SCRIPTS)
        (folder / "index.html").write_text(html, encoding="utf-8")
    return Path(out) / "index.html"


def _known_thresholds(passports: Sequence[Passport], positive: str | None) -> dict[str, float]:
    return {one.name: one.thresholds[positive] for one in passports if positive in one.thresholds}


def _warnings(
    evaluation: Evaluation, passports: Sequence[Passport], notices: Sequence[Notice], sections: Sequence[Section]
) -> dict:
    """Return all ``notices``, the critical first, the ``codes`` of the page's ids, and what training has ``seen``."""
    seen = seen_in_training(passports, evaluation.chosen, sections)
    notices = [
        *notices,
        *seen,
        *few_groups(evaluation),
        *differing_images(evaluation.predictions),
        *differing_making(passports),
        *differing_positive(passports, evaluation.positive),
    ]
    notices.sort(key=lambda one: one.level != "critical")
    ids = [one.id for one in (*notices, *(one for part in sections for one in part.findings))]
    return {"notices": notices, "codes": explained(ids), "seen": [one.text for one in seen]}


def _parts(evaluation: Evaluation, sections: Sequence[Section], folder: Path, files: FileNames) -> dict:
    """Return the ``figure`` of accuracy, and the page's parts: ``findings`` of other flows, ``pairs``, ``details``."""
    figures = dict(_figures(evaluation))
    first = figures.pop("accuracy", None)
    drawn = [
        Section(name, FIGURES[name].title, pictures=[picture], folded=True, group="Details")
        for name, picture in figures.items()
    ]
    parts = [other_scores(evaluation), *drawn, *protocol(evaluation)]
    return {
        "figure": first and shown(Section("accuracy", "", pictures=[first]), folder, files)["figures"][0],
        "findings": [shown(part, folder, files) for part in sections if part.tables or part.pictures or part.sentences],
        "pairs": shown(differences(evaluation), folder, files),
        "details": [shown(part, folder, files) for part in parts if part.tables or part.pictures or part.sentences],
    }


def _cards(passports: Sequence[Passport], evaluation: Evaluation, files: FileNames) -> Iterator[tuple[str, str]]:
    """Yield a file name and a model card for each model with a passport."""
    for passport in passports:
        if passport.name in evaluation.facts and passport.model:
            sentences = opening(evaluation, passport.name)
            yield files.new(f"card-{passport.name}", ".md"), model_card(passport, evaluation, sentences)


def _figures(evaluation: Evaluation) -> Iterator[tuple[str, Picture]]:
    """Yield the name of each figure that has rows, and it as PNG, with an SVG and a CSV of its numbers."""
    for name, drawing in FIGURES.items():
        rows = drawing.rows(evaluation)
        if not rows.empty:
            yield name, pictured(name, drawing.caption, drawing.drawn(rows), rows)

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
from classify.report.notices import differing_images, differing_making, differing_positive, few_groups, seen_in_training
from classify.report.protocol import opening, protocol
from classify.report.provenance import data_counts, how_made
from classify.report.published import beside
from classify.report.score_tables import accuracy_table, other_scores, unscored
from classify.report.sentences import novelty_sentences
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
        parts = [
            other_scores(evaluation),
            *protocol(evaluation),
            Section("figures", "Figures", pictures=list(_figures(evaluation))),
            *sections,
        ]
        files = FileNames(*TABLES)
        cards = dict(_cards(passports, evaluation, files))
        for file, text in cards.items():
            (folder / file).write_text(shown_text(text), encoding="utf-8")
        page = {
            "title": title,
            "notices": (notices := [*notices, *_notices(evaluation, passports)]),
            "codes": explained([one.id for one in (*notices, *(one for part in sections for one in part.findings))]),
            "chosen": evaluation.chosen,
            **_opening(evaluation, passports, sections),
            **accuracy_table(evaluation),
            "published": beside(passports, evaluation),
            "parts": [shown(part, folder, files) for part in parts if part.tables or part.pictures or part.sentences],
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


def _opening(evaluation: Evaluation, passports: Sequence[Passport], sections: Sequence[Section]) -> dict:
    """Return the ``headline`` and ``sentences`` that the page begins with."""
    chosen, result = evaluation.chosen, verdict(evaluation)
    sentences = [*result.sentences, *opening(evaluation, chosen)]
    sentences += [passport.threshold_sentence() for passport in passports if passport.name == chosen]
    sentences += novelty_sentences(chosen, evaluation.facts[chosen].novelty) if chosen else []
    sentences += [f"{part.title}. {part.sentences[0]}" for part in sections if part.sentences]
    headline = " ".join([*(one.text for one in seen_in_training(passports, chosen, sections)), result.headline])
    return {"headline": headline, "sentences": [*filter(None, sentences), result.why]}


def _notices(evaluation: Evaluation, passports: Sequence[Passport]) -> list[Notice]:
    """Return the notices above the numbers."""
    return [
        *few_groups(evaluation),
        *differing_images(evaluation.predictions),
        *differing_making(passports),
        *differing_positive(passports, evaluation.positive),
    ]


def _cards(passports: Sequence[Passport], evaluation: Evaluation, files: FileNames) -> Iterator[tuple[str, str]]:
    """Yield a file name and a model card for each model with a passport."""
    for passport in passports:
        if passport.name in evaluation.facts and passport.model:
            sentences = opening(evaluation, passport.name)
            yield files.new(f"card-{passport.name}", ".md"), model_card(passport, evaluation, sentences)


def _figures(evaluation: Evaluation) -> Iterator[Picture]:
    """Yield each figure that has rows, as PNG, with an SVG and a CSV of its numbers."""
    for name, drawing in FIGURES.items():
        rows = drawing.rows(evaluation)
        if not rows.empty:
            yield pictured(name, drawing.caption, drawing.drawn(rows), rows)

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.pages.codes import Notice
from classify.pages.sections import Section, Table
from classify.predictions import VALIDATION, Predictions
from classify.report import write as report
from classify.report.browser.gallery import Gallery
from classify.report.figures import FIGURES
from classify.report.write import write_report
from classify.stats.evaluation import evaluate
from classify.trained.passport import DataFacts, FoldFacts, Passport
from classify.workspace import facts_of

PASSPORT = Passport(
    name="svm",
    model="svm",
    reads="features",
    classes=["ai", "real"],
    positive="ai",
    params={"C": 1.7, "gamma": 0.001953125},
    extractor={"name": "resnet18-x", "weights": "imagenet", "weights_sha256": "f37072fd", "trained": True},
    data=DataFacts(set="photos", root="data/photos", digest="a1", n_train=100),
    cv=FoldFacts(scoring="accuracy", n_folds=5, mean=0.9, std=0.02),
    trials=40,
    seconds=83.2,
    seed=0,
    versions={"scikit-learn": "1.9.0"},
)


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch):
    monkeypatch.setattr(report, "FIGURES", {"roc": FIGURES["roc"]})


@pytest.fixture
def every_figure(monkeypatch):
    monkeypatch.setattr(report, "FIGURES", FIGURES)


class Page(HTMLParser):
    """The words of a page, and the tags and links in it."""

    def __init__(self, html):
        super().__init__()
        self.words, self.tags, self.links, self.files, self._style = [], set(), [], [], False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", "".join(self.words))

    def handle_starttag(self, tag, attrs):
        data = ("type", "application/json") in attrs
        self.tags.add(tag if tag != "script" or (attrs and not data) else "our script")
        self._style = self._style or tag in ("style", "script", "svg")
        self.files += [value for name, value in attrs if name == "data-file"]
        self.links += [value for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data):
        if not self._style:
            self.words.append(data)

    def handle_endtag(self, tag):
        self._style = self._style and tag not in ("style", "script", "svg")


@pytest.fixture(scope="module")
def usual(three_models):
    return evaluate(three_models)


def page(evaluation, tmp_path, passports=(), **options):
    if isinstance(evaluation, Predictions):
        evaluation = evaluate(evaluation, {passport.name: facts_of(passport) for passport in passports})
    path = write_report(evaluation, tmp_path / "report", passports=passports, **{"title": "A title", **options})
    return Page(path.read_text(encoding="utf-8"))


def test_models_of_other_folds_are_shown_and_neither_chosen_nor_ranked(tmp_path, every_figure, usual):
    """The forest has the best validation score, in easier folds than the two others."""
    table = usual.predictions.table.copy()
    forest = (table["model"] == "forest") & (table["set"] == VALIDATION)
    table.loc[forest, "predicted"] = table.loc[forest, "label"]
    table.loc[forest, "prob_ai"] = np.where(table.loc[forest, "label"] == "ai", 0.9, 0.1)
    table["prob_real"] = 1 - table["prob_ai"]
    kinds = {"svm": "source", "logreg": "source", "forest": "random"}
    passports = [replace(PASSPORT, name=name, cv=replace(PASSPORT.cv, folds=folds)) for name, folds in kinds.items()]
    shown = page(Predictions(table), tmp_path, passports)
    assert "from 2 models" in shown.text
    assert shown.text.count("forest (5 random folds of seed 0, tuned for accuracy)") == 1
    assert "5 folds by source of seed 0, tuned for accuracy" in shown.text
    drawn = pd.read_csv(tmp_path / "report" / "accuracy.csv")
    assert set(drawn.loc[drawn["set"] == VALIDATION, "model"]) == {"svm", "logreg"}
    pairs = pd.read_csv(tmp_path / "report" / "differences-folds.csv")
    assert set(pairs["model"]) | set(pairs["other model"]) == {"svm", "logreg"}


def test_page_says_all_that_an_analyst_asks(tmp_path, usual):
    thresholds = {"ai": 0.0625, "real": 0.9375}
    passports = [replace(PASSPORT, name=name, thresholds=thresholds) for name in usual.predictions.models]
    text = page(usual, tmp_path, passports, notices=[Notice("FX608", "Beware.")], command="pipelines compare x").text
    assert (
        text.index("A title")
        < text.index("Trust svm on images")
        < text.index("Beware.")
        < text.index("always guessing")
    )
    for words in (
        "92.0 % (87.4–95.0)n = 200",
        "48.0 % (38.5–57.7)n = 100",
        "cross-validationoptimistic",
        "always guessing the largest class",
        "C 1.7, gamma 0.001953",
        "probability of ai is at least 0.0625",
        "ai 0.0625, real 0.9375",
        "1 min 23 s",
        "f37072fd",
        "scikit-learn 1.9.0",
        "data/photos",
        "pipelines compare x",
    ):
        assert words in text


def test_validation_is_never_shown_without_its_warning_or_with_an_interval(tmp_path, predicted):
    text = page(predicted({"m": {VALIDATION: (50, 0.9), "test": (50, 0.6)}}), tmp_path).text
    assert "90.0 ±" in text
    assert "90.0 % (" not in text


def test_page_fetches_nothing_and_names_only_its_own_files(tmp_path, every_figure, usual):
    shown = page(usual, tmp_path, [PASSPORT])
    assert not [link for link in shown.links if not link.startswith(("data:", "#"))]
    assert len(shown.files) > 20
    assert all((tmp_path / "report" / name).is_file() for name in shown.files)
    assert not shown.tags & {"script", "link", "iframe", "object"}


def test_folder_holds_the_tables_and_figures_and_nothing_else(tmp_path, every_figure, usual):
    page(usual, tmp_path)
    folder = tmp_path / "report"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"index.html", "scores.csv", "folds.csv", "predictions.csv", "scores-test-decided.csv"}
    figures = {Path(name).stem for name in names if name.endswith(".png")}
    assert figures == set(FIGURES) - {"training"}
    assert names >= {f"{figure}.{kind}" for figure in figures for kind in ("svg", "csv")}
    assert names == {"index.html", *Page((folder / "index.html").read_text()).files}
    assert list(tmp_path.iterdir()) == [folder]
    scores = pd.read_csv(folder / "scores.csv").set_index(["model", "set"])
    assert scores.index.unique("model").tolist() == ["svm", "logreg", "forest"]  # best validation first
    assert scores.loc[("svm", "test"), ["n", "accuracy"]].tolist() == [200, 0.92]
    assert len(Predictions.read(folder / "predictions.csv").table) == len(usual.predictions.table)
    assert set(pd.read_csv(folder / "folds.csv")["scoring"]) >= {"accuracy", "roc_auc"}


def test_same_input_gives_the_same_bytes(tmp_path, usual):
    one, other = (write_report(usual, tmp_path / name / "r", title="t", passports=[PASSPORT]) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_names_stay_text(tmp_path, every_figure, predicted):
    classes = ("<b>bold</b>", "100% $x^$, y", "日本")
    predictions = predicted({"<i>m</i>": {VALIDATION: (60, 0.9), "<script>1</script>": (30, 0.7)}}, classes)
    passport = Passport("<i>m</i>", params={"<u>": "{{ 7 * 7 }}"})
    shown = page(predictions, tmp_path, [passport], title="<h6>", notices=[Notice("FX608", "<s>")], command="<q>")
    assert not shown.tags & {"b", "i", "script", "u", "h6", "s", "q"}
    for words in (*classes, "<i>m</i>", "<script>1</script>", "{{ 7 * 7 }}", "<h6>", "<s>", "<q>"):
        assert words in shown.text


def test_a_set_without_labels_is_listed_and_not_scored(tmp_path, predicted):
    table = predicted({"m": {"test": (40, 0.9), "wild": (10, 0.5)}}).table
    table.loc[table["set"] == "wild", "label"] = ""
    shown = page(Predictions(table), tmp_path)
    assert "no labels: wild." in shown.text
    assert pd.read_csv(tmp_path / "report" / "scores.csv")["set"].tolist() == ["test"]


def test_models_of_different_images_and_data_are_called_out(tmp_path, predicted):
    passports = [Passport(name, data=DataFacts(digest=name)) for name in "ab"]
    text = page(predicted({"a": {"test": (40, 0.9)}, "b": {"test": (30, 0.9)}}), tmp_path, passports).text
    assert "On the test set the models predicted different images" in text
    assert "trained on different data" in text


def test_a_passport_may_lack_all_but_a_name(tmp_path, usual):
    page(usual, tmp_path, [Passport("svm")])


def test_a_new_report_takes_the_place_of_the_old(tmp_path, usual, predicted):
    page(usual, tmp_path, title="first")
    shown = page(predicted({"m": {"test": (30, 0.5)}}, ("a", "b", "c")), tmp_path, title="second")
    assert "second" in shown.text
    assert not (tmp_path / "report" / "roc.png").exists()


def test_what_else_is_known_and_what_images_look_like_join_the_page(tmp_path, usual):
    section = Section(
        "audit", "An audit", ["Two files leak."], [Table("leaks", "Leaks", pd.DataFrame({"path": ["a"]}))]
    )
    Image.new("RGB", (300, 200), "red").save(tmp_path / "7.jpg")
    gallery = Gallery(tmp_path / "gallery", tmp_path)
    shown = page(usual, tmp_path, [PASSPORT], sections=[section], gallery=gallery)
    at = [shown.text.rindex(words) for words in ("An audit", "Two files leak.", "Differences between", "Other scores")]
    assert at == sorted(at)
    assert (tmp_path / "report" / "leaks.csv").exists()
    assert "test set: 16 of 200 wrong" in shown.text
    (tmp_path / "7.jpg").unlink()
    again = page(usual, tmp_path, [PASSPORT], sections=[section], gallery=gallery)
    assert again.links == shown.links  # thumbnails are kept


STUDY = {
    "study": "first",
    "title": "The first <study>",
    "source": "a journal",
    "notes": ["Their images have gone."],
    "scores": [
        {"set": "test", "called": "their test", "value": 80, "n": 60},
        {"set": "validation", "called": "folds", "value": 95, "n": None},
    ],
}


def test_published_numbers_stand_beside_those_found_here(tmp_path, usual):
    shown = page(usual, tmp_path, [replace(PASSPORT, published=STUDY)])
    for words in (
        "The first <study>. Source: a journal.",
        "their test 80 % (68.2–88.2)n = 60 test set92.0 % (87.4–95.0)n = 200",
        "folds 95 %n not known cross-validation90.0 ±",
        "measured on the same images",
        "Their images have gone.",
    ):
        assert words in shown.text
    assert "a journal" not in page(usual, tmp_path, [PASSPORT]).text


def test_a_study_without_numbers_says_so(tmp_path, usual):
    text = page(usual, tmp_path, [replace(PASSPORT, published=STUDY | {"scores": []})]).text
    assert "No numbers were published" in text
    assert "their test" not in text


def test_a_model_that_sees_no_picture_stands_last_and_is_called_so(tmp_path, usual):
    shown = page(usual.predictions, tmp_path, [replace(PASSPORT, reads="files")])
    assert "Accuracy of logreg, the chosen model" in shown.text  # svm, which did better in the folds, is not chosen
    assert "metadata-only baseline" in shown.text
    table = shown.text[shown.text.index("optimistic") :]
    assert table.index("logreg") < table.index("forest") < table.index("svm")
    assert "metadata-only" not in page(usual, tmp_path, [PASSPORT]).text


@pytest.mark.parametrize(("level", "shown"), [("critical", True), ("warning", True), ("ok", False)])
def test_the_first_screen_says_what_the_audit_found(three_models, tmp_path, level, shown):
    found = [Notice("FX101", "A baseline separates the classes.", level)]
    section = Section("audit", "The audit: more", ["1 critical: formats."], findings=found)
    text = page(three_models, tmp_path, [PASSPORT], sections=[section]).text
    assert ("The audit: 1 critical: formats." in text[: text.index("Accuracy of every model")]) == shown


WORDING = Path(__file__).with_name("wording.txt")


def test_the_wording_of_the_page_is_the_one_that_was_read_and_accepted(three_models, tmp_path):
    """Numbers are left out, so that only a change of words fails; read the new words, then copy them over the old."""
    passports = [replace(PASSPORT, name=name) for name in three_models.models]
    text = page(three_models, tmp_path, passports, command="classify report").text
    text = re.sub(r"\d+(?:[.,]\d+)*", "#", text)
    new = tmp_path / "wording.txt"
    new.write_text("\n".join(re.split(r"(?<=[.:;]) ", text.strip())) + "\n", encoding="utf-8")
    assert new.read_text(encoding="utf-8") == WORDING.read_text(encoding="utf-8"), f"new words: {new}"

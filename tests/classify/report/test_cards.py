import re
import subprocess
import sys
from dataclasses import replace

import pytest

from classify.pages.words import with_interval
from classify.predictions import Predictions
from classify.report.cards import model_card
from classify.stats.evaluation import evaluate
from classify.trained.passport import DataFacts, FoldFacts, Passport

PASSPORT = Passport(
    name="svm-toy",
    model="svm",
    about="RBF support vector machine on standardised features",
    reads="features",
    classes=["ai", "real"],
    positive="ai",
    thresholds={"ai": 0.5, "real": 0.5},
    params={"C": 1.7, "gamma": 0.002},
    extractor={"name": "resnet18-1", "backbone": "resnet18", "trained": True, "fingerprint": "1"},
    data=DataFacts(set="toy", n_train=50, counts={"train": {"ai": 30, "real": 20}, "wild": {"ai": 7}}),
    notes=["Mind the gap."],
    command="classify tune --model svm",
    cv=FoldFacts(scoring="accuracy", n_folds=5, scores=[0.9], mean=0.9, std=0.1),
    trials=3,
    seconds=200,
    seed=0,
)


@pytest.fixture(scope="module")
def predictions_of(predicted):
    """Return a function from {set: number of right ones of 40 images} to predictions of a model."""
    usual = {"test": 36, "wild": 20}

    def make(right=usual, model="svm-toy") -> Predictions:
        return predicted({model: {name: (40, n / 40) for name, n in {"validation": 36, **right}.items()}})

    return make


@pytest.fixture(scope="module")
def card(predictions_of):
    """Return a function from what differs in passport and predictions to the card."""
    usual = evaluate(predictions_of())

    def make(predictions=None, sentences=("It is right on most.",), passport=PASSPORT, **changes) -> str:
        return model_card(replace(passport, **changes), evaluate(predictions) if predictions else usual, sentences)

    return make


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^(#+ .+)$", text, flags=re.M)
    return dict(zip((title.lstrip("# ") for title in parts[1::2]), (part.strip() for part in parts[2::2]), strict=True))


def rows(table: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in lines}


def test_a_card_has_its_parts_in_order_under_the_models_name(card):
    text = card()
    assert text.lstrip().startswith(r"# svm-toy")
    assert list(sections(text)) == [
        "svm-toy",
        "What it is",
        "Limitations",
        "Results",
        "Cross-validation scores (optimistic)",
        "Images",
        "How it was made",
        "Model",
        "Features",
        "Training",
        "Use it",
        "Reproduce",
    ]


def test_results_are_those_of_the_scores_with_their_intervals(card, predictions_of):
    predictions = predictions_of()
    table = rows(sections(card(predictions))["Results"])
    assert table["score"] == ["test set", "external set “wild”"]
    assert table["images"] == ["40", "40"]
    assert table["accuracy"] == [with_interval(row) for _, row in evaluate(predictions).scores.iterrows()]
    assert table["accuracy"][0].startswith("90.0 % (")
    assert "macro recall" not in table
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3}–\d\.\d{3}\)", table["log loss"][0])


def test_folds_are_called_a_selection(card):
    part = sections(card())["Cross-validation scores (optimistic)"]
    assert "tend to be too high" in part
    assert rows(part)["accuracy"][0].startswith("90.0 ±")


def test_what_it_cannot_do_is_computed(card, predictions_of):
    limits = sections(card())["Limitations"]
    assert "- Mind the gap." in limits
    assert "On images of external set “wild”: balanced accuracy 50.0 % (" in limits
    assert "test set" not in limits
    one_class = predictions_of().table
    one_class = one_class[(one_class["set"] != "wild") | (one_class["label"] == "ai")]
    assert "guessing" not in sections(card(Predictions(one_class)))["Limitations"]
    assert "untrained" not in limits
    worse = sections(card(predictions_of({"wild": 4}), extractor={"trained": False}))["Limitations"]
    assert "On images of external set “wild”: balanced accuracy 10.0 % (" in worse
    assert "reversed" in worse
    assert "untrained net" in worse
    assert "unseen images of the kind that it was trained on is unknown" in worse


def test_a_model_without_any_result_has_no_table_of_results(card, predictions_of):
    parts = sections(card(predictions_of({})))
    assert "Results" not in parts
    assert "is unknown" in parts["Limitations"]


def test_other_models_are_left_out(card, predictions_of):
    both = Predictions.concat([predictions_of(), predictions_of({"test": 0}, "other")])
    table = rows(sections(card(both))["Results"])
    assert table["score"] == ["test set", "external set “wild”"]
    assert table["accuracy"][0].startswith("90.0 %")


def test_what_is_known_of_its_making_stands_on_it(card):
    parts = sections(card())
    images = rows(parts["Images"])
    assert (images["set"], images["training set"], images["external set “wild”"]) == (
        ["ai", "real"],
        ["30", "20"],
        ["7", "0"],
    )
    assert rows(parts["Model"])["best parameters"] == ["C 1.7, gamma 0.002"]
    assert rows(parts["Features"])["backbone"] == ["resnet18"]
    assert "classify predict svm-toy" in parts["Use it"]
    assert parts["Reproduce"].strip() == "classify tune --model svm"
    assert "It is right on most." in parts["svm-toy"]
    assert "at least 0.5" in parts["What it is"]


def test_a_name_alone_is_enough(card):
    text = card(sentences=(), passport=Passport("svm-toy"))
    assert list(sections(text))[:4] == ["svm-toy", "What it is", "Limitations", "Results"]


def test_a_detector_from_elsewhere_cannot_be_run_here(card):
    parts = sections(card(reads="scores", extractor=None))
    assert "Use it" not in parts
    assert "Images" not in parts
    assert "from elsewhere" in parts["What it is"]


def test_hostile_names_stay_text(card, predictions_of):
    name = "a/b|*c*<script>"
    text = card(predictions_of({"w|ild<b>": 30}, name), name=name, notes=["# no heading <img src=x>"])
    shown = text.replace("    classify predict 'a/b|*c*<script>' FILE_OR_FOLDER", "")  # code is shown as it is
    assert not re.search("<(script|b|img)", shown)
    assert r"- \# no heading" in text
    assert next(iter(sections(text))) == r"a/b\|\*c\*&lt;script>"
    assert r"w\|ild&lt;b>" in sections(text)["Results"]


def test_a_card_needs_no_torch():
    code = (
        "import sys, pandas as pd\n"
        "from types import SimpleNamespace\n"
        "from classify.report.cards import model_card\n"
        "from classify.trained.passport import Passport\n"
        "empty = pd.DataFrame({'model': [], 'set': [], 'scoring': []})\n"
        "assert 'Limitations' in model_card(Passport('x'), SimpleNamespace(scores=empty, folds=empty))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

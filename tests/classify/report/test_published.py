from types import SimpleNamespace

import pandas as pd
import pytest

from classify.report.published import beside
from classify.trained.passport import Passport

SCORES = pd.DataFrame(
    {
        "model": ["svm", "svm", "svm", "cnn"],
        "set": ["test", "own", "wild", "test"],
        "n": [200, 1100, 50, 200],
        "accuracy": [0.92, 0.5, 0.6, 0.7],
        "accuracy_low": [0.874, 0.47, 0.46, 0.63],
        "accuracy_high": [0.95, 0.53, 0.72, 0.76],
    }
)
FOLDS = pd.DataFrame(
    {
        "model": ["svm", "svm"],
        "scoring": ["roc_auc", "accuracy"],
        "n": [869, 869],
        "mean": [0.97, 0.914],
        "std": [0.01, 0.025],
    }
)
EVALUATION = SimpleNamespace(scores=SCORES, folds=FOLDS)


def passport(model="svm", **changes):
    score = {"set": "test", "called": "their test", "value": 80, "n": 60} | changes
    return Passport(model, published={"study": "s", "title": "T", "source": "S", "notes": [], "scores": [score]})


def only_row(**changes):
    (row,) = beside([passport(**changes)], EVALUATION)["rows"]
    return row


def test_a_number_stands_beside_the_set_that_stands_for_its_own():
    assert only_row() == {
        "model": "svm",
        "called": "their test",
        "value": "80 % (68.2–88.2)",
        "n": "60",
        "set": "test set",
        "here": "92.0 % (87.4–95.0)",
        "n_here": "200",
    }


def test_a_number_is_shown_as_it_was_printed_and_has_no_interval_where_n_is_not_known():
    row = only_row(value=79.27, n=None)
    assert (row["value"], row["n"]) == ("79.27 %", None)


def test_the_interval_of_a_published_number_follows_from_its_n():
    assert only_row(value=87.8, n=30000)["value"] == "87.8 % (87.4–88.2)"


def test_validation_stands_beside_the_accuracy_over_folds_and_neither_has_an_interval():
    row = only_row(set="validation", value=95, n=1000)
    assert (row["value"], row["n"]) == ("95 %", "1,000")
    assert (row["set"], row["here"], row["n_here"]) == ("cross-validation", "91.4 ± 2.5 %", "869")


def test_an_own_set_stands_beside_every_custom_set():
    rows = beside([passport(set="custom")], EVALUATION)["rows"]
    assert [(row["set"], row["n_here"]) for row in rows] == [
        ("external set “own”", "1,100"),
        ("external set “wild”", "50"),
    ]


@pytest.mark.parametrize(("name", "title"), [("validation", "cross-validation"), ("custom", "external set “custom”")])
def test_a_set_that_is_not_here_leaves_its_place_empty(name, title):
    row = only_row(model="cnn", set=name)
    assert (row["set"], row["here"], row["n_here"]) == (title, None, None)


def test_rows_follow_the_order_of_the_passports():
    rows = beside([passport("cnn"), passport("svm")], EVALUATION)["rows"]
    assert [row["model"] for row in rows] == ["cnn", "svm"]


def test_a_study_is_told_of_once_and_models_of_no_study_not_at_all():
    table = beside([passport("svm"), Passport("mine"), passport("cnn")], EVALUATION)
    assert [study["title"] for study in table["studies"]] == ["T"]
    assert beside([Passport("mine")], EVALUATION) is None

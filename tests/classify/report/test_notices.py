from dataclasses import replace

import numpy as np
import pytest

from classify.pages.codes import Notice
from classify.pages.sections import Section
from classify.predictions import Predictions
from classify.report.notices import (
    differing_images,
    differing_making,
    differing_positive,
    few_groups,
    of_making,
    seen_in_training,
)
from classify.stats.evaluation import evaluate
from classify.trained.passport import DataFacts, FoldFacts, Passport


@pytest.fixture
def predictions(predicted):
    return predicted({model: {"test": (40, 0.7), "wild": (20, 0.7)} for model in ("svm", "logreg")})


def test_a_set_of_a_handful_of_groups_is_called_one(predictions):
    table = predictions.table
    number = table["path"].str.removesuffix(".jpg").astype(int)
    grouped = table.assign(group=np.where(table["set"] == "test", "photograph " + (number % 7).astype(str), ""))
    (notice,) = few_groups(evaluate(Predictions(grouped)))
    assert "test images" in notice.text
    assert "7 groups" in notice.text
    for n in (20, 2):  # of 2 no score has an interval, and each says so
        assert few_groups(evaluate(Predictions(table.assign(group=(number % n).astype(str))))) == []


def test_models_judged_on_different_images_are_called_out(predictions):
    assert differing_images(predictions) == []
    table = predictions.table
    fewer = Predictions(table[(table["model"] == "svm") | (table["path"] != "3.jpg") | (table["set"] == "wild")])
    (notice,) = differing_images(fewer)
    assert "On the test set" in notice.text


def test_models_made_differently_are_called_out():
    data, cv, extractor = DataFacts(digest="a"), FoldFacts(scoring="accuracy", n_folds=5), {"fingerprint": "a"}
    made = Passport("svm", data=data, cv=cv, extractor=extractor)
    assert differing_making([made, made, Passport("theirs")]) == []
    for change, words in (
        ({"data": DataFacts(digest="b")}, "trained on different data"),
        ({"cv": replace(cv, n_folds=3)}, "3 folds, tuned for accuracy"),
        ({"cv": replace(cv, scoring="roc_auc")}, "5 folds, tuned for ROC AUC"),
        ({"cv": replace(cv, folds="source")}, "5 folds by source"),
        ({"seed": 7}, "of seed 7"),
        ({"extractor": {"fingerprint": "b"}}, "features from different extractors"),
    ):
        (notice,) = differing_making([made, replace(made, **change)])
        assert words in notice.text


def test_untrained_weights_and_notes_of_passports_are_said_once():
    plain = Passport("svm", notes=["A note."])
    untrained = replace(plain, name="logreg", extractor={"trained": False, "backbone": "resnet18"})
    started = replace(plain, name="cnn", settings={"weights": "random"})
    assert of_making([plain, plain]) == [Notice("FX609", "A note.")]
    first, second, note = of_making([plain, untrained, started])
    assert first.text.startswith("The features of logreg come from an UNTRAINED resnet18")
    assert second.text.startswith("cnn started from UNTRAINED")
    assert note.text == "A note."


def test_a_model_whose_positive_class_is_not_the_pages_is_named():
    passports = [Passport("svm", positive="ai"), Passport("theirs", positive="real"), Passport("old")]
    (notice,) = differing_positive(passports, "ai")
    assert "theirs (real)" in notice.text
    assert "svm" not in notice.text
    assert differing_positive(passports[:1], "ai") == differing_positive(passports, None) == []


def test_a_page_begins_with_the_sets_that_training_has_seen_by_name():
    audit = Section("audit", "The audit", warning="7 of the 60 test images have a copy that training uses.")
    data = DataFacts(digest="a", copies={"augmented": 20}, counts={"augmented": {"ai": 20, "real": 20}})
    known, clean = Passport("svm", data=data), Passport("logreg", data=DataFacts(digest="a"))
    (sentence,) = seen_in_training([clean, known], "svm", [audit])
    assert sentence.text.startswith("20 of the 40 images of external set “augmented”")
    assert seen_in_training([clean, known], "logreg", [audit]) == [Notice("FX607", audit.warning, "critical")]
    assert seen_in_training([Passport("old")], None, [Section("other", "Other")]) == []

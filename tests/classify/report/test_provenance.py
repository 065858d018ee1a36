from dataclasses import replace

import pandas as pd
import pytest

from classify.predictions import Predictions
from classify.report.provenance import data_counts, duration, how_made
from classify.trained.passport import DataFacts, FoldFacts, Passport

PASSPORT = Passport(
    "svm",
    model="svm",
    params={"C": 1.7},
    extractor={"name": "resnet18-x", "weights_sha256": "f37072fd", "trained": True},
    data=DataFacts(root="data/photos", digest="a1", n_train=100),
    cv=FoldFacts(scoring="accuracy", n_folds=5),
    seed=0,
    versions={"scikit-learn": "1.9.0"},
    environment={"python": "3.11.7", "cores": "2"},
    code_sha256="c0de",
)


def test_what_models_share_is_said_once():
    cards = how_made([PASSPORT, replace(PASSPORT, name="logreg", model="logreg"), Passport("cnn", seed=0)])
    titles = [card["title"] for card in cards]
    assert titles == [
        "svm",
        "logreg",
        "cnn",
        "features of svm and logreg",
        "training of svm and logreg",
        "training of cnn",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0.4 s"), (59.7, "1 min 0 s"), (83.2, "1 min 23 s"), (7260, "2 h 1 min")]
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_hashes_of_data_weights_and_code_and_the_machine_are_told():
    facts = dict(pair for card in how_made([PASSPORT]) for pair in card["facts"])
    assert facts["weights sha256"] == "f37072fd"
    assert facts["data digest"] == "a1"
    assert facts["code sha256"] == "c0de"
    assert facts["machine"] == "python 3.11.7, cores 2"


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"near": 2_000}, "2,000 images; each group stays on one side of every split"),
        ({"near_duplicates": "keep"}, "count as different images"),
        ({}, None),
    ],
)
def test_near_duplicates_are_counted_with_the_training(facts, text):
    cards = how_made([replace(PASSPORT, data=DataFacts(**facts))])
    assert dict(pair for card in cards for pair in card["facts"]).get("near-duplicates") == text


def test_images_are_counted_once_whatever_the_number_of_models():
    part = pd.DataFrame({"path": ["a", "b", "c"], "label": ["ai", "real", ""], "prob_ai": 0.7, "prob_real": 0.3})
    part = part.assign(set="test", predicted="ai", split="held", source="", group="", fold=-1)
    counts = data_counts(Predictions(pd.concat([part.assign(model="svm"), part.assign(model="cnn")])))
    assert counts["header"] == ["set", "split", "ai", "real", "no label", "all"]
    assert counts["rows"] == [["test set", "held", 1, 1, 1, 3]]

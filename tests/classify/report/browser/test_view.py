import json
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from classify.predictions import Predictions
from classify.report.browser.gallery import Gallery
from classify.report.browser.view import N_STILL, begins_with, errors, thresholds
from classify.stats.evaluation import evaluate


@pytest.fixture(scope="module")
def evaluation(rows_of):
    return replace(evaluate(Predictions(pd.concat([rows_of("svm"), rows_of("cnn")]))), chosen="cnn")


@pytest.fixture
def gallery(tmp_path):
    for name in ("test", "train"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (300, 150), (i, 0, 0)).save(tmp_path / "images" / name / f"{i}.jpg")
    gallery = Gallery(tmp_path / "kept", tmp_path / "images")
    near = pd.DataFrame({"path": "test/39.jpg", "rank": [1, 0], "neighbour": ["train/2.jpg", "train/1.jpg"]})
    gallery.keep_neighbours(near.assign(label=["real", "ai"], distance=1.0))
    return gallery


def test_errors_of_the_chosen_model_show_without_a_script(evaluation, gallery):
    shown = errors(evaluation, gallery)
    (part,) = shown["sets"]
    assert (shown["model"], part["n_wrong"], part["n"], len(part["wrong"])) == ("cnn", 20, 40, N_STILL)
    first = part["wrong"][0]
    assert (first["path"], first["sure"], first["near"]) == ("test/39.jpg", "99.0 %", ["ai", "real"])
    assert first["label"] != first["predicted"]
    assert first["uri"].startswith("data:image/jpeg;base64,")


def test_the_script_finds_each_picture_once(evaluation, gallery):
    shown = errors(evaluation, gallery)
    data = json.loads(shown["json"])
    still = {picture["place"]: picture for picture in shown["sets"][0]["wrong"]}
    assert [i for i, code in enumerate(data["pool"]) if not code] == sorted(still)
    for i, path in enumerate(data["path"]):
        if data["small"][i] in still:
            assert still[data["small"][i]]["path"] == path
    at = data["path"].index("test/39.jpg")
    assert [near[:2] for near in data["near"][at]] == [["train/1.jpg", "ai"], ["train/2.jpg", "real"]]
    assert all(data["pool"][near[2]] for near in data["near"][at])
    assert data["pool"][data["large"][at]]


def test_nothing_in_the_data_ends_their_element(rows_of, gallery):
    table = rows_of()
    table.loc[39, "path"] = "</script><b>&"
    text = str(errors(evaluate(Predictions(table)), gallery)["json"])
    assert not set("<>&") & set(text)
    assert "</script><b>&" in json.loads(text)["path"]


def test_thresholds_are_those_of_the_models(evaluation):
    data = json.loads(thresholds(evaluation, {"svm": 0.5}))
    assert [data["models"][curve["model"]] for curve in data["curves"]] == ["svm", "cnn"]
    assert data["curves"][0]["own"] == 0.5
    assert data["models"][data["chosen"]] == begins_with(evaluation) == "cnn"


def test_without_unseen_labels_there_is_nothing_to_browse(rows_of, gallery):
    unlabelled = evaluate(Predictions(rows_of().assign(label="")))
    assert errors(unlabelled, gallery) == {}
    assert thresholds(unlabelled, {}) is None

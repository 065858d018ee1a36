from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.predictions import VALIDATION, Predictions
from classify.report.gallery import N_RIGHT, N_WRONG, SIDE, Gallery, galleries, picked, shown_errors
from classify.stats.evaluation import evaluate


def rows_of(model="svm", n=40, name="test"):
    """Every second image is wrong; sureness rises with the number."""
    sure = np.linspace(0.5, 0.99, n)
    label = np.where(np.arange(n) % 4 < 2, "ai", "real")
    predicted = np.where(np.arange(n) % 2 == 0, label, np.where(label == "ai", "real", "ai"))
    table = pd.DataFrame({"path": [f"{name}/{i}.jpg" for i in range(n)], "label": label, "predicted": predicted})
    table["prob_ai"] = np.where(predicted == "ai", sure, 1 - sure)
    fold = 0 if name == VALIDATION else -1
    return table.assign(
        prob_real=1 - table["prob_ai"], model=model, set=name, split=name, source="", group="", fold=fold
    )


@pytest.fixture
def gallery(tmp_path):
    for name in ("test", "wild", "train"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (300, 150), (i, 0, 0)).save(tmp_path / "images" / name / f"{i}.jpg")
    return Gallery(tmp_path / "kept", tmp_path / "images")


def test_a_thumbnail_is_made_once_and_outlives_its_image(gallery):
    data = gallery.thumbnail("test/3.jpg")
    with Image.open(BytesIO(data)) as image:
        assert image.size == (SIDE, SIDE // 2)
    (gallery.root / "test/3.jpg").unlink()
    assert gallery.thumbnail("test/3.jpg") == data
    assert gallery.thumbnail("test/nowhere.jpg") is None
    (gallery.root / "test/4.jpg").write_bytes(b"no image")
    assert gallery.thumbnail("test/4.jpg") is None


def test_most_confident_come_first_and_validation_is_left_out():
    predictions = Predictions(pd.concat([rows_of(name=VALIDATION), rows_of(), rows_of(name="wild", n=8)]))
    by_set = {name: (wrong, right) for name, wrong, right in picked(predictions, "svm")}
    assert list(by_set) == ["test", "wild"]
    wrong, right = by_set["test"]
    assert wrong["path"].tolist() == [f"test/{i}.jpg" for i in range(39, 0, -2)]
    assert right["path"].tolist() == [f"test/{i}.jpg" for i in range(38, -1, -2)]
    assert wrong["sure"].is_monotonic_decreasing
    assert wrong["sure"].iloc[0] == pytest.approx(0.99)
    assert shown_errors(predictions, "svm") == [
        *wrong["path"].head(N_WRONG), *(f"wild/{i}.jpg" for i in (7, 5, 3, 1)),
    ]  # fmt: skip


def test_pictures_stand_with_their_scores_and_those_of_the_chosen_model_with_their_like(gallery):
    predictions = Predictions(pd.concat([rows_of("svm"), rows_of("cnn")]))
    near = pd.DataFrame({"path": "test/39.jpg", "rank": [1, 0], "neighbour": ["train/2.jpg", "train/1.jpg"]})
    gallery.keep_neighbours(near.assign(label=["real", "ai"], distance=1.0))
    cnn, svm = galleries(replace(evaluate(predictions), chosen="cnn"), gallery)
    assert (cnn["model"], cnn["open"], svm["open"]) == ("cnn", True, False)
    (part,) = cnn["sets"]
    assert (part["title"], part["n_wrong"], part["n"]) == ("held-out", 20, 40)
    assert (len(part["wrong"]), len(part["right"])) == (N_WRONG, N_RIGHT)
    first = part["wrong"][0]
    assert (first["path"], first["sure"]) == ("test/39.jpg", "99.0 %")
    assert first["label"] != first["predicted"]
    assert [one["path"] for one in first["near"]] == ["train/1.jpg", "train/2.jpg"]
    assert all(one["uri"].startswith("data:image/jpeg;base64,") for one in [first, *first["near"]])
    assert not any(picture["near"] for one in svm["sets"] for picture in one["wrong"])


def test_what_is_known_of_neighbours_grows(gallery):
    row = {"rank": 0, "neighbour": "train/1.jpg", "label": "ai", "distance": 1.0}
    gallery.keep_neighbours(pd.DataFrame([{"path": "a", **row}]))
    gallery.keep_neighbours(pd.DataFrame([{"path": "b", **row}, {"path": "a", **row, "label": "real"}]))
    assert dict(gallery.neighbours()[["path", "label"]].to_numpy()) == {"a": "real", "b": "ai"}

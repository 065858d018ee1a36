from dataclasses import replace

import numpy as np
import pytest

from classify.errors import ModelError
from classify.explain import explain as room
from classify.explain.explain import explain
from classify.trained.model import TrainedModel
from classify.trained.passport import Passport
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError
from featex.extraction.extract import extract
from featex.store.features import load_features


@pytest.fixture(scope="module")
def trained(tmp_path_factory, write_images, weights_file):
    """A folder of images, their features, and models tuned on them."""
    home = tmp_path_factory.mktemp("explain")
    for number, (split, n) in enumerate({"train": 8, "test": 3}.items()):
        for tint, label in ((0, "ai"), (120, "real")):
            write_images(home / "images" / split / label, n, tint=tint, seed=number)
    extract(home / "images", home / "features", weights=weights_file, device="cpu", name="toy")
    features = load_features(home / "features", "toy")
    models = {}
    for name, wishes in {"svm": {}, "forest": {}, "lenet5": {"max_epochs": 2, "device": "cpu"}}.items():
        models[name] = tune(plan(name, features, trials=0, n_folds=2, **wishes)).model
    return home, models


@pytest.fixture
def quick(monkeypatch):
    """Occlusion on a grid of 2, counted."""
    calls = []

    def fake(image, score):
        calls.append(image.shape)
        return room_occlusion(image, score, grid=2)

    room_occlusion = room.occlusion
    monkeypatch.setattr("featex.extraction.extractor.CPU_BATCH", 1)  # short batches are padded to whole ones
    monkeypatch.setattr(room, "occlusion", fake)
    return calls


def test_each_image_gets_a_map_that_adds_up_its_truth_and_neighbours_of_training(trained, quick):
    home, models = trained
    explanation = explain(models["svm"], [home / "images/test"], cache=home / "features", device="cpu")
    table = explanation.table
    assert len(table) == 6 == len(quick)
    assert table["label"].tolist() == [path.split("/")[-2] for path in table["path"]]
    assert (table["set"] == "test").all()
    assert (table["towards"] == "ai").all()
    assert (table["against"] == "real").all()
    np.testing.assert_allclose(table["map_sum"], table["score"] - table["start"], atol=1e-5)
    assert ((table["score"] > 0) == (table["predicted"] == "ai")).all()
    assert table["agreement"].between(-1, 1).all()
    for one in explanation.images:
        assert len(one.near) == room.N_NEAR
        assert one.near["path"].str.contains("/train/").all()
        assert one.near["distance"].is_monotonic_increasing
    assert explanation.notes == ()
    assert len(explanation.unrelated) == 30


def test_a_training_image_is_told_as_such_and_is_not_its_own_neighbour(trained, quick):
    home, models = trained
    path = home / "images/train/ai/003.jpg"
    (one,) = explain(models["svm"], [path], cache=home / "features", device="cpu").images
    assert one.set == "train"
    assert str(path) not in set(one.near["path"])
    assert one.near["distance"].min() > 1e-6


def test_an_image_of_elsewhere_has_neighbours_and_no_truth(trained, quick, write_images, tmp_path):
    home, models = trained
    (one,) = explain(models["svm"], write_images(tmp_path, 1, seed=99), cache=home / "features", device="cpu").images
    assert (one.label, one.set) == ("", "")
    assert len(one.near) == room.N_NEAR


def test_without_occlusion_there_is_no_agreement_and_a_forest_has_nothing_to_show(trained, quick):
    home, models = trained
    path = home / "images/test/ai/000.jpg"
    (one,) = explain(models["svm"], [path], cache=home / "features", device="cpu", occlude=False).images
    assert not quick
    assert one.drops is None
    assert np.isnan(one.agreement)
    with pytest.raises(ModelError, match="no gradient"):
        explain(models["forest"], [path], cache=home / "features", device="cpu", occlude=False)


def test_a_forest_is_explained_by_occlusion_alone_which_is_said_once(trained, quick):
    home, models = trained
    explanation = explain(models["forest"], [home / "images/test/ai"], cache=home / "features", device="cpu")
    assert all(one.values is None and one.drops.shape == (2, 2) for one in explanation.images)
    assert len(explanation.notes) == 1
    assert "no gradient" in explanation.notes[0]
    assert explanation.table["map_sum"].isna().all()
    assert len(explanation.unrelated) == 0


def test_a_net_is_explained_on_its_pixels_and_says_why_it_has_no_neighbours(trained, quick):
    home, models = trained
    explanation = explain(models["lenet5"], [home / "images/test/real"], cache=home / "features", device="cpu")
    assert all(one.image.shape == (3, 32, 32) and one.values.shape == (5, 5) for one in explanation.images)
    assert all(one.near.empty and one.label == "real" for one in explanation.images)
    assert [note for note in explanation.notes if "features of a net are not stored" in note]


def test_features_that_have_gone_or_changed_cost_the_neighbours_alone(trained, quick, tmp_path):
    home, models = trained
    path = home / "images/test/ai/000.jpg"
    explanation = explain(models["svm"], [path], cache=tmp_path, weights=None, device="cpu")
    assert explanation.images[0].near.empty
    assert "not on disk" in explanation.notes[0]
    passport = models["svm"].passport
    other = replace(models["svm"], passport=replace(passport, data=replace(passport.data, images="other")))
    explanation = explain(other, [path], cache=home / "features", device="cpu")
    assert explanation.images[0].near.empty
    assert "no longer" in explanation.notes[0]


def test_bad_images_are_listed_with_their_reason_and_none_but_bad_ones_are_an_error(trained, quick, tmp_path):
    home, models = trained
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    good = home / "images/test/ai/000.jpg"
    explanation = explain(models["svm"], [bad, good], cache=home / "features", device="cpu")
    assert explanation.failed["path"].tolist() == [str(bad)]
    assert explanation.failed["reason"].str.len().min() > 5
    assert explanation.table["path"].tolist() == [str(good)]
    with pytest.raises(InputError, match="the only image cannot be used"):
        explain(models["svm"], [bad], cache=home / "features", device="cpu")


def test_of_many_classes_the_score_is_between_the_decided_one_and_the_next():
    many = TrainedModel(None, Passport("many", classes=["a", "b", "c"]))
    row = {"predicted": "b", "prob_a": 0.1, "prob_b": 0.6, "prob_c": 0.3}
    assert room.classes_between(many, row) == ("b", "c")

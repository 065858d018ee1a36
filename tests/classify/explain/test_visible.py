from dataclasses import replace

import numpy as np
import pytest

from classify.errors import ModelError
from classify.explain.visible import FeatureExplainer, PixelExplainer, explainer_of
from classify.models.registry import get_model
from classify.nets.classifier import NetClassifier
from classify.nets.zoo import NETS
from classify.trained.model import TrainedModel
from classify.trained.passport import Member, Passport
from featex.extraction.extractor import Extractor

PASSPORT = Passport("m", classes=["ai", "real"], positive="ai", slope=1.0, reads="features")


@pytest.fixture(scope="module")
def extractor(weights_file) -> Extractor:
    return Extractor("resnet18", weights_file, "cpu", batch_size=2)


@pytest.fixture
def on_features(extractor):
    """Return a function that makes the explainer of a model fitted on random features."""

    def make(name: str) -> FeatureExplainer:
        rng = np.random.default_rng(0)
        X = np.abs(rng.normal(size=(30, 512)))
        estimator = get_model(name).build(**get_model(name).first(512)[0]).fit(X, np.repeat(["ai", "real"], 15))
        return FeatureExplainer(TrainedModel(estimator, replace(PASSPORT, model=name)), extractor)

    return make


@pytest.mark.parametrize("name", ["svm", "logreg"])
def test_a_map_takes_the_score_from_that_of_the_mean_image_to_that_of_the_image(
    on_features, write_images, tmp_path, name
):
    explainer = on_features(name)
    image = explainer.read(write_images(tmp_path, 1)[0])
    values, start = explainer.map(image, 0, 1)
    X = explainer.see(image[None])
    (score,) = explainer.decide(X, 0, 1)
    assert values.shape == (7, 7)
    assert values.sum() == pytest.approx(score - start, abs=1e-5)
    assert abs(score - start) > 1e-3
    expected = explainer.model.estimator.decision_function(X)
    assert score == pytest.approx(-expected[0], abs=1e-5)  # above 0 is the second class there, and the first here


def test_a_forest_has_a_score_and_no_map(on_features, write_images, tmp_path):
    explainer = on_features("forest")
    image = explainer.read(write_images(tmp_path, 1)[0])
    assert -1 <= explainer.decide(explainer.see(image[None]), 0, 1)[0] <= 1
    with pytest.raises(ModelError, match="a forest has no gradient"):
        explainer.map(image, 0, 1)


def test_a_net_sees_images_at_the_size_it_was_trained_at(write_images, tmp_path):
    rng = np.random.default_rng(0)
    net = NetClassifier("lenet5", NETS["lenet5"].recipe.changed(image_size=48, max_epochs=1))
    net.fit(rng.integers(0, 256, (12, 3, 48, 48), dtype=np.uint8), np.repeat(["ai", "real"], 6))
    passport = replace(PASSPORT, model="lenet5", reads="pixels", settings={"image_size": 48})
    explainer = explainer_of(TrainedModel(net, passport))
    assert isinstance(explainer, PixelExplainer)
    image = explainer.read(write_images(tmp_path, 1)[0])
    assert image.shape == (3, 48, 48)
    p = net.predict_proba(image[None])[0]
    assert explainer.decide(explainer.see(image[None]), 0, 1)[0] == pytest.approx(np.log(p[0] / p[1]), abs=1e-5)
    values, start = explainer.map(image, 0, 1)
    assert values.ndim == 2
    assert np.isnan(start)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reads": "members", "members": [Member("a", ""), Member("b", "")]}, "explain one of them: a, b"),
        ({"reads": "files"}, "reads file metadata"),
    ],
)
def test_what_sees_no_picture_is_refused(changes, sentence):
    model = TrainedModel(None, PASSPORT)
    with pytest.raises(ModelError, match=sentence):
        explainer_of(replace(model, passport=replace(PASSPORT, **changes)))

import shutil
from pathlib import Path

import numpy as np
import pytest

from featex.errors import WeightsError
from featex.extraction import joined as module
from featex.extraction.extractor import Extractor
from featex.extraction.joined import JoinedExtractor, extractor_for, extractor_of, weights_are_here
from featex.network import weights
from featex.network.views import View


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def test_joined_extractors_give_what_each_gives(weights_file, image):
    views = (View(layers=("stem",)), View("tiles", tiles=2, inputs=("spectrum",)))
    joined = extractor_for(views, "resnet18", weights_file, "cpu", 2)
    parts = [Extractor("resnet18", weights_file, "cpu", 2, view=view) for view in views]
    expected = np.concatenate([part([part.preprocess(image)]) for part in parts], axis=1)
    found = joined([joined.preprocess(image), joined.preprocess(image)])
    np.testing.assert_allclose(found, np.repeat(expected, 2, axis=0), rtol=1e-5)
    assert found.shape[1] == joined.n_features == joined.passport["n_features"]


def test_an_extractor_comes_back_from_its_passport(weights_file):
    views = (View(layers=("stem",)), View("tiles", inputs=("spectrum",)))
    joined = extractor_for(views, "resnet18", weights_file, "cpu")
    again = extractor_of(joined.passport, device="cpu")
    assert isinstance(again, JoinedExtractor)
    assert again.fingerprint == joined.fingerprint
    single = extractor_for(views[:1], "resnet18", weights_file, "cpu")
    assert extractor_of(single.passport, device="cpu").fingerprint == single.fingerprint


def test_joined_extractors_scale_an_image_only_if_all_may(weights_file):
    fast, whole = View(fast=True), View(layers=("layer1",))
    assert extractor_for([fast, View(layers=("layer1",), fast=True)], "resnet18", weights_file, "cpu").least_side == 512
    assert extractor_for([fast, whole], "resnet18", weights_file, "cpu").least_side is None


def test_weights_whose_file_has_gone_are_found_again_by_their_hash(weights_file, tmp_path, monkeypatch):
    kept = shutil.copy(weights_file, tmp_path / "kept.safetensors")
    passport = Extractor("resnet18", str(kept), "cpu").passport
    assert weights_are_here(passport)
    Path(kept).unlink()
    assert not weights_are_here(passport)
    assert weights_are_here(passport, weights_file)
    with pytest.raises(WeightsError):
        extractor_of(passport, device="cpu")
    monkeypatch.setattr(module, "local", lambda backbone: Path(weights_file))
    monkeypatch.setattr(weights, "published", lambda backbone, progress, patient: (Path(weights_file), "1"))
    assert weights_are_here(passport)
    assert extractor_of(passport, device="cpu").weights.origin == "imagenet"

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featex import FeatureExtractor, extract
from featex.errors import ImageError


def test_it_gives_the_features_that_extract_keeps(tmp_path, weights_file, write_images):
    paths = write_images(tmp_path / "images", 3)
    X = FeatureExtractor(weights=weights_file, device="cpu").fit_transform(paths)
    kept = extract(tmp_path / "images", tmp_path / "out", weights=weights_file, device="cpu").load()
    np.testing.assert_array_equal(X, kept.X)


def test_it_is_a_step_of_a_pipeline(tmp_path, weights_file, write_images):
    paths = write_images(tmp_path / "a", 4, tint=0) + write_images(tmp_path / "b", 4, tint=120)
    steps = make_pipeline(FeatureExtractor(weights=weights_file, cache=tmp_path / "cache"), LogisticRegression())
    y = ["a"] * 4 + ["b"] * 4
    assert list(steps.fit(paths, y).predict(paths)) == y


def test_a_recipe_takes_its_columns(tmp_path, weights_file, write_images):
    paths = write_images(tmp_path / "images", 2)
    step = FeatureExtractor(weights=weights_file, device="cpu", recipe="robust")
    X = step.fit_transform(paths)
    kept = extract(tmp_path / "images", tmp_path / "out", recipe="robust", weights=weights_file, device="cpu")
    np.testing.assert_array_equal(X, kept.load().X)
    assert step.n_features_out_ == X.shape[1] == 567


def test_clone_is_exact():
    params = FeatureExtractor(backbone="resnet34", weights="random", batch_size=3).get_params()
    assert clone(FeatureExtractor(**params)).get_params() == params


def test_a_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path, weights_file):
    (tmp_path / "a.jpg").write_bytes(b"no")
    with pytest.raises(ImageError, match=r"a\.jpg: .*leave it out of X"):
        FeatureExtractor(weights=weights_file).fit_transform([tmp_path / "a.jpg"])

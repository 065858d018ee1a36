from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from classify.errors import ModelError
from classify.models.tiles import Tilewise
from classify.splits.scheme import Scheme
from classify.trained import persist
from classify.tuning.plan import plan
from classify.tuning.tune import tune


@pytest.fixture
def spliced():
    """Images of three tiles: of "ai" one tile alone lies elsewhere. X (400, 6), y."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3, 2))
    y = np.repeat(["ai", "real"], 200)
    X[np.arange(200), rng.integers(0, 3, 200)] += 5
    return X.reshape(400, 6), y


def test_the_mean_over_tiles_is_the_mean_of_their_scores(spliced):
    X, y = spliced
    model = Tilewise(LogisticRegression(), 3).fit(X, y)
    tiles = LogisticRegression().fit(X.reshape(-1, 2), y.repeat(3))
    np.testing.assert_allclose(
        model.decision_function(X), tiles.decision_function(X.reshape(-1, 2)).reshape(-1, 3).mean(1)
    )


def test_the_maximum_over_tiles_finds_what_a_part_shows(spliced):
    X, y = spliced
    mean, worst = (Tilewise(LogisticRegression(), 3, score, "ai").fit(X, y) for score in ("mean", "max"))
    tiles = worst.estimator.decision_function(X.reshape(-1, 2)).reshape(-1, 3)
    np.testing.assert_allclose(worst.decision_function(X), tiles.min(1))  # "ai", the positive class, is the lower side
    areas = [(m.decision_function(X[:200])[:, None] < m.decision_function(X[200:])).mean() for m in (mean, worst)]
    assert areas[1] > areas[0]
    assert areas[1] > 0.98


def test_weights_are_those_of_an_images_tiles(spliced):
    X, y = spliced
    weights = np.where(y == "ai", 5.0, 1.0)
    weighed = Tilewise(LogisticRegression(), 3).fit(X, y, weights)
    expected = LogisticRegression().fit(X.reshape(-1, 2), y.repeat(3), weights.repeat(3))
    np.testing.assert_allclose(weighed.estimator.coef_, expected.coef_)


def test_three_classes_have_a_mean_and_no_suspect(spliced):
    X, _ = spliced
    y = np.arange(400) % 3
    assert Tilewise(LogisticRegression(), 3).fit(X, y).decision_function(X).shape == (400, 3)
    with pytest.raises(ModelError, match="two classes"):
        Tilewise(LogisticRegression(), 3, "max").fit(X, y).decision_function(X)


def tiled(features, tiles=2):
    extractor = {**features.extractor, "view": {"view": "tiles", "tiles": tiles, "pool": "each"}}
    return replace(features, extractor=extractor | {"blocks": [[f"b of tile {i}", 4] for i in range(tiles)]})


@pytest.mark.parametrize("model", ["svm", "logreg", "forest"])
def test_models_on_tiles_are_tuned_kept_and_read_back(make_features, tmp_path, model):
    features = tiled(make_features(shift=4.0))
    job = plan(model, features, trials=1, n_folds=3, scheme=Scheme(tile_score="max"))
    assert (job.tiles, job.n_features) == (2, 4)
    tuned = tune(job)
    loaded = persist.load(persist.save(tuned.model, tmp_path))
    np.testing.assert_array_equal(loaded.predict(features.X)[0], tuned.model.predict(features.X)[0])
    assert tuned.model.passport.cv.mean > 0.55


def test_what_has_no_tiles_cannot_be_pooled(make_features):
    with pytest.raises(ModelError, match="--view tiles --pool each"):
        plan("svm", make_features(), scheme=Scheme(tile_score="max"))

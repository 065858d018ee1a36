import json

import numpy as np
import optuna
import pytest
from sklearn.base import clone, is_classifier

from classify.calibration import class_scores
from classify.models import MODELS, get_model
from featex.errors import InputError

SMALL = {"image_size": 16, "max_epochs": 8, "device": "cpu"}
N_FEATURES = 12


def inputs(spec, n=60):
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"] * (n // 2))
    if spec.reads == "features":
        return (rng.normal(size=(n, N_FEATURES)) + 3 * (y == "b")[:, None]).astype(np.float32), y
    images = rng.integers(0, 120, (n, 3, 16, 16)) + 100 * (y == "b")[:, None, None, None]
    return images.astype(np.uint8), y


def settings(spec):
    return spec.settle(0, **(SMALL if spec.reads == "pixels" else {}))


@pytest.fixture(params=MODELS)
def spec(request):
    return MODELS[request.param]


def test_every_model_learns_from_both_sides_of_a_fold(spec):
    X, y = inputs(spec)
    for params in spec.first(N_FEATURES):
        train, validation = spec.prepare(X[:40], X[40:])
        estimator = spec.build(**params, **settings(spec))
        assert is_classifier(estimator)
        options = spec.fit_options(np.arange(40), lambda line: None)
        scores = class_scores(clone(estimator).fit(train, y[:40], **options), validation)
        assert scores.shape == (20, 2)
        assert (np.array(["a", "b"])[scores.argmax(1)] == y[40:]).mean() > 0.7


def test_the_first_setting_lies_in_the_search_space(spec):
    for n_features in (N_FEATURES, 512, 4096):
        for params in spec.first(n_features):
            trial = optuna.trial.FixedTrial(params)
            assert spec.suggest(trial, n_features) == params
            for name, distribution in trial.distributions.items():
                assert distribution._contains(distribution.to_internal_repr(params[name])), (name, n_features)


def test_class_weight_is_in_every_search_space(spec):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    weights = {spec.suggest(study.ask(), N_FEATURES)["class_weight"] for _ in range(20)}
    assert weights == {None, "balanced"}


def test_settings_and_parameters_can_be_written_down(spec):
    assert json.loads(json.dumps([spec.first(N_FEATURES), settings(spec)])) == [spec.first(N_FEATURES), settings(spec)]


def test_same_seed_same_scores(spec):
    X, y = inputs(spec)
    params = {**spec.first(N_FEATURES)[0], **settings(spec)}
    first, again = (class_scores(spec.build(**params).fit(X, y), X) for _ in range(2))
    np.testing.assert_allclose(first, again, atol=1e-6)


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(InputError, match="unknown model 'smv'; did you mean 'svm'"):
        get_model("smv")

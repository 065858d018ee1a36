import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.base import clone, is_classifier

from classify.models.registry import MODELS, get_model
from classify.nets.recipe import NetRecipe
from classify.nets.zoo import NETS
from classify.stats.calibration import class_scores
from featex.errors import InputError
from featex.system.progress import Progress

CHEAP = [name for name, spec in MODELS.items() if "weights" not in spec.wishes or name == "resnet18"]
SMALL = {"image_size": 16, "max_epochs": 8, "device": "cpu", "augment": "none"}
N_FEATURES = 12


def inputs(spec, n=60):
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"] * (n // 2))
    if spec.reads != "pixels":
        return (rng.normal(size=(n, N_FEATURES)) + 3 * (y == "b")[:, None]).astype(np.float32), y
    size = settings(spec)["image_size"]
    images = rng.integers(0, 120, (n, 3, size, size)) + 100 * (y == "b")[:, None, None, None]
    return images.astype(np.uint8), y


def settings(spec):
    wishes = {**SMALL, **({"weights": "random", "image_size": 32} if "weights" in spec.wishes else {})}
    return spec.settle(0, Progress(), **(wishes if spec.reads == "pixels" else {}))


@pytest.fixture(params=CHEAP)
def spec(request):
    return MODELS[request.param]


def test_every_net_can_be_tuned_and_every_model_of_pixels_is_a_net():
    assert {name for name, spec in MODELS.items() if spec.reads == "pixels"} == set(NETS)
    for name, net in NETS.items():
        assert ("weights" in MODELS[name].wishes) == bool(net.backbone)


def test_every_model_learns_from_both_sides_of_a_fold(spec):
    X, y = inputs(spec)
    for params in spec.first(N_FEATURES):
        train, validation = spec.prepare(X[:40], X[40:], {})
        estimator = spec.build(**{**settings(spec), **params})
        assert is_classifier(estimator)
        options = spec.fit_options(np.arange(40), lambda line: None, None)
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


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.reads == "features"])
def test_class_weight_is_searched_for_features_and_chosen_for_nets(name):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    weights = {MODELS[name].suggest(study.ask(), N_FEATURES)["class_weight"] for _ in range(20)}
    assert weights == {None, "balanced"}


def test_a_net_is_settled_to_its_whole_recipe_and_to_its_weights(weights_file):
    settled = MODELS["resnet18"].settle(3, Progress(), device="cpu", weights=weights_file, lr=0.5)
    assert settled["lr"] == 0.5
    assert settled["random_state"] == 3
    assert {field.name for field in fields(NetRecipe)} < set(settled)
    assert settled["weights"] == weights_file
    assert settled["weights_sha256"] == hashlib.sha256(Path(weights_file).read_bytes()).hexdigest()


def test_without_a_gpu_a_pretrained_net_trains_its_head_alone_unless_told_otherwise(weights_file):
    settle = MODELS["resnet18"].settle
    assert settle(0, Progress(), device="cpu", weights=weights_file)["train"] == "head"
    assert settle(0, Progress(), device="cpu", weights=weights_file, train="last:2")["train"] == "last:2"


def test_settings_and_parameters_can_be_written_down(spec):
    assert json.loads(json.dumps([spec.first(N_FEATURES), settings(spec)])) == [spec.first(N_FEATURES), settings(spec)]


def test_same_seed_same_scores(spec):
    X, y = inputs(spec)
    params = {**settings(spec), **spec.first(N_FEATURES)[0]}
    params |= {"max_epochs": 2} if spec.reads == "pixels" else {}
    first, again = (class_scores(spec.build(**params).fit(X, y), X) for _ in range(2))
    np.testing.assert_allclose(first, again, atol=1e-6)


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(InputError, match="unknown model 'smv'; did you mean 'svm'"):
        get_model("smv")

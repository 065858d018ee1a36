import numpy as np
import pytest
from sklearn.svm import SVC

from classify.errors import ModelError
from classify.explain.gradients import Kernel, class_maps, decision, mean_gradient
from classify.models.registry import MODELS, get_model

ON_FEATURES = [name for name, spec in MODELS.items() if spec.reads == "features"]
WITH_GRADIENT = ["svm", "logreg"]


def fitted(name: str, n_classes: int, seed: int = 0):
    """A model on 60 rows of 6 features of unlike scale, and other rows."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_classes), 60 // n_classes)
    X = rng.normal(size=(len(y), 6)) * [1, 10, 0.1, 3, 1, 5] + 4
    X[:, 0] += y
    estimator = get_model(name).build(**get_model(name).first(6)[0])
    return estimator.fit(X, y), rng.normal(size=(9, 6)) * [1, 10, 0.1, 3, 1, 5] + 5


@pytest.mark.parametrize("name", ON_FEATURES)
def test_of_two_classes_the_score_decides_as_the_model_does_and_turns_with_the_classes(name):
    estimator, X = fitted(name, 2)
    one, other = decision(name, estimator, 1, 0)(X), decision(name, estimator, 0, 1)(X)
    assert np.array_equal((one > 0).astype(int), estimator.predict(X))
    np.testing.assert_allclose(one, -other)
    if hasattr(estimator, "decision_function"):
        np.testing.assert_allclose(one, estimator.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize(("towards", "against"), [(0, 1), (1, 0), (3, 1), (1, 3), (2, 3)])
def test_of_many_classes_an_svm_scores_by_the_machine_of_the_pair(towards, against):
    estimator, X = fitted("svm", 4)
    scaler = estimator.scaler_.scaler_
    kept = np.random.default_rng(0)  # the rows `fitted` trained on
    rows = kept.normal(size=(60, 6)) * [1, 10, 0.1, 3, 1, 5] + 4
    rows[:, 0] += np.repeat(np.arange(4), 15)
    svc = SVC(C=estimator.C, gamma=estimator.gamma, decision_function_shape="ovo")
    svc.fit(scaler.transform(rows), np.repeat(np.arange(4), 15))
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    column = svc.decision_function(scaler.transform(X))[:, pairs.index(tuple(sorted((towards, against))))]
    expected = column if towards < against else -column
    np.testing.assert_allclose(decision("svm", estimator, towards, against)(X), expected, atol=1e-9)


def test_of_many_classes_a_logistic_regression_scores_by_log_odds():
    estimator, X = fitted("logreg", 3)
    logs = estimator.predict_log_proba(X)
    np.testing.assert_allclose(decision("logreg", estimator, 2, 0)(X), logs[:, 2] - logs[:, 0], atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_gradients_are_those_of_finite_differences(name, n_classes):
    estimator, X = fitted(name, n_classes)
    score, step = decision(name, estimator, 0, n_classes - 1), 1e-5
    for column in range(X.shape[1]):
        way = step * np.eye(X.shape[1])[column]
        expected = (score(X + way) - score(X - way)) / (2 * step)
        np.testing.assert_allclose(score.gradient(X)[:, column], expected, atol=1e-6)


def test_an_approximation_by_landmarks_is_not_explained():
    estimator, _ = fitted("svm", 2)
    estimator.landmarks = 5
    with pytest.raises(ModelError, match="landmarks"):
        decision("svm", estimator, 1, 0)


@pytest.mark.parametrize("gamma", [0.02 / 512, 1 / 512, 20 / 512])
def test_gradients_along_the_path_add_up_at_every_width_that_a_search_may_choose(gamma):
    rng = np.random.default_rng(0)
    score = Kernel(rng.normal(size=(80, 512)), rng.normal(size=80), 0.3, gamma, np.full(512, 2.0), np.full(512, 0.5))
    X = np.concatenate([2 + 0.5 * score.vectors[:5], rng.normal(2, 2, size=(5, 512))])
    sums = (mean_gradient(score, X) * (X - score.reference)).sum(axis=1)
    np.testing.assert_allclose(sums, score(X) - score(score.reference[None]), atol=1e-9)


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_a_map_sums_to_the_score_less_that_of_the_mean_training_row(name):
    estimator, _ = fitted(name, 2)
    maps = np.random.default_rng(1).normal(5, 3, size=(4, 6, 7, 5))
    score = decision(name, estimator, 1, 0)
    expected = score(maps.mean(axis=(2, 3))) - score(score.reference[None])
    np.testing.assert_allclose(class_maps(score, maps).sum(axis=(1, 2)), expected, atol=1e-9)


def test_a_position_gets_what_its_own_activations_give():
    estimator, _ = fitted("svm", 2)
    score = decision("svm", estimator, 1, 0)
    maps = np.tile(score.reference[None, :, None, None], (1, 1, 3, 3))
    maps[0, :, 2, 1] += 4 * score.scale
    (values,) = class_maps(score, maps)
    assert np.flatnonzero(np.abs(values.ravel()) > 1e-12).tolist() == [7]


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match="lenet5 cannot be explained"):
        decision("lenet5", None, 0, 1)

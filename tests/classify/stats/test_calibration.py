import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from classify.models.svm import RBFSVC
from classify.stats.calibration import Calibration, class_scores


def two_class(margin):
    return np.column_stack([np.zeros_like(margin), margin])


def test_probabilities_that_made_the_labels_are_found_again():
    rng = np.random.default_rng(0)
    margin = rng.normal(size=20_000)
    y = (rng.random(20_000) < expit(2.5 * margin)).astype(int)
    assert Calibration.fit(two_class(margin), y).slope == pytest.approx(2.5, abs=0.1)


def test_two_classes_get_scikit_learns_sigmoid():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    rng = np.random.default_rng(1)
    X = rng.normal(size=(3000, 3))
    y = (X[:, 0] + rng.normal(size=3000) > 0).astype(int)
    model = LogisticRegression(C=1e-3).fit(X, y)
    theirs = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid", cv=2, ensemble=False).fit(X, y)
    scores = class_scores(model, X)
    np.testing.assert_allclose(Calibration.fit(scores, y)(scores), theirs.predict_proba(X), atol=2e-3)


def test_temperature_of_many_classes_is_found_and_keeps_every_decision():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(20_000, 4))
    sharp = np.exp(3 * scores)
    y = (rng.random((20_000, 1)) > np.cumsum(sharp / sharp.sum(1, keepdims=True), axis=1)).sum(1)
    calibration = Calibration.fit(scores, y)
    assert calibration.slope == pytest.approx(3, abs=0.15)
    assert ((calibration(scores) / calibration.thresholds).argmax(1) == scores.argmax(1)).all()


def test_a_model_worse_than_chance_is_not_turned_round():
    margin = np.linspace(-1, 1, 100)
    probabilities = Calibration.fit(two_class(margin), (margin < 0).astype(int))(two_class(margin))
    assert (np.diff(probabilities[:, 1]) > 0).all()
    assert probabilities[:, 1].max() < 0.6


def test_perfect_scores_give_no_certainty():
    margin = np.array([-1.0] * 50 + [1.0] * 50)
    probabilities = Calibration.fit(two_class(margin), (margin > 0).astype(int))(two_class(margin))
    assert 0.95 < probabilities[-1, 1] < 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_decision_is_the_class_of_the_largest_multiple_of_its_threshold(n_classes):
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(200, n_classes)) + np.arange(n_classes)  # a model that is wrong in its own way
    calibration = Calibration.fit(scores, rng.integers(0, n_classes, 200))
    probabilities = calibration(scores)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert sum(calibration.thresholds) == pytest.approx(1)
    assert ((probabilities / calibration.thresholds).argmax(1) == scores.argmax(1)).all()
    assert (probabilities.argmax(1) != scores.argmax(1)).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_class_weights_and_offsets_leave_no_trace_in_probabilities(n_classes):
    rng = np.random.default_rng(5)
    y = rng.choice(n_classes, 5000, p=[0.05, 0.95] if n_classes == 2 else [0.05, 0.15, 0.8])
    scores = rng.normal(size=(5000, n_classes)) + 1.5 * np.eye(n_classes)[y]
    plain, offset = (Calibration.fit(s, y)(s) for s in (scores, scores - np.linspace(0, 4, n_classes)))
    np.testing.assert_allclose(plain, offset, atol=1e-4)
    np.testing.assert_allclose(plain.mean(0), np.bincount(y) / 5000, atol=1e-3)


def test_scores_that_tell_nothing_give_the_share_of_each_class():
    y = np.arange(200) % 10 == 0
    probabilities = Calibration.fit(np.zeros((200, 2)), y.astype(int))(np.zeros((3, 2)))
    np.testing.assert_allclose(probabilities[:, 1], 0.1, atol=5e-3)


def test_scores_decide_as_the_estimator_does():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    for labels in (y, np.minimum(y, 1)):
        for model in (RBFSVC(gamma=0.1), LogisticRegression()):
            scores = class_scores(model.fit(X, labels), X)
            assert (model.classes_[scores.argmax(1)] == model.predict(X)).all()

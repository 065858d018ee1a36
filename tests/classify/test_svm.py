import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify import svm
from classify.svm import RBFSVC, prepare


def problem(n_classes, n=240):
    X, y = make_classification(n, 40, n_informative=12, n_classes=n_classes, random_state=0)
    return X.astype(np.float32) * 7 + 3, np.array(["x", "y", "z"])[y]


def reference(params):
    return make_pipeline(StandardScaler(), SVC(**params))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("C", [0.3, 20.0])
def test_decision_values_are_those_of_scikit_learns_svc(n_classes, class_weight, C):
    X, y = problem(n_classes)
    params = {"C": C, "gamma": 0.01, "class_weight": class_weight}
    ours, theirs = RBFSVC(**params).fit(X[:160], y[:160]), reference(params).fit(X[:160].astype(float), y[:160])
    expected = theirs.decision_function(X[160:].astype(float))
    np.testing.assert_allclose(ours.decision_function(X[160:]), expected, atol=1e-6)
    assert list(ours.predict(X[160:])) == list(theirs.predict(X[160:]))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_prepared_distances_give_the_decision_values_of_the_rows(n_classes):
    X, y = problem(n_classes)
    train, validation = prepare(X[:160], X[160:])
    on_distances = RBFSVC(C=2, gamma=0.01).fit(train, y[:160]).decision_function(validation)
    on_rows = RBFSVC(C=2, gamma=0.01).fit(X[:160], y[:160]).decision_function(X[160:])
    np.testing.assert_allclose(on_distances, on_rows, atol=1e-9)


def test_scaling_is_learnt_from_the_training_side_alone():
    X, _ = problem(2)
    train, _ = prepare(X[:160], X[160:])
    again, _ = prepare(X[:160], X[160:] * 1000)
    np.testing.assert_array_equal(train.squared, again.squared)


def test_more_rows_than_a_kernel_matrix_holds_are_fitted_all_the_same(monkeypatch):
    X, y = problem(2)
    expected = RBFSVC(C=2, gamma=0.01).fit(X, y).decision_function(X)
    monkeypatch.setattr(svm, "MAX_PRECOMPUTED", 100)
    assert prepare(X, X)[0] is X
    np.testing.assert_allclose(RBFSVC(C=2, gamma=0.01).fit(X, y).decision_function(X), expected, atol=1e-6)


def test_blocks_of_rows_make_no_difference(monkeypatch):
    X, y = problem(2)
    model = RBFSVC(C=2, gamma=0.01).fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr(svm, "BLOCK_ROWS", 7)
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-12)


def test_clone_is_exact():
    params = {"C": 3.0, "gamma": 0.5, "class_weight": "balanced", "blocks": [2, 3]}
    assert clone(RBFSVC(**params)).get_params() == params

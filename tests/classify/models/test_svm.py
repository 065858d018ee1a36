import sys
import types

import numpy as np
import pytest
import skops.io
import torch
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify.explain.gradients import decision
from classify.models import svm
from classify.models.svm import RBFSVC, beyond_memory, most_rows, on_device, prepare, squared_distances
from classify.trained.estimators import TRUSTED


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
    train, validation = prepare(X[:160], X[160:], {})
    on_distances = RBFSVC(C=2, gamma=0.01).fit(train, y[:160]).decision_function(validation)
    on_rows = RBFSVC(C=2, gamma=0.01).fit(X[:160], y[:160]).decision_function(X[160:])
    np.testing.assert_allclose(on_distances, on_rows, atol=1e-9)


def test_scaling_is_learnt_from_the_training_side_alone():
    X, _ = problem(2)
    train, _ = prepare(X[:160], X[160:], {})
    again, _ = prepare(X[:160], X[160:] * 1000, {})
    np.testing.assert_array_equal(train.squared, again.squared)


def test_what_memory_can_hold_grows_with_it_and_decides_how_many_are_fitted_at_once(monkeypatch):
    assert most_rows(40e9) == 34_641
    assert most_rows(10e9) == most_rows(40e9) // 2
    assert most_rows(float("inf")) == 1_000_000
    monkeypatch.setattr(svm, "ram_bytes", lambda: 40e9)
    assert svm.at_once(20_000) == 4
    assert svm.at_once(34_641) == 1
    assert svm.at_once(1_000_000) == 1
    assert svm.at_once(100) > 1000
    monkeypatch.setattr(svm, "ram_bytes", lambda: float("inf"))
    assert svm.at_once(1000) >= 64


def test_more_rows_than_memory_holds_make_an_approximation_that_is_named(monkeypatch):
    monkeypatch.setattr(svm, "ram_bytes", lambda: 40e9)
    monkeypatch.setattr(svm, "find_spec", lambda name: None)
    assert beyond_memory(34_641, 2) == ({}, "")
    settings, sentence = beyond_memory(50_000, 2)
    assert settings == {"landmarks": 2000}
    assert all(fact in sentence for fact in ("approximate", "50,000 rows", "34,641", "40 GB", "2,000"))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_approximation_is_a_map_and_a_linear_model_and_nearly_as_good(n_classes, tmp_path):
    X, y = problem(n_classes, 600)
    settings = {"landmarks": 200}
    rows, others = prepare(X[:400], X[400:], settings)
    assert rows is not None
    assert not isinstance(rows, svm.Distances)
    exact = RBFSVC(C=20, gamma=0.01).fit(X[:400], y[:400])
    near = RBFSVC(C=20, gamma=0.01, **settings).fit(rows, y[:400])
    assert near.decision_function(others).shape == exact.decision_function(others).shape
    assert near.map_.n_components == 200
    right = [(model.predict(others) == y[400:]).mean() for model in (near, exact)]
    assert right[0] > right[1] - 0.05
    again = RBFSVC(C=20, gamma=0.01, **settings).fit(rows, y[:400])
    np.testing.assert_array_equal(again.decision_function(others), near.decision_function(others))
    path = tmp_path / "near.skops"
    skops.io.dump(near, path)
    loaded = skops.io.load(path, trusted=TRUSTED)
    np.testing.assert_array_equal(loaded.decision_function(others), near.decision_function(others))


class Cuml(types.ModuleType):
    """A stand-in for the parts of cuML that are used: scikit-learn's machine in float32."""

    class SVC:
        def __init__(self, *, kernel, C, gamma, output_type):
            self._svc = SVC(kernel=kernel, C=C, gamma=gamma)

        def fit(self, X, y, sample_weight=None):
            assert X.dtype == y.dtype == sample_weight.dtype == np.float32
            self._svc.fit(X, y, sample_weight)
            self.support_, self.dual_coef_, self.intercept_ = (
                self._svc.support_,
                self._svc.dual_coef_.astype(np.float32),
                self._svc.intercept_,
            )
            return self


def test_cuml_fits_two_classes_beyond_memory_where_it_is_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(svm, "ram_bytes", lambda: 40e9)
    monkeypatch.setattr(svm, "DRIVER", tmp_path)
    monkeypatch.setattr(svm, "find_spec", lambda name: name)
    assert beyond_memory(50_000, 3)[0] == {"landmarks": 2000}
    settings, sentence = beyond_memory(50_000, 2)
    assert settings == {"solver": "cuml"}
    assert "cuML" in sentence
    monkeypatch.setattr(svm, "DRIVER", tmp_path / "none")
    assert beyond_memory(50_000, 2)[0] == {"landmarks": 2000}


@pytest.mark.parametrize("class_weight", [None, "balanced", {"x": 1, "y": 3}])
def test_a_machine_that_cuml_fitted_decides_as_scikit_learns_and_without_cuml(class_weight, monkeypatch, tmp_path):
    modules = {"cuml": types.ModuleType("cuml"), "cuml.svm": Cuml("cuml.svm")}
    modules["cuml"].svm = modules["cuml.svm"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    X, y = problem(2)
    rows, others = prepare(X[:160], X[160:], {"solver": "cuml"})
    weights = np.linspace(0.5, 2, 160)
    params = {"C": 3.0, "gamma": 0.01, "class_weight": class_weight}
    ours = RBFSVC(**params, solver="cuml").fit(rows, y[:160], weights)
    for name in modules:
        monkeypatch.delitem(sys.modules, name)
    exact = RBFSVC(**params).fit(X[:160], y[:160], weights)
    np.testing.assert_allclose(ours.decision_function(others), exact.decision_function(others), atol=2e-3)
    np.testing.assert_array_equal(ours.predict(others), exact.predict(others))
    np.testing.assert_allclose(decision("svm", ours, 1, 0)(others), ours.decision_function(others), atol=1e-4)
    path = tmp_path / "machine.skops"
    skops.io.dump(ours, path)
    loaded = skops.io.load(path, trusted=TRUSTED)
    np.testing.assert_array_equal(loaded.decision_function(others), ours.decision_function(others))


def test_fewer_rows_than_landmarks_are_all_landmarks():
    X, y = problem(2, 60)
    assert RBFSVC(gamma=0.01, landmarks=2000).fit(X, y).map_.n_components == 60


def test_blocks_of_rows_make_no_difference(monkeypatch):
    X, y = problem(2)
    model = RBFSVC(C=2, gamma=0.01).fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr(svm, "BLOCK_ROWS", 7)
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-12)


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(3, 2, size=(60, 40))


def test_they_are_sums_of_squared_differences(rows):
    expected = ((rows[:, None] - rows[None, :20]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(rows, rows[:20]), expected, atol=1e-9)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_device_gives_those_of_the_cpu(rows, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    np.testing.assert_allclose(on_device(rows, rows[:20], device), squared_distances(rows, rows[:20]), atol=1e-9)
    squared = on_device(rows, rows, device)
    assert (np.diag(squared) == 0).all()
    assert squared.min() >= 0


def test_a_gpu_is_asked_where_there_is_one_and_enough_to_do(rows, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(svm, "on_device", lambda a, b, device: asked.append((len(a), len(b), device)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(svm, "DRIVER", tmp_path)
    squared_distances(rows, rows)
    assert not asked
    monkeypatch.setattr(svm, "LEAST_PAIRS", 3600)
    squared_distances(rows, rows)
    squared_distances(rows, rows[:59])
    assert asked == [(60, 60, "cuda")]
    monkeypatch.setattr(svm, "DRIVER", tmp_path / "none")
    squared_distances(rows, rows)
    assert len(asked) == 1

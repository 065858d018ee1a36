import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify.errors import DataError
from classify.models.svm import RBFSVC
from classify.splits.sample_weights import by_content, by_source, misleading, weighted, with_copies
from classify.splits.scheme import DEFAULT_SCHEME, Scheme


@pytest.fixture
def world():
    """Two classes whose content tells them apart but for a part of each: y (n,), content (n, 3)."""
    rng = np.random.default_rng(0)
    y = np.repeat(["ai", "real"], 150)
    content = rng.normal(size=(300, 3))
    content[:, 0] += np.where(y == "ai", 2.0, -2.0)
    content[::5, 0] *= -1  # a fifth shows what the other class shows
    return y, content


def test_every_source_of_a_class_weighs_the_same():
    y = np.array(["ai"] * 6 + ["real"] * 4)
    sources = np.array(["a", "a", "a", "a", "b", "b", "a", "a", "a", "a"])
    weights = Scheme(weigh="source").weights(y, sources, np.arange(10))
    assert weights[:4].sum() == pytest.approx(weights[4:6].sum())
    for label in ("ai", "real"):
        assert weights[y == label].mean() == pytest.approx(1)
    assert by_source(y, sources)[6] == pytest.approx(1 / 4)  # the same name in another class is another source


def test_weighed_by_content_the_classes_have_the_same_content(world):
    y, content = world
    weights = Scheme(weigh="content", content=content).weights(y, y, np.arange(300))

    def gap(weights):
        means = [np.average(content[y == label, 0], weights=weights[y == label]) for label in ("ai", "real")]
        return means[0] - means[1]

    assert gap(np.ones(300)) > 2
    assert abs(gap(weights)) < 0.25 * gap(np.ones(300))
    assert weights.min() > 0


def test_no_weights_are_none():
    assert DEFAULT_SCHEME.weights(np.array(["a", "b"]), np.array(["a", "b"]), np.arange(2)) is None
    assert weighted(SVC(), None) == {}


def test_content_misleads_a_third_of_each_class_and_those_that_look_like_the_other(world):
    y, content = world
    chosen = misleading(y, content)
    assert [chosen[y == label].sum() for label in ("ai", "real")] == [50, 50]
    assert chosen[::5].mean() > 0.9
    assert by_content(y, content)[::5].mean() > 2 * by_content(y, content)[1::5].mean()


def test_one_image_of_a_class_cannot_be_weighed_by_content():
    with pytest.raises(DataError, match="one training image"):
        by_content(np.array(["a", "a", "b"]), np.zeros((3, 2)))


def test_weights_reach_the_last_step_of_a_pipeline_and_a_bare_estimator():
    X = np.array([[0.0], [1.0], [0.0], [1.0]])
    y, weights = np.array(["a", "a", "b", "b"]), np.array([1.0, 9.0, 9.0, 1.0])
    for estimator in (make_pipeline(StandardScaler(), LogisticRegression(C=100)), RBFSVC(10, 1.0)):
        fitted = estimator.fit(X, y, **weighted(estimator, weights))
        assert list(fitted.predict(X[:2])) == ["b", "a"]


def test_copies_follow_the_rows_in_their_order():
    X, copies = np.arange(6).reshape(3, 2), np.arange(12).reshape(3, 2, 2) + 100
    stacked = with_copies(X, copies)
    np.testing.assert_array_equal(stacked[:3], X)
    np.testing.assert_array_equal(stacked[3:6], copies[:, 0])
    np.testing.assert_array_equal(stacked[6:], copies[:, 1])
    assert with_copies(X, None) is X

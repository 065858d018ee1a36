from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify.errors import DataError, ModelError
from classify.models.svm import RBFSVC
from classify.splits.scheme import (
    USUAL,
    Regime,
    by_content,
    by_source,
    misleading,
    parse_folds,
    travelling,
    weighted,
    with_copies,
)
from classify.stats.tables import fold_scores
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError


@pytest.fixture
def world():
    """Two classes whose content tells them apart but for a part of each: y (n,), content (n, 3)."""
    rng = np.random.default_rng(0)
    y = np.repeat(["ai", "real"], 150)
    content = rng.normal(size=(300, 3))
    content[:, 0] += np.where(y == "ai", 2.0, -2.0)
    content[::5, 0] *= -1  # a fifth shows what the other class shows
    return y, content


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5", ("random", 5)), ("source", ("source", 5)), ("content", ("content", 5)), ("content:3", ("content", 3))],
)
def test_folds_are_told_by_a_word_or_a_number(text, expected):
    assert parse_folds(text) == expected


@pytest.mark.parametrize("text", ["", "sources", "content:x", "-3", "5.5", "content:"[:-1] + ":-1"])
def test_other_folds_are_refused(text):
    with pytest.raises(ModelError, match="folds"):
        parse_folds(text)


def test_every_source_of_a_class_weighs_the_same():
    y = np.array(["ai"] * 6 + ["real"] * 4)
    sources = np.array(["a", "a", "a", "a", "b", "b", "a", "a", "a", "a"])
    weights = Regime(weigh="source").weights(y, sources, np.arange(10))
    assert weights[:4].sum() == pytest.approx(weights[4:6].sum())
    for label in ("ai", "real"):
        assert weights[y == label].mean() == pytest.approx(1)
    assert by_source(y, sources)[6] == pytest.approx(1 / 4)  # the same name in another class is another source


def test_weighed_by_content_the_classes_have_the_same_content(world):
    y, content = world
    weights = Regime(weigh="content", content=content).weights(y, y, np.arange(300))

    def gap(weights):
        means = [np.average(content[y == label, 0], weights=weights[y == label]) for label in ("ai", "real")]
        return means[0] - means[1]

    assert gap(np.ones(300)) > 2
    assert abs(gap(weights)) < 0.25 * gap(np.ones(300))
    assert weights.min() > 0


def test_no_weights_are_none():
    assert USUAL.weights(np.array(["a", "b"]), np.array(["a", "b"]), np.arange(2)) is None
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


@pytest.mark.parametrize(
    ("regime", "error"),
    [
        (Regime("sources"), InputError),
        (Regime(weigh="sources"), InputError),
        (Regime(pool="max"), InputError),
        (Regime("content"), ModelError),
        (Regime(weigh="content"), ModelError),
    ],
)
def test_what_cannot_be_asked_for_is_refused(make_features, regime, error):
    with pytest.raises(error):
        plan("svm", make_features(), regime=regime)


def test_weights_are_for_models_on_features(make_features):
    with pytest.raises(ModelError, match="read features"):
        plan("lenet5", make_features(), regime=Regime(weigh="source"))


def test_a_regime_is_part_of_the_digest(make_features):
    features = make_features()
    regimes = [
        USUAL,
        Regime("source"),
        Regime(weigh="source"),
        Regime("content", content=features.X),
        Regime("content", content=features.X + 1),
        Regime(weigh="content", content=features.X),
    ]
    assert len({plan("svm", features, regime=regime).digest for regime in regimes}) == len(regimes)


def test_sources_are_held_out_where_every_class_has_several_and_content_elsewhere(make_features):
    labels = np.repeat(["ai", "real"], 60)
    several, one = np.tile(["a", "b"], 60), labels
    few = several.copy()
    few[few == "b"] = np.where(np.arange(60) < 10, "b", "a")
    content = np.zeros((120, 2))
    assert travelling(labels, several, content).folds == "source"
    assert travelling(labels, one, content).folds == "content"
    assert travelling(labels, few, content).folds == "content"
    assert travelling(labels, one, None) == USUAL


def test_the_worst_held_out_source_chooses_the_setting(make_features):
    features = make_features(n=120, shift=2.0)
    rng = np.random.default_rng(1)
    rows = features.rows.assign(source=rng.choice(["a", "b", "c"], len(features.rows)))
    features = replace(features, rows=rows)
    tuned = tune(plan("logreg", features, trials=3, regime=Regime("source")))
    cv = tuned.model.passport["cv"]
    assert cv["n_folds"] == 3
    assert cv["folds"] == "source"
    validation = tuned.predictions.table[tuned.predictions.table["set"] == "validation"]
    assert (validation.groupby("fold")["source"].nunique() == 1).all()


def test_with_unequally_many_sources_passport_and_page_show_the_same_scores(make_features):
    features = make_features(n=120, shift=1.0)
    number = np.arange(240)
    sources = features.rows["label"] + np.where(features.rows["label"] == "ai", number % 4, number % 2).astype(str)
    features = replace(features, rows=features.rows.assign(source=sources))
    tuned = tune(plan("logreg", features, trials=1, scoring="roc_auc", regime=Regime("source")))
    cv, page = tuned.model.passport["cv"], fold_scores(tuned.predictions, "roc_auc", "ai").iloc[0]
    assert cv["scores"] == [page["fold_0"], page["fold_1"]]
    assert (cv["mean"], cv["std"], cv["selection"]) == pytest.approx((page["mean"], page["std"], min(cv["scores"])))
    assert page["n"] == len(features.rows.query("split == 'train'"))
    assert [sorted(fold) for fold in cv["held_out"]] == [["ai", "real"]] * 2
    assert sorted(name for fold in cv["held_out"] for name in fold["ai"]) == ["ai0", "ai1", "ai2", "ai3"]


def test_training_weighed_by_content_and_with_copies_runs_for_every_model_on_features(make_features):
    features = make_features(n=80)
    copies = np.repeat(features.X[:, None], 2, axis=1) + 0.01
    features = replace(features, copies=copies.astype(np.float32))
    regime = Regime("content", "content", content=features.X)
    for model in ("svm", "logreg", "forest"):
        passport = tune(plan(model, features, trials=1, n_folds=3, regime=regime)).model.passport
        assert passport["regime"] == {"folds": "content", "weigh": "content", "copies": 2, "pool": "mean"}


def test_copies_train_and_are_never_judged(make_features):
    """Copies that lie about the class spoil the model; the scores are of the images alone."""
    features = make_features(n=80, shift=6.0)
    honest = tune(plan("logreg", features, trials=1, n_folds=3))
    flipped = features.X[::-1, None]  # the other class's rows, as copies of this one's
    lied = tune(
        plan("logreg", replace(features, copies=np.ascontiguousarray(flipped.repeat(3, 1))), trials=1, n_folds=3)
    )
    assert len(lied.predictions.table) == len(honest.predictions.table)
    assert honest.model.passport["cv"]["mean"] > 0.95
    assert lied.model.passport["cv"]["mean"] < 0.2

from dataclasses import replace

import numpy as np
import pytest

from classify.errors import ModelError
from classify.splits.scheme import DEFAULT_SCHEME, Scheme, parse_folds, robust_scheme
from classify.stats.tables import fold_scores
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError


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


@pytest.mark.parametrize(
    ("scheme", "error"),
    [
        (Scheme("sources"), InputError),
        (Scheme(weigh="sources"), InputError),
        (Scheme(tile_score="worst"), InputError),
        (Scheme("content"), ModelError),
        (Scheme(weigh="content"), ModelError),
    ],
)
def test_what_cannot_be_asked_for_is_refused(make_features, scheme, error):
    with pytest.raises(error):
        plan("svm", make_features(), scheme=scheme)


def test_weights_are_for_models_on_features(make_features):
    with pytest.raises(ModelError, match="reads features"):
        plan("lenet5", make_features(), scheme=Scheme(weigh="source"))


def test_a_scheme_is_part_of_the_digest(make_features):
    features = make_features()
    schemes = [
        DEFAULT_SCHEME,
        Scheme("source"),
        Scheme(weigh="source"),
        Scheme("content", content=features.X),
        Scheme("content", content=features.X + 1),
        Scheme(weigh="content", content=features.X),
    ]
    assert len({plan("svm", features, scheme=scheme).digest for scheme in schemes}) == len(schemes)


def test_sources_are_held_out_where_every_class_has_several_and_content_elsewhere(make_features):
    labels = np.repeat(["ai", "real"], 60)
    several, one = np.tile(["a", "b"], 60), labels
    few = several.copy()
    few[few == "b"] = np.where(np.arange(60) < 10, "b", "a")
    content = np.zeros((120, 2))
    assert robust_scheme(labels, several, content).folds == "source"
    assert robust_scheme(labels, one, content).folds == "content"
    assert robust_scheme(labels, few, content).folds == "content"
    assert robust_scheme(labels, one, None) == DEFAULT_SCHEME


def test_the_worst_held_out_source_chooses_the_setting(make_features):
    features = make_features(n=120, shift=2.0)
    rng = np.random.default_rng(1)
    rows = features.rows.assign(source=rng.choice(["a", "b", "c"], len(features.rows)))
    features = replace(features, rows=rows)
    tuned = tune(plan("logreg", features, trials=3, scheme=Scheme("source")))
    cv = tuned.model.passport.cv
    assert cv.n_folds == 3
    assert cv.folds == "source"
    validation = tuned.predictions.table[tuned.predictions.table["set"] == "validation"]
    assert (validation.groupby("fold")["source"].nunique() == 1).all()


def test_with_unequally_many_sources_passport_and_page_show_the_same_scores(make_features):
    features = make_features(n=120, shift=1.0)
    number = np.arange(240)
    sources = features.rows["label"] + np.where(features.rows["label"] == "ai", number % 4, number % 2).astype(str)
    features = replace(features, rows=features.rows.assign(source=sources))
    tuned = tune(plan("logreg", features, trials=1, scoring="roc_auc", scheme=Scheme("source")))
    cv, page = tuned.model.passport.cv, fold_scores(tuned.predictions, "roc_auc", "ai").iloc[0]
    assert cv.scores == [page["fold_0"], page["fold_1"]]
    assert (cv.mean, cv.std, cv.selection) == pytest.approx((page["mean"], page["std"], min(cv.scores)))
    assert page["n"] == len(features.rows.query("split == 'train'"))
    assert [sorted(fold) for fold in cv.held_out] == [["ai", "real"]] * 2
    assert sorted(name for fold in cv.held_out for name in fold["ai"]) == ["ai0", "ai1", "ai2", "ai3"]


def test_training_weighed_by_content_and_with_copies_runs_for_every_model_on_features(make_features):
    features = make_features(n=80)
    copies = np.repeat(features.X[:, None], 2, axis=1) + 0.01
    features = replace(features, copies=copies.astype(np.float32))
    scheme = Scheme("content", "content", content=features.X)
    for model in ("svm", "logreg", "forest"):
        passport = tune(plan(model, features, trials=1, n_folds=3, scheme=scheme)).model.passport
        assert (passport.cv.folds, passport.weigh, passport.copies) == ("content", "content", 2)


def test_copies_train_and_are_never_judged(make_features):
    """Copies that lie about the class spoil the model; the scores are of the images alone."""
    features = make_features(n=80, shift=6.0)
    honest = tune(plan("logreg", features, trials=1, n_folds=3))
    flipped = features.X[::-1, None]  # the other class's rows, as copies of this one's
    lied = tune(
        plan("logreg", replace(features, copies=np.ascontiguousarray(flipped.repeat(3, 1))), trials=1, n_folds=3)
    )
    assert len(lied.predictions.table) == len(honest.predictions.table)
    assert honest.model.passport.cv.mean > 0.95
    assert lied.model.passport.cv.mean < 0.2

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify.errors import ModelError
from classify.stats.abstention import Rule
from classify.trained.adaptation import Adaptation, adaptation, decision_sentence
from classify.trained.alignment import Alignment
from classify.trained.predict import predict_set
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex import extract
from featex.errors import InputError


@pytest.fixture
def model(make_features):
    return tune(plan("logreg", make_features(n=80, shift=6.0), trials=1, n_folds=3)).model


def test_an_aligned_source_is_told_apart_where_it_was_not(model, make_features):
    features = make_features(n=80, shift=6.0, seed=1)
    moved = replace(features, X=features.X * 3 + 40)
    right = (predict_set(model, moved)["predicted"].to_numpy() == features.y).mean()
    align = Adaptation(Alignment.fit(make_features(n=80, shift=6.0).X, "mean"))
    aligned = predict_set(model, moved, adapt=align)
    assert right < 0.6
    assert (aligned["predicted"].to_numpy() == features.y).mean() > 0.95


def test_a_share_moves_the_threshold_and_leaves_the_order(model, make_features):
    features = make_features(n=80, shift=6.0, seed=1)
    plain, shifted = predict_set(model, features), predict_set(model, features, adapt=Adaptation(share=0.25))
    assert (shifted["predicted"] == "ai").mean() == pytest.approx(0.25, abs=0.01)
    assert ((shifted["prob_ai"] >= shifted["threshold_ai"]) == (shifted["predicted"] == "ai")).all()
    assert (np.diff(shifted["prob_ai"].to_numpy()[plain["prob_ai"].argsort()]) >= 0).all()


def test_images_that_a_model_is_certain_of_are_still_told_apart_by_a_share(model, make_features):
    features = make_features(n=80, shift=6.0, seed=1)
    far = replace(features, X=features.X * 40)
    assert (predict_set(model, far)["prob_ai"].isin([0, 1])).sum() > 5
    shifted = predict_set(model, far, adapt=Adaptation(share=0.1))
    assert (shifted["predicted"] == "ai").sum() == round(0.1 * len(shifted))


def test_the_share_that_came_out_is_said_where_equal_scores_stay_together(model):
    adapt = Adaptation(share=0.2)
    met, not_met = (decision_sentence(model, adapt, ["ai"] * n + ["real"] * (10 - n)) for n in (2, 5))
    assert "20 % of 10 images as ai" in met
    assert "calls 2 of them" in met
    assert ("equal scores" in met, "equal scores" in not_met) == (False, True)
    assert decision_sentence(model, None, ["ai"]) == model.passport.threshold_sentence()


def test_a_share_may_be_of_the_other_class(model, make_features, tmp_path):
    features = make_features(n=80, shift=6.0, seed=1)
    adapt = adaptation(model, "none", 0.25, tmp_path, "real")
    assert (predict_set(model, features, adapt=adapt)["predicted"] == "real").mean() == pytest.approx(0.25, abs=0.01)
    with pytest.raises(InputError, match="unknown class 'rael'"):
        adaptation(model, "none", 0.25, tmp_path, "rael")
    with pytest.raises(InputError, match="--share"):
        adaptation(model, "none", None, tmp_path, "real")


def test_what_is_adapted_has_no_answer_that_was_proven_for_something_else(model, make_features):
    rule = Rule(0.05, 0.95, 0.6, "image", 10, 10, 10, 10, 0)
    model = replace(model, passport=replace(model.passport, unsure=rule))
    features = make_features(n=80)
    assert "answer" in predict_set(model, features)
    assert "answer" not in predict_set(model, features, adapt=Adaptation(share=0.5))


def test_nothing_asked_for_is_nothing(model):
    assert adaptation(model, "none", None, Path("nowhere")) is None


def test_training_features_are_looked_for(data, tmp_path, weights_file):
    features = extract(data, tmp_path / "features", weights=weights_file, device="cpu").load()
    model = tune(plan("logreg", features, trials=1, n_folds=3)).model
    found = adaptation(model, "mean", 0.5, tmp_path / "features")
    np.testing.assert_allclose(found.alignment.mean, features.X[features.rows["split"] == "train"].mean(0), rtol=1e-5)
    with pytest.raises(ModelError, match="are missing"):
        adaptation(model, "mean", None, tmp_path / "elsewhere")


def test_what_cannot_be_adapted_is_refused(model, make_features):
    three = tune(plan("logreg", make_features(classes=("a", "b", "c")), trials=1, n_folds=3)).model
    with pytest.raises(ModelError, match="--share needs two"):
        adaptation(three, "none", 0.5, Path("nowhere"))
    blind = replace(model, passport=replace(model.passport, reads="pixels"))
    with pytest.raises(ModelError, match="reads features"):
        adaptation(blind, "mean", None, Path("nowhere"))

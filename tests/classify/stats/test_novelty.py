from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from classify.errors import DataError
from classify.models.combine import METHODS
from classify.stats.abstention import Rule
from classify.stats.novelty import LEVEL, Novelty, fit_novelty, novelty_counts
from classify.trained import persist
from classify.trained.model import TrainedModel
from classify.trained.passport import Member
from classify.trained.predict import predict_set
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import StoreError


def alone(n):
    return np.arange(n)


def test_new_images_of_the_same_kind_are_called_unlike_as_rarely_as_promised():
    shares = []
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(700, 6))
        shares.append((fit_novelty(X[:300], alone(300)).p_values(X[300:]) <= 0.05).mean())
    assert np.mean(shares) == pytest.approx(0.05, abs=0.012)


def test_copies_of_training_images_do_not_make_the_rest_look_far():
    """Leaving out a row alone, each would have its copy as nearest, and every new image would be far."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(150, 6)), 2, axis=0) + rng.normal(size=(300, 6)) * 0.01
    new = rng.normal(size=(300, 6))
    assert (fit_novelty(X, alone(300) // 2).p_values(new) <= 0.05).mean() < 0.12
    assert (fit_novelty(X, alone(300)).p_values(new) <= 0.05).mean() > 0.2


def features_of(n, seed=0, likely=slice(0, 20)):
    """Features as networks have them: none below zero, and those of what it knows (columns `likely`) high."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 60)) * 0.2
    X[:, likely] += rng.random((n, 20))
    return X


def test_what_lies_elsewhere_is_found_though_its_features_are_weak():
    """Standardised columns see nothing here: weak features are near the mean of all."""
    novelty = fit_novelty(features_of(300), alone(300))
    weak = 0.05 * features_of(20, 1, slice(30, 50))
    assert novelty.unlike(weak).all()
    assert novelty.p_values(weak).max() == pytest.approx(1 / 301)
    usual = features_of(500, 2)
    assert novelty.unlike(usual).mean() < 0.03
    np.testing.assert_allclose(novelty.p_values(usual * 0.05), novelty.p_values(usual), atol=0.01)


def test_the_distance_is_the_mean_to_five_neighbours_of_other_units():
    X, units = features_of(220), np.r_[np.repeat(np.arange(50), 2), np.arange(50, 170)]
    novelty = fit_novelty(X, units)
    directions = X / np.linalg.norm(X, axis=1, keepdims=True)
    directions = directions / np.sqrt(directions.var(axis=0).sum())
    away = np.linalg.norm(directions[:, None] - directions, axis=2)
    away[units[:, None] == units] = np.inf
    np.testing.assert_allclose(novelty.distances, np.sort(np.sort(away)[:, :5].mean(axis=1)), rtol=1e-5)


def test_distances_are_the_same_however_many_are_taken_at_a_time(monkeypatch):
    X, units = features_of(220), np.r_[np.repeat(np.arange(50), 2), np.arange(50, 170)]
    whole = fit_novelty(X, units)
    monkeypatch.setattr("classify.stats.novelty.MEGABYTES", 0.01)
    np.testing.assert_allclose(fit_novelty(X, units).distances, whole.distances, rtol=1e-5)


def test_an_image_as_far_as_a_training_image_is_as_likely():
    ones = np.ones(5)
    novelty = Novelty(np.array([1]), ones[:1], ones[:, None], np.array([0, 1, 2, 2, 3]), np.array([1, 1, 2, 2, 1]))
    assert novelty.p_values(np.array([[-7.0]]))[0] == (1 + 1 / 2 + 1 / 2 + 1) / (1 + 4)


def test_every_unit_weighs_the_same_however_many_images_it_has():
    """By images, nearly all would be of one narrow unit, and each loose image far: 6.7 % of them, measured."""
    shares = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = np.r_[rng.normal(size=(150, 8)), rng.normal(size=8) + 0.01 * rng.normal(size=(900, 8))]
        novelty = fit_novelty(X, np.minimum(alone(1050), 150))
        shares.append(novelty.unlike(rng.normal(size=(500, 8))).mean())
    assert np.mean(shares) < 0.015


def test_the_promise_holds_for_few_images_of_many_columns_and_for_groups_of_copies():
    shares = {"few": [], "copies": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(400, 300))
        shares["few"].append(fit_novelty(X[:100], alone(100)).unlike(X[100:]).mean())
        copies = np.repeat(X[:120, :8], 5, axis=0) + 0.05 * rng.normal(size=(600, 8))
        shares["copies"].append(fit_novelty(copies, alone(600) // 5).unlike(X[120:, :8]).mean())
    assert np.mean(shares["few"]) < 0.015
    assert np.mean(shares["copies"]) < 0.013


def test_of_several_blocks_each_tells_by_itself():
    usual, likely = features_of(300), features_of(300, 1)
    blocks = fit_novelty(np.hstack([1000 * usual, likely]), alone(300), blocks=[60, 60])
    one = fit_novelty(np.hstack([1000 * usual, likely]), alone(300))
    foreign = np.hstack([1000 * features_of(20, 2), features_of(20, 3, slice(30, 50))])
    assert blocks.unlike(foreign).all()
    assert one.unlike(foreign).mean() < 0.2


def test_too_few_images_tell_nothing():
    X = np.random.default_rng(0).normal(size=(98, 3))
    assert fit_novelty(X, alone(98)) is None
    assert fit_novelty(np.repeat(X, 3, axis=0), alone(294) // 3) is None


def test_of_many_rows_a_choice_is_kept(monkeypatch):
    monkeypatch.setattr("classify.stats.novelty.MOST_ROWS", 120)
    X = np.random.default_rng(0).normal(size=(500, 3))
    novelty = fit_novelty(X, alone(500))
    assert len(novelty.rows) == 120
    np.testing.assert_array_equal(fit_novelty(X, alone(500)).rows, novelty.rows)
    assert len(fit_novelty(X, np.maximum(alone(500) - 390, 0)).rows) == 120  # of the large unit 11, of 109 their one
    monkeypatch.setattr("classify.stats.novelty.MOST_VALUES", 3 * 110)
    assert len(fit_novelty(X, alone(500)).rows) == 110


def test_columns_that_never_vary_and_images_without_features_are_no_trouble():
    X = np.random.default_rng(0).normal(size=(200, 6))
    X[:, 1] = X[:, 5] = 4
    X[7] = 0
    novelty = fit_novelty(X, alone(200), blocks=[3, 2, 1])
    assert np.isfinite(novelty.p_values(np.r_[X, np.zeros((1, 6))])).all()
    assert len(novelty.p_values(X[:0])) == 0
    X[7] = X[6]
    assert np.isfinite(fit_novelty(X, alone(200), blocks=[5, 1]).p_values(X)).all()


@pytest.fixture
def tuned(make_features):
    features = make_features(n=200, shift=4.0)
    return features, tune(plan("logreg", features, trials=1, n_folds=3)).model


def test_it_is_kept_beside_the_model_and_says_the_same_to_the_last_digit(tuned, tmp_path):
    features, model = tuned
    folder = persist.save(model, tmp_path)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}  # for all who may use the model
    again = persist.load(folder).novelty
    np.testing.assert_array_equal(again.p_values(features.X), model.novelty.p_values(features.X))
    assert again.rows.dtype == np.float32


def test_a_model_of_too_few_images_loads_without_it(tuned, tmp_path):
    passport = replace(tuned[1].passport, novelty=None)
    folder = persist.save(replace(tuned[1], passport=passport, novelty=None), tmp_path)
    assert persist.load(folder).novelty is None


def test_a_file_that_is_damaged_or_has_gone_is_a_sentence(tuned, tmp_path):
    folder = persist.save(tuned[1], tmp_path)
    whole = (folder / persist.NOVELTY).read_bytes()
    misfit = safetensors.numpy.save({**tuned[1].novelty.arrays(), "sizes": np.ones(3, np.int32)})
    for damaged in (b"no tensors", whole[:-20], misfit):
        (folder / persist.NOVELTY).write_bytes(damaged)
        with pytest.raises(StoreError, match=r"is damaged .*; delete it and make it again"):
            persist.load(folder)
    (folder / persist.NOVELTY).unlink()
    with pytest.raises(StoreError, match="is damaged"):
        persist.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"distances": np.zeros(3, np.float32)},
        {"widths": np.array([5], np.int32)},
        {"lengths": np.array([0], np.float32)},
        {"rows": np.full((250, 8), np.nan, np.float32)},
        {"distances": np.arange(250, 0, -1, dtype=np.float32)},
        {"sizes": np.zeros(250, np.int32)},
        {"other": np.zeros(3, np.float32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_cannot_be_are_refused(tuned, change):
    assert len(tuned[1].novelty.rows) == 250
    with pytest.raises(DataError, match="novelty"):
        Novelty.from_arrays({**tuned[1].novelty.arrays(), **change})


def test_an_image_that_is_unlike_all_gets_no_answer(tuned):
    features, model = tuned
    rule = Rule(0.05, 0.95, 0.6, "image", 10, 10, 10, 10, 0)
    model = replace(model, passport=replace(model.passport, unsure=rule))
    features.X[0] = [0, 0, 0, 0, 0, 0, 0, -50]
    model = replace(model, novelty=fit_novelty(np.abs(features.X[1:]), alone(len(features.X) - 1)))
    features.X[1:] = np.abs(features.X[1:])
    table = predict_set(model, features)
    assert table["out_of_distribution"].iloc[0]
    assert table["answer"].iloc[0] == "unsure"
    sure = ~table["out_of_distribution"] & (table[["prob_ai", "prob_real"]].max(axis=1) > 0.6)
    assert (table["answer"][sure] == table["predicted"][sure]).all()


def test_a_passport_counts_unlike_images_of_every_unseen_set(tuned):
    features, model = tuned
    for name, counts in model.passport.novelty.items():
        rows = features.rows["split"] == name
        assert counts["n"] == rows.sum()
        assert counts["unlike"] == model.novelty.unlike(features.X[rows]).sum()


def test_counts_say_where_more_is_unlike_than_chance_makes(monkeypatch):
    unlike, wrong = np.arange(100) < 12, np.arange(100) % 2 == 0
    novelty = fit_novelty(np.random.default_rng(0).normal(size=(300, 4)), alone(300))
    monkeypatch.setattr(Novelty, "unlike", lambda self, X: X)
    wild = novelty_counts(novelty, unlike, wrong, alone(100))
    assert (wild["unlike"], wild["wrong unlike"], wild["wrong others"]) == (12, 6, 44)
    assert wild["p"] < LEVEL
    assert novelty_counts(novelty, np.arange(200) < 200 * LEVEL, wrong.repeat(2), alone(200))["p"] > LEVEL
    assert novelty_counts(novelty, unlike, wrong, np.arange(100) // 12)["p"] > LEVEL  # one scene


def test_an_ensemble_calls_unlike_what_any_of_its_members_does(tuned, tmp_path):
    """The members are in the order of their answers, the ensemble reads what they say and no features itself."""
    features, model = tuned
    other = tune(plan("svm", features, trials=1, n_folds=3)).model
    model, other = (replace(one, novelty=None) for one in (model, other))
    picky = fit_novelty(np.abs(features.X), alone(len(features.X)))
    calm = replace(picky, distances=picky.distances + 1000)  # to which nothing is unlike
    features.X[0] = [0, 0, 0, 0, 0, 0, 0, -50]
    for members, unlike in (
        ((model, other), None),
        ((replace(model, novelty=picky), other), True),
        ((replace(model, novelty=picky), replace(other, novelty=calm)), True),
        ((replace(model, novelty=calm), replace(other, novelty=picky)), True),
    ):
        vote = METHODS["vote"].build().fit(np.zeros((2, 2, 2)), np.array([0, 1]))
        records = [Member(member.name, "") for member in members]
        passport = replace(model.passport, reads="members", members=records, extractor=None)
        table = predict_set(TrainedModel(vote, passport, members), features)
        assert ("out_of_distribution" in table) == bool(unlike)
        assert not unlike or table["out_of_distribution"].iloc[0]

import numpy as np
import pytest

from classify import persist
from classify.novelty import LEVEL, fit_novelty, novelty_counts, novelty_sentences
from classify.plan import plan
from classify.predict import predict_set
from classify.tuning import tune
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


def test_what_lies_elsewhere_is_found():
    X = np.random.default_rng(0).normal(size=(300, 6))
    novelty = fit_novelty(X, alone(300))
    assert novelty.unlike(X[:20] + 8).all()
    assert novelty.p_values(X[:20] + 8).max() == pytest.approx(1 / 301)
    assert not novelty.unlike(X[:20] * 0.5).any()


def test_too_few_images_tell_nothing():
    X = np.random.default_rng(0).normal(size=(98, 3))
    assert fit_novelty(X, alone(98)) is None
    assert fit_novelty(np.repeat(X, 3, axis=0), alone(294) // 3) is None


def test_of_many_rows_a_choice_is_kept(monkeypatch):
    monkeypatch.setattr("classify.novelty.MOST_ROWS", 120)
    X = np.random.default_rng(0).normal(size=(500, 3))
    novelty = fit_novelty(X, alone(500))
    assert len(novelty.rows) == 120
    np.testing.assert_array_equal(fit_novelty(X, alone(500)).rows, novelty.rows)


def test_columns_that_never_vary_tell_of_an_image_that_does():
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:, 1] = 4
    assert np.isfinite(fit_novelty(X, alone(200)).p_values(X)).all()


@pytest.fixture
def tuned(make_features):
    features = make_features(n=200, shift=4.0)
    return features, tune(plan("logreg", features, trials=1, n_folds=3)).model


def test_it_is_kept_beside_the_model(tuned, tmp_path):
    features, model = tuned
    folder = persist.save(model, tmp_path)
    again = persist.load(folder)
    np.testing.assert_allclose(again.novelty.p_values(features.X), model.novelty.p_values(features.X), atol=0.01)
    (folder / persist.NOVELTY).unlink()  # as models of earlier versions are
    assert persist.load(folder).novelty is None


def test_a_damaged_file_is_a_sentence(tuned, tmp_path):
    folder = persist.save(tuned[1], tmp_path)
    (folder / persist.NOVELTY).write_bytes(b"no tensors")
    with pytest.raises(StoreError, match="damaged"):
        persist.load(folder)


def test_an_image_that_is_unlike_all_gets_no_answer(tuned):
    features, model = tuned
    rule = {"target": 0.05, "confidence": 0.95, "least": 0.6, "unit": "image", "n": 10, "tested": 10, "wrong": 0.0}
    model.passport["unsure"] = rule
    features.X[0] += 50
    table = predict_set(model, features)
    assert table["unlike"].iloc[0]
    assert table["answer"].iloc[0] == "unsure"
    sure = ~table["unlike"] & (table[["prob_ai", "prob_real"]].max(axis=1) > 0.6)
    assert (table["answer"][sure] == table["label"][sure]).all()


def test_a_passport_counts_unlike_images_of_every_unseen_set(tuned):
    features, model = tuned
    for name, told in model.passport["novelty"].items():
        rows = features.rows["split"] == name
        assert told["n"] == rows.sum()
        assert told["unlike"] == model.novelty.unlike(features.X[rows]).sum()


def test_a_sentence_is_said_where_more_is_unlike_than_chance_makes():
    unlike, wrong = np.arange(100) < 12, np.arange(100) % 2 == 0
    counts = {
        "wild": novelty_counts(unlike, wrong),
        "test": novelty_counts(np.arange(200) < 200 * LEVEL, wrong.repeat(2)),
    }
    said = novelty_sentences("svm", counts)
    assert len(said) == 1
    assert "12.0" in said[0]
    assert "6 of these 12" in said[0]
    assert "44 of the other 88" in said[0]

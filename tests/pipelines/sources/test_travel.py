from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from classify.errors import DataError
from classify.splits.partition import partition
from classify.splits.scheme import Scheme
from featex.store.features import Features
from pipelines.sources.travel import DEFAULT_FEATURES, REFERENCE, Choice, choices, columns, travel


@pytest.fixture
def world(tmp_path, jpeg_facts):
    """Content that tells the class in training and in test, not in wild; and a trace that tells it everywhere."""
    rng = np.random.default_rng(0)
    n = {"train": 240, "test": 60, "wild": 60}
    split = np.concatenate([[name] * count for name, count in n.items()])
    y = np.where(np.arange(360) % 2 == 0, "ai", "real")
    side = np.where(y == "ai", 1.0, -1.0)
    follows = np.where(split == "wild", rng.choice([-1, 1], 360), np.where(rng.random(360) < 0.85, 1, -1))
    kind = rng.integers(0, 8, 360)
    content = np.column_stack([3 * side * follows, 6 * np.eye(8)[kind]]) + rng.normal(size=(360, 9))
    trace = np.column_stack([side, np.zeros((360, 2))]) + 0.7 * rng.normal(size=(360, 3))
    X = np.concatenate([content, trace], axis=1).astype(np.float32)
    rows = pd.DataFrame({"path": [f"{i}.jpg" for i in range(360)], "label": y, "split": split, "source": y})
    rows = rows.assign(group="", size=1, mtime_ns=1, key=[f"{i:064x}" for i in range(360)], **jpeg_facts)
    passport = {"name": "one", "fingerprint": "1", "n_features": 12, "backbone": "net", "weights": "w", "trained": True}
    passport["blocks"] = [["rgb penultimate", 9], ["trace", 3]]
    copies = np.repeat(X[:, None], 1, axis=1) + 0.3 * rng.normal(size=(360, 1, 12)).astype(np.float32)
    return Features(X, rows, "toy", tmp_path, passport, copies.astype(np.float32))


@pytest.fixture
def found(world):
    return columns({"resize": world})


def run(world, found, grid, **options):
    scheme = options.pop("scheme", None) or Scheme("content", content=found[DEFAULT_FEATURES][0])
    return travel(world, partition(world.rows), found, grid, scheme, n_folds=3, **options)


def test_columns_are_taken_apart_as_they_were_put_together(world, found):
    assert list(found) == [DEFAULT_FEATURES, "resize: trace"]
    np.testing.assert_array_equal(found["resize: trace"][0], world.X[:, 9:])
    np.testing.assert_array_equal(found["resize: trace"][1], world.copies[:, :, 9:])


def test_the_grid_is_all_by_all_and_holds_the_reference(found):
    grid = choices(list(found), [f"{DEFAULT_FEATURES} + resize: trace"])
    assert len(grid) == len(set(grid)) == 3 * 3 * 2
    assert REFERENCE in grid
    assert {choice.training for choice in choices(list(found), quick=True)} == {"plain", "copies"}


def test_the_trace_is_chosen_before_the_content_and_travels(world, found):
    done = run(world, found, choices(list(found)))
    assert done.chosen.features == "resize: trace"
    gains = done.gains.set_index("set")
    assert gains.loc["wild", "low"] > 0.2
    assert gains.loc["wild", "before"] < 0.6
    assert gains.loc["test", "before"] > 0.75  # where content holds, the default looks well
    assert done.nested > done.reference + 0.2
    assert list(done.table["both"]) == sorted(done.table["both"], reverse=True)


def test_unseen_sets_play_no_part_in_the_choice(world, found):
    before = run(world, found, choices(list(found)))
    unseen = (world.rows["split"] != "train").to_numpy()
    noise = np.random.default_rng(5).normal(size=world.X.shape).astype(np.float32)
    spoilt = replace(world, X=np.where(unseen[:, None], noise, world.X))
    after = run(
        spoilt,
        columns({"resize": spoilt}),
        choices(list(found)),
        scheme=Scheme("content", content=found[DEFAULT_FEATURES][0]),
    )
    assert after.chosen == before.chosen
    pd.testing.assert_series_equal(after.table["both"], before.table["both"])
    assert abs(after.gains["after"] - 0.5).max() < 0.2


def test_areas_on_unseen_sets_are_those_of_a_model_fitted_on_all_training_images(world, found):
    done = run(world, found, [REFERENCE, Choice("resize: trace", "plain", "logreg")])
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, wild = ((world.rows["split"] == name).to_numpy() for name in ("train", "wild"))
    X = found["resize: trace"][0]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(X[train], world.y[train])
    expected = roc_auc_score(world.y[wild] == "real", model.decision_function(X[wild]))
    row = done.table.set_index("choice").loc["resize: trace, plain, logreg"]
    assert row["wild"] == pytest.approx(expected, abs=1e-6)


def test_effects_compare_what_is_equal_but_for_one_choice(world, found):
    done = run(world, found, choices(list(found), quick=True))
    effects = done.effects.set_index("taken")
    assert effects.loc["resize: trace", "pairs"] == 4
    assert effects.loc["resize: trace", "gain"] > 0.2
    assert effects.loc["copies", "pairs"] == 4
    assert effects.loc["svm", "against"] == "logreg"
    both = done.table.set_index(["features", "training", "model"])["both"]
    expected = (both["resize: trace"] - both[DEFAULT_FEATURES]).mean()
    assert effects.loc["resize: trace", "gain"] == pytest.approx(expected)


def test_sources_are_judged_whole(world, found):
    rows = world.rows.assign(source=np.where(np.arange(360) % 4 < 2, "one", "two"))
    done = run(replace(world, rows=rows), found, [REFERENCE], scheme=Scheme("source"))
    assert (done.folds, done.n_folds) == ("source", 2)
    assert "sources" in done.sentences[0]


def test_three_classes_are_refused(world, found):
    rows = world.rows.assign(label=np.array(["a", "b", "c"])[np.arange(360) % 3])
    with pytest.raises(DataError, match="two classes"):
        run(replace(world, rows=rows), found, [REFERENCE])


def test_where_groups_are_too_few_for_folds_by_content_they_are_random_and_a_note_says_so(world, found):
    few = replace(
        world, rows=world.rows.assign(group=[f"{name} {i % 12}" for i, name in enumerate(world.rows["split"])])
    )
    done = run(few, found, [REFERENCE, Choice(DEFAULT_FEATURES, "plain", "logreg")])
    assert done.folds == "random"
    assert "15 independent images or groups, and there are 12" in done.note

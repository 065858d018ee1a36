import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, kstwo

from classify.predictions import VALIDATION, Predictions
from classify.stats.drift import BY_TRAINING, drift_table
from classify.stats.effective import effective_units


def rows_of(sets, model="svm", groups=None):
    """sets: {name: top probabilities}; no image has a label."""
    parts = []
    for name, top in sets.items():
        rows = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(top))], "prob_ai": top, "prob_real": 1 - top})
        group = (groups or {}).get(name, "")
        rows = rows.assign(model=model, set=name, label="", predicted="ai", split="", source="", group=group)
        parts.append(rows.assign(fold=0 if name == VALIDATION else -1))
    return Predictions(pd.concat(parts, ignore_index=True))


def drawn(n, low=0.5, seed=0):
    return np.random.default_rng(seed).uniform(low, 1, n)


def one(reference, top, **options):
    return drift_table(rows_of({VALIDATION: reference, "wild": top}, **options)).iloc[0]


def test_distance_and_p_are_those_of_scipy():
    for n, seed in ((40, 1), (300, 2)):
        reference, top = drawn(500), drawn(n, 0.55, seed)
        row, theirs = one(reference, top), ks_2samp(reference, top, method="asymp")
        both = round(500 * n / (500 + n))
        assert theirs.pvalue == pytest.approx(kstwo.sf(theirs.statistic, both))
        beyond = kstwo.sf(theirs.statistic - BY_TRAINING, both)
        assert (row["distance"], row["p"]) == pytest.approx((theirs.statistic, beyond))
        assert (row["n"], row["n_reference"]) == (n, 500)
        assert (row["sure"], row["sure_reference"]) == pytest.approx((top.mean(), reference.mean()))


def test_no_labels_are_needed_and_none_are_looked_at():
    predictions = rows_of({VALIDATION: drawn(300), "wild": drawn(100, 0.8, 1)})
    labelled = Predictions(predictions.table.assign(label="real"))
    pd.testing.assert_frame_equal(drift_table(predictions), drift_table(labelled))
    assert drift_table(predictions)["unlike"].tolist() == [True]


def test_sets_of_the_same_kind_are_hardly_ever_called_unlike():
    unlike = [one(drawn(300, seed=2 * i), drawn(80, seed=2 * i + 1))["unlike"] for i in range(60)]
    assert sum(unlike) <= 2  # of 60 at 1 %


def test_a_trifle_is_no_warning_however_many_images_show_it():
    row = one(drawn(20_000), drawn(20_000, 0.56, 1))
    assert row["p"] < 1e-6
    assert not row["unlike"]
    assert one(drawn(20_000), drawn(20_000, 0.58, 1))["unlike"]


def test_an_accident_of_a_few_images_is_no_warning():
    row = one(drawn(300), np.array([0.51, 0.55, 0.6]))
    assert row["distance"] > 0.5
    assert not row["unlike"]
    assert row["visible"] > 0.8


def test_the_visible_distance_is_where_warnings_begin():
    reference = np.linspace(0.5, 1, 1000)
    visible = one(reference, reference[::20])["visible"]
    assert 0.2 < visible < 0.3
    for more, unlike in ((-0.02, False), (0.02, True)):
        # every probability below a point raised to it moves the distribution by that share
        assert one(reference, np.maximum(reference[::20], 0.5 + (visible + more) / 2))["unlike"] == unlike


def test_images_of_one_group_count_as_one():
    assert effective_units(pd.Series(["a", "a", "a", ""])) == 1.6
    reference, top = drawn(400), np.repeat(np.random.default_rng(1).uniform(0.7, 1, 10), 20)
    assert one(reference, top)["unlike"]
    row = one(reference, top, groups={"wild": np.repeat([f"g{i}" for i in range(10)], 20)})
    assert row["p"] == pytest.approx(kstwo.sf(row["distance"] - BY_TRAINING, round(10 * 400 / 410)))
    assert not row["unlike"]


def test_a_model_without_out_of_fold_rows_is_left_out():
    both = Predictions.concat(
        [
            rows_of({"test": drawn(50)}, model="bought"),
            rows_of({VALIDATION: drawn(90), "test": drawn(50)}),
        ]
    )
    assert drift_table(both)[["model", "set"]].to_numpy().tolist() == [["svm", "test"]]
    none = drift_table(rows_of({"test": drawn(50)}))
    assert none.empty


def test_where_training_changes_the_confidence_by_itself_no_set_is_called_unlike():
    reference = np.concatenate([drawn(100), drawn(100, 0.9, 1), drawn(100, 0.75, 2)])  # three trainings of a net
    predictions = rows_of({VALIDATION: reference, "wild": drawn(80, 0.95, 3)})
    table = predictions.table
    unfolded = drift_table(predictions).iloc[0]
    table.loc[table["set"] == VALIDATION, "fold"] = np.repeat([0, 1, 2], 100)
    row = drift_table(Predictions(table)).iloc[0]
    assert (unfolded["unlike"], row["unlike"]) == (True, False)
    assert row["distance"] == unfolded["distance"]
    assert np.isnan(row["p"])


def test_folds_of_equal_confidence_leave_the_test_as_it_is():
    table = rows_of({VALIDATION: drawn(300), "wild": drawn(100, 0.8, 1)}).table
    table.loc[table["set"] == VALIDATION, "fold"] = np.arange(300) % 5
    assert drift_table(Predictions(table))["unlike"].tolist() == [True]

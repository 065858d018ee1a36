import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from classify.drift import LEAST_DISTANCE, drift_table, effective, sentences
from classify.predictions import VALIDATION, Predictions


def said(sets, group=""):
    """sets: {name: top probabilities}; all without a label."""
    parts = []
    for name, top in sets.items():
        table = pd.DataFrame({"prob_ai": top, "prob_real": 1 - np.asarray(top), "predicted": "ai", "label": ""})
        fold = 0 if name == VALIDATION else -1
        table = table.assign(path=[str(i) for i in range(len(table))], set=name, split=name, fold=fold)
        parts.append(table)
    return Predictions(pd.concat(parts).assign(model="m", source="", group=group))


def test_distances_and_p_are_those_of_scipy():
    rng = np.random.default_rng(0)
    before, after = rng.beta(8, 2, 400) / 2 + 0.5, rng.beta(5, 3, 150) / 2 + 0.5
    row = drift_table(said({VALIDATION: before, "wild": after})).iloc[0]
    theirs = ks_2samp(before, after, method="asymp")
    assert row["distance"] == pytest.approx(theirs.statistic)
    assert row["p"] == pytest.approx(theirs.pvalue, rel=1e-6)
    assert row[["n", "n_reference"]].tolist() == [150, 400]
    assert row["sure"] == pytest.approx(after.mean())
    assert row["unlike"]


def test_sets_drawn_alike_are_seldom_called_unlike():
    rng = np.random.default_rng(1)
    draws = [said({VALIDATION: rng.uniform(0.5, 1, 300), "test": rng.uniform(0.5, 1, 100)}) for _ in range(60)]
    assert sum(drift_table(one)["unlike"].iloc[0] for one in draws) <= 2


def test_a_trifle_is_no_drift_however_sure():
    rng = np.random.default_rng(2)
    row = drift_table(said({VALIDATION: rng.uniform(0.5, 1, 40_000), "test": rng.uniform(0.52, 1, 40_000)})).iloc[0]
    assert row["p"] < 0.001
    assert row["distance"] < LEAST_DISTANCE
    assert not row["unlike"]


def test_images_of_a_group_count_as_one_where_all_are():
    assert effective(pd.Series([""] * 10)) == 10
    assert effective(pd.Series(["a"] * 5 + ["b"] * 5)) == pytest.approx(2)
    rng = np.random.default_rng(3)
    tops = {VALIDATION: rng.uniform(0.8, 1, 200), "wild": rng.uniform(0.5, 1, 200)}
    alone, together = drift_table(said(tops)), drift_table(said(tops, group="one"))
    assert alone["unlike"].iloc[0]
    assert not together["unlike"].iloc[0]


def test_words_say_what_changed_and_what_silence_is_worth():
    rng = np.random.default_rng(4)
    table = drift_table(
        said({VALIDATION: rng.uniform(0.9, 1, 300), "test": rng.uniform(0.9, 1, 100), "wild": rng.uniform(0.5, 1, 100)})
    )
    warning, silence = sentences(table)
    assert warning.startswith("m is less sure of “wild” than of images like those it was trained on")
    assert silence.startswith("That there is no warning for 1 of 2 pairs of model and set proves nothing")
    assert drift_table(said({"wild": [0.9, 0.8]})).empty

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from classify.stats.intervals import wilson
from pipelines.robustness.tables import bias_table, stress_table

JPEG, BLUR = ("jpeg", 50), ("blur", 2)


def at(table: pd.DataFrame, transform: str = "", only: str = "") -> pd.Series:
    (row,) = [row for _, row in table[(table["transform"] == transform)].iterrows() if row.get("only", "") == only]
    return row


@pytest.fixture
def noisy(make_predictions):
    """200 images, of which blur and jpeg change the answers at random."""
    rng = np.random.default_rng(3)
    labels = "".join(rng.choice(["a", "r"], 200, p=[0.3, 0.7]))

    def answers(right):
        return "".join(c if rng.random() < right else "ra"["ra".index(c) - 1] for c in labels)

    predictions = make_predictions(labels, answers(0.9), {JPEG: answers(0.8), BLUR: answers(0.6)})
    predictions["prob_a"] = np.where(predictions["predicted"] == "a", 0.5, 0.0) + rng.random(len(predictions)) / 2
    return predictions.assign(prob_r=1 - predictions["prob_a"])


def test_every_score_is_that_of_scikit_learn(noisy):
    table = stress_table(noisy)
    assert table[["transform", "only"]].drop_duplicates().values.tolist() == [
        ["", ""],
        *([name, only] for name in ("jpeg", "blur") for only in ("", "a", "r")),
    ]
    for transform in ("", "jpeg", "blur"):
        part, row = noisy[noisy["transform"] == transform], at(table, transform)
        right = (part["label"] == part["predicted"]).sum()
        assert row["n"] == 200
        assert row["accuracy"] == pytest.approx(accuracy_score(part["label"], part["predicted"]))
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(wilson(int(right), 200))
        assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(part["label"], part["predicted"]))
        assert row["roc_auc"] == pytest.approx(roc_auc_score(part["label"] == "a", part["prob_a"]))
        for label in "ar":
            ours = part[part["label"] == label]
            assert row[f"recall_{label}"] == pytest.approx((ours["predicted"] == label).mean())


def test_the_difference_is_paired_and_its_p_mcnemars(noisy):
    table = stress_table(noisy)
    before, after = (noisy[noisy["transform"] == name].reset_index(drop=True) for name in ("", "blur"))
    was, is_now = ((part["label"] == part["predicted"]) for part in (before, after))
    row = at(table, "blur")
    assert row["difference"] == pytest.approx(is_now.mean() - was.mean())
    only_before, only_after = (was & ~is_now).sum(), (~was & is_now).sum()
    assert row["p"] == pytest.approx(binomtest(only_before, only_before + only_after).pvalue)
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["apart"]
    assert pd.isna(at(table)["difference"])
    assert not at(table)["apart"]


def test_p_is_corrected_for_all_conditions_of_a_model_and_set(noisy):
    two = pd.concat([noisy, noisy.assign(set="wild"), noisy.assign(model="cnn")])
    table = stress_table(two)
    for _, part in table.groupby(["model", "set"]):
        both = part[(part["only"] == "") & (part["transform"] != "")]
        assert both["tests"].tolist() == [2, 2]
        least, most = both["p"].min(), both["p"].max()
        assert both["p_holm"].min() == pytest.approx(min(1, 2 * least))
        assert both["p_holm"].max() == pytest.approx(max(most, min(1, 2 * least)))
        assert part.loc[part["only"] != "", "tests"].tolist() == [4] * 4


def test_one_class_alone_is_as_if_the_other_had_been_left_as_it_is(noisy):
    table = stress_table(noisy)
    before, after = (noisy[noisy["transform"] == name].reset_index(drop=True) for name in ("", "blur"))
    for only, recall in (("a", "recall_a"), ("r", "recall_r")):
        mixed = after.where(before["label"] == only, before)
        row = at(table, "blur", only)
        assert row["accuracy"] == pytest.approx(accuracy_score(mixed["label"], mixed["predicted"]))
        assert row["roc_auc"] == pytest.approx(roc_auc_score(mixed["label"] == "a", mixed["prob_a"].astype(float)))
        assert row[recall] == at(table, "blur")[recall]
    assert at(table, "blur", "a")["recall_r"] == at(table)["recall_r"]
    assert at(table, "blur", "r")["recall_a"] == at(table)["recall_a"]


def test_images_are_paired_by_path_in_whatever_order_they_come(noisy):
    shuffled = noisy.sample(frac=1, random_state=0)
    # the first appearance of a condition decides on its place, and nothing else
    shuffled = pd.concat([shuffled[shuffled["transform"] == name] for name in ("", "jpeg", "blur")])
    for make in (stress_table, bias_table):
        pd.testing.assert_frame_equal(make(shuffled), make(noisy))
        pd.testing.assert_frame_equal(make(noisy.astype({"path": "category", "label": "category"})), make(noisy))


def test_a_planted_bias_is_found_and_named(make_predictions):
    labels, before = "a" * 40 + "r" * 40, "a" * 36 + "r" * 4 + "r" * 36 + "a" * 4
    predictions = make_predictions(labels, before, {JPEG: "a" * 38 + "rr" + "r" * 16 + "a" * 24, BLUR: before})
    row, blurred = bias_table(predictions, "a").to_dict("records")
    assert row["looks"] == "a"
    assert (row["shift_a"], row["shift_r"]) == pytest.approx((2 / 40, 20 / 40))
    assert (row["share_a"], row["share_r"]) == pytest.approx((0.9, 0.1))
    assert row["bias"] == pytest.approx((0.05 + 0.5) / 2)
    assert 0 < row["bias_low"] < row["bias"] < row["bias_high"]
    assert row["fall"] == pytest.approx((0.5 - 0.05) / 2)
    assert (blurred["bias"], blurred["fall"], blurred["looks"]) == (0, 0, "")
    mirrored = bias_table(predictions, "r").iloc[0]
    assert mirrored["bias"] == pytest.approx(-row["bias"])
    assert (mirrored["bias_low"], mirrored["bias_high"]) == pytest.approx((-row["bias_high"], -row["bias_low"]))
    assert mirrored["looks"] == "a"
    other = make_predictions(labels, before, {JPEG: "a" * 16 + "r" * 24 + "r" * 40})
    assert bias_table(other, "a")["looks"].tolist() == ["r"]


def test_bias_and_fall_are_differences_of_balanced_accuracy(noisy):
    table, bias = stress_table(noisy, "a"), bias_table(noisy, "a").set_index("transform")
    for name in ("jpeg", "blur"):
        alone = {only: at(table, name, only)["balanced_accuracy"] for only in "ar"}
        assert bias.loc[name, "bias"] == pytest.approx(alone["a"] - alone["r"])
        fall = at(table)["balanced_accuracy"] - at(table, name)["balanced_accuracy"]
        assert bias.loc[name, "fall"] == pytest.approx(fall)


def test_a_model_that_is_lost_without_leaning_is_fragile_and_not_biased(make_predictions):
    labels = "a" * 60 + "r" * 60
    row = bias_table(make_predictions(labels, labels, {JPEG: "a" * 30 + "r" * 30 + "r" * 30 + "a" * 30}), "a").iloc[0]
    assert row["bias"] == 0
    assert row["bias_low"] < 0 < row["bias_high"]
    assert row["fall"] == pytest.approx(0.5)
    assert row["fall_low"] > 0.3
    assert max(row["p_holm_a"], row["p_holm_r"]) < 0.001
    assert row["looks"] == ""


def test_chance_is_rarely_called_a_bias_or_a_difference(make_predictions):
    rng, called, apart = np.random.default_rng(0), 0, 0
    labels = "a" * 30 + "r" * 30
    for _ in range(40):
        draws = ["".join(rng.choice(["a", "r"], 60)) for _ in range(6)]
        predictions = make_predictions(labels, draws[0], {("jpeg", grade): d for grade, d in enumerate(draws[1:])})
        called += bias_table(predictions, "a")["looks"].ne("").any()
        table = stress_table(predictions)
        apart += table.loc[table["only"] == "", "apart"].any()
    assert called <= 4
    assert apart <= 4


def test_a_bias_is_named_only_beyond_what_so_many_tries_would_find(make_predictions):
    labels = "a" * 40 + "r" * 40

    def looks(n_moved, n_tried):
        moved = {("jpeg", 50): "a" * 40 + "a" * n_moved + "r" * (40 - n_moved)}
        others = {("blur", i): labels for i in range(n_tried - 1)}
        row = bias_table(make_predictions(labels, labels, moved | others), "a").iloc[0]
        assert row["bias_low"] > 0
        return row["looks"], row["p_holm_r"]

    one, of_one = looks(8, 1)
    few, of_few = looks(6, 1)
    many, of_many = looks(8, 5)
    assert (one, few, many) == ("a", "", "")
    p = binomtest(8, 8).pvalue
    assert (of_one, of_few, of_many) == pytest.approx((2 * p, 2 * binomtest(6, 6).pvalue, 10 * p))


def test_images_of_a_group_are_no_independent_answers(make_predictions):
    labels, before = "a" * 40 + "r" * 40, "a" * 40 + "r" * 40
    after = {JPEG: "a" * 40 + "a" * 20 + "r" * 20}
    groups = [f"g{i // 20}" for i in range(80)]
    alone, grouped = (make_predictions(labels, before, after, group=group) for group in (None, groups))
    assert at(stress_table(alone), "jpeg")["apart"]
    assert not at(stress_table(grouped), "jpeg")["apart"]
    assert bias_table(alone, "a").loc[0, "looks"] == "a"
    assert bias_table(grouped, "a").loc[0, "looks"] == ""
    assert np.isnan(bias_table(grouped, "a").loc[0, "bias_low"])  # of two groups a class
    fives = make_predictions(labels, before, after, group=[f"g{i // 5}" for i in range(80)])
    assert bias_table(fives, "a").loc[0, "bias_low"] < bias_table(alone, "a").loc[0, "bias_low"]


def test_a_set_of_one_class_has_no_bias_and_no_rows_of_one_class(make_predictions):
    predictions = make_predictions("a" * 20, "a" * 20, {JPEG: "a" * 12 + "r" * 8})
    table = stress_table(predictions)
    assert table["only"].tolist() == ["", ""]
    assert np.isnan(table["roc_auc"]).all()
    assert np.isnan(table["recall_r"]).all()
    assert bias_table(predictions).empty
    assert "bias_low" in bias_table(predictions)


def test_three_classes_have_scores_and_no_bias(make_predictions):
    labels = "a" * 10 + "b" * 10 + "c" * 10
    predictions = make_predictions(labels, labels, {JPEG: "a" * 10 + "b" * 10 + "a" * 10}, classes="abc")
    table = stress_table(predictions)
    assert table["only"].tolist() == ["", "", "a", "b", "c"]
    assert at(table, "jpeg", "c")["recall_c"] == 0
    assert at(table, "jpeg", "a")["accuracy"] == 1
    assert at(table, "jpeg")["accuracy"] == pytest.approx(2 / 3)
    assert bias_table(predictions).empty

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from classify.predictions import VALIDATION, Predictions
from classify.stats.calibration import Calibration
from classify.stats.intervals import share_interval
from classify.stats.reliability import curve, reliability_table, uncalibrated


def rows_of(p, label, *, name="test", model="svm", classes=("ai", "real"), group=""):
    n, names = len(p), np.array(classes)
    table = pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], "predicted": names[p.argmax(axis=1)]})
    table = table.assign(model=model, set=name, label=label, split="", source="", group=group)
    table["fold"] = np.arange(n) % 5 if name == VALIDATION else -1
    return Predictions(table.assign(**{f"prob_{c}": p[:, i] for i, c in enumerate(classes)}))


def drawn(n, k=2, seed=0, decimals=9):
    rng = np.random.default_rng(seed)
    p = softmax(2 * rng.normal(size=(n, k)), axis=1)
    p[:, 1:] = np.round(p[:, 1:], decimals)
    p[:, 0] = 1 - p[:, 1:].sum(axis=1)
    y = np.array([rng.choice(k, p=row) for row in p])
    return p, y


@pytest.mark.parametrize("n", [30, 100, 237, 900])
@pytest.mark.parametrize("decimals", [9, 1])
def test_bins_are_those_of_scikit_learn(n, decimals):
    p, y = drawn(n, seed=n, decimals=decimals)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    points = curve(confidence, right)
    bins = min(10, max(1, n // 25))
    shares, means = calibration_curve(right, confidence, n_bins=bins, strategy="quantile")
    np.testing.assert_allclose(points["right"], shares)
    np.testing.assert_allclose(points["confidence"], means)
    assert points["n"].sum() == n
    assert (points["bins"] == len(points)).all()
    if decimals == 9:
        assert len(points) == bins
        assert np.ptp(points["n"]) <= 1


def test_share_right_has_wilsons_interval_and_a_wider_one_in_groups():
    right = np.arange(120) // 10 % 4 > 0
    limits = share_interval(right)
    assert limits == pytest.approx(proportion_confint(90, 120, method="wilson"))
    assert share_interval(right, np.full(120, "")) == limits
    low, high = share_interval(right, np.repeat([f"g{i}" for i in range(12)], 10))
    assert high - low > 1.5 * (limits[1] - limits[0])
    assert share_interval(np.ones(50, bool)) == pytest.approx(proportion_confint(50, 50, method="wilson"))
    assert share_interval(np.zeros(1, bool))[0] == 0
    points = curve(np.full(120, 0.8), right)
    assert points[["right_low", "right_high"]].iloc[0].tolist() == pytest.approx(limits)


def test_few_images_make_few_bins_and_equal_confidences_share_one():
    assert [len(curve(np.linspace(0.5, 1, n), np.ones(n, bool))) for n in (1, 49, 60, 5000)] == [1, 1, 2, 10]
    assert curve(np.full(300, 0.8), np.ones(300, bool))["n"].tolist() == [300]


@pytest.mark.parametrize("k", [2, 3])
def test_before_is_what_the_model_said_before_its_calibration(k):
    scores = np.random.default_rng(0).normal(size=(50, k))
    thresholds = (0.1, 0.9) if k == 2 else (0.1, 0.2, 0.7)
    calibrated = Calibration(6.7, thresholds)(scores)
    np.testing.assert_allclose(uncalibrated(calibrated, Calibration(6.7, thresholds)), Calibration(1.0)(scores))
    with np.errstate(all="raise"):
        assert uncalibrated(np.array([[1.0, 0.0]]), Calibration(2.0))[0, 0] > 0.99


def test_the_likeliest_class_is_judged_whatever_the_number_of_classes():
    p, y = drawn(200, k=3)
    table = reliability_table(rows_of(p, np.array(["a", "b", "c"])[y], classes=("a", "b", "c")))
    assert table["n"].sum() == 200
    assert (table["right"] * table["n"]).sum() == (p.argmax(axis=1) == y).sum()
    assert table["confidence"].min() > 1 / 3


def test_rows_tell_before_from_after_for_models_whose_slope_is_known():
    p, y = drawn(100)
    label = np.array(["ai", "real"])[y]
    parts = [
        rows_of(p, label, name=name, model=model) for model in ("svm", "vote", "bought") for name in ("test", "wild")
    ]
    calibrations = {"svm": Calibration(3.0), "vote": Calibration(1.0), "bought": None}
    table = reliability_table(Predictions.concat(parts), calibrations)
    curves = table.groupby(["model", "set"])["calibration"].unique().map(list).to_dict()
    assert curves["svm", "wild"] == ["before", "after"]
    assert curves["vote", "test"] == curves["bought", "test"] == ["after"]  # a slope of 1 changes nothing
    assert list(dict.fromkeys(table["model"])) == ["svm", "vote", "bought"]
    here = table[(table["model"] == "svm") & (table["set"] == "test")].set_index(["calibration", "bin"])
    assert (here.loc["before", "confidence"] < here.loc["after", "confidence"]).all()
    expected = curve(uncalibrated(p, Calibration(3.0)).max(axis=1), p.argmax(axis=1) == y)
    assert here.loc["before", "confidence"].tolist() == expected["confidence"].tolist()


def test_images_without_labels_are_left_out():
    p, y = drawn(100)
    label = np.where(np.arange(100) < 60, np.array(["ai", "real"])[y], "")
    assert reliability_table(rows_of(p, label))["n"].sum() == 60
    assert reliability_table(rows_of(p, "")).empty


def test_groups_reach_the_intervals_of_a_curve():
    p, y = drawn(40)
    p, y = np.repeat(p, 10, axis=0), np.repeat(y, 10)
    label, group = np.array(["ai", "real"])[y], np.repeat([f"g{i}" for i in range(40)], 10)
    lone, grouped = (
        reliability_table(rows_of(p, label)),
        reliability_table(rows_of(p, label, group=group)),
    )
    assert len(grouped) < len(lone)  # a bin holds 25 groups
    point = grouped.iloc[0]
    assert point["right_high"] - point["right_low"] > 2 * np.ptp(share_interval(np.arange(400) < 400 * point["right"]))

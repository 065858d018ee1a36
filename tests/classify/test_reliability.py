import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from classify.metrics import wilson
from classify.predictions import VALIDATION, Predictions
from classify.reliability import AFTER, BEFORE, curve, rows, uncalibrated


def said(n=300, seed=0):
    rng, parts = np.random.default_rng(seed), []
    for name in (VALIDATION, "test"):
        p = rng.uniform(0, 1, n)
        table = pd.DataFrame({"prob_ai": p, "prob_real": 1 - p, "label": np.where(rng.random(n) < p, "ai", "real")})
        table = table.assign(predicted=np.where(p > 0.5, "ai", "real"), path=[str(i) for i in range(n)], set=name)
        parts.append(table.assign(fold=0 if name == VALIDATION else -1))
    return Predictions(pd.concat(parts).assign(model="m", split="", source="", group=""))


def test_bins_are_scikit_learns():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 400)
    right = rng.random(400) < confidence
    points = curve(confidence, right)
    share, mean = calibration_curve(right, confidence, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(points["right"], share)
    np.testing.assert_allclose(points["confidence"], mean)
    assert points["n"].sum() == 400
    assert (points["right_low"].iloc[0], points["right_high"].iloc[0]) == pytest.approx(
        wilson(round(share[0] * points["n"].iloc[0]), int(points["n"].iloc[0]))
    )


def test_few_images_make_few_bins_and_equal_confidences_share_one():
    assert len(curve(np.linspace(0.5, 1, 60), np.ones(60, bool))) == 2
    assert curve(np.full(300, 0.8), np.ones(300, bool))["n"].tolist() == [300]


def test_what_a_model_said_before_its_calibration_is_found_again():
    scores = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_allclose(uncalibrated(softmax(2.5 * scores, axis=1), 2.5), softmax(scores, axis=1), atol=1e-9)


def test_a_curve_stands_before_calibration_and_after_it_for_each_labelled_set():
    passport = {"name": "m", "calibration": {"slope": 3.0}}
    points = rows(said(), "ai", [passport])
    assert set(zip(points["set"], points["calibration"], strict=True)) == {
        (name, calibration) for name in (VALIDATION, "test") for calibration in (BEFORE, AFTER)
    }
    mean = points.groupby("calibration")["confidence"].mean()
    assert mean[BEFORE] < mean[AFTER]  # a slope above 1 makes surer
    assert set(rows(said(), "ai", [{"name": "m", "calibration": {"slope": 1.0}}])["calibration"]) == {AFTER}
    assert set(rows(said(), "ai", [])["calibration"]) == {AFTER}


def test_images_without_label_have_no_curve():
    table = said().table.assign(label="")
    assert rows(Predictions(table)).empty

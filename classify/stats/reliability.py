"""Reliability: is a model right on 80 % of the images for which it gives a probability of 80 %?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax

from classify.predictions import Predictions
from classify.stats.calibration import SMALLEST, Calibration
from classify.stats.effective import effective_units
from classify.stats.intervals import share_interval

# The share of right answers in a bin of 25 images, or groups, is known to 10 points at best; ten bins draw any curve.
IN_A_BIN, MOST_BINS = 25, 10
BEFORE, AFTER = "before", "after"
COLUMNS = ["set", "model", "calibration", "bin", "bins", "n", "confidence", "right", "right_low", "right_high"]


def reliability_table(
    predictions: Predictions, calibrations: Mapping[str, Calibration | None] | None = None
) -> pd.DataFrame:
    """Return the points of reliability curves, one for each bin of images of about equal confidence.

    The confidence is the probability of the likeliest class, and the image is right where this is the true class (Guo
    et al. 2017, arXiv 1706.04599). Bins hold about equal counts, as in scikit-learn's
    ``calibration_curve(strategy="quantile")``: one bin for each 25 effective images (a group counts as one), and ten at
    most.

    Parameters
    ----------
    predictions : Predictions
    calibrations : dict of str to Calibration, optional
        By model. Such a model has a second curve, of its probabilities before calibration.

    Returns
    -------
    pandas.DataFrame
        ``set, model, calibration`` ("before" or "after"), ``bin`` (the least confident first), ``bins`` (of this
        curve), ``n, confidence`` (mean), ``right`` (share) and its 95 % interval ``right_low, right_high``. Calibration
        was fitted on the validation set, so the curve after it is a little too good there.
    """
    parts, calibrations, labelled = [], calibrations or {}, predictions.labelled
    for model in predictions.models:
        for name in predictions.sets:
            part = labelled[(labelled["model"] == model) & (labelled["set"] == name)]
            if part.empty:
                continue
            probabilities = {AFTER: predictions.probabilities(part)}
            calibration = calibrations.get(model)
            if calibration and calibration.slope != 1:  # an ensemble has a slope of 1: it is not calibrated
                probabilities = {BEFORE: uncalibrated(probabilities[AFTER], calibration)} | probabilities
            for when, p in probabilities.items():
                right = np.array(predictions.classes)[p.argmax(axis=1)] == part["label"].to_numpy()
                points = curve(p.max(axis=1), right, part["group"].to_numpy())
                parts.append(points.assign(set=name, model=model, calibration=when))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def curve(confidence: np.ndarray, right: np.ndarray, group: np.ndarray | None = None) -> pd.DataFrame:
    """Return ``bin, bins, n, confidence, right, right_low, right_high`` of each bin that holds an image.

    Equal confidences share a bin, so that bins may be fewer and uneven.

    Parameters
    ----------
    confidence : ndarray of shape (n,), 0..1
    right : ndarray of shape (n,), bool
    group : ndarray of shape (n,), str, optional
        See `classify.stats.intervals.share_interval`.
    """
    worth = len(right) if group is None else int(effective_units(group))
    n_bins = min(MOST_BINS, max(1, worth // IN_A_BIN))
    inner = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))[1:-1]
    number = np.searchsorted(inner, confidence)
    points = []
    for i in np.unique(number):
        rows = number == i
        low, high = share_interval(right[rows], None if group is None else group[rows])
        points.append((rows.sum(), confidence[rows].mean(), right[rows].mean(), low, high))
    points = pd.DataFrame(points, columns=["n", "confidence", "right", "right_low", "right_high"])
    return points.assign(bin=range(len(points)), bins=len(points))


def uncalibrated(p: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the probabilities (n, n_classes) that a model predicted before `calibration`."""
    prior = np.log(calibration.thresholds) if calibration.thresholds else 0.0
    return softmax((np.log(np.maximum(p, SMALLEST)) - prior) / calibration.slope, axis=1)


def sureness(p: np.ndarray, predicted: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return the probability (n,) of the decided class in each row of `p` (n, n_classes)."""
    return p[np.arange(len(p)), pd.Index(classes).get_indexer(predicted)]

"""Reliability: does a model that says 80 % sure turn out right in 80 % of such images, before and after calibration?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax

from classify.predictions import Predictions
from classify.stats.calibration import SMALLEST, Calibration
from classify.stats.effective import effective_units
from classify.stats.intervals import interval

# 25 images, or groups, in a bin leave at best +-10 points; ten points draw any curve worth seeing
IN_A_BIN, MOST_BINS = 25, 10
BEFORE, AFTER = "before", "after"
COLUMNS = ["set", "model", "calibration", "bin", "bins", "n", "confidence", "right", "right_low", "right_high"]


def reliability_table(
    predictions: Predictions, calibrations: Mapping[str, Calibration | None] | None = None
) -> pd.DataFrame:
    """Return the points of reliability curves, a row a bin of images that a model is about equally sure of.

    The confidence is the probability of the likeliest class, for two classes as for more, and right means that this
    class is the true one; Guo et al. 2017, arXiv 1706.04599. Bins hold about equal counts, one bin for each 25 images
    that a set is worth (groups count as one) and ten at most, as scikit-learn's
    ``calibration_curve(strategy="quantile")`` cuts them.

    Parameters
    ----------
    predictions : Predictions
    calibrations : dict of str to Calibration, optional
        Of each model that has one: what a model predicted before it is shown too.

    Returns
    -------
    pandas.DataFrame
        ``set, model, calibration`` ("before" or "after"), ``bin`` (from the least sure), ``bins`` (of this curve),
        ``n, confidence`` (mean), ``right`` (share) and its 95 % interval ``right_low, right_high``. On the validation
        set a calibration was fitted, so the curve after it is a little too good there.
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
                confidence, decided = likeliest(p, predictions.classes)
                points = curve(confidence, decided == part["label"].to_numpy(), part["group"].to_numpy())
                parts.append(points.assign(set=name, model=model, calibration=when))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def curve(confidence: np.ndarray, right: np.ndarray, group: np.ndarray | None = None) -> pd.DataFrame:
    """Return ``bin, bins, n, confidence, right, right_low, right_high``, a row a bin that holds an image.

    Equal confidences share a bin, so there may be fewer bins than asked for, and uneven ones.

    Parameters
    ----------
    confidence : ndarray of shape (n,), 0..1
    right : ndarray of shape (n,), bool
    group : ndarray of shape (n,), str, optional
        See `share_interval`.
    """
    worth = len(right) if group is None else int(effective_units(group))
    wanted = min(MOST_BINS, max(1, worth // IN_A_BIN))
    inner = np.quantile(confidence, np.linspace(0, 1, wanted + 1))[1:-1]
    number = np.searchsorted(inner, confidence)
    points = []
    for i in np.unique(number):
        here = number == i
        low, high = share_interval(right[here], None if group is None else group[here])
        points.append((here.sum(), confidence[here].mean(), right[here].mean(), low, high))
    points = pd.DataFrame(points, columns=["n", "confidence", "right", "right_low", "right_high"])
    return points.assign(bin=range(len(points)), bins=len(points))


def uncalibrated(p: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the probabilities (n, n_classes) that a model predicted before `calibration`."""
    prior = np.log(calibration.thresholds) if calibration.thresholds else 0.0
    return softmax((np.log(np.maximum(p, SMALLEST)) - prior) / calibration.slope, axis=1)


def likeliest(p: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the top probability (n,) and its class (n,) of str of each row of `p` (n, n_classes)."""
    return p.max(axis=1), np.array(classes, dtype=object)[p.argmax(axis=1)]


def sureness(p: np.ndarray, predicted: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return the probability (n,) that each row of `p` (n, n_classes) gives to the class that was decided on."""
    return p[np.arange(len(p)), pd.Index(classes).get_indexer(predicted)]


def share_interval(hits: np.ndarray, group: np.ndarray | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the share of `hits` (n,) bool: Wilson's, wider where images share a `group`.

    NaN, NaN where groups are too few; see `classify.stats.effective`.
    It is the interval of accuracy in `classify.stats.intervals.interval`, of any share.
    """
    n = len(hits)
    said = np.where(hits, "yes", "no")
    return interval("accuracy", np.full(n, "yes"), np.zeros((n, 2)), said, ["no", "yes"], "yes", group=group)

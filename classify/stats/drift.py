"""Drift: is a set unlike the training images, as far as the model's confidence tells? Needs no labels, no images."""

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, kstwo

from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import effective_units
from classify.stats.reliability import sureness

LEVEL = 0.01  # each model and set is a test, so 5 % would raise a false alarm on every second page
# The distance is the greatest difference between the shares of images above some confidence. Held-out images of the
# training sources had 0.04-0.12 with five models (869 out-of-fold against 200 images), images of other generators
# 0.23-0.29 with four.
LEAST_DISTANCE = 0.15
# The final model was fitted on more images than the models of the folds, which changes its confidence a little. For
# 4,000 images of the training distribution the distance was 0.02-0.07 above that of chance (2 models, 120 to 800
# training images of 64 or 512 columns, 12 draws each), so only the distance beyond this is tested.
BY_TRAINING = 0.05
COLUMNS = ["model", "set", "n", "n_reference", "sure", "sure_reference", "distance", "p", "visible", "unlike"]


def drift_table(predictions: Predictions) -> pd.DataFrame:
    """Return how far each model's confidence on each unseen set is from its confidence on out-of-fold rows.

    The confidence is the probability of the decided class, and the distance is the two-sample Kolmogorov-Smirnov
    statistic. A set is called unlike where the distance is significant (p at most 0.01) and large (0.15 at least): with
    10,000 images any difference is significant. The test is of the distance beyond `BY_TRAINING`, by which the final
    model differs from the models of the folds. Images of one group are not independent, so a set counts as
    `classify.stats.effective.effective_units` images.

    Where the confidence of the models of the folds differs by more than that among themselves, it depends on the
    training and shows no drift: p is NaN, and no set is called unlike. So it is with nets that learn little: without
    this, lenet5 and cnn called 12 of 13 random splits of one folder of 400 images unlike; with it, none.

    A set that is not called unlike may still be: a model can be as sure of images unlike any it has seen, and wrong. A
    set that is called unlike may still be answered rightly.

    Parameters
    ----------
    predictions : Predictions
        Labels are not read. Models without out-of-fold rows (``validation``) have no row.

    Returns
    -------
    pandas.DataFrame
        ``model, set, n, n_reference, sure`` (mean confidence, the accuracy that a calibrated model expects),
        ``sure_reference, distance`` (0..1), ``p``, ``visible`` (the least distance that so few images can show),
        ``unlike``.
    """
    comparisons, table = [], predictions.table
    for model in predictions.models:
        of_model = table[table["model"] == model]
        reference = of_model[of_model["set"] == VALIDATION]
        steady = _is_steady(predictions, reference)
        for name in predictions.sets:
            rows = of_model[of_model["set"] == name]
            if name != VALIDATION and len(rows) and len(reference):
                comparisons.append({"model": model, "set": name, **_compare(predictions, reference, rows, steady)})
    return pd.DataFrame(comparisons, columns=COLUMNS)


def _is_steady(predictions: Predictions, reference: pd.DataFrame) -> bool:
    """Return whether no fold's model is more or less confident than the others, beyond chance and `BY_TRAINING`."""
    folds = reference["fold"].unique()
    parts = [(reference[reference["fold"] == fold], reference[reference["fold"] != fold]) for fold in folds]
    tests = [_distance(predictions, *sides)[1] for sides in parts if all(map(len, sides))]
    return min(tests, default=1.0) * len(tests) > LEVEL or not tests


def _distance(predictions: Predictions, *parts: pd.DataFrame) -> tuple[float, float, int]:
    """Return the distance between the confidences on two parts, its p-value, and how many images both count as."""
    sides = [sureness(predictions.probabilities(part), part["predicted"], predictions.classes) for part in parts]
    counts = [effective_units(part["group"]) for part in parts]
    distance = float(ks_2samp(*sides, method="asymp").statistic)
    n = max(1, round(counts[0] * counts[1] / sum(counts)))  # as in scipy's ks_2samp, of effective counts
    return distance, float(kstwo.sf(max(0.0, distance - BY_TRAINING), n)), n


def _compare(predictions: Predictions, reference: pd.DataFrame, rows: pd.DataFrame, steady: bool) -> dict:
    distance, p, n = _distance(predictions, reference, rows)
    sides = [
        sureness(predictions.probabilities(part), part["predicted"], predictions.classes) for part in (reference, rows)
    ]
    visible = max(LEAST_DISTANCE, min(1.0, BY_TRAINING + float(kstwo.isf(LEVEL, n))))
    return {
        "n": len(rows),
        "n_reference": len(reference),
        "sure": sides[1].mean(),
        "sure_reference": sides[0].mean(),
        "distance": distance,
        "p": p if steady else np.nan,
        "visible": visible if steady else np.nan,
        "unlike": steady and p <= LEVEL and distance >= LEAST_DISTANCE,
    }

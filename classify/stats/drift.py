"""Drift: is a set unlike the training images, as far as the model's confidence tells? Needs no labels, no images."""

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
        for name in predictions.sets:
            rows = of_model[of_model["set"] == name]
            if name != VALIDATION and len(rows) and len(reference):
                comparisons.append({"model": model, "set": name, **_compare(predictions, reference, rows)})
    return pd.DataFrame(comparisons, columns=COLUMNS)


def _compare(predictions: Predictions, reference: pd.DataFrame, rows: pd.DataFrame) -> dict:
    sides = [
        sureness(predictions.probabilities(part), part["predicted"], predictions.classes) for part in (reference, rows)
    ]
    counts = [effective_units(part["group"]) for part in (reference, rows)]
    distance = float(ks_2samp(*sides, method="asymp").statistic)
    n = max(1, round(counts[0] * counts[1] / sum(counts)))  # as in scipy's ks_2samp, of effective counts
    p = float(kstwo.sf(max(0.0, distance - BY_TRAINING), n))
    return {
        "n": len(rows),
        "n_reference": len(reference),
        "sure": sides[1].mean(),
        "sure_reference": sides[0].mean(),
        "distance": distance,
        "p": p,
        "visible": max(LEAST_DISTANCE, min(1.0, BY_TRAINING + float(kstwo.isf(LEVEL, n)))),
        "unlike": p <= LEVEL and distance >= LEAST_DISTANCE,
    }

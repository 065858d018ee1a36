"""A warning that a set is unlike the training images, from how sure a model is of it: no labels, no images needed."""

import pandas as pd
from scipy.stats import ks_2samp, kstwo

from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import effective_units
from classify.stats.reliability import sureness

LEVEL = 0.01  # a model and set each is a test, so 5 % would cry wolf on every second page
# The distance says by how many points the share of images above some confidence differs, at most. Held-out images of
# the training's own sources came to 0.04-0.12 in five models (869 out-of-fold against 200 images), images of other
# generators to 0.23-0.29 in four.
LEAST_DISTANCE = 0.15
# The model that answers was fitted on more images than those of the folds, and is a little surer or less sure for that.
# With 4,000 images drawn alike the distance was 0.02-0.07 more than chance makes (2 models, 120 to 800 training images
# of 64 or 512 columns, 12 draws each), so only what is beyond this is tested.
BY_TRAINING = 0.05
COLUMNS = ["model", "set", "n", "n_reference", "sure", "sure_reference", "distance", "p", "visible", "unlike"]


def drift_table(predictions: Predictions) -> pd.DataFrame:
    """Return how far each model's sureness of its decisions on each unseen set is from that on out-of-fold rows.

    The distance is that of Kolmogorov and Smirnov between the two distributions of the probability of the class that
    was decided on. A set is called unlike where the distance is no accident (p at most 0.01) and no trifle (0.15 at
    least): with 10,000 images any difference is significant. The test is of the distance beyond `BY_TRAINING`, by
    which a model fitted on all folds differs from those fitted on some. Images of one group are not independent; a set
    then counts as many as it is worth if all images of a group were equal (`classify.stats.effective.effective_units`).

    That a set is not called unlike proves nothing: a model may be as sure of images unlike any it has seen, and as
    wrong. Nor is the reverse an error rate: unlike images may all be answered rightly.

    Parameters
    ----------
    predictions : Predictions
        Labels are not looked at. Models without out-of-fold rows (``validation``) have no row.

    Returns
    -------
    pandas.DataFrame
        ``model, set, n, n_reference, sure`` (mean sureness, which is the accuracy a calibrated model expects),
        ``sure_reference, distance`` (0..1), ``p`` (that it is chance), ``visible`` (the least distance so few
        images could have shown), ``unlike``.
    """
    found, table = [], predictions.table
    for model in predictions.models:
        of_model = table[table["model"] == model]
        reference = of_model[of_model["set"] == VALIDATION]
        for name in predictions.sets:
            rows = of_model[of_model["set"] == name]
            if name != VALIDATION and len(rows) and len(reference):
                found.append({"model": model, "set": name, **_compare(predictions, reference, rows)})
    return pd.DataFrame(found, columns=COLUMNS)


def _compare(predictions: Predictions, reference: pd.DataFrame, rows: pd.DataFrame) -> dict:
    sides = [
        sureness(predictions.probabilities(part), part["predicted"], predictions.classes) for part in (reference, rows)
    ]
    counts = [effective_units(part["group"]) for part in (reference, rows)]
    distance = float(ks_2samp(*sides, method="asymp").statistic)
    both = max(1, round(counts[0] * counts[1] / sum(counts)))
    # as scipy's ks_2samp has it, with counts of our own
    p = float(kstwo.sf(max(0.0, distance - BY_TRAINING), both))
    return {
        "n": len(rows),
        "n_reference": len(reference),
        "sure": sides[1].mean(),
        "sure_reference": sides[0].mean(),
        "distance": distance,
        "p": p,
        "visible": max(LEAST_DISTANCE, min(1.0, BY_TRAINING + float(kstwo.isf(LEVEL, both)))),
        "unlike": p <= LEVEL and distance >= LEAST_DISTANCE,
    }

"""How many images of two classes are called positive at every threshold, in a form that a page can hold."""

from collections.abc import Mapping

import numpy as np

from classify.predictions import VALIDATION, Predictions, set_title

MOST_POINTS = 400  # thresholds of a model and set; of more, as many are kept, evenly spread over the images


def curves(predictions: Predictions, positive: str | None, chosen: str, thresholds: Mapping[str, float]) -> dict:
    """Return the counts at every threshold of each model on each unseen labelled set, as JSON can hold them.

    Parameters
    ----------
    predictions : Predictions
    positive : str or None
        The positive one of two classes; without it the result is empty.
    chosen : str
        The model that a page begins with.
    thresholds : mapping of str to float
        The threshold that decides, for each model of which it is known.

    Returns
    -------
    dict
        ``positive, other`` (classes), ``models, sets`` (titles), ``chosen`` (a number in `models`) and ``curves``: for
        each ``model`` and ``set`` the probabilities ``p`` from the highest to the lowest, and how many images of the
        positive and of the other class have at least each of them, ``tp`` and ``fp``; ``n``, the images of each of the
        two classes; ``own``, the threshold that decides, or None if no threshold gives the model's answers; and
        ``decided``, how many images of each class the model calls positive.
    """
    if not positive:
        return {}
    at = predictions.classes.index(positive)
    models, sets = list(predictions.models), [name for name in predictions.sets if name != VALIDATION]
    labelled = predictions.labelled
    unseen = labelled[labelled["set"] != VALIDATION]
    parts = []
    for (model, name), rows in unseen.groupby(["model", "set"], sort=False):
        p, truth = predictions.probabilities(rows)[:, at], (rows["label"] == positive).to_numpy()
        decided = (rows["predicted"] == positive).to_numpy()
        own = deciding(p, decided, thresholds.get(model))
        parts.append({"model": models.index(model), "set": sets.index(name), **counts(p, truth, own)})
        parts[-1] |= {"own": own, "decided": [int((decided & truth).sum()), int((decided & ~truth).sum())]}
    return {
        "positive": positive,
        "other": predictions.classes[1 - at],
        "models": models,
        "sets": [set_title(name) for name in sets],
        "chosen": models.index(chosen),
        "curves": parts,
    }


def counts(p: np.ndarray, truth: np.ndarray, own: float | None = None, most: int = MOST_POINTS) -> dict:
    """Return ``p, tp, fp, n`` as `curves` has them; about `most` probabilities, and those on both sides of `own`."""
    levels, place = np.unique(-p, return_inverse=True)
    tp, fp = (np.cumsum(np.bincount(place[side], minlength=len(levels))) for side in (truth, ~truth))
    kept = np.arange(len(levels))
    if len(kept) > most:
        # evenly by images, since the probabilities of many models crowd at both ends
        even = np.searchsorted(tp + fp, np.linspace(1, len(p), most))
        first_below = np.searchsorted(levels, -(0.5 if own is None else own), side="right")
        kept = np.unique(np.clip([0, *even, first_below - 1, first_below, len(levels) - 1], 0, len(levels) - 1))
    n = [int(truth.sum()), int((~truth).sum())]
    return {"p": (-levels[kept]).tolist(), "tp": tp[kept].tolist(), "fp": fp[kept].tolist(), "n": n}


def deciding(p: np.ndarray, decided: np.ndarray, known: float | None) -> float | None:
    """Return a threshold from which on images are called positive, exactly those of `decided`; None if there is none.

    It is the `known` one, unless rounding put an image on its other side.
    """
    above = p[~decided].max(initial=-np.inf)  # the threshold is above this
    up_to = p[decided].min(initial=np.inf)
    if not above < up_to:
        return None
    start = min(up_to, 1.0) if known is None else known
    return float(min(max(start, np.nextafter(above, 2)), up_to))

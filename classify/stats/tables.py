"""Tables of scores: on unseen sets with their intervals, over folds, and at the best threshold in hindsight."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.metrics import roc_curve

from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import correction, enough, kish, units
from classify.stats.intervals import about, balanced, closest_pair_swapped, intervals, resamples, strata, with_ends
from classify.stats.scores import SCORES, Sample, scores_for


def score_table(
    predictions: Predictions, positive: str | None = None, *, names: Iterable[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Return the scores of each model on each unseen set with labels, with their 95 % intervals.

    The validation set has no row, since it helped to choose the model: see `fold_scores`.

    Parameters
    ----------
    predictions : Predictions
    positive : str, optional
        The positive one of two classes; by default its name tells.
    names : iterable of str, optional
        Names in `SCORES`; by default all that are defined for the number of classes.
    seed : int
        Of intervals that need draws.

    Returns
    -------
    pandas.DataFrame
        ``model, set, n, units`` (a group is one unit), ``effective_units`` (see `classify.stats.effective`),
        ``n_<class>`` of every class, ``chance`` (share of the largest class), and for each score
        ``<score>, <score>_low, <score>_high``.
    """
    names = list(scores_for(predictions.classes) if names is None else names)
    rows = []
    for (model, name), part in _unseen(predictions):
        sample = Sample.of(*_judged(predictions, part), predictions.classes, positive)
        limits = intervals(names, sample, part["group"], seed)
        counts = part["label"].value_counts().reindex(predictions.classes, fill_value=0)
        sizes = np.bincount(units(part["group"], len(part)))
        row = {"model": model, "set": name, "n": len(part), "units": len(sizes), "effective_units": kish(sizes)}
        row |= counts.add_prefix("n_").to_dict()
        row["chance"] = counts.max() / len(part)
        for score in names:
            row |= with_ends(score, SCORES[score].of(sample), *limits[score])
        rows.append(row)
    return pd.DataFrame(
        rows, columns=None if rows else ["model", "set", "n", "units", "effective_units", "chance", *names]
    )


def fold_scores(
    predictions: Predictions, scoring: str | Iterable[str] = "accuracy", positive: str | None = None
) -> pd.DataFrame:
    """Return a row for each score and model with validation rows: ``model, scoring, n, mean, std, fold_0, ...``.

    `std` is the sample standard deviation over folds, and NaN for a single fold. The folds chose the model's settings,
    so these are selection scores and no results.
    """
    labelled = predictions.labelled
    by_model = {
        model: {
            f"fold_{fold}": Sample.of(*_judged(predictions, rows), predictions.classes, positive)
            for fold, rows in part.groupby("fold")
        }
        for model, part in labelled[labelled["set"] == VALIDATION].groupby("model", sort=False)
    }
    rows = []
    for name in [scoring] if isinstance(scoring, str) else scoring:
        for model, samples in by_model.items():
            folds = {fold: SCORES[name].of(sample) for fold, sample in samples.items()}
            values, n = pd.Series(folds), sum(len(sample.truth) for sample in samples.values())
            summary = {"mean": values.mean(skipna=False), "std": values.std(skipna=False)}
            rows.append({"model": model, "scoring": name, "n": n, **summary, **folds})
    return pd.DataFrame(rows, columns=None if rows else ["model", "scoring", "n", "mean", "std"])


def fold_values(predictions: Predictions, scoring: str, positive: str | None) -> list[float]:
    """Return the score of each fold of the only model in `predictions`, as a report shows them."""
    return fold_scores(predictions, scoring, positive).filter(regex="^fold_").iloc[0].astype(float).tolist()


def hindsight(predictions: Predictions, positive: str | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return the accuracy of the best threshold in hindsight, a row for each model and unseen set of both classes.

    That threshold is chosen on the rows that it is judged on, so its accuracy is no result: on new images the same
    threshold would be right less often, by ``optimism`` at least. It shows how much the fixed threshold loses.

    The best threshold has the greatest balanced accuracy; of several the one nearest to 0.5 counts. Each bootstrap
    resample chooses a threshold anew; the optimism is the mean over resamples of its accuracy there less its accuracy
    on the original rows (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", 17.6). Percentiles of those
    resamples would be optimistic twice. The intervals hold the accuracy of the truly best threshold in 92-96 of 100
    sets of 60 images (300 runs at each of four strengths, standard error 1.3; `benchmarks.simulations.intervals`).

    Returns
    -------
    pandas.DataFrame
        ``model, set, n, threshold`` (positive from this probability on), and for ``accuracy`` and
        ``balanced_accuracy`` the value, its 95 % interval ``_low, _high`` (about the value less its optimism), and
        ``_optimism``. Empty for more than two classes.
    """
    rows = []
    for (model, name), part in _unseen(predictions) if len(predictions.classes) == 2 else ():
        if part["label"].nunique() == 2:
            sample = Sample.of(*_judged(predictions, part), predictions.classes, positive)
            rows.append({"model": model, "set": name, "n": len(part), **_best(sample, part["group"], seed)})
    return pd.DataFrame(rows, columns=None if rows else ["model", "set", "n", "threshold"])


def confusion_table(predictions: Predictions) -> pd.DataFrame:
    """Return ``set, model, truth, predicted, count, share`` of unseen sets; shares of a true class sum to 1."""
    classes, columns = predictions.classes, ["set", "model", "truth", "predicted", "count", "share"]
    parts = []
    for (model, name), part in _unseen(predictions):
        count = pd.crosstab(part["label"], part["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
        long = count.stack().rename_axis(["truth", "predicted"]).rename("count").reset_index()
        long["share"] = long["count"] / long.groupby("truth")["count"].transform("sum")
        parts.append(long.assign(model=model, set=name))
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def roc_table(predictions: Predictions, positive: str | None, scores: pd.DataFrame) -> pd.DataFrame:
    """Return ``set, model, positive, n, auc, fpr, tpr``, a row a point of a ROC curve, of unseen sets of both classes.

    Empty for more than two classes.

    Parameters
    ----------
    predictions : Predictions
    positive : str or None
        The positive one of two classes.
    scores : DataFrame
        Of `score_table`, from which ``auc`` is taken.
    """
    columns = ["set", "model", "positive", "n", "auc", "fpr", "tpr"]
    areas, parts = scores.set_index(["model", "set"]), []
    for (model, name), part in _unseen(predictions) if positive else ():
        if part["label"].nunique() == 2:
            p = predictions.probabilities(part)[:, predictions.classes.index(positive)]
            fpr, tpr, _ = roc_curve(part["label"] == positive, p)
            curve = pd.DataFrame({"fpr": fpr, "tpr": tpr})
            auc = areas.loc[(model, name), "roc_auc"]
            parts.append(curve.assign(model=model, set=name, positive=positive, n=len(part), auc=auc))
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _best(sample, group, seed):
    unit, weights = units(group, len(sample.truth)), balanced(sample.truth)
    lacks = None
    if enough(unit, weights):
        lacks = correction(np.bincount(unit, weights), np.bincount(unit), strata(sample.truth, unit))
    thresholds, curves = _curves(sample, np.ones((1, len(unit))))
    (best,) = _greatest(curves, thresholds)
    drawn, optimism = {name: [] for name in curves}, {name: [] for name in curves}
    for weights in resamples(sample.truth, unit, seed):
        _, redrawn = _curves(sample, weights)
        at = _greatest(redrawn, thresholds)
        for name in curves:
            drawn[name].append(np.take_along_axis(redrawn[name], at[:, None], axis=1)[:, 0])
            optimism[name].append(drawn[name][-1] - curves[name][0, at])
    row = {"threshold": thresholds[best]}
    for name in curves:
        value, values, over = curves[name][0, best], np.concatenate(drawn[name]), np.concatenate(optimism[name]).mean()
        limits = about(value, values, lacks, centre=value - over)
        if value == 1 and lacks:
            limits = _best(closest_pair_swapped(sample), group, seed)[f"{name}_low"], 1.0
        row |= with_ends(name, value, *limits) | {f"{name}_optimism": over}
    return row


def _greatest(curves, thresholds):
    nearest = np.argsort(np.abs(thresholds - 0.5), kind="stable")
    return nearest[np.argmax(np.round(curves["balanced_accuracy"][:, nearest], 12), axis=1)]


def _curves(sample, weights):
    """Return thresholds (k,), and by name the accuracies (m, k) that weights (m, n) give at each."""
    score = sample.scores[:, sample.positive]
    levels, level = np.unique(-score, return_inverse=True)
    levels = -levels
    none = max((1 + levels[0]) / 2, np.nextafter(levels[0], 2))  # no row is called positive
    thresholds = np.r_[none, (levels[:-1] + levels[1:]) / 2, levels[-1] / 2]
    sides = []
    for side in (sample.truth == sample.positive, sample.truth != sample.positive):
        held = csr_array((np.ones(side.sum()), (np.flatnonzero(side), level[side] + 1)), (len(score), len(thresholds)))
        sides.append(np.cumsum(weights @ held, axis=1))
    hits, misses = sides  # images called positive: of the positive class, and of the other
    n, m = hits[:, -1:], misses[:, -1:]
    balanced = (hits / n + 1 - misses / m) / 2
    return thresholds, {"accuracy": (hits + m - misses) / (n + m), "balanced_accuracy": balanced}


def _unseen(predictions):
    labelled = predictions.labelled
    return labelled[labelled["set"] != VALIDATION].groupby(["model", "set"], sort=False)


def _judged(predictions, rows):
    return rows["label"], predictions.probabilities(rows), rows["predicted"]

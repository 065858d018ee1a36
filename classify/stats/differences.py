"""Differences between all pairs of models: on the same unseen images, and over the same folds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t

from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import units
from classify.stats.intervals import intervals, resamples, with_ends
from classify.stats.paired import LEVEL, design_effect, join, needed, paired_test
from classify.stats.scores import SCORES, Sample

AUC = SCORES["roc_auc"]
PAIRED = [
    *("set", "model_a", "model_b", "n", "units", "only_class", "accuracy_a", "accuracy_b"),
    *("difference", "difference_low", "difference_high", "only_a", "only_b", "design_effect"),
    *("auc_difference", "auc_difference_low", "auc_difference_high", "p", "p_holm", "tests", "apart", "needed"),
]
FOLDS = [
    *("model_a", "model_b", "scoring", "n", "folds", "mean_a", "mean_b"),
    *("difference", "difference_low", "difference_high", "p", "p_holm", "tests", "apart"),
]


def paired(predictions: Predictions, positive: str | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return a row for each unseen set and pair of models, on the images that both predicted.

    Returns
    -------
    pandas.DataFrame
        ``set, model_a, model_b`` (in the order of the predictions), and

        ============== ===========================================================================================
        n, units       images that both predicted, and their independent units (a group is one)
        only_class     their class where all have the same, or empty
        accuracy_a, _b of each model on them
        difference     a less b, with its 95 % interval ``_low, _high``: `classify.stats.paired.paired_interval`
        only_a, only_b images on which only one model is right
        design_effect  of the groups, see `classify.stats.paired.design_effect`
        auc_difference of ROC AUC, a less b, with its 95 % interval; see `auc_difference`
        p              of McNemar's exact test of the accuracies, over whole groups where images have any: see
                       `classify.stats.paired.sign_flip`
        p_holm, tests  p corrected by Holm (1979) for all rows of this table, and the number of these rows
        apart          whether the corrected p is below 0.05: in at most 5 % of tables it is true of any pair of
                       equal models. Intervals are not corrected for the number of comparisons
        needed         images that find such a difference with a power of 80 %, for as many comparisons and for such
                       groups; see `classify.stats.paired.needed`. NaN where there is no difference
        ============== ===========================================================================================
    """
    rows = [
        row for name in predictions.sets if name != VALIDATION for row in _of_set(predictions, name, positive, seed)
    ]
    table = _judged(pd.DataFrame(rows, columns=None if rows else PAIRED))
    table["needed"] = [_needed(row, LEVEL / row["tests"]) for _, row in table.iterrows()]
    return table[PAIRED]


def _needed(row, level):
    share = (row["only_a"] + row["only_b"]) / row["n"]
    images = needed(row["accuracy_a"], row["accuracy_b"], share, level=level, effect=row["design_effect"])
    # With fewer units even the p of units that all differ in one direction, 2 / 2**units, is not below the level.
    return np.maximum(images, np.ceil(row["n"] / row["units"] * (1 + np.log2(1 / level))))


def _of_set(predictions, name, positive, seed) -> Iterator[dict]:
    part = predictions.labelled[predictions.labelled["set"] == name]
    groups = part.groupby(["path", "label"], sort=False)["group"].max()  # an imported model may not know them
    label = groups.index.get_level_values("label").to_numpy()
    by_model = {}
    for model in [model for model in predictions.models if model in set(part["model"])]:
        rows = part[part["model"] == model]
        at = groups.index.get_indexer(pd.MultiIndex.from_frame(rows[["path", "label"]]))
        predicted, right = np.zeros(len(groups), bool), np.zeros(len(groups), bool)
        predicted[at], right[at] = True, rows["predicted"] == rows["label"]
        scores = np.zeros((len(groups), len(predictions.classes)))
        scores[at] = predictions.probabilities(rows)
        by_model[model] = predicted, right, scores

    @cache  # most pairs share their images, so that one draw serves a model in all of them
    def aucs(model, images):
        on = np.frombuffer(images, bool)
        scores = by_model[model][2]
        sample = Sample.of(label[on], scores[on], label[on], predictions.classes, positive)
        return Drawn.of(sample, groups.to_numpy()[on], seed)

    for a, b in combinations(by_model, 2):
        on = by_model[a][0] & by_model[b][0]
        if not on.any():
            continue
        right_a, right_b = by_model[a][1][on], by_model[b][1][on]
        unit = units(groups.to_numpy()[on], on.sum())
        yield {
            "set": name,
            "model_a": a,
            "model_b": b,
            "n": int(on.sum()),
            "units": int(unit.max() + 1),
            "only_class": label[on][0] if len(set(label[on])) == 1 else "",
            "accuracy_a": right_a.mean(),
            "accuracy_b": right_b.mean(),
            **paired_test(right_a, right_b, unit),
            "only_a": int((right_a & ~right_b).sum()),
            "only_b": int((right_b & ~right_a).sum()),
            "design_effect": design_effect(right_a, right_b, unit),
            **with_ends("auc_difference", *auc_difference(aucs(a, on.tobytes()), aucs(b, on.tobytes()))),
        }


@dataclass(frozen=True, eq=False)
class Drawn:
    """The ROC AUC of a model: (value, low, high) with its 95 % interval, and its values (m,) in bootstrap resamples."""

    limits: tuple[float, float, float]
    resampled: np.ndarray

    @classmethod
    def of(cls, sample: Sample, group: np.ndarray, seed: int) -> "Drawn":
        """Return the AUC of a sample; on the same images and seed the resamples of two models are paired."""
        weightings = resamples(sample.truth, units(group, len(group)), seed)
        resampled = np.concatenate([AUC.statistic(sample, weights) for weights in weightings])
        return cls((AUC.of(sample), *intervals(["roc_auc"], sample, group, seed)["roc_auc"]), resampled)


def auc_difference(a: Drawn, b: Drawn) -> tuple[float, float, float]:
    """Return the difference of two models' ROC AUC, a less b, with its 95 % interval.

    `classify.stats.paired.join` makes it from the intervals of both and the correlation of their paired bootstrap
    resamples, of whole groups where images have any. A model whose resamples do not vary counts as uncorrelated, which
    is cautious. NaN where a set has one class.
    """
    known = ~np.isnan(a.resampled) & ~np.isnan(b.resampled)
    drawn = np.array([a.resampled[known], b.resampled[known]])
    varies = known.any() and np.ptp(drawn, axis=1).min() > 1e-12
    correlation = np.corrcoef(drawn)[0, 1] if varies else 0.0
    return a.limits[0] - b.limits[0], *join(a.limits, b.limits, correlation)


def folds(predictions: Predictions, scores: pd.DataFrame, alike: Sequence[Sequence[str]] | None = None) -> pd.DataFrame:
    """Return a row for each pair of models that were validated on the same folds, two or more.

    Folds share training images, so their scores vary less than scores on new data, and a plain paired t test finds
    differences that do not exist. Nadeau & Bengio 2003, Machine Learning 52:239: the variance of the mean is
    (1 / k + n_test / n_train) times the variance over k folds. The scores chose settings and are too high by an unknown
    amount, so this compares models in cross-validation only; unseen sets say more.

    Parameters
    ----------
    predictions : Predictions
    scores : DataFrame
        Of `classify.stats.tables.fold_scores`, for one score.
    alike : sequence of sequence of str, optional
        Groups of models that can be compared, since models that were tuned for different scores cannot; by default all
        models.

    Returns
    -------
    pandas.DataFrame
        ``model_a, model_b, scoring, n`` (images), ``folds`` (their number), ``mean_a, mean_b, difference`` (a less b)
        with its 95 % interval ``_low, _high``, and ``p, p_holm, tests, apart`` as in `paired`. NaN where the difference
        is the same in all folds.
    """
    seen = predictions.labelled[predictions.labelled["set"] == VALIDATION]
    places = {model: part.set_index("path")["fold"].sort_index() for model, part in seen.groupby("model")}
    scores = scores.set_index("model")
    rows = []
    group = {model: i for i, models in enumerate(alike or ()) for model in models}
    for a, b in combinations([model for model in predictions.models if model in scores.index], 2):
        if alike is not None and group.get(a) != group.get(b):
            continue
        sizes = places[a].value_counts()
        if len(sizes) < 2 or not places[a].equals(places[b]):
            continue
        by_fold = [f"fold_{fold}" for fold in sizes.index]
        row = {"model_a": a, "model_b": b, "scoring": scores.loc[a, "scoring"]}
        row |= {"n": len(places[a]), "folds": len(sizes)}
        row |= {"mean_a": scores.loc[a, "mean"], "mean_b": scores.loc[b, "mean"]}
        of_a, of_b = (scores.loc[model, by_fold].to_numpy(float) for model in (a, b))
        rows.append(row | corrected_t(of_a - of_b, float((sizes / (sizes.sum() - sizes)).mean())))
    return _judged(pd.DataFrame(rows, columns=None if rows else FOLDS))[FOLDS]


def corrected_t(differences: np.ndarray, ratio: float) -> dict[str, float]:
    """Return ``difference, difference_low, difference_high, p`` of differences (k,) over folds; see `folds`.

    `ratio` is n_test / n_train of a fold.
    """
    k, mean = len(differences), differences.mean()
    low = high = np.nan
    p = 1.0 if abs(mean) < 1e-12 else np.nan
    if np.ptp(differences) > 1e-12:
        error = np.sqrt((1 / k + ratio) * differences.var(ddof=1))
        reach = t.ppf(1 - LEVEL / 2, k - 1) * error
        low, high, p = mean - reach, mean + reach, 2 * t.sf(abs(mean) / error, k - 1)
    return with_ends("difference", mean, low, high) | {"p": p}


def _judged(table):
    """Return the table with ``p_holm, tests, apart``."""
    p = table["p"].to_numpy(float)
    corrected = holm(p)
    return table.assign(p_holm=corrected, tests=int((~np.isnan(p)).sum()), apart=corrected < LEVEL)


def holm(p: np.ndarray, n_tests: int | None = None) -> np.ndarray:
    """Return p-values corrected for multiple testing (Holm 1979, Scandinavian Journal of Statistics 6:65).

    Parameters
    ----------
    p : ndarray of shape (n,)
        NaN where nothing was tested, and NaN stays there.
    n_tests : int, optional
        Number of tests, of which these are the smallest p-values; by default the number of p-values.
    """
    n_tests = (~np.isnan(p)).sum() if n_tests is None else n_tests
    order = np.argsort(p)  # NaN last
    corrected = np.maximum.accumulate(p[order] * (n_tests - np.arange(len(p))))
    return np.minimum(1, corrected)[np.argsort(order)]

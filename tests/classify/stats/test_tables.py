import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from scipy.stats import t

from classify.predictions import Predictions
from classify.stats.intervals import interval, wilson
from classify.stats.scores import SCORES
from classify.stats.tables import fold_scores, hindsight, score_table


def table(sets, models=("svm", "logreg"), classes=("ai", "real"), group=""):
    """sets: {name: (n, share right)}; labels alternate over the classes."""
    parts = []
    for seed, model in enumerate(models):
        for name, (n, right) in sets.items():
            rng = np.random.default_rng(seed)
            truth = np.arange(n) % len(classes)
            decided = np.where(np.arange(n) < round(right * n), truth, (truth + 1) % len(classes))
            p = rng.dirichlet(np.ones(len(classes)), n)
            p[np.arange(n), decided] += 1
            part = pd.DataFrame({"label": np.array(classes)[truth], "predicted": np.array(classes)[decided]})
            part = part.assign(model=model, set=name, path=[f"{i}.jpg" for i in range(n)], split="", source="")
            part["fold"] = np.arange(n) % 5 if name == "validation" else -1
            part["group"] = [f"{i // 4}" for i in range(n)] if group else ""
            parts.append(part.assign(**{f"prob_{c}": p[:, i] / 2 for i, c in enumerate(classes)}))
    return Predictions(pd.concat(parts, ignore_index=True))


def test_score_table_leaves_the_validation_set_out():
    scores = score_table(table({"validation": (50, 0.9), "test": (40, 0.8), "wild": (20, 0.5)}))
    assert set(scores["set"]) == {"test", "wild"}
    row = scores.set_index(["model", "set"]).loc[("svm", "test")]
    assert (row["n"], row["n_ai"], row["n_real"], row["accuracy"], row["chance"]) == (40, 20, 20, 0.8, 0.5)
    assert (row["accuracy_low"], row["accuracy_high"]) == wilson(32, 40)


def test_score_table_scores_no_row_without_a_label():
    decided = table({"test": (40, 0.8), "wild": (10, 0.5)}).table
    decided.loc[(decided["set"] == "wild") | (decided.index < 32), "label"] = ""
    scores = score_table(Predictions(decided))
    assert scores[["model", "set", "n", "accuracy"]].values.tolist() == [
        ["svm", "test", 8, 0.0],
        ["logreg", "test", 40, 0.8],
    ]


def test_score_table_of_many_classes_has_all_but_those_of_a_positive_class():
    scores = score_table(table({"test": (60, 0.7)}, classes=("a", "<b>", "c,d")))
    there = [name for name in SCORES if name in scores]
    assert scores[there].notna().all(axis=None)
    assert SCORES.keys() - there == {"precision", "recall", "f1", "tpr_at_fpr_1", "tpr_at_fpr_5"}
    assert scores["n_<b>"].tolist() == [20, 20]


def test_score_table_of_nothing_labelled_is_empty():
    assert len(score_table(Predictions(table({"test": (4, 1)}).table.assign(label="")))) == 0


def test_fold_scores_are_the_mean_and_sample_spread_over_folds():
    folds = fold_scores(table({"validation": (50, 0.86), "test": (10, 0.1)}))
    assert folds["model"].tolist() == ["svm", "logreg"]
    values = folds.iloc[0][[f"fold_{i}" for i in range(5)]].to_numpy(float)
    assert (folds["n"][0], folds["mean"][0]) == (50, pytest.approx(0.86))
    assert sorted(values) == pytest.approx([0.8, 0.8, 0.9, 0.9, 0.9])
    assert folds["std"][0] == pytest.approx(np.std(values, ddof=1))


def test_fold_scores_without_validation_are_empty():
    assert fold_scores(table({"test": (10, 0.1)})).empty


def test_every_score_of_a_table_is_that_of_its_rows():
    predictions = table({"test": (60, 0.8)}, models=["m"], group="by 4")
    row, part = score_table(predictions, "ai").iloc[0], predictions.table
    arrays = (part["label"], predictions.probabilities(part), part["predicted"], predictions.classes, "ai")
    for name, score in SCORES.items():
        assert row[name] == pytest.approx(score(*arrays), abs=0, nan_ok=True)
        limits = interval(name, *arrays, group=part["group"])
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(limits, nan_ok=True)


def scored(truth, p, name="wild", group=None):
    """Predictions that decide at a half; `p` is of "ai"."""
    part = pd.DataFrame({"label": np.where(truth, "ai", "real"), "predicted": np.where(p > 0.5, "ai", "real")})
    part = part.assign(model="m", set=name, path=[f"{i}.jpg" for i in range(len(p))], split="", source="", fold=-1)
    return Predictions(part.assign(prob_ai=p, prob_real=1 - p, group="" if group is None else group))


def shifted(n=60, seed=0, shift=0.3, strength=1.5):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    x = rng.normal(size=n) + strength * (truth - 0.5)
    return truth, 1 / (1 + np.exp(-strength * (x - 8 * shift)))


def test_the_best_threshold_in_hindsight_is_the_best_of_all():
    for seed in range(5):
        truth, p = shifted(seed=seed)
        p = np.round(p, 2)  # so that scores tie
        row = hindsight(scored(truth, p)).iloc[0]
        rights = {at: ((p >= at)[truth].mean() + (p < at)[~truth].mean()) / 2 for at in np.unique([0, *p, 2])}
        assert row["balanced_accuracy"] == pytest.approx(max(rights.values()))
        called = p >= row["threshold"]
        assert (called[truth].mean() + (~called)[~truth].mean()) / 2 == pytest.approx(row["balanced_accuracy"])
        assert (called == truth).mean() == pytest.approx(row["accuracy"])


def test_accuracy_in_hindsight_counts_images_not_classes():
    truth, p = np.arange(50) < 10, np.r_[np.full(8, 0.4), np.full(2, 0.1), np.full(30, 0.1), np.full(10, 0.4)]
    row = hindsight(scored(truth, p)).iloc[0]
    assert (row["threshold"], row["accuracy"], row["balanced_accuracy"]) == (0.25, 0.76, pytest.approx(0.775))


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_told():
    truth = np.array([True, False] * 10)
    assert hindsight(scored(truth, np.where(truth, 0.9, 0.2))).iloc[0]["threshold"] == 0.55
    for p, threshold in (([0.7, 0.45, 0.15, 0.1], 0.575), ([0.9, 0.7, 0.4, 0.2], 0.3)):
        assert hindsight(scored(truth, np.tile(p, 5))).iloc[0]["threshold"] == pytest.approx(threshold)
    certain = hindsight(scored(truth, np.where(truth, 0.0, 1.0))).iloc[0]
    assert certain["balanced_accuracy"] == 0.5


def test_what_guesses_is_not_better_in_hindsight_once_optimism_is_told():
    rows = [hindsight(scored(*shifted(n=40, seed=seed, strength=1e-6))).iloc[0] for seed in range(40)]
    means = pd.DataFrame(rows)[["balanced_accuracy", "balanced_accuracy_optimism"]].astype(float).mean()
    assert means["balanced_accuracy"] > 0.56
    assert means["balanced_accuracy_optimism"] > 0.04
    assert np.mean([row["balanced_accuracy_low"] <= 0.5 for row in rows]) > 0.85


def test_hindsight_is_as_sure_as_thresholds_chosen_anew_are_alike():
    truth, p = shifted()
    row = hindsight(scored(truth, p)).iloc[0]
    rng, sides, values = np.random.default_rng(3), [np.flatnonzero(truth), np.flatnonzero(~truth)], []
    for _ in range(1000):
        hits, misses = (np.sort(p[rng.choice(side, 30)]) for side in sides)
        at = np.r_[0, p, 2]
        values.append(((1 - np.searchsorted(hits, at) / 30 + np.searchsorted(misses, at) / 30) / 2).max())
    value, over = row["balanced_accuracy"], row["balanced_accuracy_optimism"]
    far = np.sqrt(np.mean((np.array(values) - value) ** 2) * 60 / 58) * t.ppf(0.975, 58)
    low, high = logit(row["balanced_accuracy_low"]), logit(row["balanced_accuracy_high"])
    middle = value - over
    assert (low + high) / 2 == pytest.approx(logit(middle))
    assert (high - low) / 2 == pytest.approx(far / middle / (1 - middle), rel=0.06)


def test_hindsight_with_nothing_wrong_is_not_called_certain():
    truth = np.array([True, False] * 10)
    for group in (None, np.arange(20) // 4):
        row = hindsight(scored(truth, np.where(truth, 0.9, 0.2) + np.arange(20) / 1000, group=group)).iloc[0]
        assert 0.5 < row["accuracy_low"] < 0.96
        assert row["accuracy_high"] == 1


def test_groups_widen_what_hindsight_shows():
    truth, p = (np.repeat(part, 5) for part in shifted(n=40))
    alone, grouped = (hindsight(scored(truth, p, group=group)).iloc[0] for group in (None, np.arange(200) // 5))
    widths = [row["balanced_accuracy_high"] - row["balanced_accuracy_low"] for row in (alone, grouped)]
    assert widths[1] > 1.5 * widths[0]
    assert alone["balanced_accuracy"] == grouped["balanced_accuracy"]


def test_hindsight_is_of_unseen_sets_of_two_classes():
    assert hindsight(table({"validation": (20, 0.9), "test": (20, 0.9)}))["set"].unique().tolist() == ["test"]
    assert hindsight(table({"test": (30, 0.9)}, classes=("a", "b", "c"))).empty
    assert hindsight(scored(np.full(9, True), np.linspace(0, 1, 9))).empty

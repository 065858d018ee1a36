from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, norm, ttest_1samp
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from classify.predictions import Predictions
from classify.stats import intervals
from classify.stats.differences import Drawn, auc_difference, corrected_t, holm, paired
from classify.stats.differences import folds as paired_folds
from classify.stats.paired import join, needed, newcombe, sign_flip
from classify.stats.scores import Sample
from classify.stats.tables import fold_scores

CLASSES = ("ai", "real")


def judged(model, name, right, *, group=None, label=None, sure=None, start=0, folds=5):
    """Rows of a model that is right on these images; the probability of its class is 0.5 and half of `sure`."""
    n = len(right)
    label = np.array(CLASSES)[np.arange(n) % 2] if label is None else np.asarray(label)
    decided = np.where(right, label, np.where(label == "ai", "real", "ai"))
    sure = np.full(n, 0.5) if sure is None else sure
    ai = np.where(decided == "ai", 0.5 + sure / 2, 0.5 - sure / 2)
    fold = np.arange(n) % folds if name == "validation" else -1
    rows = {"model": model, "set": name, "path": [f"{i}.jpg" for i in range(start, start + n)], "label": label}
    rows |= {"predicted": decided, "split": "", "source": "", "group": "" if group is None else group, "fold": fold}
    return pd.DataFrame(rows | {"prob_ai": ai, "prob_real": 1 - ai})


def together(*parts) -> Predictions:
    return Predictions(pd.concat(parts, ignore_index=True))


def drawn(rng, n, *chances):
    return [rng.random(n) < chance for chance in chances]


def test_a_pair_is_judged_by_mcnemar_on_its_images():
    rng = np.random.default_rng(1)
    a, b = drawn(rng, 90, 0.9, 0.7)
    row = paired(together(judged("svm", "test", a), judged("cnn", "test", b))).iloc[0]
    only_a, only_b = (a & ~b).sum(), (b & ~a).sum()
    assert list(row[["set", "model_a", "model_b", "n", "units"]]) == ["test", "svm", "cnn", 90, 90]
    assert (row["accuracy_a"], row["accuracy_b"]) == (a.mean(), b.mean())
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    assert (row["only_a"], row["only_b"]) == (only_a, only_b)
    assert row["p"] == pytest.approx(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)
    assert (row["p_holm"], row["tests"], row["apart"]) == (row["p"], 1, row["p"] < 0.05)
    limits = newcombe((a & b).sum(), only_a, only_b, (~a & ~b).sum())
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(limits)
    assert row["needed"] == needed(a.mean(), b.mean(), (only_a + only_b) / 90)


def test_every_pair_of_every_unseen_set_has_a_row_in_the_order_of_models():
    rng = np.random.default_rng(2)
    sets = ("validation", "wild", "test")
    predictions = together(*(judged(m, s, *drawn(rng, 30, 0.8)) for s in sets for m in ("c", "a", "b")))
    rows = paired(predictions)
    pairs = [("c", "a"), ("c", "b"), ("a", "b")]
    assert [tuple(row) for row in rows[["set", "model_a", "model_b"]].to_numpy()] == [
        *(("test", *pair) for pair in pairs),
        *(("wild", *pair) for pair in pairs),
    ]
    assert set(rows["tests"]) == {6}


def test_models_are_held_together_on_images_that_both_judged():
    right = np.array([True] * 30 + [False] * 10)
    predictions = together(
        judged("svm", "test", right),
        judged("other", "test", np.array([True] * 12), start=24),
        judged("apart", "test", np.array([True] * 12), start=400),
        judged("unlabelled", "test", right).assign(label=""),
    )
    rows = paired(predictions)
    assert [tuple(row) for row in rows[["model_a", "model_b", "n", "only_a", "only_b"]].to_numpy()] == [
        ("svm", "other", 12, 0, 6)
    ]
    assert rows["accuracy_a"].iloc[0] == 0.5


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    a, b = drawn(rng, 50, 0.9, 0.6)
    parts = [judged("svm", "test", a, sure=rng.random(50)), judged("cnn", "test", b, sure=rng.random(50))]
    straight = paired(together(*parts))
    shuffled = paired(together(parts[0], parts[1].sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(straight, shuffled)


def test_a_set_of_one_class_says_so_and_has_no_ranking():
    a, b = drawn(np.random.default_rng(4), 40, 0.9, 0.5)
    row = paired(together(*(judged(m, "wild", r, label=["ai"] * 40) for m, r in (("a", a), ("b", b))))).iloc[0]
    assert row["only_class"] == "ai"
    assert np.isnan(row[["auc_difference", "auc_difference_low", "auc_difference_high"]].astype(float)).all()
    assert row["p"] < 1


def test_images_of_a_group_count_together():
    rng = np.random.default_rng(5)
    group = [f"g{i // 10}" for i in range(120)]
    a = np.repeat(rng.random(12) < 0.9, 10)
    b = np.repeat(rng.random(12) < 0.5, 10)
    alone, grouped = (
        paired(together(judged("a", "test", a, group=g), judged("b", "test", b))).iloc[0] for g in (None, group)
    )
    assert (alone["units"], grouped["units"]) == (120, 12)
    assert alone["p"] < 1e-4 < 0.02 < grouped["p"]
    assert grouped["difference_high"] - grouped["difference_low"] > 2 * (
        alone["difference_high"] - alone["difference_low"]
    )
    assert grouped["needed"] > 8 * alone["needed"]


def test_so_few_groups_that_nothing_could_be_told_need_more_of_them():
    group = [f"g{i // 50}" for i in range(150)]
    a, b = np.ones(150, bool), np.arange(150) % 5 > 0
    row = paired(together(judged("a", "test", a, group=group), judged("b", "test", b, group=group))).iloc[0]
    assert row["p"] == 2 / 2**3
    assert row["needed"] == np.ceil(50 * (1 + np.log2(20)))


def noise(rng, models, n, group_size=1):
    """What models that are the same up to noise are right on (models, n), and the groups they know as wholes."""
    hard = rng.normal(1.2, 1, n // group_size) + rng.normal(0, 2, (models, n // group_size))
    right = rng.random((models, n)) < 1 / (1 + np.exp(-hard.repeat(group_size, axis=1)))
    return right, None if group_size == 1 else [f"g{i // group_size}" for i in range(n)]


@pytest.mark.parametrize("group_size", [1, 6])
def test_holm_holds_the_whole_table_to_its_level(group_size):
    rng, tables, raw, corrected = np.random.default_rng(7), 800, 0, 0
    for _ in range(tables):
        right, _ = noise(rng, 5, 120, group_size)
        gains = [(a.astype(int) - b).reshape(-1, group_size).sum(axis=1) for a, b in combinations(right, 2)]
        p = np.array([sign_flip(gain) for gain in gains])
        raw += p.min() < 0.05
        corrected += holm(p, len(p)).min() < 0.05
    assert corrected / tables < 0.05 + 3 * np.sqrt(0.05 * 0.95 / tables)
    assert raw / tables > 0.12  # what ten comparisons say without correction


def test_what_is_not_told_apart_needs_more_images_than_there_are(monkeypatch):
    monkeypatch.setattr(intervals, "N_RESAMPLES", 2)
    rng = np.random.default_rng(9)
    for n, size in ((20, 1), (60, 1), (120, 6), (60, 20)):
        for _ in range(8):
            chances = rng.uniform(0.5, 1, 3)
            group = None if size == 1 else [f"g{i // size}" for i in range(n)]
            parts = [judged(f"m{i}", "test", r, group=group) for i, r in enumerate(drawn(rng, n, *chances))]
            rows = paired(together(*parts))
            rows = rows[~rows["apart"] & rows["needed"].notna() & (rows["design_effect"] >= 1)]
            assert (rows["needed"] > rows["n"]).all()


def ranked(rng, n, strengths, group=None):
    """Models that share half of what they go by."""
    real = np.arange(n) % 2 == 1
    shared = rng.normal(size=n)
    parts = []
    for name, strength in strengths.items():
        score = strength * real + np.sqrt(0.5) * (shared + rng.normal(size=n))
        p = 1 / (1 + np.exp(-(score - strength / 2)))
        part = judged(name, "test", (p > 0.5) == real, group=group)
        parts.append(part.assign(prob_ai=1 - p, prob_real=p))
    return together(*parts)


def test_the_ranking_difference_is_that_of_scikit_learn_with_the_interval_of_paired_resamples():
    predictions = ranked(np.random.default_rng(10), 200, {"a": 2.0, "b": 1.2})
    row = paired(predictions, "real").iloc[0]
    a, b = (predictions.table[predictions.table["model"] == name] for name in "ab")
    truth = (a["label"] == "real").to_numpy()
    scores = np.array([a["prob_real"], b["prob_real"]])
    assert row["auc_difference"] == pytest.approx(roc_auc_score(truth, scores[0]) - roc_auc_score(truth, scores[1]))
    rng, differences = np.random.default_rng(0), []
    places = np.flatnonzero(truth), np.flatnonzero(~truth)
    for _ in range(300):
        at = np.concatenate([rng.choice(side, len(side)) for side in places])
        differences.append(roc_auc_score(truth[at], scores[0, at]) - roc_auc_score(truth[at], scores[1, at]))
    reach = 1.96 * np.std(differences)
    limits = row["auc_difference"] - reach, row["auc_difference"] + reach
    assert (row["auc_difference_low"], row["auc_difference_high"]) == pytest.approx(limits, abs=0.015)
    swapped = paired(predictions, "ai").iloc[0]
    assert swapped["auc_difference"] == pytest.approx(row["auc_difference"])


def test_the_interval_of_the_ranking_difference_covers_as_often_as_it_says(monkeypatch):
    strengths = {"a": 3.0, "b": 1.5}
    monkeypatch.setattr(intervals, "N_RESAMPLES", 150)
    rng, tries, covered = np.random.default_rng(11), 200, 0
    true = np.subtract(*(norm.cdf(strength / np.sqrt(2)) for strength in strengths.values()))
    for _ in range(tries):
        predictions = ranked(rng, 60, strengths)
        samples = []
        for _, rows in predictions.table.groupby("model"):
            samples.append(
                Sample.of(rows["label"], predictions.probabilities(rows), rows["predicted"], CLASSES, "real")
            )
        _, low, high = auc_difference(*(Drawn.of(sample, np.full(60, ""), 0) for sample in samples))
        covered += low <= true <= high
    assert covered / tries > 0.95 - 3 * np.sqrt(0.05 * 0.95 / tries)


def test_equal_rankings_differ_by_nothing_and_groups_leave_it_less_sure():
    rng = np.random.default_rng(12)
    group = np.array([f"g{i // 12}" for i in range(120)])
    truth = np.arange(120) % 2
    shifts = rng.normal(0, 1, 10).repeat(12) * np.where(truth, 1, -1)
    of = {}
    for name, groups in (("alone", np.full(120, "")), ("grouped", group)):
        result = []
        for shift in (shifts, np.zeros(120)):
            p = 1 / (1 + np.exp(-(truth + shift + np.random.default_rng(13).normal(size=120))))
            label = np.array(CLASSES)[truth]
            result.append(Drawn.of(Sample.of(label, np.c_[1 - p, p], label, CLASSES, "real"), groups, 0))
        of[name] = auc_difference(*result)
        assert auc_difference(result[0], result[0])[0] == 0
    assert of["alone"][0] == of["grouped"][0]
    assert of["grouped"][2] - of["grouped"][1] > 1.3 * (of["alone"][2] - of["alone"][1])


def test_a_ranking_is_drawn_and_limited_by_whole_groups():
    rng = np.random.default_rng(23)
    group, truth = np.array([f"g{i // 12}" for i in range(120)]), np.arange(120) % 2
    shift = rng.normal(0, 1, 10).repeat(12) * np.where(truth, 1, -1)
    p = 1 / (1 + np.exp(-(truth + shift + rng.normal(size=120))))
    label, scores = np.array(CLASSES)[truth], np.c_[1 - p, p]
    sample = Sample.of(label, scores, label, CLASSES, "real")
    result = Drawn.of(sample, group, 0)
    assert result.limits[1:] == intervals.interval("roc_auc", label, scores, label, CLASSES, "real", group=group)
    assert result.resampled.std() > 1.3 * Drawn.of(sample, np.full(120, ""), 0).resampled.std()


def test_a_model_that_no_resample_varies_is_joined_as_uncorrelated():
    certain = Drawn((1.0, 0.9, 1.0), np.ones(50))
    other = Drawn((0.8, 0.7, 0.88), np.random.default_rng(24).normal(0.8, 0.05, 50))
    assert auc_difference(certain, other)[1:] == join(certain.limits, other.limits, 0)
    unknown = Drawn((0.8, 0.7, 0.88), np.full(50, np.nan))
    assert auc_difference(unknown, other)[1:] == join(unknown.limits, other.limits, 0)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_sets_and_equal_models_are_no_difference(n):
    right = np.arange(n) % 3 < 2
    row = paired(together(judged("a", "test", right), judged("b", "test", right))).iloc[0]
    assert (row["n"], row["difference"], row["p"], row["apart"]) == (n, 0, 1, False)
    assert row["difference_low"] < 0 < row["difference_high"]
    assert np.isnan(row["needed"])


def test_there_may_be_nothing_to_hold_together():
    right = np.ones(10, bool)
    only = together(judged("a", "test", right), judged("b", "validation", right))
    for table in (paired(only), folds(only)):
        assert table.empty
        assert {"model_a", "model_b", "difference", "p_holm", "apart"} <= set(table)


def test_more_than_two_classes_are_compared_too():
    rng = np.random.default_rng(14)
    parts = []
    for model in "ab":
        p = rng.dirichlet(np.ones(3), 60)
        names = np.array(["x", "y", "z"])
        rows = judged(model, "test", np.ones(60, bool)).drop(columns=["prob_ai", "prob_real"])
        rows = rows.assign(label=names[np.arange(60) % 3], predicted=names[p.argmax(1)])
        parts.append(rows.assign(**{f"prob_{name}": p[:, i] for i, name in enumerate(names)}))
    row = paired(together(*parts)).iloc[0]
    assert row["auc_difference_low"] < row["auc_difference"] < row["auc_difference_high"]


def test_holm_is_that_of_statsmodels():
    rng = np.random.default_rng(15)
    for n in (1, 2, 7, 40):
        p = rng.random(n) ** 3
        np.testing.assert_allclose(holm(p, n), multipletests(p, method="holm")[1])


def test_holm_corrects_as_many_tests_as_were_made():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03]), 3), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03]), 10), [0.1, 0.32, 0.27])
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.9])), [0.02, np.nan, 0.9])
    p = np.random.default_rng(0).random(20) ** 4
    assert (holm(p, 20) >= false_discovery_control(p) - 1e-12).all()  # the milder correction of Benjamini and Hochberg


def test_the_whole_table_is_corrected_together():
    rng = np.random.default_rng(16)
    predictions = together(
        *(
            judged(m, s, *drawn(rng, 80, c))
            for s in ("test", "wild")
            for m, c in zip("abc", (0.95, 0.85, 0.7), strict=True)
        )
    )
    rows = paired(predictions)
    np.testing.assert_allclose(rows["p_holm"], multipletests(rows["p"], method="holm")[1])
    assert (rows["apart"] == (rows["p_holm"] < 0.05)).all()
    for _, row in rows.iterrows():
        share = (row["only_a"] + row["only_b"]) / 80
        assert row["needed"] == needed(row["accuracy_a"], row["accuracy_b"], share, level=0.05 / 6)


def folds(predictions, scoring="accuracy"):
    return paired_folds(predictions, fold_scores(predictions, scoring))


def validated(rng, n, chances, n_folds=5):
    return together(*(judged(m, "validation", *drawn(rng, n, c), folds=n_folds) for m, c in chances.items()))


def test_folds_are_held_together_by_the_corrected_t():
    predictions = validated(np.random.default_rng(17), 103, {"a": 0.95, "b": 0.8, "c": 0.7})
    rows = folds(predictions)
    scores = fold_scores(predictions).set_index("model").filter(like="fold_")
    for _, row in rows.iterrows():
        d = scores.loc[row["model_a"]] - scores.loc[row["model_b"]]
        plain = ttest_1samp(d, 0)
        # the plain t of k folds divides by sqrt(1 / k); the corrected one by sqrt(1 / k + n_test / n_train)
        ratio = np.mean([len(part) / (103 - len(part)) for part in np.array_split(np.arange(103), 5)])
        t = plain.statistic * np.sqrt((1 / 5) / (1 / 5 + ratio))
        assert row["p"] == pytest.approx(2 * student.sf(abs(t), 4), rel=1e-6)
        widened = np.sqrt((1 / 5 + ratio) * 5)
        low, high = plain.confidence_interval()
        assert row["difference_high"] - row["difference_low"] == pytest.approx((high - low) * widened)
        assert row["difference"] == pytest.approx(d.mean())
        assert (row["mean_a"], row["mean_b"]) == pytest.approx(
            tuple(scores.loc[[*row[["model_a", "model_b"]]]].mean(axis=1))
        )
    assert list(rows["folds"]) == [5, 5, 5]
    np.testing.assert_allclose(rows["p_holm"], multipletests(rows["p"], method="holm")[1])


def test_folds_that_differ_are_not_held_together():
    rng = np.random.default_rng(18)
    right = drawn(rng, 60, 0.9, 0.8, 0.7)
    predictions = together(
        judged("a", "validation", right[0]),
        judged("b", "validation", right[1], folds=4),
        judged("c", "validation", right[2][:50]),
        judged("d", "validation", right[2]),
    )
    assert [tuple(row) for row in folds(predictions)[["model_a", "model_b"]].to_numpy()] == [("a", "d")]


def test_one_fold_is_no_comparison():
    assert folds(validated(np.random.default_rng(19), 30, {"a": 0.9, "b": 0.5}, n_folds=1)).empty


def test_equal_fold_scores_are_no_difference_and_constant_ones_are_not_judged():
    assert corrected_t(np.zeros(5), 0.25)["p"] == 1
    assert np.isnan(corrected_t(np.full(5, 0.1), 0.25)["p"])
    right = np.arange(50) % 4 > 0
    row = folds(together(judged("a", "validation", right), judged("b", "validation", right))).iloc[0]
    assert (row["p"], row["p_holm"], row["apart"]) == (1, 1, False)


def test_a_comparison_without_p_is_not_counted():
    steady = np.arange(50) >= 10  # wrong on two images of each of five folds
    other = np.random.default_rng(21).random(50) < 0.7
    rows = folds(
        together(*(judged(m, "validation", r) for m, r in (("a", np.ones(50, bool)), ("b", steady), ("c", other))))
    )
    assert list(rows["p"].isna()) == [True, False, False]
    assert set(rows["tests"]) == {2}
    assert not rows["apart"].iloc[0]


def test_folds_of_equal_models_are_seldom_called_different():
    # two fits that share most of their training images err together by fold: what a plain t test takes for a finding
    rng, n = np.random.default_rng(22), 1500
    d = rng.normal(0, 1, (n, 5)) + rng.normal(0, 0.5, (n, 1))  # correlation 0.2: n_test / (n_test + n_train)
    corrected = np.mean([corrected_t(row, 0.25)["p"] < 0.05 for row in d])
    assert corrected < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert (ttest_1samp(d, 0, axis=1).pvalue < 0.05).mean() > 0.1

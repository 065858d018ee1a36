import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from classify.errors import DataError, ModelError
from classify.stats.scores import SCORES, Sample, checked_scoring, scores_for
from featex.errors import InputError

LOSSES = ["log_loss", "brier", "calibration_error"]


def _of_decisions(score, **options):
    return lambda y, p, decided, classes, weight: score(y, decided, sample_weight=weight, **options)


def _of_positive(score):
    return lambda y, p, decided, classes, weight: score(
        y, decided, pos_label=classes[1], sample_weight=weight, zero_division=np.nan
    )


def _of_ranking(score):
    def macro(y, p, decided, classes, weight):
        columns = [1] if len(classes) == 2 else range(len(classes))
        return np.mean([score(y == classes[i], p[:, i], sample_weight=weight) for i in columns])

    return macro


def _brier(y, p, decided, classes, weight):
    score = p[:, 1] if len(classes) == 2 else p
    options = {"pos_label": classes[1]} if len(classes) == 2 else {"labels": classes}
    return sk.brier_score_loss(y, score, sample_weight=weight, scale_by_half=len(classes) == 2, **options)


def _log_loss(y, p, decided, classes, weight):
    rounded = np.abs(10 * p - np.round(10 * p)).max() < 1e-6
    p = p.clip(0.05 if rounded else 0, 1)
    of_truth = p[np.arange(len(y)), np.searchsorted(classes, y)]
    if not rounded:
        assert np.average(-np.log(of_truth), weights=weight) == sk.log_loss(y, p, labels=classes, sample_weight=weight)
    return np.average(-np.log(of_truth), weights=weight)


def _calibration_error(y, p, decided, classes, weight):
    weight = np.ones(len(y)) if weight is None else weight
    top, right = p.max(1), np.array(classes)[p.argmax(1)] == y
    total = 0
    for i in range(15):
        inside = (top > i / 15) & (top <= (i + 1) / 15)
        if weight[inside].sum():
            gap = np.average(right[inside], weights=weight[inside]) - np.average(top[inside], weights=weight[inside])
            total += weight[inside].sum() * abs(gap)
    return total / weight.sum()


THEIRS = {
    "accuracy": _of_decisions(sk.accuracy_score),
    "balanced_accuracy": _of_decisions(sk.balanced_accuracy_score),
    "f1_macro": _of_decisions(sk.f1_score, average="macro"),
    "roc_auc": _of_ranking(sk.roc_auc_score),
    "average_precision": _of_ranking(sk.average_precision_score),
    "precision": _of_positive(sk.precision_score),
    "recall": _of_positive(sk.recall_score),
    "f1": _of_positive(sk.f1_score),
    "precision_macro": _of_decisions(sk.precision_score, average="macro", zero_division=0),
    "recall_macro": _of_decisions(sk.recall_score, average="macro"),
    "log_loss": _log_loss,
    "brier": _brier,
    "calibration_error": _calibration_error,
}
AT_RATES = ["tpr_at_fpr_1", "tpr_at_fpr_5"]  # scikit-learn has none
CASES = [
    (name, classes)
    for classes in (("fun", "spam"), ("a", "b", "c", "d"))
    for name in scores_for(classes)
    if name not in AT_RATES
]


def drawn(n=200, classes=("fun", "spam"), seed=0, decimals=1):
    rng = np.random.default_rng(seed)
    names = np.array(classes)
    truth = rng.integers(len(classes), size=n)
    logits = rng.normal(size=(n, len(classes))) + 1.2 * np.eye(len(classes))[truth]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rounded = np.round(p, decimals)  # so that scores tie
    rounded[:, 0] = 1 - rounded[:, 1:].sum(1)
    keep = rounded[:, 0] >= 0
    return names[truth][keep], rounded[keep].clip(0, 1), names[p.argmax(1)][keep], list(classes)


@pytest.mark.parametrize(("name", "classes"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_every_score_is_scikit_learns(name, classes, seed):
    y, p, decided, classes = drawn(classes=classes, seed=seed, decimals=1 if seed else 9)
    if name == "calibration_error":
        decided = np.array(classes)[p.argmax(1)]
    assert SCORES[name](y, p, decided, classes) == pytest.approx(THEIRS[name](y, p, decided, classes, None), abs=1e-12)


@pytest.mark.parametrize(("name", "classes"), CASES)
def test_every_score_of_a_resample_is_scikit_learns(name, classes):
    y, p, decided, classes = drawn(classes=classes)
    if name == "calibration_error":
        decided = np.array(classes)[p.argmax(1)]
    weights = np.random.default_rng(1).integers(0, 3, (4, len(y))).astype(float)
    ours = SCORES[name].statistic(Sample.of(y, p, decided, classes), weights)
    np.testing.assert_allclose(ours, [THEIRS[name](y, p, decided, classes, w) for w in weights], atol=1e-12)


@pytest.mark.parametrize("name", sorted(SCORES.keys() - set(LOSSES)))
def test_other_scores_need_the_order_of_scores_only(name):
    y, p, decided, classes = drawn(n=400)
    distances = np.log(p + 1e-9) * 7 - 3
    assert SCORES[name](y, distances, decided, classes) == SCORES[name](y, p, decided, classes)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_decision_values_is_refused(name):
    y, p, decided, classes = drawn()
    with pytest.raises(DataError, match="needs probabilities"):
        SCORES[name](y, np.log(p + 1e-9), decided, classes)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_best_for_a_perfect_model(name):
    y = np.repeat(["ai", "real"], [2, 100])
    best = SCORES[name](y, pd.get_dummies(y).to_numpy(float), y, ["ai", "real"])
    assert best == (0 if SCORES[name].smaller_is_better else 1)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        **dict.fromkeys(["accuracy", "balanced_accuracy", "recall", "recall_macro"], 0.7),
        **dict.fromkeys(["roc_auc", "average_precision", "tpr_at_fpr_1", "tpr_at_fpr_5"], np.nan),
        **dict.fromkeys(["precision", "f1", "precision_macro"], np.nan),
        "f1_macro": 14 / 17,
        "log_loss": -np.log(0.7),
        "brier": 0.09,
        "calibration_error": 0.3,
    }.items(),
)
def test_of_a_set_of_one_class_only_what_it_can_tell_is_scored(name, value):
    y, decided = np.full(10, "ai"), np.array(["ai"] * 7 + ["real"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = SCORES[name](y, np.tile([0.7, 0.3], (10, 1)), decided, ["ai", "real"])
    assert result == pytest.approx(value, nan_ok=True)


def test_a_class_that_is_never_decided_on_has_no_precision_but_costs_the_macro_one():
    y, decided = np.array(["ai", "ai", "real", "real"]), np.full(4, "real")
    p = np.tile([0.4, 0.6], (4, 1))
    assert np.isnan(SCORES["precision"](y, p, decided, ["ai", "real"]))
    assert SCORES["precision_macro"](y, p, decided, ["ai", "real"]) == 0.25
    assert SCORES["f1"](y, p, decided, ["ai", "real"]) == 0


def test_the_true_positive_rate_is_refused_where_too_few_of_the_other_class_reach_that_far():
    for name, least in (("tpr_at_fpr_1", 100), ("tpr_at_fpr_5", 20)):
        for n, known in ((least - 1, False), (least, True)):
            y = np.repeat(["ai", "real"], [40, n])
            p = np.r_[np.linspace(0.3, 1, 40), np.linspace(0, 0.8, n)]
            value = SCORES[name](y, np.column_stack([p, 1 - p]), y, ["ai", "real"])
            assert np.isnan(value) != known


def test_the_threshold_of_a_true_positive_rate_is_the_median_unbiased_quantile_of_the_other_class():
    y, score = np.repeat(["ai", "real"], [1001, 300]), np.r_[np.linspace(0, 1, 1001), np.linspace(0.005, 0.895, 300)]
    threshold = np.quantile(score[1001:], 0.95, method="median_unbiased")
    value = SCORES["tpr_at_fpr_5"](y, np.column_stack([score, 1 - score]), y, ["ai", "real"])
    assert value == pytest.approx(1 - threshold, abs=0.002)
    assert np.isnan(
        SCORES["tpr_at_fpr_5"](y[:1001], np.column_stack([score, 1 - score])[:1001], y[:1001], ["ai", "real"])
    )


def test_a_true_positive_rate_of_a_resample_is_that_of_its_rows():
    y, p, decided, classes = drawn(n=500, decimals=2)
    weights = np.random.default_rng(1).integers(0, 3, (4, len(y)))
    for name in AT_RATES:
        ours = SCORES[name].statistic(Sample.of(y, p, decided, classes), weights.astype(float))
        rows = [np.repeat(np.arange(len(y)), counts) for counts in weights]
        np.testing.assert_allclose(ours, [SCORES[name](y[i], p[i], decided[i], classes) for i in rows])


def test_a_rounded_zero_in_log_loss_is_no_certainty():
    y, p = np.array(["ai", "real", "real"]), np.array([[0.0, 1.0], [0.2, 0.8], [0.3, 0.7]])
    value = SCORES["log_loss"](y, p, y, ["ai", "real"])
    assert value == pytest.approx(-np.log([0.05, 0.8, 0.7]).mean())
    p[1] = [0.21234, 0.78766]
    assert SCORES["log_loss"](y, p, y, ["ai", "real"]) > 12  # of numbers that are not rounded, 0 means never


def test_the_log_loss_of_a_detector_that_is_always_nearly_certain_is_not_softened():
    p, y = np.array([[1e-9, 1 - 1e-9], [1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9]]), np.array(["ai", "ai", "real"])
    assert SCORES["log_loss"](y, p[:, ::-1], y, ["ai", "real"]) == pytest.approx(sk.log_loss(y == "real", p[:, 0]))


def test_half_and_half_counts_as_the_class_that_was_decided_on():
    p, y = np.full((2, 2), 0.5), np.array(["ai", "real"])
    assert SCORES["calibration_error"](y, p, y, ["ai", "real"]) == 0.5
    assert SCORES["calibration_error"](y, p, y[::-1], ["ai", "real"]) == 0.5
    assert SCORES["calibration_error"](y, p, ["real", "real"], ["ai", "real"]) == 0


def test_the_expected_calibration_error_of_a_calibrated_model_is_not_zero_on_few_rows():
    rng = np.random.default_rng(0)
    values = []
    for _ in range(200):
        p = rng.uniform(size=60)
        y = np.where(rng.uniform(size=60) < p, "ai", "real")
        columns = np.column_stack([p, 1 - p])
        values.append(SCORES["calibration_error"](y, columns, np.where(p > 0.5, "ai", "real"), ["ai", "real"]))
    assert 0.07 < np.mean(values) < 0.13


def test_the_positive_class_turns_the_scores_round():
    y, p, decided, classes = drawn()
    for name, theirs in (("average_precision", sk.average_precision_score), ("recall", sk.recall_score)):
        columns = {c: p[:, i] if name == "average_precision" else decided == c for i, c in enumerate(classes)}
        values = {c: SCORES[name](y, p, decided, classes, c) for c in classes}
        assert values == {c: pytest.approx(theirs(y == c, columns[c])) for c in classes}
        assert values["fun"] != values["spam"]


def test_scores_of_one_class_are_left_out_where_there_are_more_than_two():
    y, p, decided, classes = drawn(classes=("a", "b", "c"))
    assert set(scores_for(["ai", "real"])) == set(SCORES)
    left_out = SCORES.keys() - set(scores_for(classes))
    assert left_out == {"precision", "recall", "f1", "tpr_at_fpr_1", "tpr_at_fpr_5"}
    assert np.isnan([SCORES[name](y, p, decided, classes) for name in left_out]).all()


def test_a_label_that_is_no_class_is_refused_rather_than_counted():
    with pytest.raises(DataError, match="labels to score"):
        SCORES["accuracy"](["ai", "cat"], np.eye(2), ["ai", "ai"], ["ai", "real"])


@pytest.mark.parametrize("name", SCORES)
def test_tuning_takes_what_can_be_maximised(name):
    if name in LOSSES:
        with pytest.raises(ModelError, match=f"{name} is a loss.* accuracy, "):
            checked_scoring(name, ["ai", "real"])
    else:
        assert checked_scoring(name, ["ai", "real"]) == name


def test_tuning_is_told_what_a_score_lacks():
    with pytest.raises(ModelError, match="there are 3"):
        checked_scoring("recall", ["a", "b", "c"])
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        checked_scoring("accurcy", ["a", "b"])

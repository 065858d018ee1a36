import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from classify.errors import DataError, ModelError
from classify.scores import SCORES, Sample, checked_scoring, scores_for
from featex.errors import InputError

LOSSES = ["log_loss", "brier", "calibration_error"]


def _of_decisions(score, **options):
    return lambda y, p, said, classes, weight: score(y, said, sample_weight=weight, **options)


def _of_positive(score):
    return lambda y, p, said, classes, weight: score(
        y, said, pos_label=classes[1], sample_weight=weight, zero_division=np.nan
    )


def _of_ranking(score):
    def macro(y, p, said, classes, weight):
        columns = [1] if len(classes) == 2 else range(len(classes))
        return np.mean([score(y == classes[i], p[:, i], sample_weight=weight) for i in columns])

    return macro


def _found_at(rate):
    def found(y, p, said, classes, weight):
        passed, found, _ = sk.roc_curve(y == classes[1], p[:, 1], sample_weight=weight, drop_intermediate=False)
        return found[passed <= rate + 1e-12].max()

    return found


def _brier(y, p, said, classes, weight):
    score = p[:, 1] if len(classes) == 2 else p
    told = {"pos_label": classes[1]} if len(classes) == 2 else {"labels": classes}
    return sk.brier_score_loss(y, score, sample_weight=weight, scale_by_half=len(classes) == 2, **told)


def _calibration_error(y, p, said, classes, weight):
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
    "found_at_1": _found_at(0.01),
    "found_at_5": _found_at(0.05),
    "log_loss": lambda y, p, said, classes, weight: sk.log_loss(y, p, labels=classes, sample_weight=weight),
    "brier": _brier,
    "calibration_error": _calibration_error,
}
CASES = [(name, classes) for classes in (("fun", "spam"), ("a", "b", "c", "d")) for name in scores_for(classes)]


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
    y, p, said, classes = drawn(classes=classes, seed=seed, decimals=1 if seed else 9)
    if name == "calibration_error":
        said = np.array(classes)[p.argmax(1)]
    assert SCORES[name](y, p, said, classes) == pytest.approx(THEIRS[name](y, p, said, classes, None), abs=1e-12)


@pytest.mark.parametrize(("name", "classes"), CASES)
def test_every_score_of_a_resample_is_scikit_learns(name, classes):
    y, p, said, classes = drawn(classes=classes)
    if name == "calibration_error":
        said = np.array(classes)[p.argmax(1)]
    weights = np.random.default_rng(1).integers(0, 3, (4, len(y))).astype(float)
    ours = SCORES[name].statistic(Sample.of(y, p, said, classes), weights)
    np.testing.assert_allclose(ours, [THEIRS[name](y, p, said, classes, w) for w in weights], atol=1e-12)


@pytest.mark.parametrize("name", sorted(SCORES.keys() - set(LOSSES)))
def test_other_scores_need_the_order_of_scores_only(name):
    y, p, said, classes = drawn()
    distances = np.log(p + 1e-9) * 7 - 3
    assert SCORES[name](y, distances, said, classes) == SCORES[name](y, p, said, classes)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_decision_values_is_refused(name):
    y, p, said, classes = drawn()
    with pytest.raises(DataError, match="made of probabilities"):
        SCORES[name](y, np.log(p + 1e-9), said, classes)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_best_for_a_perfect_model(name):
    y = np.array(["ai", "real", "real"])
    best = SCORES[name](y, pd.get_dummies(y).to_numpy(float), y, ["ai", "real"])
    assert best == (0 if SCORES[name].smaller_is_better else 1)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        **dict.fromkeys(["accuracy", "balanced_accuracy", "recall", "recall_macro"], 0.7),
        **dict.fromkeys(["roc_auc", "average_precision", "found_at_1", "found_at_5"], np.nan),
        **dict.fromkeys(["precision", "f1", "precision_macro"], np.nan),
        "f1_macro": 14 / 17,
        "log_loss": -np.log(0.7),
        "brier": 0.09,
        "calibration_error": 0.3,
    }.items(),
)
def test_of_a_set_of_one_class_only_what_it_can_tell_is_scored(name, value):
    y, said = np.full(10, "ai"), np.array(["ai"] * 7 + ["real"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = SCORES[name](y, np.tile([0.7, 0.3], (10, 1)), said, ["ai", "real"])
    assert found == pytest.approx(value, nan_ok=True)


def test_a_class_that_is_never_decided_on_has_no_precision_but_costs_the_macro_one():
    y, said = np.array(["ai", "ai", "real", "real"]), np.full(4, "real")
    p = np.tile([0.4, 0.6], (4, 1))
    assert np.isnan(SCORES["precision"](y, p, said, ["ai", "real"]))
    assert SCORES["precision_macro"](y, p, said, ["ai", "real"]) == 0.25
    assert SCORES["f1"](y, p, said, ["ai", "real"]) == 0


def test_too_few_negatives_for_one_percent_let_none_through():
    y = np.array(["ai"] * 4 + ["real"] * 50)
    score = np.r_[0.9, 0.8, 0.6, 0.4, 0.7, 0.65, 0.5, np.linspace(0.01, 0.3, 47)]
    said = (y, np.column_stack([score, 1 - score]), y, ["ai", "real"])
    assert SCORES["found_at_1"](*said) == 0.5  # those above 0.7
    assert SCORES["found_at_5"](*said) == 0.75  # two of fifty may pass


@pytest.mark.parametrize("rate", [1, 5])
def test_what_is_found_is_counted_at_the_same_threshold(rate):
    score = SCORES[f"found_at_{rate}"]
    for seed in range(20):
        y, p, said, classes = drawn(n=20 + 20 * seed, seed=seed, decimals=1 + seed % 3)
        sample = Sample.of(y, p, said, classes)
        among, right = score.share(sample)
        assert (among & right).sum() / among.sum() == pytest.approx(score.of(sample), abs=1e-12)


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
        told = np.column_stack([p, 1 - p])
        values.append(SCORES["calibration_error"](y, told, np.where(p > 0.5, "ai", "real"), ["ai", "real"]))
    assert 0.07 < np.mean(values) < 0.13


def test_the_positive_class_turns_the_scores_round():
    y, p, said, classes = drawn()
    for name, theirs in (("average_precision", sk.average_precision_score), ("recall", sk.recall_score)):
        told = {c: p[:, i] if name == "average_precision" else said == c for i, c in enumerate(classes)}
        values = {c: SCORES[name](y, p, said, classes, c) for c in classes}
        assert values == {c: pytest.approx(theirs(y == c, told[c])) for c in classes}
        assert values["fun"] != values["spam"]


def test_scores_of_one_class_are_left_out_where_there_are_more_than_two():
    y, p, said, classes = drawn(classes=("a", "b", "c"))
    assert set(scores_for(["ai", "real"])) == set(SCORES)
    left_out = SCORES.keys() - set(scores_for(classes))
    assert left_out == {"precision", "recall", "f1", "found_at_1", "found_at_5"}
    assert np.isnan([SCORES[name](y, p, said, classes) for name in left_out]).all()


def test_a_label_that_is_no_class_is_refused_rather_than_counted():
    with pytest.raises(DataError, match="labels to score"):
        SCORES["accuracy"](["ai", "cat"], np.eye(2), ["ai", "ai"], ["ai", "real"])


@pytest.mark.parametrize("name", SCORES)
def test_tuning_takes_what_can_be_maximised(name):
    if name in LOSSES:
        with pytest.raises(ModelError, match=f"{name} is a loss.*choose one of accuracy, "):
            checked_scoring(name, ["ai", "real"])
    else:
        assert checked_scoring(name, ["ai", "real"]) == name


def test_tuning_is_told_what_a_score_lacks():
    with pytest.raises(ModelError, match="about one of two classes, and here are 3"):
        checked_scoring("recall", ["a", "b", "c"])
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        checked_scoring("accurcy", ["a", "b"])

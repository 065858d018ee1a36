import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sk

from classify.errors import DataError
from classify.metrics import (
    SCORES,
    Sample,
    against_chance,
    difference,
    fold_scores,
    interval,
    positive_class,
    score_table,
    wilson,
)
from classify.predictions import Predictions

THEIRS = {
    "accuracy": lambda y, p, said, classes, weight: sk.accuracy_score(y, said, sample_weight=weight),
    "balanced_accuracy": lambda y, p, said, classes, weight: sk.balanced_accuracy_score(y, said, sample_weight=weight),
    "f1_macro": lambda y, p, said, classes, weight: sk.f1_score(
        y, said, labels=np.unique(y), average="macro", sample_weight=weight
    ),
    "roc_auc": lambda y, p, said, classes, weight: _macro(sk.roc_auc_score, y, p, classes, weight),
    "average_precision": lambda y, p, said, classes, weight: _macro(sk.average_precision_score, y, p, classes, weight),
}


def _macro(score, y, p, classes, weight):
    columns = [1] if len(classes) == 2 else range(len(classes))
    return np.mean([score(y == classes[i], p[:, i], sample_weight=weight) for i in columns])


def drawn(n=200, classes=("fun", "real"), seed=0, decimals=1):
    rng = np.random.default_rng(seed)
    names = np.array(classes)
    truth = rng.integers(len(classes), size=n)
    logits = rng.normal(size=(n, len(classes))) + 1.2 * np.eye(len(classes))[truth]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return names[truth], np.round(p, decimals), names[p.argmax(1)], list(classes)  # rounded, so that scores tie


def table(sets, models=("svm", "logreg"), classes=("ai", "real"), group=""):
    """sets: {name: (n, share right)}; labels alternate over the classes."""
    parts = []
    for seed, model in enumerate(models):
        for name, (n, right) in sets.items():
            rng = np.random.default_rng(seed)
            truth = np.arange(n) % len(classes)
            said = np.where(np.arange(n) < round(right * n), truth, (truth + 1) % len(classes))
            p = rng.dirichlet(np.ones(len(classes)), n)
            p[np.arange(n), said] += 1
            part = pd.DataFrame({"label": np.array(classes)[truth], "predicted": np.array(classes)[said]})
            part = part.assign(model=model, set=name, path=[f"{i}.jpg" for i in range(n)], split="", source="")
            part["fold"] = np.arange(n) % 5 if name == "validation" else -1
            part["group"] = [f"{i // 4}" for i in range(n)] if group else ""
            parts.append(part.assign(**{f"prob_{c}": p[:, i] / 2 for i, c in enumerate(classes)}))
    return Predictions(pd.concat(parts, ignore_index=True))


@pytest.mark.parametrize("classes", [("fun", "real"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_scikit_learns(name, classes):
    y, p, said, classes = drawn(classes=classes)
    assert SCORES[name](y, p, said, classes) == pytest.approx(THEIRS[name](y, p, said, classes, None), abs=1e-12)


@pytest.mark.parametrize("classes", [("fun", "real"), ("a", "b", "c")])
@pytest.mark.parametrize("name", SCORES)
def test_every_score_of_a_resample_is_scikit_learns(name, classes):
    y, p, said, classes = drawn(classes=classes)
    weights = np.random.default_rng(1).integers(0, 3, (4, len(y))).astype(float)
    ours = SCORES[name].statistic(Sample.of(y, p, said, classes), weights)
    np.testing.assert_allclose(ours, [THEIRS[name](y, p, said, classes, w) for w in weights], atol=1e-12)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_needs_the_order_of_scores_only(name):
    y, p, said, classes = drawn()
    distances = np.log(p + 1e-9) * 7 - 3
    assert SCORES[name](y, distances, said, classes) == SCORES[name](y, p, said, classes)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_best_for_a_perfect_model(name):
    y = np.array(["ai", "real", "real"])
    assert SCORES[name](y, pd.get_dummies(y).to_numpy(float), y, ["ai", "real"]) == 1


@pytest.mark.parametrize("name", SCORES)
def test_a_set_of_one_class_has_no_ranking_score(name):
    y, said = np.full(10, "ai"), np.array(["ai"] * 7 + ["real"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = SCORES[name](y, np.tile([0.7, 0.3], (10, 1)), said, ["ai", "real"])
        limits = interval(name, y, np.tile([0.7, 0.3], (10, 1)), said, ["ai", "real"])
    if name in ("roc_auc", "average_precision"):
        assert np.isnan([value, *limits]).all()
    else:
        assert value == pytest.approx({"f1_macro": 14 / 17}.get(name, 0.7))


def test_the_positive_class_turns_the_ranking_round():
    y, p, said, classes = drawn()
    ap = {c: SCORES["average_precision"](y, p, said, classes, c) for c in classes}
    assert ap["fun"] == pytest.approx(sk.average_precision_score(y == "fun", p[:, 0]))
    assert ap["real"] == pytest.approx(sk.average_precision_score(y == "real", p[:, 1]))
    assert ap["fun"] != ap["real"]


def test_a_label_that_is_no_class_is_refused_rather_than_counted():
    with pytest.raises(DataError, match="labels to score"):
        SCORES["accuracy"](["ai", "cat"], np.eye(2), ["ai", "ai"], ["ai", "real"])


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("AI", "real"), "AI"),
        (("REAL", "FAKE"), "FAKE"),
        (("ai-generated", "human"), "ai-generated"),
        (("cat", "dog"), "dog"),
        (("fake", "ai"), "fake"),
        (("0", "1"), "1"),
    ],
)
def test_the_generated_class_is_the_positive_one(classes, positive):
    assert positive_class(classes) == positive_class(classes[::-1]) == positive


def test_accuracy_has_wilsons_interval():
    y = np.array(["ai", "real"] * 50)
    said = np.where(np.arange(100) < 48, y, y[::-1])
    expected = binomtest(48, 100).proportion_ci(method="wilson")
    assert interval("accuracy", y, np.eye(2)[np.arange(100) % 2], said, ["ai", "real"]) == tuple(expected)


@pytest.mark.parametrize("name", sorted(SCORES.keys() - {"accuracy"}))
def test_bootstrap_interval_is_that_of_plain_resampling(name):
    y, p, said, classes = drawn(n=120)
    rng = np.random.default_rng(5)
    sides = [np.flatnonzero(y == c) for c in classes]
    values = []
    for _ in range(400):
        rows = np.concatenate([rng.choice(side, len(side)) for side in sides])
        values.append(THEIRS[name](y[rows], p[rows], said[rows], classes, None))
    np.testing.assert_allclose(interval(name, y, p, said, classes), np.quantile(values, [0.025, 0.975]), atol=0.02)


@pytest.mark.parametrize("name", sorted(SCORES.keys() - {"accuracy"}))
def test_same_seed_gives_the_same_interval_and_another_seed_another(name):
    one, again, other = (interval(name, *drawn(decimals=9), seed=seed) for seed in (3, 3, 4))
    assert one == again
    assert one != other


@pytest.mark.parametrize("name", SCORES)
def test_ten_copies_in_a_group_are_no_more_evidence_than_one(name):
    y, p, said, classes = drawn(n=80)
    copies = [np.repeat(part, 10, axis=0) for part in (y, p, said)]
    group = np.repeat([f"g{i}" for i in range(80)], 10)
    alone = interval(name, y, p, said, classes)
    taken_for_ten = interval(name, *copies, classes)
    together = interval(name, *copies, classes, group=group)
    width = np.ptp(alone)
    assert np.ptp(taken_for_ten) < 0.5 * width
    assert np.ptp(together) == pytest.approx(width, rel=0.15)


def test_resamples_keep_the_size_of_every_class():
    # with equal scores average precision is the share of the positive class, which then never varies
    y, flat = np.array(["ai"] * 5 + ["real"] * 25), np.full((30, 2), 0.5)
    assert np.isnan(interval("average_precision", y, flat, y, ["ai", "real"])).all()


def test_rows_without_a_group_stand_alone():
    y, p, said, classes = drawn()
    for name in SCORES:
        assert interval(name, y, p, said, classes, group=np.full(len(y), "")) == interval(name, y, p, said, classes)


def test_pairs_of_both_classes_in_a_group_stay_together():
    y = np.array(["ai", "real"] * 40)
    right = np.repeat(np.arange(40) % 4 > 0, 2)  # pairs are right or wrong as one
    said = np.where(right, y, np.where(y == "ai", "real", "ai"))
    p = (said[:, None] == ["ai", "real"]).astype(float)
    pairs = interval("balanced_accuracy", y, p, said, ["ai", "real"], group=np.repeat(np.arange(40), 2))
    single = interval("balanced_accuracy", y, p, said, ["ai", "real"])
    assert np.ptp(pairs) > 1.2 * np.ptp(single)


def test_no_error_seen_is_not_called_certain():
    y = np.array(["ai", "real"] * 10)
    p = (y[:, None] == ["ai", "real"]).astype(float)
    assert np.isnan(interval("roc_auc", y, p, y, ["ai", "real"])).all()
    low, high = interval("accuracy", y, p, y, ["ai", "real"])
    assert (round(low, 3), high) == (0.839, 1)


def test_chance_is_told_from_the_interval_that_is_shown():
    assert against_chance(*wilson(48, 100), 0.5) == "unclear"
    assert against_chance(*wilson(184, 200), 0.5) == "better"
    assert against_chance(*wilson(30, 100), 0.5) == "worse"
    assert against_chance(*wilson(90, 100), 0.9) == "unclear"


def test_difference_is_newcombes():
    # the worked example (a) of Newcombe (1998): 56/70 against 48/80
    d = difference((56 / 70, *wilson(56, 70)), (48 / 80, *wilson(48, 80)))
    np.testing.assert_allclose(d, (0.2, 0.0524, 0.3339), atol=5e-5)


def test_score_table_leaves_the_validation_set_out():
    scores = score_table(table({"validation": (50, 0.9), "test": (40, 0.8), "wild": (20, 0.5)}))
    assert set(scores["set"]) == {"test", "wild"}
    row = scores.set_index(["model", "set"]).loc[("svm", "test")]
    assert (row["n"], row["n_ai"], row["n_real"], row["accuracy"], row["chance"]) == (40, 20, 20, 0.8, 0.5)
    assert (row["accuracy_low"], row["accuracy_high"]) == wilson(32, 40)


def test_score_table_scores_no_row_without_a_label():
    said = table({"test": (40, 0.8), "wild": (10, 0.5)}).table
    said.loc[(said["set"] == "wild") | (said.index < 32), "label"] = ""
    scores = score_table(Predictions(said))
    assert scores[["model", "set", "n", "accuracy"]].values.tolist() == [
        ["svm", "test", 8, 0.0],
        ["logreg", "test", 40, 0.8],
    ]


def test_score_table_of_many_classes_has_every_score():
    scores = score_table(table({"test": (60, 0.7)}, classes=("a", "<b>", "c,d")))
    assert scores[[*SCORES]].notna().all(axis=None)
    assert scores["n_<b>"].tolist() == [20, 20]


def test_score_table_of_nothing_labelled_is_empty():
    assert len(score_table(Predictions(table({"test": (4, 1)}).table.assign(label="")))) == 0


def test_groups_widen_what_the_table_shows():
    sets = {"test": (120, 0.8)}
    alone, grouped = (score_table(table(sets, models=["m"], group=group)).iloc[0] for group in ("", "by 4"))
    assert grouped["accuracy_high"] - grouped["accuracy_low"] > alone["accuracy_high"] - alone["accuracy_low"]


def test_fold_scores_are_the_mean_and_sample_spread_over_folds():
    folds = fold_scores(table({"validation": (50, 0.86), "test": (10, 0.1)}))
    assert folds["model"].tolist() == ["svm", "logreg"]
    values = folds.iloc[0][[f"fold_{i}" for i in range(5)]].to_numpy(float)
    assert (folds["n"][0], folds["mean"][0]) == (50, pytest.approx(0.86))
    assert sorted(values) == pytest.approx([0.8, 0.8, 0.9, 0.9, 0.9])
    assert folds["std"][0] == pytest.approx(np.std(values, ddof=1))


def test_fold_scores_without_validation_are_empty():
    assert fold_scores(table({"test": (10, 0.1)})).empty


@pytest.mark.parametrize("name", SCORES)
def test_two_groups_never_make_an_interval_narrower(name):
    rng = np.random.default_rng(0)
    y = np.tile(["ai", "real"], 60)
    p = np.where(y == "ai", 0.6, 0.4) + rng.normal(0, 0.3, 120)
    said = np.where(p > 0.5, "ai", "real")
    told = (y, np.column_stack([p, 1 - p]), said, ["ai", "real"])
    low, high = interval(name, *told)
    by_group = interval(name, *told, group=np.repeat(["a", "b"], 60))
    assert by_group[0] <= low
    assert by_group[1] >= high

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.unsure import BROKEN, KEPT, NOTHING, UNCLEAR, UNSURE, Rule, fit, least_units, prove, rule_table, sentences


def calibrated(rng, n):
    """Top probabilities and whether the likeliest class is wrong, of a model that means what it says."""
    top = 1 - rng.random(n) ** 2 / 2
    return top, rng.random(n) > top


def said(sets, model="m"):
    """sets: {name: (top, wrong)}; classes take turns, a wrong answer names the other."""
    parts = []
    for name, (top, wrong) in sets.items():
        label = np.where(np.arange(len(top)) % 2 == 0, "ai", "real")
        predicted = np.where(wrong, np.where(label == "ai", "real", "ai"), label)
        p = np.where(predicted == "ai", top, 1 - top)
        table = pd.DataFrame({"label": label, "predicted": predicted, "prob_ai": p, "prob_real": 1 - p})
        fold = np.arange(len(top)) % 5 if name == VALIDATION else -1
        parts.append(table.assign(path=[f"{i}" for i in range(len(top))], set=name, split=name, fold=fold))
    return Predictions(pd.concat(parts).assign(model=model, source="", group=""))


def test_the_promise_is_broken_in_no_more_draws_than_it_says():
    rng = np.random.default_rng(0)
    rules = [prove(*calibrated(rng, 400)) for _ in range(1000)]
    # of answers from t on, (1 - t) / 3 are wrong: above 5 % below 0.85
    broken = np.mean([rule.least is not None and rule.least < 0.85 for rule in rules])
    assert broken <= 0.05 + 2 * 0.007  # two standard errors of a share of 5 % of 1,000
    assert np.mean([rule.least is not None for rule in rules]) > 0.25  # a rule that never answers promises nothing


def test_groups_are_counted_and_not_their_images():
    rng = np.random.default_rng(1)
    broken = {True: 0, False: 0}
    for _ in range(200):
        top, wrong = (np.repeat(values, 8) for values in calibrated(rng, 150))
        top = top - rng.uniform(0, 1e-6, len(top))
        for grouped in broken:
            group = np.repeat(np.arange(150), 8).astype(str) if grouped else None
            rule = prove(top, wrong, group)
            broken[grouped] += rule.least is not None and rule.least < 0.85
            assert (rule.unit, rule.n) == (("group", 150) if grouped else ("image", 1200))
    assert broken[True] <= 0.05 * 200 + 6
    assert broken[False] > 0.15 * 200


def test_split_conformal_sets_of_one_class_err_in_more_of_their_answers():
    rng = np.random.default_rng(2)
    top, wrong = calibrated(rng, 20_000)
    held = np.quantile(np.where(wrong, top, 1 - top), 0.95)  # 1 - probability of the true class
    top, wrong = calibrated(rng, 20_000)
    answered = (1 - top <= held) & (top > held)  # the likeliest class is in the set, the other is not
    assert wrong[answered].mean() > 0.06
    rule = prove(top, wrong)
    assert wrong[top >= rule.least].mean() < 0.055


@pytest.mark.parametrize(("n", "wrong"), [(59, 0), (93, 1), (400, 12)])
def test_what_is_proven_is_clopper_and_pearsons_limit(n, wrong):
    top = np.linspace(1, 0.5, n)
    rule = prove(top, np.arange(n) >= n - wrong)
    limit = binomtest(wrong, n).proportion_ci(0.9, method="exact").high  # one side of 95 %
    assert (rule.least == 0.5) == (limit <= 0.05)
    assert rule.tested == n if rule.least == 0.5 else rule.tested < n


def test_so_few_images_prove_nothing_and_the_rule_says_how_many_would():
    rule = prove(np.full(40, 0.9), np.zeros(40, bool))
    assert (rule.least, rule.needed) == (None, least_units()) == (None, 59)
    assert "That takes 59 images at least, and there are 40." in rule.sentence("svm")
    hopeless = prove(np.full(200, 0.9), np.arange(200) % 2 == 0)
    assert hopeless.needed is None
    assert "no number of images would show it" in hopeless.sentence("svm")
    close = prove(np.full(200, 0.9), np.arange(200) < 6)
    assert close.least is None
    assert 200 < close.needed < 2000
    assert f"it takes about {close.needed:,} images" in close.sentence("svm")
    assert not close.answered(np.ones(3)).any()


def test_a_rule_answers_from_its_threshold_on_and_lives_through_json():
    rule = Rule(0.05, 0.95, 0.8, "image", 100, 70, 1.0)
    assert Rule(**json.loads(json.dumps(asdict(rule)))) == rule
    answers = rule.answers(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]), ["ai", "real"])
    assert answers.tolist() == ["ai", "real", UNSURE]
    assert "at least 80.0 % sure" in rule.sentence("svm")
    with pytest.raises(DataError, match="a class is called 'unsure'"):
        rule.answers(np.array([[0.9, 0.1]]), ["ai", UNSURE])


def test_a_rule_is_fitted_on_out_of_fold_rows_alone():
    rng = np.random.default_rng(3)
    good, bad = (rng.uniform(0.5, 1, 300), np.zeros(300, bool)), (rng.uniform(0.5, 1, 300), np.ones(300, bool))
    assert fit(said({VALIDATION: good, "test": bad})).least == pytest.approx(good[0].min())
    assert fit(said({VALIDATION: bad, "test": good})).least is None
    with pytest.raises(DataError, match="no labelled out-of-fold predictions"):
        fit(said({"test": good}))
    with pytest.raises(DataError, match="target and confidence"):
        prove(*good, target=0)
    with pytest.raises(DataError, match="no images"):
        prove(np.array([]), np.array([], bool))


def test_what_became_of_the_promise_stands_in_a_row_a_set_and_in_words():
    rng = np.random.default_rng(4)
    right = np.r_[0.9, rng.uniform(0.9, 1, 299)], np.zeros(300, bool)
    half = rng.uniform(0.9, 1, 100), np.arange(100) % 2 == 0
    some = rng.uniform(0.9, 1, 20), np.arange(20) < 2
    unlikely = np.full(10, 0.55), np.zeros(10, bool)
    table = rule_table(said({VALIDATION: right, "test": right, "wild": half, "few": some, "dim": unlikely}))
    rows = table.set_index("set")
    assert rows["promise"].to_dict() == {
        VALIDATION: "", "test": KEPT, "wild": BROKEN, "few": UNCLEAR, "dim": NOTHING,
    }  # fmt: skip
    assert rows.loc["wild", ["n", "answered", "judged", "error", "accuracy"]].tolist() == [100, 1, 100, 0.5, 0.5]
    assert rows.loc["wild", "error_low"] > 0.05
    assert np.isnan(rows.loc["dim", "error"])
    held_out, wild, few, dim = sentences(table)
    assert held_out.startswith("Asked to err in at most 5 % of its answers, m answers 100.0 %")
    assert held_out.endswith("as promised.")
    assert wild.endswith("the promise holds only for images like those it was trained on.")
    assert "cannot tell it from chance" in few
    assert dim.endswith("m answers none of the 10 images of “dim”.")

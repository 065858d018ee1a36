import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.stats.abstention import Rule, fit, log_tail_of_groups, prove, rule_table

POPULATION = 50_000


def rows_of(top, right, *, name=VALIDATION, model="svm", classes=("ai", "real"), group=None, label=True, paths="img"):
    """Predictions whose likeliest class has the probabilities `top`, and is the true one where `right`."""
    top, right, names = np.asarray(top, float), np.asarray(right, bool), np.array(classes)
    n, k = len(top), len(classes)
    decided = np.arange(n) % k
    p = np.repeat(((1 - top) / (k - 1))[:, None], k, axis=1)
    p[np.arange(n), decided] = top
    rows = pd.DataFrame({"path": [f"{paths}{i}.jpg" for i in range(n)], "predicted": names[decided]})
    rows["label"] = names[np.where(right, decided, (decided + 1) % k)] if label else ""
    rows = rows.assign(model=model, set=name, split="", source="", group="" if group is None else group)
    rows["fold"] = np.arange(n) % 5 if name == VALIDATION else -1
    return Predictions(rows.assign(**{f"prob_{c}": p[:, i] for i, c in enumerate(classes)}))


def ladder(n, wrong=()):
    """n different top probabilities from the highest down, wrong at these places."""
    return np.linspace(0.99, 0.51, n), np.isin(np.arange(n), wrong)


def test_the_bound_is_the_exact_one_of_an_independent_library():
    rng = np.random.default_rng(0)
    for _ in range(20):
        top = rng.uniform(0.5, 1, 500)
        rule = prove(top, rng.random(500) < (1 - top) ** 2)
        assert rule.tested == (top >= rule.least).sum()
        assert proportion_confint(rule.wrong, rule.tested, alpha=0.1, method="beta")[1] <= 0.05


def test_the_last_threshold_before_the_first_that_fails_is_taken():
    # 0 errors are few enough of 59 answers, 1 of 93, 2 of 124: an error too early ends it, whatever comes after
    assert prove(*ladder(236, wrong=[80])).tested == 80
    assert prove(*ladder(236, wrong=[92, 123])).tested == 236
    assert prove(*ladder(236, wrong=[92, 122])).tested == 122
    assert prove(*ladder(236, wrong=[58])).least is None


def test_the_surest_quarter_is_tested_first():
    top, wrong = ladder(1000, wrong=[0, 40, 80, 120])
    assert prove(top, wrong).tested == 1000  # a start at the surest 59 would have failed
    assert prove(top, np.arange(1000) < 9).least is None


def test_equal_probabilities_are_answered_alike():
    top = np.repeat([0.9, 0.8, 0.7], 100)
    rule = prove(top, np.arange(300) >= 295)
    assert (rule.least, rule.tested) == (0.7, 300)
    early = prove(top, (np.arange(300) >= 100) & (np.arange(300) < 120))
    assert (early.least, early.tested) == (0.9, 100)


def test_a_rule_that_cannot_be_proven_answers_nothing():
    few, unlucky = prove(*ladder(58)), prove(*ladder(240, wrong=[3]))
    assert few.least is None
    assert prove(*ladder(59)).least == 0.51
    assert (unlucky.least, unlucky.tested, unlucky.wrong) == (None, 60, 1)
    assert (few.answers(np.array([[1.0, 0.0]]), ["ai"], ["ai", "real"]) == "unsure").all()


def test_a_target_or_confidence_that_is_none_is_refused():
    for wish in ({"target": 0}, {"target": 5}, {"confidence": 1}):
        with pytest.raises(DataError, match="between 0 and 1"):
            prove(*ladder(100), **wish)
    with pytest.raises(DataError, match="no images"):
        prove(np.empty(0), np.empty(0, bool))


@pytest.mark.parametrize("classes", [("ai", "real"), ("cat", "dog", "unknown")])
def test_a_rule_answers_with_a_class_or_unsure(classes):
    top, wrong = ladder(236, wrong=[100, 101, 102])
    rule = fit(rows_of(top, ~wrong, classes=classes))
    assert rule.tested == 101
    tops = rule.least + np.array([0, 1e-9, 0.01, -1e-9])
    p = np.repeat(((1 - tops) / (len(classes) - 1))[:, None], len(classes), axis=1)
    p[[0, 1, 2, 3], [0, 1, len(classes) - 1, 0]] = tops
    decided = np.array(classes)[p.argmax(axis=1)]
    assert rule.answers(p, decided, classes).tolist() == [classes[0], classes[1], classes[-1], "unsure"]


def test_a_rule_comes_back_from_json():
    for rule in (prove(*ladder(236, wrong=[100, 101])), prove(*ladder(30)), prove(*ladder(100), np.repeat("a", 100))):
        assert Rule(**json.loads(json.dumps(asdict(rule)))) == rule


def test_fit_takes_the_labelled_out_of_fold_rows_of_one_model():
    top, wrong = ladder(300, wrong=[150])
    parts = [
        rows_of(top, ~wrong),
        rows_of(top, wrong, name="test"),
        rows_of(top, wrong, model="other"),
        rows_of(top, ~wrong, label=False, paths="bare"),
    ]
    rows = Predictions.concat(parts)
    assert fit(rows, "svm") == prove(top, wrong)
    with pytest.raises(DataError, match="one of svm, other"):
        fit(rows)
    with pytest.raises(DataError, match="no labelled out-of-fold predictions"):
        fit(rows_of(top, ~wrong, name="test"))


def test_a_class_called_unsure_is_refused():
    with pytest.raises(DataError, match="another name"):
        fit(rows_of(*ladder(100), classes=("sure", "unsure")))
    with pytest.raises(DataError, match="another name"):
        prove(*ladder(100)).answers(np.array([[0.5, 0.5]]), ["sure"], ["sure", "unsure"])


def world(kind, rng, n):
    """Top probabilities and how likely each is wrong; never more likely where the model is surer."""
    if kind == "no threshold is good":
        return rng.uniform(0.5, 1, n), np.full(n, 0.0501)
    z = np.abs(rng.normal(0, 4, n))
    if kind == "overconfident with ties":
        return np.round(expit(2 * z), 2), 1 - expit(z)
    return expit(z), 1 - expit(z)  # right in 87 %


@pytest.mark.parametrize("kind", ["no threshold is good", "calibrated", "overconfident with ties"])
def test_the_promise_is_broken_in_no_more_than_five_percent_of_draws(kind):
    rng, draws, n = np.random.default_rng(0), 500, 400
    top, error = world(kind, rng, POPULATION)
    broken, answered = 0, []
    for _ in range(draws):
        rows = rng.integers(POPULATION, size=n)
        rule = prove(top[rows], rng.random(n) < error[rows])
        sure = rule.answered(top)
        answered.append(sure.mean())
        broken += sure.any() and error[sure].mean() > 0.05
    assert broken / draws <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)
    if kind == "calibrated":
        assert np.mean(answered) > 0.45  # of the 0.73 that could be answered, were all known


@pytest.mark.parametrize("conditional", [False, True])
def test_conformal_answers_err_oftener_than_the_promise_and_this_rule_does_not(conditional):
    """Sets of one class: the share of wrong ones among all images is bounded, and not that among the answers."""
    rng, draws, n = np.random.default_rng(0), 100, 800
    z = rng.normal(0, 3, POPULATION)
    p = np.column_stack([expit(z), expit(-z)])  # calibrated, right in 84 %
    among_all, among_answers, ours = [], [], []
    for _ in range(draws):
        rows = rng.integers(POPULATION, size=n)
        y = (rng.random(n) > p[rows, 0]).astype(int)
        scores = 1 - p[rows, y]
        inside = 1 - p <= [_limit(scores[y == k] if conditional else scores) for k in (0, 1)]
        one = inside.sum(axis=1) == 1
        wrong = np.where(inside[:, 0], p[:, 1], p[:, 0])[one]
        among_all.append(wrong.sum() / POPULATION)
        among_answers.append(wrong.mean())
        rule = prove(p[rows].max(axis=1), p[rows].argmax(axis=1) != y)
        sure = rule.answered(p.max(axis=1))
        ours.append(p[sure].min(axis=1).mean() if sure.any() else 0)
    assert np.mean(among_all) < 0.055  # what conformal prediction promises, it keeps
    assert np.mean(np.array(among_answers) > 0.05) > 0.9
    assert np.mean(np.array(ours) > 0.05) <= 0.09


def _limit(scores, error=0.05):
    """The score up to which a class is in the set of split conformal prediction."""
    return np.sort(scores)[min(len(scores), int(np.ceil((len(scores) + 1) * (1 - error)))) - 1]


def test_groups_are_counted_by_their_answers_where_images_stand_in_groups():
    top, wrong = ladder(400, wrong=range(300, 320))
    group = np.repeat([f"scene {i}" for i in range(100)], 4)
    rule = prove(top, wrong, group)
    assert (rule.unit, rule.n, rule.units) == ("group", 400, 100)
    assert 290 < rule.tested <= 302  # five groups in a row are wrong from the 301st image on
    assert rule.tested_units == np.ceil(rule.tested / 4)
    assert prove(top, wrong, np.full(400, "")) == prove(top, wrong)
    lone = prove(top, wrong, np.where(np.arange(400) < 396, "", "pair"))
    assert (lone.unit, lone.n, lone.units) == ("group", 400, 397)
    names = np.where(np.arange(400) == 399, "i3", "")  # no name of a group is taken for that of an image without one
    assert prove(top, wrong, names).units == 400


def test_large_groups_that_are_wrong_oftener_break_no_promise():
    """300 single images, 1 % wrong, and 15 scenes of 20, 30 % wrong: 15.5 % of all answers, 2.4 % of the mean unit."""
    group = np.r_[np.full(300, ""), np.repeat([f"scene {i}" for i in range(15)], 20)]
    rate = np.where(group == "", 0.01, 0.3)
    proven = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        proven += prove(np.full(600, 0.9), rng.random(600) < rate, group).least is not None
    assert proven == 0


def test_copies_break_the_promise_only_where_groups_are_not_known():
    rng, draws, groups, size = np.random.default_rng(0), 200, 150, 5
    tops, error = world("calibrated", rng, POPULATION)
    broken = {"known": 0, "not known": 0}
    for _ in range(draws):
        rows = rng.integers(POPULATION, size=groups)
        top = np.repeat(tops[rows], size) - 1e-9 * np.tile(np.arange(size), groups)
        wrong = np.repeat(rng.random(groups) < error[rows], size)
        for known, names in (("known", np.repeat(np.arange(groups).astype(str), size)), ("not known", None)):
            sure = prove(top, wrong, names).answered(tops)
            broken[known] += sure.any() and error[sure].mean() > 0.05
    assert broken["known"] / draws <= 0.05
    assert broken["not known"] / draws > 0.1


def test_a_handful_of_groups_proves_nothing():
    few = prove(*ladder(400), np.repeat(["a", "b", "c", "d"], 100))
    assert (few.least, few.unit, few.tested) == (None, "group", 0)


def sets(**of_set):
    """A model that is right on the surest 250 of 300, its rule, and sets of (top, right)."""
    top, wrong = ladder(300, wrong=range(250, 300))
    parts = [rows_of(top, ~wrong), *(rows_of(*rows, name=name) for name, rows in of_set.items())]
    return Predictions.concat(parts), prove(top, wrong)


def test_table_tells_what_became_of_the_promise_on_each_set():
    high, low = np.full(100, 0.98), np.full(100, 0.52)
    predictions, rule = sets(
        test=(np.r_[high, high, high, low], np.arange(400) >= 5),
        few=(high[:2], np.arange(2) >= 0),
        near=(high, np.arange(100) >= 8),
        far=(high, np.arange(100) >= 40),
        dark=(low, np.arange(100) >= 40),
    )
    table = rule_table(predictions).set_index("set")
    assert (table["model"] == "svm").all()
    result = dict(zip(table.index, table["promise"], strict=True))
    assert result == {VALIDATION: "", "test": "kept"} | {
        "few": "unclear", "near": "unclear", "far": "broken", "dark": "no answers",
    }  # fmt: skip
    assert (table["least"] == rule.least).all()
    held = table.loc["test"]
    assert held[["n", "answered", "judged", "error", "accuracy"]].tolist() == [400, 0.75, 300, 5 / 300, 395 / 400]
    for share, right, n in (("error", 5, 300), ("answered", 300, 400), ("accuracy", 395, 400)):
        limits = (held[f"{share}_low"], held[f"{share}_high"])
        assert limits == pytest.approx(proportion_confint(right, n, method="wilson"))
    assert np.isnan(table.loc["dark", "error"])
    assert table.loc["far", "accuracy"] == 0.6


def test_answers_to_images_without_labels_are_counted_and_not_judged():
    top, wrong = ladder(300)
    bare = rows_of(np.full(40, 0.98), np.full(40, True), name="inbox", label=False)
    table = rule_table(Predictions.concat([rows_of(top, ~wrong), bare]))
    row = table[table["set"] == "inbox"].iloc[0]
    assert (row["answered"], row["judged"], row["promise"]) == (1, 0, "")
    assert row[["error", "error_low", "accuracy"]].isna().all()


def test_intervals_of_the_table_are_wider_where_images_stand_in_groups():
    top, wrong = ladder(300)
    right, widths = np.repeat(np.arange(12) % 4 > 0, 10), {}
    for known, group in (("lone", None), ("grouped", np.repeat([f"g{i}" for i in range(12)], 10))):
        rows = Predictions.concat([rows_of(top, ~wrong), rows_of(np.full(120, 0.98), right, name="test", group=group)])
        row = rule_table(rows).iloc[1]
        widths[known] = row["error_high"] - row["error_low"]
    assert widths["grouped"] > 1.5 * widths["lone"]


def test_a_model_without_out_of_fold_rows_has_no_row_and_given_rules_are_taken():
    top, wrong = ladder(300)
    bought = rows_of(top, ~wrong, name="test", model="bought")
    assert rule_table(bought).empty
    table = rule_table(bought, rules={"bought": Rule(0.1, 0.95, 0.75, "image", 100, 100, 80, 80, 2)})
    assert table[["target", "least", "answered"]].iloc[0].tolist() == [0.1, 0.75, 0.5]


def test_groups_of_one_size_have_the_bound_of_hoeffding():
    for size in (2, 7):
        for wrong in (0.0, 3.0, 8.0):
            share = wrong / 400
            divergence = np.log((1 - share) / 0.95) * (1 - share) + (share * np.log(share / 0.05) if share else 0)
            bound = log_tail_of_groups(size * wrong, np.full(400, size), 0.05)
            assert bound == pytest.approx(-400 * divergence, rel=4e-3)


def test_the_bound_of_groups_is_never_below_what_is_exact():
    for wrong in range(12):
        for n in (20, 60, 200):
            assert log_tail_of_groups(wrong, np.ones(n, int), 0.05) >= binom.logcdf(wrong, n, 0.05) - 1e-9


def test_one_pair_among_single_images_costs_little():
    exact = binom.logcdf(4, 300, 0.05)
    assert exact < log_tail_of_groups(4, np.r_[np.ones(298, int), 2], 0.05) < 0.75 * exact
    assert log_tail_of_groups(4, np.ones(300, int), 0.05) == pytest.approx(exact)


def test_nothing_wrong_is_as_likely_as_the_largest_groups_allow():
    # 15 groups hold half of the answers: where all errors are theirs, each is wrong with 10 %
    sizes = np.r_[np.ones(300, int), np.full(15, 20)]
    assert log_tail_of_groups(0, sizes, 0.05) == pytest.approx(15 * np.log(0.9), rel=1e-3)
    assert log_tail_of_groups(0, np.array([1000, 1]), 0.05) > np.log(0.05)  # one group can prove nothing
    assert log_tail_of_groups(40, np.ones(100, int), 0.05) == 0


@pytest.mark.parametrize("spread", ["large groups", "small groups", "all alike"])
def test_the_bound_holds_however_errors_are_spread(spread):
    rng = np.random.default_rng(0)
    sizes = np.r_[np.ones(200, int), np.full(40, 5), np.full(20, 20)]
    weight = {"large groups": sizes == 20, "small groups": sizes < 20, "all alike": sizes > 0}[spread]
    rate = weight * 0.05 * sizes.sum() / (weight * sizes).sum()
    wrong = (rng.random((20_000, len(sizes))) < rate) @ sizes
    for quantile in (0.01, 0.05, 0.2):
        few = np.quantile(wrong, quantile)
        assert (wrong <= few).mean() <= np.exp(log_tail_of_groups(few, sizes, 0.05)) + 0.01


@pytest.mark.parametrize("first", [ladder(236, wrong=[0]), ladder(400, wrong=[0, 30, 60])])
def test_with_as_many_images_as_are_needed_about_half_of_all_samples_prove_something(first):
    """Draws of a model that errs among its surest quarter as often as in the first sample, and on a fifth elsewhere."""
    rule = prove(*first)
    assert rule.least is None
    rate = rule.wrong / rule.tested

    def proven(n, seed):
        rng = np.random.default_rng(seed)
        top, surest = np.linspace(0.99, 0.51, n), np.arange(n) < n / 4
        return np.mean([prove(top, rng.random(n) < np.where(surest, rate, 0.2)).least is not None for _ in range(200)])

    share = proven(rule.needed, 0)
    assert 0.35 < share < 0.8
    assert proven(rule.needed // 4, 1) < share / 2
    assert proven(3 * rule.needed, 2) > share + 0.15


def test_what_is_needed_is_known_by_hand():
    spotless = prove(*ladder(40))  # 59 answers without an error are the least that prove 5 %
    assert (spotless.tested, spotless.needed) == (0, 59)
    hopeless = prove(*ladder(400, wrong=range(0, 100, 10)))  # 10 % of the surest are wrong
    assert (hopeless.tested, hopeless.wrong, hopeless.needed) == (100, 10, None)
    assert prove(*ladder(400)).needed is None  # it is proven
    groups = np.repeat([f"g{i}" for i in range(20)], 2)
    few = prove(*ladder(40), groups)
    assert (few.unit, few.units, few.tested) == ("group", 20, 0)
    more = np.repeat([f"g{i}" for i in range(few.needed)], 2)
    assert prove(*ladder(2 * few.needed), more).least is not None
    assert prove(*ladder(2 * few.needed - 4), more[: 2 * few.needed - 4]).least is None

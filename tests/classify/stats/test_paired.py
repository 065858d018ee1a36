from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.contingency_tables import mcnemar

from classify.stats.intervals import wilson
from classify.stats.paired import design_effect, join, needed, newcombe, paired_interval, sign_flip

rng = np.random.default_rng(0)


def gains(only_a: int, only_b: int, alike: int = 3) -> np.ndarray:
    return np.repeat([1, -1, 0], [only_a, only_b, alike])


def by_group(a, b, unit) -> np.ndarray:
    return np.bincount(unit, a.astype(int) - b).astype(int)


def pair_of(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 0), (3, 9), (24, 24), (150, 90), (9, 700)])
def test_of_single_images_it_is_mcnemars_exact_test(only_a, only_b):
    expected = mcnemar([[7, only_a], [only_b, 2]], exact=True).pvalue
    assert sign_flip(gains(only_a, only_b)) == pytest.approx(expected, rel=1e-9)


def test_of_groups_it_is_every_way_to_turn_their_signs():
    for _ in range(20):
        values = rng.integers(-4, 5, 9)
        sums = [abs(np.dot(signs, values)) for signs in product([-1, 1], repeat=9)]
        assert sign_flip(values) == pytest.approx(np.mean(np.array(sums) >= abs(values.sum())))


def test_five_groups_are_too_few_to_tell_anything_apart():
    assert sign_flip(np.full(5, 40)) == pytest.approx(2 / 2**5)
    assert sign_flip(np.full(6, 40)) < 0.05
    assert sign_flip(np.array([200])) == 1


# Tables and limits: Fagerland, Lydersen & Laake 2017, chapter 8, from the tests of its R package `contingencytables`;
# Altman et al. 2000, "Statistics with confidence", table 6.2.
@pytest.mark.parametrize(
    ("table", "low", "high"),
    [((59, 6, 16, 80), -0.1186, -0.0046), ((1, 1, 7, 12), -0.507, -0.026), ((14, 5, 0, 22), 0.011, 0.226)],
)
def test_the_interval_is_that_of_published_examples(table, low, high):
    places = 4 if table[0] == 59 else 3
    assert tuple(np.round(newcombe(*table), places)) == (low, high)
    a, b = pair_of(*table)
    assert paired_interval(a, b, np.arange(len(a))) == newcombe(*table)


def test_the_interval_turns_with_the_models():
    low, high = newcombe(30, 9, 2, 5)
    assert newcombe(30, 2, 9, 5) == pytest.approx((-high, -low))


def test_errors_that_go_together_make_the_difference_surer():
    a, b = (0.8, 0.7, 0.88), (0.75, 0.62, 0.85)
    widths = [np.ptp(join(a, b, correlation)) for correlation in (-0.5, 0, 0.5)]
    assert widths[0] > widths[1] > widths[2]
    assert join(a, b, 0) == pytest.approx((0.05 - np.hypot(0.1, 0.1), 0.05 + np.hypot(0.08, 0.13)))


def test_errors_that_avoid_each_other_make_it_less_sure():
    n, right = 50, 25
    alone = (0.5, *wilson(right, n))
    assert newcombe(5, 20, 20, 5) == pytest.approx(join(alone, alone, (5 * 5 - 20 * 20) / right**2))


def test_a_p_under_the_level_never_meets_an_interval_with_0():
    for n, both in ((20, 5), (60, 40), (200, 100)):
        for only_a in range(min(30, n - both)):
            for only_b in range(min(only_a, n - both - only_a) + 1):
                low, _ = newcombe(both, only_a, only_b, n - both - only_a - only_b)
                assert low > 0 or sign_flip(gains(only_a, only_b)) >= 0.05


def test_the_interval_covers_as_often_as_it_says():
    # every table of 40 images that could come of these shares: no Monte Carlo error
    n, shares = 40, np.array([0.6, 0.18, 0.08, 0.14])
    covered = 0
    for only_a in range(n + 1):
        for only_b in range(n + 1 - only_a):
            rest, chance = n - only_a - only_b, binom.pmf(only_a, n, 0.18)
            chance *= binom.pmf(only_b, n - only_a, 0.08 / 0.82)
            if chance < 1e-9:
                continue
            both = np.arange(rest + 1)
            chances = chance * binom.pmf(both, rest, shares[0] / (shares[0] + shares[3]))
            for count, part in zip(both[chances > 1e-7], chances[chances > 1e-7], strict=True):
                low, high = newcombe(count, only_a, only_b, rest - count)
                covered += part * (low <= 0.1 <= high)
    assert 0.93 < covered < 0.97


def clustered(n_groups: int, size: int):
    """Two models as good as each other, that are right and wrong on whole groups each in its own way."""
    unit = np.repeat(np.arange(n_groups), size)
    ability = rng.normal(1.5, 1, n_groups) + rng.normal(0, 3, (2, n_groups))
    a, b = (rng.random(len(unit)) < 1 / (1 + np.exp(-own[unit])) for own in ability)
    return a, b, unit


@pytest.mark.parametrize(("n_groups", "size"), [(10, 8), (30, 6)])
def test_equal_models_are_not_called_different_for_groups_they_know(n_groups, size):
    n, false, naive, covered = 800, 0, 0, 0
    for _ in range(n):
        a, b, unit = clustered(n_groups, size)
        false += sign_flip(by_group(a, b, unit)) < 0.05
        naive += sign_flip(a.astype(int) - b) < 0.05
        low, high = paired_interval(a, b, unit)
        covered += low <= 0 <= high
    error = np.sqrt(0.05 * 0.95 / n)
    assert false / n < 0.05 + 3 * error
    assert naive / n > 0.2  # what the same images say when each counts for itself
    assert covered / n > 0.95 - 3 * error


def test_equal_models_are_not_called_different_by_noise():
    n = 3000
    hard = rng.normal(1.5, 1.5, (n, 80))
    a, b = (rng.random(hard.shape) < 1 / (1 + np.exp(-hard)) for _ in "ab")
    p = np.array([sign_flip(row) for row in a.astype(int) - b])
    assert 0.01 < (p < 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize(("only_a", "only_b"), [(0.14, 0.06), (0.3, 0.2), (0.05, 0.0), (0.4, 0.1)])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_a_planted_difference_is_found_as_often_as_promised(only_a, only_b, level):
    n = int(needed(0.5 + only_a, 0.5 + only_b, only_a + only_b, level=level))
    tries = 500
    counts = rng.multinomial(n, [only_a, only_b, 1 - only_a - only_b], tries)
    result = np.mean([sign_flip(gains(a, b)) < level for a, b, _ in counts])
    error = 3 * np.sqrt(0.8 * 0.2 / tries)
    assert result > 0.8 - error
    if only_b:  # of errors on one side alone, exact tests have steps that no formula sees
        assert result < 0.85 + error


def test_a_planted_difference_in_groups_is_found_as_often_as_promised():
    def draw(n_groups):
        unit = np.repeat(np.arange(n_groups), 5)
        hard = rng.normal(1, 2, n_groups)[unit]
        a, b = (rng.random(len(unit)) < 1 / (1 + np.exp(-(hard + d))) for d in (2 * rng.random(n_groups)[unit], 0))
        return a, b, unit

    a, b, unit = draw(20_000)
    effect = design_effect(a, b, unit)
    assert effect > 1.02
    n = needed(a.mean(), b.mean(), (a != b).mean(), effect=effect)
    result = np.mean([sign_flip(by_group(*draw(round(n / 5)))) < 0.05 for _ in range(400)])
    assert abs(result - 0.82) < 0.02 + 3 * np.sqrt(0.8 * 0.2 / 400)


def test_needed_is_connors_number_and_a_little_more():
    # open-powersamplesize, "McNemar's Z-test, 2-Sided Equality", after Connor 1987: 23 for p01 = 0.45, p10 = 0.05
    connor = ((norm.isf(0.025) * np.sqrt(0.5) + norm.isf(0.2) * np.sqrt(0.5 - 0.4**2)) / 0.4) ** 2
    assert np.ceil(connor) == 23
    assert needed(0.65, 0.25, 0.5) == np.ceil(connor / 4 * (1 + np.sqrt(1 + 4 / (connor * 0.4))) ** 2)
    assert needed(0.25, 0.65, 0.5) == needed(0.65, 0.25, 0.5)


def test_needed_grows_with_what_makes_it_hard():
    usual = needed(0.8, 0.72, 0.2)
    assert 240 < usual < 300
    assert needed(0.8, 0.76, 0.2) > 3 * usual
    assert needed(0.8, 0.72, 0.3) > usual
    assert needed(0.8, 0.72, 0.2, level=0.01) > usual
    assert needed(0.8, 0.72, 0.2, effect=3) == pytest.approx(3 * usual, abs=3)
    assert needed(0.8, 0.72, 0.2, effect=0.2) == usual
    assert np.isnan(needed(0.8, 0.8, 0.2))


def test_images_of_a_group_that_are_all_alike_count_as_one():
    a, b = pair_of(40, 12, 8, 20)
    whole = np.repeat(np.arange(80), 5)
    assert design_effect(a.repeat(5), b.repeat(5), whole) == pytest.approx(5 * (80 / 79) * (399 / 400))
    copied, once = paired_interval(a.repeat(5), b.repeat(5), whole), paired_interval(a, b, np.arange(80))
    np.testing.assert_allclose(copied, once, atol=0.004)


def test_an_effect_is_never_taken_for_more_images_than_there_are():
    a, b = pair_of(20, 10, 10, 10)
    opposed = np.r_[np.arange(20), np.arange(10), np.arange(10), 20 + np.arange(10)]  # gains of a group cancel
    assert design_effect(a, b, opposed) == 0
    low, high = paired_interval(a, b, opposed)
    assert high - low > np.ptp(newcombe(20, 10, 10, 10))


def test_single_images_have_no_design_effect():
    a, b = pair_of(10, 3, 2, 5)
    assert design_effect(a, b, rng.permutation(20)) == 1


def test_of_groups_that_never_differ_each_is_worth_one_image():
    same = np.repeat(True, 60)
    low, high = paired_interval(same, same, np.repeat(np.arange(12), 5))
    alone = newcombe(12, 0, 0, 0)
    assert low < alone[0] < 0 < alone[1] < high
    assert np.isnan(paired_interval(same, same, np.zeros(60, int))).all()

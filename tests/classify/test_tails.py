import numpy as np
import pytest
from scipy.stats import binom

from classify.tails import log_tail_of_groups, log_tail_of_images

LEVEL = np.log(0.05)


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
            assert log_tail_of_groups(wrong, np.ones(n, int), 0.05) >= log_tail_of_images(wrong, n, 0.05) - 1e-9


def test_one_pair_among_single_images_costs_little():
    exact = log_tail_of_images(4, 300, 0.05)
    assert exact < log_tail_of_groups(4, np.r_[np.ones(298, int), 2], 0.05) < 0.75 * exact
    assert log_tail_of_groups(4, np.ones(300, int), 0.05) == pytest.approx(exact)


def test_nothing_wrong_is_as_likely_as_the_largest_groups_allow():
    # 15 groups hold half of the answers: where all errors are theirs, each is wrong with 10 %
    sizes = np.r_[np.ones(300, int), np.full(15, 20)]
    assert log_tail_of_groups(0, sizes, 0.05) == pytest.approx(15 * np.log(0.9), rel=1e-3)
    assert log_tail_of_groups(0, np.array([1000, 1]), 0.05) > LEVEL  # one group can prove nothing
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


def test_images_have_the_binomial_tail():
    assert np.exp(log_tail_of_images(np.array([1]), np.array([93]), 0.05)) == pytest.approx(binom.cdf(1, 93, 0.05))

import numpy as np
import pytest

from classify.stats.effective import alikeness, correction, effective_units, kish, units


def test_images_of_a_group_are_one_unit_and_others_one_each():
    assert len(set(units(["a", "", "a", "", "b"], 5))) == 4
    assert len(set(units(None, 3))) == 3


@pytest.mark.parametrize(
    ("group", "worth"), [([""] * 7, 7), (["a", "a", "b", "b"], 2), (["a", "a", "a", ""], 1.6), ([], 0)]
)
def test_groups_are_worth_kishs_effective_number(group, worth):
    assert effective_units(group) == pytest.approx(worth)
    assert kish(np.array([1, 1, 1])) == pytest.approx(3)


@pytest.mark.parametrize("alike", [0, 0.4, 1])
def test_the_correction_is_that_of_the_matrices(alike):
    weights, sizes, stratum = (
        np.array([5.0, 3, 1, 1, 4, 2, 2]),
        np.array([5, 3, 1, 1, 2, 1, 1]),
        np.array([0] * 4 + [1] * 3),
    )
    expected = truth = squares = 0
    for side in (0, 1):
        here = stratum == side
        total, w = weights[here].sum(), weights[here] / weights[here].sum()
        off = np.eye(here.sum()) - np.outer(np.ones(here.sum()), w)
        Q, V = total**2 * off.T @ np.diag(w**2) @ off, np.diag(alike + (1 - alike) / sizes[here])
        expected, squares = expected + np.trace(Q @ V), squares + np.trace(Q @ V @ Q @ V)
        truth += total**2 * w**2 @ np.diag(V)
    result = correction(weights, sizes, stratum, alike)
    assert (result.inflation, result.freedom) == pytest.approx((truth / expected, expected**2 / squares))


def test_equal_units_have_one_degree_of_freedom_fewer_than_they_are():
    result = correction(np.ones(10), np.full(10, 4), np.zeros(10, int), 0.3)
    assert (result.inflation, result.freedom) == pytest.approx((10 / 9, 9))
    assert correction(np.ones(2), np.ones(2), np.array([0, 1])) is None


def test_a_variance_like_that_of_single_images_tells_that_images_of_a_group_are_not_alike():
    unit, weights = np.arange(40) // 4, np.ones(40)
    assert [alikeness(effect, weights, unit) for effect in (0.5, 1, 2.5, 4, 9)] == [0, 0, 0.5, 1, 1]

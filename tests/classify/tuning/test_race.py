import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from classify.tuning.race import LEAST_PART, PART, PART_FROM, behind, lost_after, neighbours, part_of

BEST = [0.9, 0.8, 0.9, 0.8, 0.85]


@pytest.mark.parametrize(
    ("scores", "after"),
    [
        ([0.5], None),  # one fold tells nothing
        ([0.9, 0.8], None),
        ([0.895, 0.79], None),  # behind by less than the margin
        ([0.88, 0.77], 2),
        ([0.88, 0.81, 0.80], 3),  # on the first two it is a hundredth behind at most, on three by far
        ([0.88, 0.77, 0.99, 0.99], 2),
        ([0.95, 0.9, 0.95], None),
        (BEST, None),
        ([0.90, 0.80, 0.90, 0.80, 0.10], None),  # all folds are done: nothing is saved any more
    ],
)
def test_a_setting_has_lost_when_it_is_well_behind_the_best_on_the_same_folds(scores, after):
    assert lost_after(scores, BEST) == after


def test_where_the_worst_fold_decides_one_worse_fold_is_the_end():
    assert lost_after([0.79], BEST, worst=True) == 1
    assert lost_after([0.81, 0.80, 0.7], BEST, worst=True) == 3
    assert lost_after([0.81, 0.80], BEST, worst=True) is None


def test_nothing_is_lost_against_nobody():
    assert lost_after([0.1, 0.1], ()) is None


def test_folds_are_compared_with_the_same_folds():
    assert behind([0.85, 0.75], BEST) == pytest.approx(0.05)


def test_a_part_of_many_rows_is_drawn_unit_by_unit_and_class_by_class():
    y = np.repeat(["a", "b"], [6000, 2000])
    units = np.arange(8000) // 4
    part = part_of(y, units, 0)
    assert part.mean() == pytest.approx(PART, abs=0.01)
    assert (y[part] == "b").mean() == pytest.approx(0.25, abs=0.01)
    for unit in np.unique(units[part]):
        assert part[units == unit].all()
    np.testing.assert_array_equal(part, part_of(y, units, 0))
    assert not np.array_equal(part, part_of(y, units, 1))


def test_few_rows_are_all_searched_and_a_part_is_never_tiny():
    assert part_of(np.repeat(["a", "b"], PART_FROM // 2 - 1), np.arange(PART_FROM - 2), 0) is None
    part = part_of(np.repeat(["a", "b"], PART_FROM // 2), np.arange(PART_FROM), 0)
    assert part.sum() == LEAST_PART


def test_neighbours_are_a_step_away_along_each_number_and_within_what_is_searched():
    searched = {
        "C": FloatDistribution(0.1, 100, log=True),
        "depth": IntDistribution(1, 16, log=True),
        "share": FloatDistribution(0, 1),
        "weight": CategoricalDistribution([None, "balanced"]),
    }
    here = {"C": 1.0, "depth": 4, "share": 0.95, "weight": None}
    around = neighbours(here, searched, 1 / 3)
    changed = [{name: value for name, value in there.items() if value != here[name]} for there in around]
    assert changed == [
        {"C": pytest.approx(0.1)},
        {"C": pytest.approx(10)},
        {"depth": 2},
        {"depth": 10},
        {"share": pytest.approx(0.95 - 1 / 3)},
        {"share": 1.0},
    ]
    at_the_end = {"C": 100.0, "depth": 1, "share": 0.0, "weight": None}
    assert len(neighbours(at_the_end, searched, 1 / 3)) == 3
    assert all(0.1 <= there["C"] <= 100 for there in around)

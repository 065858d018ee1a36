import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from classify.ranking import gain


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    positive = np.arange(80) % 2 == 0
    before = rng.normal(size=80) + 0.5 * positive
    return positive, before, np.round(before + 0.5 * rng.normal(size=80) + positive, 1)  # they agree on most images


def test_areas_are_scikit_learns_also_with_ties(scores):
    positive, before, after = scores
    found = gain(positive, before, after)
    assert found.before == pytest.approx(roc_auc_score(positive, before))
    assert found.after == pytest.approx(roc_auc_score(positive, after))
    assert found.difference == pytest.approx(found.after - found.before)
    assert found.low < found.difference < found.high


def test_the_interval_is_about_that_of_a_bootstrap(scores):
    positive, before, after = scores
    found, rng, drawn = gain(positive, before, after), np.random.default_rng(1), []
    for _ in range(600):
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(positive == side), (positive == side).sum()) for side in (0, 1)]
        )
        drawn.append(roc_auc_score(positive[rows], after[rows]) - roc_auc_score(positive[rows], before[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)


def test_equal_scores_differ_by_nothing_and_tell_no_spread(scores):
    positive, before, _ = scores
    found = gain(positive, before, before)
    assert found.difference == 0
    assert np.isnan([found.low, found.high]).all()  # no image tells them apart, so no spread is known


def test_images_of_one_group_count_together(scores):
    positive, before, after = scores
    twice = [np.repeat(part, 2) for part in scores]
    grouped = gain(*twice, units=np.repeat(np.arange(80), 2))
    alone = gain(positive, before, after)
    assert grouped.low == pytest.approx(alone.low)
    assert gain(*twice).high < grouped.high


def test_intervals_cover_no_difference_about_as_often_as_they_promise():
    rng, missed = np.random.default_rng(2), 0
    for _ in range(400):
        positive = np.arange(60) % 2 == 0
        common = rng.normal(size=60) + positive
        found = gain(positive, common + rng.normal(size=60), common + rng.normal(size=60))
        missed += not found.low <= 0 <= found.high
    assert missed / 400 < 0.08


def test_one_class_alone_has_no_area():
    found = gain(np.ones(4, dtype=bool), np.arange(4), np.arange(4))
    assert np.isnan([found.before, found.after, found.low]).all()

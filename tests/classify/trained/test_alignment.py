import numpy as np
import pytest

from classify.errors import DataError
from classify.trained.alignment import LEAST, Alignment, threshold_for
from featex.errors import InputError


@pytest.fixture
def worlds():
    """Training features and those of another source: the same ones, moved, stretched and mixed."""
    rng = np.random.default_rng(0)
    train = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + 3
    other = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) * 5 - 20
    return train, other


@pytest.mark.parametrize("how", ["mean", "coral"])
def test_aligned_features_have_the_training_mean_and_spread(worlds, how):
    train, other = worlds
    aligned = Alignment.fit(train, how)(other)
    np.testing.assert_allclose(aligned.mean(0), train.mean(0), atol=1e-4)
    np.testing.assert_allclose(aligned.std(0), train.std(0), rtol=0.05)


def test_coral_aligns_how_columns_go_together_and_mean_does_not(worlds):
    train, other = worlds

    def gap(how):
        return np.abs(np.corrcoef(Alignment.fit(train, how)(other).T) - np.corrcoef(train.T)).max()

    assert gap("coral") < 0.05
    assert gap("mean") > 0.3


def test_aligning_the_training_features_changes_nothing(worlds):
    train, _ = worlds
    for how in ("mean", "coral"):
        np.testing.assert_allclose(Alignment.fit(train, how)(train), train, atol=0.05)


def test_columns_that_never_vary_stay_finite():
    train = np.column_stack([np.ones(30), np.arange(30)])
    assert np.isfinite(Alignment.fit(train, "coral")(train + 1)).all()


def test_few_images_are_refused(worlds):
    train, other = worlds
    with pytest.raises(DataError, match=str(LEAST)):
        Alignment.fit(train, "mean")(other[: LEAST - 1])


def test_another_way_is_refused(worlds):
    with pytest.raises(InputError, match="coral"):
        Alignment.fit(worlds[0], "corel")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_threshold_leaves_a_share_of_the_images_above_it(share):
    odds = np.random.default_rng(0).normal(-5, 1, 200)
    assert (odds > threshold_for(odds, share)).sum() == 200 * share


def test_images_of_equal_scores_stay_on_one_side_and_the_share_is_met_as_nearly_as_they_allow():
    for share, above in ((0.2, 3), (0.5, 3), (0.6, 7), (0.9, 7)):
        odds = np.repeat([3.0, 1.0, -1.0], [3, 4, 3])
        assert (odds > threshold_for(odds, share)).sum() == above
    with pytest.raises(DataError, match="all 10 images have the same score"):
        threshold_for(np.zeros(10), 0.2)


@pytest.mark.parametrize(("share", "least"), [(0.5, 2), (0.2, 5), (0.8, 5), (0.01, 100)])
def test_a_share_takes_so_many_images_that_one_belongs_on_each_side(share, least):
    assert np.isfinite(threshold_for(np.arange(least), share))
    with pytest.raises(DataError, match=f"too few .* needs {least} or more"):
        threshold_for(np.arange(least - 1), share)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(DataError, match="between 0 and 1"):
        threshold_for(np.arange(9), 1.0)

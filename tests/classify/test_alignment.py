import numpy as np
import pytest

from classify.alignment import LEAST, Alignment, shifted
from classify.errors import DataError
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


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_share_of_the_images_is_decided_for_the_class_and_none_change_places(share, positive):
    p = np.random.default_rng(0).beta(1, 30, 200)
    probabilities = np.column_stack([1 - p, p])
    moved = shifted(probabilities, share, positive)
    np.testing.assert_allclose(moved.sum(1), 1)
    assert (moved[:, positive] > 0.5).mean() == pytest.approx(share, abs=0.006)
    order = np.argsort(probabilities[:, positive])
    assert (np.diff(moved[order, positive]) >= 0).all()


def test_certain_images_can_be_moved():
    moved = shifted(np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), 0.5)
    assert list(moved[:, 1] > 0.5) == [True, True, False, False]


def test_one_image_and_three_classes_and_no_share():
    assert np.isfinite(shifted(np.array([[0.3, 0.7]]), 0.5)).all()
    with pytest.raises(DataError, match="two classes"):
        shifted(np.ones((2, 3)) / 3, 0.5)
    with pytest.raises(DataError, match="between 0 and 1"):
        shifted(np.ones((2, 2)) / 2, 1.0)

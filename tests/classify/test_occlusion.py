import numpy as np
import pytest

from classify.occlusion import FILLS, agreement, covered, occlusion, unrelated
from featex.errors import InputError


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 56, 56), dtype=np.uint8)


def brightness_of_one_corner(images: np.ndarray) -> np.ndarray:
    return images[:, :, 40:, :16].astype(float).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("fill", FILLS)
def test_the_score_falls_where_what_it_reads_is_covered_and_nowhere_else(noise, fill):
    image = noise // 4
    image[:, 40:, :16] = 250
    drops = occlusion(image, brightness_of_one_corner, grid=7, reach=2, fill=fill)
    assert drops.shape == (7, 7)
    assert np.unravel_index(drops.argmax(), drops.shape)[0] >= 5
    assert np.unravel_index(drops.argmax(), drops.shape)[1] <= 1
    assert drops.max() > 20
    assert (drops[:4, 3:] == 0).all()


def test_covering_what_lowers_the_score_is_below_zero(noise):
    image = noise // 4
    image[:, 40:, :16] = 250
    drops = occlusion(image, lambda images: -brightness_of_one_corner(images))
    assert drops.min() < -20
    assert drops.max() == 0


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_a_patch_is_as_wide_as_its_reach_and_the_rest_stays(noise, reach):
    middle = covered(noise, 7, reach, "mean")[24]
    changed = (middle != noise).any(axis=0)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    for found in (rows, columns):
        assert (found[0], found[-1]) == (28 - 4 * reach, 28 + 4 * reach - 1)


def test_every_pixel_is_covered_by_some_patch_and_the_image_is_left_as_it_was(noise):
    before = noise.copy()
    images = covered(noise, 7, 1.0, "mean")
    assert (images != noise).any(axis=(0, 1)).all()
    assert np.array_equal(noise, before)


def test_an_unknown_fill_is_refused(noise):
    with pytest.raises(InputError, match="did you mean 'blur'"):
        covered(noise, fill="blurr")


def test_agreement_is_one_where_the_map_foretells_each_patch_and_minus_one_where_its_reverse_does():
    values = np.arange(49.0).reshape(7, 7)
    assert agreement(values, np.exp(values / 10), reach=1) == pytest.approx(1)
    assert agreement(values, -values, reach=1) == pytest.approx(-1)


def test_a_patch_is_foretold_by_the_sum_over_it():
    values = np.random.default_rng(0).normal(size=(7, 7))
    padded = np.pad(np.repeat(np.repeat(values, 8, 0), 8, 1), 8)
    sums = np.array([[padded[8 * i : 8 * i + 24, 8 * j : 8 * j + 24].sum() for j in range(7)] for i in range(7)])
    assert agreement(values, sums, reach=3) > 0.97 > agreement(values, sums, reach=1)


def test_a_map_of_another_size_is_brought_to_the_grid():
    fine = np.add.outer(np.arange(14.0), np.zeros(14))
    assert agreement(fine, np.add.outer(np.arange(7.0), np.zeros(7)), reach=1) == pytest.approx(1)


@pytest.mark.parametrize(("values", "drops"), [(np.ones((7, 7)), np.eye(7)), (np.eye(7), np.zeros((7, 7)))])
def test_what_is_the_same_everywhere_agrees_with_nothing(values, drops):
    assert np.isnan(agreement(values, drops, reach=1))


def test_unrelated_pairs_every_map_with_every_other_image():
    maps = [np.arange(49.0).reshape(7, 7), -np.arange(49.0).reshape(7, 7), np.eye(7)]
    found = unrelated(maps, maps)
    assert len(found) == 6
    assert found[0] < -0.9  # the first with the second, its reverse

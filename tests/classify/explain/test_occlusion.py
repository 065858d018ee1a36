import numpy as np
import pytest

from classify.explain.occlusion import agreement, covered, occlusion, unrelated


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 56, 56), dtype=np.uint8)


def brightness_of_one_corner(images: np.ndarray) -> np.ndarray:
    return images[:, :, 40:, :16].astype(float).mean(axis=(1, 2, 3))


def test_the_score_falls_where_what_it_reads_is_covered_and_nowhere_else(noise):
    image = noise // 4
    image[:, 40:, :16] = 250
    drops = occlusion(image, brightness_of_one_corner)
    assert drops.shape == (7, 7)
    assert np.unravel_index(drops.argmax(), drops.shape)[0] >= 5
    assert np.unravel_index(drops.argmax(), drops.shape)[1] <= 1
    assert drops.max() > 20
    assert (drops[:4, 3:] == 0).all()
    np.testing.assert_array_equal(occlusion(image, lambda images: -brightness_of_one_corner(images)), -drops)


def test_a_patch_is_two_cells_wide_and_the_image_is_left_as_it_was(noise):
    before = noise.copy()
    images = covered(noise)
    assert np.array_equal(noise, before)
    changed = (images[24] != noise).any(axis=0)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    for changed in (rows, columns):
        assert (changed[0], changed[-1]) == (20, 35)
    assert (images != noise).any(axis=(0, 1)).all()


def test_agreement_is_the_rank_correlation_of_what_covering_did_with_the_sum_over_each_patch():
    values = np.random.default_rng(0).normal(size=(7, 7))
    padded = np.pad(np.repeat(np.repeat(values, 8, 0), 8, 1), 4)
    sums = np.array([[padded[8 * i : 8 * i + 16, 8 * j : 8 * j + 16].sum() for j in range(7)] for i in range(7)])
    assert agreement(values, np.exp(sums)) > 0.97 > agreement(values, values)
    assert agreement(values, -sums) < -0.97


def test_a_map_of_another_size_is_brought_to_the_grid():
    fine = np.add.outer(np.arange(14.0), np.zeros(14))
    coarse = np.add.outer(np.arange(0.5, 14, 2), np.zeros(7))
    drops = np.random.default_rng(0).normal(size=(7, 7))
    assert agreement(fine, drops) == pytest.approx(agreement(coarse, drops), abs=0.05)


@pytest.mark.parametrize(("values", "drops"), [(np.zeros((7, 7)), np.eye(7)), (np.eye(7), np.ones((7, 7)))])
def test_a_map_of_zeros_and_equal_drops_agree_with_nothing(values, drops):
    assert np.isnan(agreement(values, drops))


def test_unrelated_pairs_every_map_with_every_other_image():
    maps = [np.arange(49.0).reshape(7, 7), -np.arange(49.0).reshape(7, 7), np.eye(7)]
    agreements = unrelated(maps, maps)
    assert len(agreements) == 6
    assert agreements[0] < -0.9  # the first with the second, its reverse

import hashlib

import numpy as np
import pytest

from featex.images.variants import COPIES, copy_keys, varied


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def test_every_copy_has_a_key_of_its_own_that_can_be_told_again():
    keys = [*copy_keys("ab", 3), *copy_keys("cd", 3)]
    assert len(set(keys)) == 6
    assert keys[0] == hashlib.sha256(f"ab {COPIES} 0".encode()).hexdigest()
    assert copy_keys("ab", 3)[:2] == copy_keys("ab", 2)
    assert copy_keys("", 3) == []


def test_a_key_alone_decides_what_a_copy_is(image):
    keys = copy_keys("ab", 20)
    first = [varied(image, key) for key in keys]
    for one, key in zip(first, keys, strict=True):
        np.testing.assert_array_equal(varied(image, key), one)
    assert len({one.tobytes() for one in first}) > 15


def test_copies_are_resized_blurred_and_encoded_about_as_often_as_promised(image):
    copies = [varied(image, key) for key in copy_keys("ab", 300)]
    resized = np.array([copy.shape != image.shape for copy in copies])
    same = np.array([np.array_equal(copy, image) for copy in copies])
    assert 0.52 < resized.mean() < 0.68
    assert 0.04 < same.mean() < 0.14  # 0.4 * 0.7 * 0.3 = 0.084
    assert {copy.shape[2] for copy in copies} == {3}
    sides = np.array([copy.shape[0] for copy in copies])
    assert sides.min() >= 30
    assert sides.max() <= 90


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (9, 9, 3)])
def test_small_images_can_be_copied(shape):
    for key in copy_keys("ab", 30):
        assert varied(np.zeros(shape, dtype=np.uint8), key).dtype == np.uint8

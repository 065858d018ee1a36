from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from classify.explain.overlay import SIDE, colours, legend, overlaid, side_by_side


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 56, 56), dtype=np.uint8)


def test_both_directions_are_equally_light_and_grow_in_even_steps():
    lab = rgb2lab(colours(np.linspace(-1, 1, 41)) / 255)
    assert np.ptp(lab[:, 0]) < 1.5
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    for side in (steps[:20], steps[20:]):
        assert side.max() < 1.4 * side.min()


def test_above_zero_is_orange_below_is_blue_and_zero_is_grey():
    orange, grey, blue = colours(np.array([1.0, 0.0, -1.0])).astype(int)
    assert orange[0] > orange[1] > orange[2]
    assert blue[2] > blue[1] > blue[0]
    assert np.ptp(grey) <= 2


def test_where_a_map_is_zero_the_image_stays_in_grey(image):
    values = np.zeros((7, 7))
    values[0, 0], values[6, 6] = 2.0, -1.0
    shown = overlaid(image, values).astype(int)
    assert (np.ptp(shown[80:140, 80:140], axis=2) == 0).all()
    assert np.std(shown[80:140, 80:140]) > 10
    assert shown[2, 2, 0] > shown[2, 2, 2] + 60
    assert shown[-3, -3, 2] > shown[-3, -3, 0] + 15


def test_the_scale_of_a_map_does_not_change_its_picture_and_one_of_zeros_has_no_colour(image):
    values = np.random.default_rng(1).normal(size=(7, 7))
    assert np.array_equal(overlaid(image, values), overlaid(image, 1000 * values))
    grey = Image.fromarray(image.transpose(1, 2, 0)).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("L")
    assert np.array_equal(overlaid(image, np.zeros((7, 7))), np.asarray(grey.convert("RGB")))


def test_panels_stand_side_by_side_at_one_size(image):
    one = Image.open(BytesIO(side_by_side(image, [])))
    three = Image.open(BytesIO(side_by_side(image, [("map", np.eye(7)), ("occlusion", np.eye(5))])))
    assert one.format == "PNG"
    assert one.width == SIDE
    assert three.width > 3 * SIDE
    assert three.height == one.height
    assert np.array_equal(np.asarray(three)[:, :SIDE], np.asarray(one))


def test_the_legend_goes_from_blue_to_orange():
    pixels = np.asarray(Image.open(BytesIO(legend()))).astype(int)
    assert pixels[0, 0, 2] > pixels[0, 0, 0]
    assert pixels[0, -1, 0] > pixels[0, -1, 2]

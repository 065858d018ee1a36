from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.data import astronaut, chelsea, coffee

from featex.images.decode import decode
from pipelines.cleaning.marks import COLOURS, find_bar, find_mark

PHOTOGRAPHS = {"astronaut": astronaut(), "chelsea": chelsea(), "coffee": coffee()}
every_photograph = pytest.mark.parametrize("name", PHOTOGRAPHS)


def photograph(name, size=1024):
    return np.asarray(Image.fromarray(PHOTOGRAPHS[name]).resize((size, size), Image.Resampling.BICUBIC))


def with_bar(name, size=1024):
    image = photograph(name).copy()
    for square, colour in enumerate(COLOURS):
        image[1008:, 944 + 16 * square : 960 + 16 * square] = colour
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def through_jpeg(image, quality):
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


@every_photograph
def test_the_bar_is_cropped_to_its_row(name):
    found = find_bar(with_bar(name))
    assert (found.action, found.sure, found.boxes) == ("crop", True, ((0, 0, 1024, 1008),))
    assert found.why == "five-colour bar, 80 x 16 pixels at the bottom right"


@every_photograph
@pytest.mark.parametrize("size", [256, 300, 512, 640, 2048])
@pytest.mark.parametrize("quality", [None, 75, 95])
def test_a_bar_that_was_scaled_and_compressed_is_cropped_with_the_rows_it_was_mixed_into(name, size, quality):
    image = with_bar(name, size)
    found = find_bar(image if quality is None else through_jpeg(image, quality))
    assert found.sure
    ((left, top, right, bottom),) = found.boxes
    assert (left, top, right) == (0, 0, size)
    edge = size * 1008 / 1024
    assert edge - 3 <= bottom <= edge + 0.5


@every_photograph
def test_without_a_bar_nothing_is_found(name):
    assert find_bar(photograph(name)) is None
    assert find_bar(photograph(name, 64)) is None
    assert find_bar(with_bar(name)[:1008]) is None


def test_bars_of_other_colours_order_or_place_are_left_alone():
    image = with_bar("coffee")
    assert find_bar(image[:, ::-1]) is None
    assert find_bar(image[::-1]) is None
    assert find_bar(image[..., ::-1]) is None
    swapped = image.copy()
    swapped[1008:, 944:960], swapped[1008:, 960:976] = COLOURS[1], COLOURS[0]
    assert find_bar(swapped) is None


def test_a_picture_in_the_bar_s_colours_is_no_bar():
    stripes = np.zeros((1024, 1024, 3), dtype=np.uint8)
    for square, colour in enumerate(COLOURS):
        stripes[:, 944 + 16 * square : 960 + 16 * square] = colour
    assert find_bar(stripes) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 3), (20, 30)])
def test_tiny_images_are_no_error(shape):
    for image in (np.zeros((*shape, 3), dtype=np.uint8), np.full((*shape, 3), (60, 70, 255), dtype=np.uint8)):
        assert find_bar(image) is None
        assert find_mark(image) is None


def with_star(name, size=1024):
    image = Image.fromarray(photograph(name, 2048))
    angle = np.linspace(0, 2 * np.pi, 200)
    points = [(2048 - 112 + 48 * np.cos(a) ** 3, 2048 - 112 + 48 * np.sin(a) ** 3) for a in angle]
    layer = Image.new("L", image.size)
    ImageDraw.Draw(layer).polygon(points, fill=130)
    image.paste(Image.new("RGB", image.size, "white"), mask=layer)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("size", [512, 1024, 1500])
def test_a_star_at_its_place_is_reported_and_never_acted_on(size):
    found = find_mark(with_star("coffee", size))
    assert (found.action, found.boxes) == ("report", ())
    assert f"around ({round(size * 968 / 1024)}, " in found.why


@every_photograph
def test_no_star_is_seen_where_there_is_none_or_in_another_corner(name):
    assert find_mark(photograph(name)) is None
    assert find_mark(with_star(name)[:, ::-1]) is None
    assert find_mark(with_star(name)[:1000, :1000]) is None


def test_real_bars_are_cropped_exactly_and_no_other_image_has_one(real_data):
    for path in sorted((real_data / "cleaning").glob("*/*")):
        found = find_bar(decode(path.read_bytes()))
        assert (found is not None) == (path.parent.name == "dalle_colour_bar"), path
        assert found is None or (found.sure and found.boxes == ((0, 0, 1024, 1008),)), path
    for path in sorted((real_data / "ai-vs-real").glob("*/*/*")):
        assert find_bar(decode(path.read_bytes())) is None, path


def test_real_stars_are_reported(real_data):
    for path in sorted((real_data / "cleaning").glob("*/*")):
        found = find_mark(decode(path.read_bytes()))
        assert (found is not None) == (path.parent.name == "gemini_sparkle"), path
    for path in sorted((real_data / "ai-vs-real").glob("*/*/*"))[::4]:
        assert find_mark(decode(path.read_bytes())) is None, path

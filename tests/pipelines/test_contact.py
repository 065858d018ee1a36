"""Contact sheets show each image in its place, also where it cannot be read."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFont

from featex.errors import InputError
from pipelines.contact import _shortened, contact_sheet

RED, GREEN, BLUE = (200, 20, 20), (20, 160, 20), (20, 20, 200)


def plain(colour, height=40, width=40) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def pixels(sheet: bytes) -> np.ndarray:
    image = Image.open(BytesIO(sheet))
    assert image.format == "JPEG"
    return np.asarray(image.convert("RGB")).astype(int)


def near(pixel, colour) -> bool:
    return np.abs(pixel - np.array(colour)).max() < 30


def test_images_stand_in_rows_in_their_order(tmp_path):
    Image.new("RGB", (60, 60), GREEN).save(tmp_path / "green.png")
    shown = pixels(contact_sheet([plain(RED), tmp_path / "green.png", plain(BLUE)], columns=2, side=64))
    assert shown.shape == (8 + 2 * 72, 8 + 2 * 72, 3)
    assert near(shown[40, 40], RED)
    assert near(shown[40, 112], GREEN)
    assert near(shown[112, 40], BLUE)
    assert near(shown[112, 112], (248, 248, 248))


def test_images_keep_their_shape_and_are_enlarged_to_the_cell():
    shown = pixels(contact_sheet([plain(RED, 10, 20)], side=64))
    assert near(shown[40, 12], RED)
    assert near(shown[40, 68], RED)
    assert not near(shown[12, 40], RED)
    assert near(shown[40 - 14, 40], RED)


def test_an_image_of_one_pixel_row_is_shown():
    red, green, _ = pixels(contact_sheet([plain(RED, 1, 3000)], side=64))[40, 40]
    assert red > green + 15


def test_a_file_that_cannot_be_read_is_a_grey_square_with_words(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    shown = pixels(contact_sheet([tmp_path / "bad.jpg", tmp_path / "absent.jpg", plain(RED)], side=96))
    for left in (8, 112):
        square = shown[8:104, left : left + 96]
        assert near(square[-3, -3], (176, 176, 176))
        assert (square.max(axis=2) < 80).any()
    assert near(shown[50, 260], RED)


def test_captions_stand_below_and_only_there():
    bare, said = (pixels(contact_sheet([plain(RED)], words, side=64)) for words in (None, ["real\nsure"]))
    assert said.shape[0] == bare.shape[0] + 30
    assert (said[74:104].max(axis=2) < 120).any()
    assert near(said[40, 40], RED)


@pytest.mark.parametrize("width", [20, 60, 128])
def test_long_captions_are_shortened_to_fit_and_keep_their_end(width):
    font = ImageFont.load_default(12)
    short = _shortened("train/real/a/very/long/folder/photograph_0001.jpg", width, font)
    assert font.getlength(short) <= width
    assert "…" in short
    if width > 20:
        assert short.endswith(".jpg")
    assert _shortened("a.jpg", 128, font) == "a.jpg"


def test_what_cannot_be_shown_is_refused():
    for images, options in (
        ([], {}),
        ([plain(RED)], {"captions": ["a", "b"]}),
        ([plain(RED)], {"columns": 0}),
        ([plain(RED)] * 2, {"columns": 1, "side": 40_000}),
    ):
        with pytest.raises(InputError):
            contact_sheet(images, **options)


def test_paths_from_a_generator_and_an_array_of_tiles_are_taken():
    tiles = np.stack([plain(RED), plain(BLUE)])
    assert contact_sheet(tile for tile in tiles) == contact_sheet(tiles)

"""Contact sheets show each image in its place, also where it cannot be read."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFont

from pipelines.images.contact_sheet import contact_sheet, shortened

RED, GREEN, BLUE = (200, 20, 20), (20, 160, 20), (20, 20, 200)


def plain(colour, height=40, width=40) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def pixels(sheet: bytes) -> np.ndarray:
    image = Image.open(BytesIO(sheet))
    assert image.format == "JPEG"
    return np.asarray(image.convert("RGB")).astype(int)


def near(pixel, colour) -> bool:
    return np.abs(pixel - np.array(colour)).max() < 30


def shown(images, captions=("a",)) -> np.ndarray:
    return pixels(contact_sheet(images, [*captions] * (len(images) // len(captions))))


def test_images_stand_in_rows_in_their_order(tmp_path):
    Image.new("RGB", (60, 60), GREEN).save(tmp_path / "green.png")
    sheet = shown([plain(RED), tmp_path / "green.png", *[plain(BLUE)] * 7])
    assert sheet.shape == (8 + 2 * (128 + 8 + 15), 8 + 8 * 136, 3)
    for left, colour in ((72, RED), (208, GREEN), (344, BLUE)):
        assert near(sheet[72, left], colour)
    assert near(sheet[223, 72], BLUE)
    assert near(sheet[223, 208], (248, 248, 248))


def test_images_keep_their_shape_and_are_enlarged_to_the_cell():
    sheet = shown([plain(RED, 10, 20)])
    for x, y in ((12, 72), (132, 72), (72, 44)):
        assert near(sheet[y, x], RED)
    assert not near(sheet[36, 72], RED)
    red, green, _ = shown([plain(RED, 1, 3000)])[72, 72]
    assert red > green + 15


def test_a_file_that_cannot_be_read_is_a_grey_square_with_words(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    sheet = shown([tmp_path / "bad.jpg", tmp_path / "absent.jpg", plain(RED)])
    for left in (8, 144):
        square = sheet[8:136, left : left + 128]
        assert near(square[-3, -3], (176, 176, 176))
        assert (square.max(axis=2) < 80).any()
    assert near(sheet[72, 344], RED)


def test_captions_stand_below_and_only_there():
    sheet = shown([plain(RED)], ["real\nsure"])
    assert sheet.shape[0] == 8 + 128 + 8 + 30
    for top in (137, 152):
        assert (sheet[top : top + 15].max(axis=2) < 120).any()
    assert near(sheet[72, 72], RED)


@pytest.mark.parametrize("width", [20, 60, 128])
def test_long_captions_are_shortened_to_fit_and_keep_their_end(width):
    font = ImageFont.load_default(12)
    short = shortened("train/real/a/very/long/folder/photograph_0001.jpg", width, font)
    assert font.getlength(short) <= width
    assert "…" in short
    if width > 20:
        assert short.endswith(".jpg")
    assert shortened("a.jpg", 128, font) == "a.jpg"

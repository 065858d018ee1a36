from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from featex.images.facts import file_facts
from featex.images.segments import MOST, segments

PIXELS = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def saved(form="JPEG", **options):
    file = BytesIO()
    PIXELS.save(file, form, **options)
    return file.getvalue()


def jpeg_with(kind, body, data=None):
    data = data or saved()
    return data[:2] + b"\xff" + bytes([kind]) + (len(body) + 2).to_bytes(2) + body + data[2:]


def png_with(kind, body):
    data = saved("PNG")
    return data[:-12] + len(body).to_bytes(4) + kind + body + b"\0" * 4 + data[-12:]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_plain_file_holds_nothing_else(form):
    assert segments(saved(form)) == (set(), 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_bytes_after_the_end_are_counted(form):
    assert segments(saved(form) + b"x" * 17) == (set(), 17)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved(optimize=True), "Huffman optimised"),
        (saved(restart_marker_blocks=4), "restart markers"),
        (jpeg_with(0xEB, b"JP\0\1\0\0\0\1....jumbc2pa"), "C2PA"),
        (
            jpeg_with(0xE1, b"http://ns.adobe.com/xap/1.0/\0<a>trainedAlgorithmicMedia"),
            "digital source type trainedAlgorithmicMedia",
        ),
        (jpeg_with(0xEC, b"Ducky\0..."), "APP12 Ducky"),
        (png_with(b"tIME", b"\x07\xe8\1\1\1\1\1"), "tIME"),
        (png_with(b"caBX", b"jumb"), "C2PA"),
    ],
)
def test_segments_and_chunks_are_called_by_name(data, name):
    assert segments(data) == ({name}, 0)
    assert file_facts(data)["segments"] == name


def test_a_progressive_jpeg_is_not_called_optimised():
    assert segments(saved(progressive=True)) == (set(), 0)


def test_what_other_facts_name_is_not_named_again():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    assert segments(saved(comment=b"hello", exif=exif, dpi=(72, 72), icc_profile=b"no profile"))[0] == set()


def test_an_exif_thumbnail_is_seen():
    # little-endian TIFF: an empty first directory, whose successor at 14 holds a thumbnail's offset and length
    entries = b"\1\2\4\0\1\0\0\0\x2c\0\0\0" + b"\2\2\4\0\1\0\0\0\4\0\0\0"
    tiff = b"II*\0\x08\0\0\0" + b"\0\0" + b"\x0e\0\0\0" + b"\2\0" + entries + b"\0\0\0\0" + b"\xff\xd8\xff\xd9"
    assert file_facts(jpeg_with(0xE1, b"Exif\0\0" + tiff))["segments"] == "EXIF thumbnail"


@pytest.mark.parametrize("cut", [2, 3, 5, 20, 200, -3])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_half_a_file_ends_the_search(form, cut):
    names, trailing = segments(saved(form)[:cut])
    assert names <= {"APP0"}  # whose name was cut off
    assert trailing >= 0


def test_a_file_of_very_many_segments_is_left_early():
    many = saved()[:2] + b"\xff\xe5\0\2" * (3 * MOST) + b"\xff\xd9"
    assert segments(many)[0] == {"APP5"}

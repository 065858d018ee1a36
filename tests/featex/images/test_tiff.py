import tracemalloc
from io import BytesIO

import numpy as np
import pytest
import tifffile

from featex.errors import ImageError
from featex.images.decode import decode

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (3, 4, 4)), np.ones((8, 8, 1))).astype(np.uint8)


def tiff(pixels, **options):
    file = BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def apart(channels, shift=8, **options):
    planes = np.ascontiguousarray(np.moveaxis(PIXELS[..., :channels].astype(np.uint16) << shift, -1, 0))
    kinds = {2: ["unassalpha"], 4: ["unassalpha"]}
    photometric = "minisblack" if channels < 3 else "rgb"
    extra = kinds.get(channels)
    return tiff(planes, photometric=photometric, planarconfig="separate", extrasamples=extra, **options)


@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 5}, {"compression": "zlib"}]
)
def test_planes_of_sixteen_bits_keep_their_high_bits(options):
    assert np.array_equal(decode(apart(3, **options)), PIXELS[..., :3])


def test_transparency_in_a_plane_is_laid_over_white():
    alpha = PIXELS[..., 3:] / 255
    over_white = PIXELS[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(decode(apart(4)) - over_white).max() <= 1.5


def test_grey_with_alpha_in_planes_of_eight_bits_is_read():
    planes = np.ascontiguousarray(np.moveaxis(PIXELS[..., :2], -1, 0))
    data = tiff(planes, photometric="minisblack", planarconfig="separate", extrasamples=["unassalpha"])
    alpha = PIXELS[..., 1] / 255
    assert np.abs(decode(data)[..., 0] - (PIXELS[..., 0] * alpha + 255 * (1 - alpha))).max() <= 1.5


def test_planes_that_are_cut_are_called_truncated():
    with pytest.raises(ImageError, match=r"^truncated"):
        decode(apart(3)[:-400])


def test_strips_that_name_more_than_the_pixels_fill_no_memory():
    planes = np.zeros((3, 500, 1), np.uint16)
    file = BytesIO(tiff(planes, photometric="rgb", planarconfig="separate", rowsperstrip=1, metadata=None))
    with tifffile.TiffFile(file) as written:
        tags = written.pages[0].tags
        lengths = tags["StripByteCounts"]
        start, step = lengths.valueoffset, 2 if lengths.dtype == 3 else 4
    data = bytearray(file.getvalue())
    data[start : start + 1500 * step] = (60_000).to_bytes(step, "little") * 1500
    tracemalloc.start()
    try:
        assert decode(bytes(data) + bytes(100_000)).shape == (500, 1, 3)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("int8", "signed 8-bit integer"),
        ("int16", "signed 16-bit integer"),
        ("uint32", "32-bit integer"),
        ("int32", "signed 32-bit integer"),
        ("float16", "16-bit float"),
        ("float32", "32-bit float"),
        ("float64", "64-bit float"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_values_without_an_agreed_range_are_refused_by_their_true_name(kind, words, channels):
    pixels = PIXELS[..., 0] if channels == 1 else PIXELS[..., :3]
    with pytest.raises(ImageError, match=f"^{words} pixels have no agreed black and white"):
        decode(tiff(pixels.astype(kind), photometric="minisblack" if channels == 1 else "rgb"))


def test_a_whole_tiff_of_another_kind_is_not_called_damaged():
    pixels = np.zeros((8, 8, 2), np.uint16)
    with pytest.raises(ImageError, match=r"^a TIFF of 2 channels of 16 bits"):
        decode(tiff(pixels, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]))

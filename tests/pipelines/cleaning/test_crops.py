"""Parts come out as the file was: its format, its mode, its metadata, and, where the format can, its very pixels."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import get_sampling
from PIL.PngImagePlugin import PngInfo

from featex.errors import ImageError
from featex.images.decode import decode
from pipelines.cleaning.crops import LOSSLESS, LOSSY, cut

HALVES = [(0, 0, 32, 48), (32, 0, 64, 48)]


def picture(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def file(image: Image.Image, kind: str, **options) -> bytes:
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def see_through() -> Image.Image:
    image = picture().convert("RGBA")
    alpha = Image.linear_gradient("L").resize(image.size)
    alpha.paste(0, (20, 10, 40, 20))
    image.putalpha(alpha)
    return image


def sixteen_bits() -> Image.Image:
    return Image.fromarray((np.arange(64 * 48).reshape(48, 64) * 21).astype(np.uint16))


LOSSLESS_FILES = {
    "png": (picture(), "PNG", {}),
    "grey png": (picture().convert("L"), "PNG", {}),
    "black and white png": (picture().convert("1"), "PNG", {}),
    "palette png": (picture().quantize(17), "PNG", {"transparency": 3}),
    "see-through png": (see_through(), "PNG", {}),
    "grey see-through png": (see_through().convert("LA"), "PNG", {}),
    "png of 16 bits": (sixteen_bits(), "PNG", {}),
    "webp": (picture(), "WEBP", {"quality": 60}),
    "see-through webp": (see_through(), "WEBP", {"lossless": True, "exact": True}),
    "gif": (picture().quantize(40), "GIF", {"transparency": 2}),
    "bmp": (picture(), "BMP", {}),
    "palette bmp": (picture().quantize(200), "BMP", {}),
    "tiff": (picture(), "TIFF", {"compression": "tiff_lzw"}),
    "tiff with jpeg inside": (picture().convert("L"), "TIFF", {"compression": "jpeg"}),
    "cmyk tiff": (picture().convert("CMYK"), "TIFF", {}),
}


@pytest.mark.parametrize("name", LOSSLESS_FILES)
def test_parts_have_the_pixels_format_and_mode_that_the_file_had(name):
    image, kind, options = LOSSLESS_FILES[name]
    data = file(image, kind, **options)
    parts, how = cut(data, [(5, 0, 64, 31), (0, 7, 13, 48)])
    assert how == LOSSLESS
    expected = decode(data)
    np.testing.assert_array_equal(decode(parts[0]), expected[0:31, 5:64])
    np.testing.assert_array_equal(decode(parts[1]), expected[7:48, 0:13])
    for part in parts:
        assert (opened(part).format, opened(part).mode) == (kind, opened(data).mode)
    hidden = np.asarray(opened(data).convert("RGBA"))  # the colours of what is see-through too
    np.testing.assert_array_equal(np.asarray(opened(parts[0]).convert("RGBA")), hidden[0:31, 5:64])


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 95])
def test_a_jpeg_is_coded_again_by_its_own_tables_and_sampling(quality, sampling):
    data = file(picture(), "JPEG", quality=quality, subsampling=sampling, progressive=True, comment=b"hello")
    parts, how = cut(data, HALVES)
    assert how == LOSSY["JPEG"]
    for part, (left, top, right, bottom) in zip(parts, HALVES, strict=True):
        image = opened(part)
        assert image.quantization == opened(data).quantization
        assert get_sampling(image) == sampling
        assert image.info["progressive"]
        assert image.info["comment"] == b"hello"
        expected = decode(data)[top:bottom, left:right].astype(float)
        assert np.abs(decode(part) - expected).mean() < 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_grey_or_cmyk_jpeg_stays_one(mode):
    data = file(picture().convert(mode), "JPEG", quality=90)
    (part,), _ = cut(data, [(0, 0, 64, 40)])
    assert opened(part).mode == mode
    assert np.abs(decode(part).astype(float) - decode(data)[:40]).mean() < 2


def test_an_image_that_exif_turns_is_cut_as_it_is_seen():
    for kind in ("JPEG", "PNG", "WEBP"):
        exif = Image.Exif()
        exif[0x0112], exif[0x0110] = 6, "Camera"
        data = file(picture(), kind, exif=exif)
        (part,), _ = cut(data, [(0, 0, 48, 20)])
        assert decode(part).shape == (20, 48, 3)
        assert np.abs(decode(part).astype(float) - decode(data)[:20]).mean() < 2
        assert dict(opened(part).getexif()) == {0x0110: "Camera"}


def test_profile_texts_and_resolution_are_kept():
    texts = PngInfo()
    texts.add_text("parameters", "a cat, Steps: 20")
    texts.add_itxt("Title", "Käse", lang="de")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (part,), _ = cut(file(picture(), "PNG", pnginfo=texts, icc_profile=profile, dpi=(300, 300)), HALVES[:1])
    image = opened(part)
    assert image.text == {"parameters": "a cat, Steps: 20", "Title": "Käse"}
    assert image.text["Title"].lang == "de"
    assert image.info["icc_profile"] == profile
    assert round(image.info["dpi"][0]) == 300
    (part,), _ = cut(file(picture(), "JPEG", icc_profile=profile), HALVES[:1])
    assert opened(part).info["icc_profile"] == profile


def test_the_orientation_in_xmp_is_not_applied_twice():
    for tag in (b'tiff:Orientation="3"', b"<tiff:Orientation>3</tiff:Orientation>"):
        xmp = b"<x:xmpmeta><rdf:Description " + tag + b"/></x:xmpmeta>"
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        for data in (file(picture(), "WEBP", xmp=xmp, lossless=True), file(picture(), "PNG", pnginfo=texts)):
            (part,), _ = cut(data, [(0, 0, 64, 20)])
            np.testing.assert_array_equal(decode(part), decode(data)[:20])


def test_white_is_zero_of_16_bits_is_not_turned_to_its_negative():
    data = file(sixteen_bits(), "TIFF", tiffinfo={262: 0})
    (part,), how = cut(data, HALVES[:1])
    np.testing.assert_array_equal(decode(part), decode(data)[:, :32])
    assert how == LOSSLESS


def test_what_is_no_image_is_refused():
    with pytest.raises(ImageError):
        cut(b"no image", HALVES)

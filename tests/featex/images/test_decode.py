import random
import struct
import subprocess
import sys
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import lab2rgb
from sklearn.datasets import load_sample_image

from featex.errors import ImageError
from featex.images.decode import decode, decode_on_device, preprocess, preprocess_alike, takes_device

# pytest drops the filter that featex.images.decode sets at import; test_pillows_warnings_reach_nobody holds it.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def patches(seed=0):
    """A 48 x 40 picture of flat patches: compresses, and survives JPEG nearly unchanged inside a patch."""
    colours = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(colours, np.ones((8, 8, 1), np.uint8)))


def profile(space, tags, pcs=b"XYZ "):
    """The bytes of a small ICC v2 profile (ICC.1:2001-04, 6.1 header and 6.2 tag table)."""
    head = struct.pack(">4s4s4s4s4s", b"", b"\x02\x40\0\0", b"prtr", space, pcs).ljust(36, b"\0")
    head = b"\0\0\0\0" + head[0:32] + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content = content.ljust(-len(content) % 4 + len(content), b"\0")
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    whole = head.ljust(128, b"\0") + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def swapped_red_and_blue():
    """A profile that still calls itself sRGB, but whose red primary is sRGB's blue and the other way round."""
    return SRGB.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def every_format():
    image, rgba, exif = patches(), patches().convert("RGBA"), turned(6)
    return {
        "jpeg": encoded(image, "JPEG", icc_profile=SRGB, exif=exif),
        "progressive": encoded(image, "JPEG", progressive=True),
        "cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "mpo": encoded(image, "MPO", save_all=True, append_images=[image]),
        "png": encoded(rgba, icc_profile=swapped_red_and_blue(), exif=exif),
        "png-palette": encoded(image.convert("P"), transparency=3),
        "webp": encoded(image, "WEBP", exif=exif, icc_profile=SRGB),
        "webp-lossless": encoded(rgba, "WEBP", lossless=True),
        "bmp": encoded(image, "BMP"),
        "gif": encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "tiff": encoded(image, "TIFF"),
        "tiff-lzw": encoded(image, "TIFF", compression="tiff_lzw", exif=exif),
        "tiff-jpeg": encoded(image, "TIFF", compression="jpeg"),
        "tiff-16": encoded(Image.fromarray(np.full((9, 7), 40_000, np.uint16)), "TIFF"),
        "avif": encoded(image, "AVIF", exif=exif),
        "ppm": encoded(image, "PPM"),
        "jpeg-2000": encoded(image, "JPEG2000"),
    }


FORMATS = every_format()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_becomes_writable_contiguous_rgb(name):
    pixels = decode(FORMATS[name])
    assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize("name", ["bmp", "tiff", "tiff-lzw", "webp-lossless"])
def test_lossless_formats_keep_every_pixel(name):
    expected = np.array(patches())
    if name == "tiff-lzw":  # turned by its EXIF block
        expected = np.rot90(expected, -1)
    np.testing.assert_array_equal(decode(FORMATS[name]), expected)


@pytest.mark.parametrize("name", ["progressive", "mpo", "cmyk", "tiff-jpeg", "gif"])
def test_lossy_formats_keep_the_picture(name):
    assert np.abs(decode(FORMATS[name]) - np.array(patches(), float)).mean() < 12


def test_gif_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    assert tuple(decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0]) == RED


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_is_applied(orientation, kind):
    upright = patches()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> the Transpose that makes the stored picture
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    np.testing.assert_array_equal(decode(encoded(stored, kind, exif=turned(orientation))), np.array(upright))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", [b"II*\0" + b"\xff" * 40, b"no TIFF header"])
def test_broken_exif_takes_no_pixel_away(kind, block):
    whole = encoded(patches(), kind, exif=b"Exif\0\0" + block)
    np.testing.assert_array_equal(decode(whole), decode(encoded(patches(), kind)))


def see_through():
    rgba = Image.new("RGBA", (3, 1), (*RED, 255))
    rgba.putpixel((1, 0), (*RED, 0))
    rgba.putpixel((2, 0), (*RED, 102))
    return rgba


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_alpha_is_laid_over_white(kind, options):
    assert decode(encoded(see_through(), kind, **options))[0].tolist() == [[255, 0, 0], [255] * 3, [255, 153, 153]]


def test_grey_with_alpha_is_laid_over_white():
    grey = Image.new("LA", (2, 1), (0, 0))
    grey.putpixel((1, 0), (0, 255))
    assert decode(encoded(grey))[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "1"])
def test_transparent_colour_of_a_png_is_laid_over_white(mode):
    image = Image.new("RGB", (2, 1), "black").convert(mode)
    image.putpixel((1, 0), {"RGB": (10, 20, 30), "P": 7, "L": 9, "1": 255}[mode])
    clear = {"RGB": (0, 0, 0), "P": image.getpixel((0, 0)), "L": 0, "1": 0}[mode]
    assert decode(encoded(image))[0, 0].tolist() == [0] * 3
    assert decode(encoded(image, transparency=clear))[0, 0].tolist() == [255] * 3


def test_palette_with_alpha_in_every_entry_is_laid_over_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    assert decode(encoded(image, transparency=bytes([0, 255])))[0].tolist() == [[255] * 3, [0, 0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_high_bits(kind):
    grey = np.array([[0, 255, 256, 0x80FF, 65535]], np.uint16)
    assert decode(encoded(Image.fromarray(grey), kind))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_transparent_sixteen_bit_grey_is_white():
    grey = encoded(Image.fromarray(np.array([[1000, 1001]], np.uint16)), transparency=1000)
    assert decode(grey)[0, :, 0].tolist() == [255, 3]


def test_twelve_bit_and_white_is_zero_tiffs_keep_their_grey():
    twelve = encoded(Image.fromarray(np.zeros((1, 2), np.uint16)), "TIFF").replace(
        struct.pack("<HHIHH", 258, 3, 1, 16, 0), struct.pack("<HHIHH", 258, 3, 1, 12, 0)
    )
    packed = twelve[:-4] + bytes([0xFF, 0xF8, 0x00, 0])  # 4095 and 2048
    assert decode(packed)[0, :, 0].tolist() == [255, 128]
    sixteen = encoded(Image.fromarray(np.array([[0, 65535]], np.uint16)), "TIFF", tiffinfo={262: 0})
    assert decode(sixteen)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize(("dtype", "word"), [(np.int32, "32-bit integer"), (np.float32, "float")])
def test_pixels_without_an_agreed_range_are_refused(dtype, word):
    with pytest.raises(ImageError, match=f"{word} pixels have no agreed black and white; save it"):
        decode(encoded(Image.fromarray(np.ones((3, 3), dtype)), "TIFF"))


def test_lab_tiff_becomes_srgb():
    lab = np.array([[[50.0, 40.0, 20.0], [70.0, -30.0, 10.0], [90.0, 0.0, 0.0]]])
    stored = np.stack([lab[..., 0] * 2.55, lab[..., 1] % 256, lab[..., 2] % 256], -1).round().astype(np.uint8)
    image = Image.frombytes("LAB", (3, 1), stored.tobytes())
    assert np.abs(decode(encoded(image, "TIFF")) - lab2rgb(lab) * 255).max() < 6


def test_profile_of_another_space_is_applied_whatever_its_name():
    foreign = swapped_red_and_blue()
    assert b"s\0R\0G\0B" in foreign
    red = encoded(Image.new("RGB", (4, 4), RED), icc_profile=foreign)
    assert decode(red)[0, 0] == pytest.approx(BLUE, abs=2)


def test_profile_reaches_grey_palette_and_transparent_pixels():
    foreign = swapped_red_and_blue()
    assert decode(encoded(see_through(), icc_profile=foreign))[0] == pytest.approx(
        np.array([BLUE, WHITE, (153, 153, 255)]), abs=2
    )
    assert decode(encoded(Image.new("RGB", (4, 4), RED).quantize(2), icc_profile=foreign))[0, 0] == pytest.approx(
        BLUE, abs=2
    )


def linear(space):
    """A profile of linear light; the primaries are sRGB's, adapted to D50."""
    white, curve = (0xF6D6, 0x10000, 0xD32D), b"curv" + bytes(8)
    points = {b"wtpt": white}
    if space == b"RGB ":
        points |= {
            b"rXYZ": (0x6FA2, 0x38F5, 0x0390),
            b"gXYZ": (0x6299, 0xB785, 0x18DA),
            b"bXYZ": (0x24A0, 0x0F84, 0xB6CF),
        }
    curves = dict.fromkeys([b"rTRC", b"gTRC", b"bTRC"] if space == b"RGB " else [b"kTRC"], curve)
    return profile(
        space, {name: b"XYZ " + bytes(4) + struct.pack(">3i", *xyz) for name, xyz in points.items()} | curves
    )


@pytest.mark.parametrize("space", [b"GRAY", b"RGB "])
def test_grey_picture_is_read_through_a_grey_or_an_rgb_profile(space):
    grey = decode(encoded(Image.new("L", (4, 4), 55), "JPEG", icc_profile=linear(space)))[0, 0]
    assert grey == pytest.approx([128] * 3, abs=2)  # 0.216 of the light is sRGB 128


def test_profile_for_grey_leaves_a_colour_picture_alone():
    assert tuple(decode(encoded(Image.new("RGB", (4, 4), RED), icc_profile=linear(b"GRAY")))[0, 0]) == RED


def test_cmyk_is_read_through_its_profile():
    white, black, red = (255, 128, 128), (0, 128, 128), (130, 208, 198)  # Lab in 8 bits
    inks = [black if n & 0b0001 else red if n & 0b1000 else white for n in range(16)]  # cyan prints red
    table = bytes(np.array(inks, np.uint8))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(0x10000 * (n % 4 == 0) for n in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table + ramp * 3
    red_cyan = profile(b"CMYK", {b"A2B0": lut}, pcs=b"Lab ")
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    assert decode(encoded(image, "JPEG"))[0, 0].tolist() == [0, 255, 255]
    assert decode(encoded(image, "JPEG", icc_profile=red_cyan))[0, 0] == pytest.approx(RED, abs=40)


@pytest.mark.parametrize("broken", [b"no profile", SRGB[:200], swapped_red_and_blue()[:400]])
def test_broken_profile_is_ignored(broken):
    assert tuple(decode(encoded(Image.new("RGB", (4, 4), RED), icc_profile=broken))[0, 0]) == RED


def test_empty_file_is_refused():
    with pytest.raises(ImageError, match=r"^empty file$"):
        decode(b"")


def test_text_file_is_refused_with_its_first_bytes():
    with pytest.raises(ImageError, match=r"^not an image that can be read \(starts with b'<html><body>'\)$"):
        decode(b"<html><body>")


@pytest.mark.parametrize("kind", ["EPS", "TGA", "ICO", "PCX"])
def test_other_formats_are_never_opened(kind):
    with pytest.raises(ImageError, match=r"not an image|not read"):
        decode(encoded(patches(), kind))


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("png", "PNG"), ("tiff", "TIFF"), ("avif", "AVIF")])
def test_file_without_its_end_is_called_truncated(name, kind):
    with pytest.raises(ImageError, match=rf"^truncated {kind} \("):
        decode(FORMATS[name][:-40])


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_is_called_truncated(name):
    whole = FORMATS[name]
    if name == "mpo":  # half of it holds a whole first picture
        whole = whole[: whole.index(b"\xff\xd9")]
    with pytest.raises(ImageError, match=r"^truncated"):
        decode(whole[: len(whole) // 2])


def test_too_many_pixels_are_refused_and_many_are_not(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)  # the picture has 1920
    assert decode(FORMATS["bmp"]).shape == (40, 48, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(ImageError, match=r"^more than 1,800 pixels$"):
        decode(FORMATS["bmp"])


def test_pillows_warnings_reach_nobody():
    script = (
        "import sys; from PIL import Image; from featex.images.decode import decode; Image.MAX_IMAGE_PIXELS = 1500;"
        "decode(sys.stdin.buffer.read())"
    )
    bomb = FORMATS["bmp"]
    run = subprocess.run([sys.executable, "-W", "always", "-c", script], input=bomb, capture_output=True, check=True)
    assert run.stderr == b""


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_bytes_raise_nothing_but_image_error(name):
    chance, whole, refused = random.Random(name), FORMATS[name], 0
    for _ in range(40):
        data = bytearray(whole)
        if chance.random() < 0.25:
            del data[chance.randrange(len(data)) :]
        for _ in range(chance.choice([1, 2, 8])):
            reach = min(len(data), 200) if chance.random() < 0.5 else len(data)
            if reach:
                data[chance.randrange(reach)] = chance.choice([0, 128, 255, chance.randrange(256)])
        try:
            pixels, reason = decode(bytes(data)), "fine"
        except ImageError as error:
            pixels, reason = None, str(error)
            refused += 1
        assert pixels is None or pixels.size
        assert 0 < len(reason) < 300
        assert "\n" not in reason
    assert refused


def test_a_jpeg_of_thousands_of_scans_is_refused_at_once_and_a_usual_one_is_not():
    usual = encoded(Image.new("L", (1500, 1500)), "JPEG", progressive=True)
    last = usual[usual.rindex(b"\xff\xda") : -2]
    started = time.perf_counter()
    with pytest.raises(ImageError, match=r"^a JPEG of 3,00\d scans"):
        decode(usual[:-2] + last * 3000 + b"\xff\xd9")
    assert time.perf_counter() - started < 2
    assert decode(usual + b"\xff\xda" * 3000).shape == (1500, 1500, 3)
    assert decode(usual[:2] + b"\xff\xfe\x03\xea" + b"\xff\xda" * 500 + usual[2:]).shape == (1500, 1500, 3)


@pytest.mark.parametrize("name", [*FORMATS, "grey", "bits", "alpha", "palette"])
def test_a_large_image_has_the_pixels_it_would_have_in_one_go(name, monkeypatch):
    others = {
        "grey": lambda: encoded(patches().convert("L"), icc_profile=SRGB),
        "bits": lambda: encoded(patches().convert("1")),
        "alpha": lambda: encoded(patches().convert("RGBA").rotate(20), icc_profile=swapped_red_and_blue()),
        "palette": lambda: encoded(patches().convert("P"), transparency=bytes(range(256))),
    }
    data = others[name]() if name in others else FORMATS[name]
    whole = decode(data)
    monkeypatch.setattr("featex.images.decode.LARGE", 10)
    monkeypatch.setattr("featex.images.decode._STRIP", 3 * 48)
    assert np.array_equal(decode(data), whole)


def test_a_large_grey_image_fills_little_more_memory_than_its_pixels():
    data = encoded(Image.new("1", (9000, 9000), 1))
    script = (
        "import resource, sys; from featex.images.decode import decode; data = sys.stdin.buffer.read();"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; shape = decode(data).shape;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    run = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert int(run.stdout) < 1.9 * 9000 * 9000 * 3 / 1024  # in one go it takes 3.7 times


def test_decoding_needs_no_torch():
    script = "import sys, featex.images.decode; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_portable_maps_keep_every_pixel_of_eight_bits_and_the_high_ones_of_sixteen():
    pixels = np.asarray(patches())
    assert np.array_equal(decode(b"P6 48 40 255\n" + pixels.tobytes()), pixels)
    assert np.array_equal(
        decode(b"P6 48 40 65535\n" + (pixels.astype(np.uint16) * 257).astype(">u2").tobytes()), pixels
    )
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    assert np.array_equal(decode(b"P5 48 40 255\n" + pixels[..., 0].tobytes()), grey)
    assert np.array_equal(
        decode(b"P5 48 40 65535\n" + (pixels[..., 0].astype(np.uint16) << 8).astype(">u2").tobytes()), grey
    )


def test_heic_is_read_where_the_extra_is_installed():
    pillow_heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    pillow_heif.from_pillow(patches()).save(file, quality=95)
    assert np.abs(decode(file.getvalue()).astype(int) - np.asarray(patches())).mean() < 12
    with pytest.raises(ImageError, match="HEIF"):
        decode(file.getvalue()[:-200])


def test_heic_without_the_extra_names_it(monkeypatch):
    monkeypatch.setattr("featex.images.decode.reads_heif", lambda: False)
    with pytest.raises(ImageError, match=r"\[heif\]"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))


def reference(image, resize, crop, interpolation):
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    image = Resize(resize, interpolation=InterpolationMode(interpolation))(Image.fromarray(image))
    return np.array(CenterCrop(crop)(image)).transpose(2, 0, 1)


@pytest.mark.parametrize("shape", [(300, 451), (97, 60), (224, 224), (32, 32), (1000, 263)])
def test_preprocess_of_noise_is_within_one_grey_level_of_pil(shape):
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    square = preprocess(noise, 256, 224)
    assert tuple(square.shape) == (3, 224, 224)
    assert square.is_contiguous()
    assert np.abs(square.numpy() - reference(noise, 256, 224, "bilinear").astype(int)).max() <= 1


def test_bicubic_preprocess_of_a_photograph_is_within_one_grey_level_of_pil():
    photo = load_sample_image("china.jpg").copy()
    far = np.abs(preprocess(photo, 256, 224, "bicubic").numpy() - reference(photo, 256, 224, "bicubic").astype(int))
    assert far.max() <= 1


def test_crop_larger_than_the_image_adds_black_as_torchvision_does():
    noise = np.random.default_rng(2).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(preprocess(noise, 40, 65).numpy(), reference(noise, 40, 65, "bilinear"))


@pytest.mark.parametrize("turn", [False, True])
def test_long_strip_shows_its_middle_without_filling_memory(turn):
    strip = np.zeros((2, 400_000, 3), np.uint8)
    strip[:, 199_000:201_000] = RED
    square = preprocess(strip.transpose(1, 0, 2) if turn else strip, 256, 224)
    assert square[:, 112, 112].tolist() == [*RED]


FLOWER = Image.fromarray(load_sample_image("flower.jpg"))


def jpeg(image=FLOWER, **options):
    return encoded(image, "JPEG", **{"quality": 90, **options})


@pytest.mark.parametrize(
    ("least", "size"), [(None, (427, 640)), (500, (427, 640)), (200, (214, 320)), (106, (107, 160)), (1, (54, 80))]
)
def test_a_jpeg_is_scaled_while_it_is_decoded_but_no_side_below_what_is_needed(least, size):
    assert decode(jpeg(), least).shape[:2] == size


def test_scaling_leaves_other_formats_and_turned_images_as_they_are_otherwise():
    assert decode(encoded(Image.new("RGB", (900, 700))), 100).shape == (700, 900, 3)
    assert decode(jpeg(exif=turned(6)), 200).shape == (320, 214, 3)


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (jpeg(), True),
        (jpeg(progressive=True), True),
        (jpeg(Image.new("L", (40, 30))), True),
        (jpeg(exif=turned(1)), True),
        (jpeg(icc_profile=SRGB), True),
        (jpeg(exif=turned(6)), False),
        (jpeg(Image.new("CMYK", (40, 30))), False),
        (jpeg(Image.new("RGB", (400, 20))), False),
        (jpeg()[:-2], False),
        (jpeg()[:5000], False),
        (b"\x89PNG\r\n\x1a\n", False),
    ],
)
def test_a_device_is_given_whole_upright_srgb_jpegs_alone(data, taken):
    assert takes_device(data) is taken


def test_what_a_device_decodes_is_what_is_decoded_here_and_a_bad_file_costs_no_other():
    import torch

    files = [jpeg(), jpeg(Image.new("RGB", (300, 280), "red")), b"\xff\xd8 no more \xff\xd9", jpeg(quality=60)]
    given = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    images = decode_on_device(given, torch.device("cpu"))
    assert [image is None for image in images] == [False, False, True, False]
    good = [0, 1, 3]
    squares = preprocess_alike([images[i] for i in good], 256, 224)
    for square, i in zip(squares, good, strict=True):
        difference = np.abs(square.numpy().astype(int) - preprocess(decode(files[i]), 256, 224).numpy())
        assert difference.max() <= 2

"""Bytes of an image file to RGB pixels, alike for every format, and to the square a network looks at.

Every class of images must come through the same door: a palette PNG, a CMYK JPEG and a plain photograph all end as
8-bit sRGB over white, upright, so that a model cannot tell them apart by how they were stored.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from featex import tiff
from featex.errors import ImageError
from featex.formats import START, in_words, kind_of, reads_heif

if TYPE_CHECKING:
    import torch

DECODER = "pillow-2"
"""Name of what `decode` and `preprocess` do to pixels, a part of every fingerprint: raise it when pixels may change."""

# Everything else Pillow could open is left out on purpose: EPS runs Ghostscript. An MPO opens as the JPEG it is.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM", "JPEG2000")
_NATIVE_MODES = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}  # the rest is RGB or becomes so
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_LONGEST_STRIP = 16
LARGE = 32_000_000
"""Pixels above which an image is converted in strips, and decoded while no other such image is."""
_STRIP = 4_000_000
MOST_SCANS = 100
"""Scans of a progressive JPEG. Programs write 10 or so; 6,000 in 100 kB took half a minute at 4 megapixels."""
_ORIENTATION = 0x0112

# Set once for Pillow's modules, because `catch_warnings` around each call is not safe in threads. What matters in
# these warnings is raised as an error or has no bearing on the pixels (a broken EXIF block).
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(data: bytes, least_side: int | None = None) -> np.ndarray:
    """Return the first frame of an image file as upright sRGB pixels.

    Transparency is laid over white; CMYK, LAB, grey and palette become RGB; an ICC profile other than sRGB is applied
    and a broken one ignored; of 16 bits the high 8 are kept. Safe to call from several threads.

    Parameters
    ----------
    data : bytes
        A whole JPEG, MPO, PNG, WebP, BMP, GIF, TIFF, AVIF, PPM or JPEG 2000 file, or HEIC with the heif extra.
    least_side : int, optional
        A JPEG may come out at a half, a quarter or an eighth of its size, if no side is shorter than this then: much
        less work, and other pixels than those of the whole image made small.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        C-contiguous and writable.

    Raises
    ------
    ImageError
        If the bytes are no image, are damaged or cut short, hold more pixels than Pillow's limit (twice
        ``PIL.Image.MAX_IMAGE_PIXELS``, 179 million), or hold 32-bit or float pixels, whose range is anyone's guess.
    """
    with opened(data) as image:
        if least_side is not None:
            image.draft(None, (least_side, least_side))
        image = _upright(image, data)
        if image.width * image.height <= LARGE:
            return np.array(_rgb(image))
        return _in_strips(image)


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Yield an image file with its header read and its pixels not yet; what goes wrong with it is an `ImageError`."""
    if not data:
        raise ImageError("empty file")
    try:
        with Image.open(BytesIO(data), formats=_formats(data)) as image:
            if image.format == "TIFF" and (reason := tiff.no_range(image.tag_v2)):
                raise ImageError(reason)
            if image.info.get("progressive") and (n_scans := _scans(data)) > MOST_SCANS:
                raise ImageError(f"a JPEG of {n_scans:,} scans, each of which goes over all pixels; save it anew")
            yield image
    except ImageError:
        raise
    except Exception as error:  # on hostile bytes Pillow raises nearly anything: struct.error, TypeError, ...
        raise ImageError(_reason(error, data)) from error


def _formats(data: bytes) -> tuple[str, ...]:
    if kind_of(data[:START]) != "HEIF" or not reads_heif():
        return _FORMATS
    _register_heif()
    return ("HEIF",)


def _scans(data: bytes) -> int:
    """Return how many scans a JPEG has: what looks like one before the first, or behind the end, is none."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4]) if data[at + 1 : at + 2] != b"\xff" else 1
    end = data.find(b"\xff\xd9", at)
    return data.count(b"\xff\xda", at, end if end >= 0 else len(data))


@lru_cache(maxsize=1)
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)


def _upright(image: Image.Image, data: bytes) -> Image.Image:
    """Return an image with its pixels read and turned, in the mode they are stored in; 16 bits become 8."""
    if image.format == "TIFF" and (pixels := tiff.planes(image, data)):
        pixels.info = image.info
        pixels.getexif().update(image.getexif())
        image = pixels
    image.load()
    info = image.info
    with suppress(Exception):  # a broken EXIF block takes no pixel away
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        image = _high_bits(image)
    if image.mode == "I" and image.format == "PPM":  # of 16 bits at most, which Pillow spreads over all 16
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "float"
        raise ImageError(f"{kind} pixels have no agreed black and white; save it with 8 or 16 bits a channel")
    if profile := info.get("icc_profile"):
        image.info["icc_profile"] = profile
    return image


def _in_strips(image: Image.Image) -> np.ndarray:
    """Return the RGB pixels of a large image, converted in strips: in one go they would fill memory thrice."""
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        pixels[top:bottom] = np.asarray(_rgb(image.crop((0, top, image.width, bottom))))
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image = _in_mode(image, _NATIVE_MODES.get(image.mode, "RGB"))
    if profile:
        image = _apply_profile(image, profile)
    image = _in_mode(image, "RGB")
    return Image.composite(image, Image.new("RGB", image.size, "white"), alpha) if alpha else image


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # convert would copy, an eighth of the whole time


def _high_bits(image: Image.Image) -> Image.Image:
    """Return the high 8 bits of grey pixels of 16 bits (of 12 in some TIFFs), the transparent grey as white."""
    pixels = np.array(image)
    tags = getattr(image, "tag_v2", {})
    shift = tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0] - 8
    grey = (pixels >> shift).astype(np.uint8)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero, which Pillow leaves so at 16 bits
        grey = 255 - grey
    if "transparency" in image.info:
        grey[pixels == image.info["transparency"]] = 255
    return Image.fromarray(grey)


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    mode, transform = _transform_to_srgb(profile)
    if transform is None or (image.mode != mode and (image.mode, mode) != ("L", "RGB")):
        return image
    return transform.apply(_in_mode(image, mode))


@lru_cache(maxsize=64)
def _transform_to_srgb(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return the mode a profile speaks of and its way to sRGB; None where it is sRGB already, or broken.

    Whether a profile is sRGB is measured, not read from its name: linear ones are called sRGB too. Most photographs
    carry one of a few profiles, so the cache makes the question free.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _PROFILE_MODES[source.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, KeyError, TypeError, ValueError):
        return "", None
    if mode != "CMYK":
        levels = np.arange(0, 256, 17, dtype=np.uint8)
        cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(16, 256, 3)
        probe = Image.fromarray(cube if mode == "RGB" else levels[None])
        moved = np.subtract(transform.apply(probe), probe.convert("RGB"), dtype=np.int16)
        if np.abs(moved).max() <= 2:  # rounding inside the profiles that go by the name of sRGB
            return mode, None
    return mode, transform


def _reason(error: Exception, data: bytes) -> str:
    start = data[:16]
    kind = next((name for name in _formats(data) if Image.OPEN[name][1](start) is True), None)
    said = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if kind is None:
        return in_words(data[:START])
    if kind == "TIFF" and (isinstance(error, UnidentifiedImageError) or "raw mode" in said):
        with suppress(Exception):  # a header that is damaged indeed
            return tiff.in_words(tiff.tags_of(data))
    if isinstance(error, UnidentifiedImageError):
        said = "its header cannot be read"
    sort = "truncated" if "truncated" in said.lower() else "truncated or damaged"
    return f"{sort} {kind} ({said})"


def preprocess(image: np.ndarray, resize: int, crop: int, interpolation: str = "bilinear"):
    """Return the centre square of an image, as torchvision's ``Resize`` and ``CenterCrop`` make it of a PIL image.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        As `decode` gives it.
    resize : int
        Length of the shorter side after resizing, in pixels.
    crop : int
        Side of the square; where it is longer than the resized image, black is added as ``CenterCrop`` does.
    interpolation : {"bilinear", "bicubic"}
        Both with antialiasing.

    Returns
    -------
    Tensor of shape (3, crop, crop), uint8
        Contiguous.
    """
    import torch  # here, because decoding alone must not cost torch's memory

    return _square(torch.from_numpy(_middle(image)).permute(2, 0, 1), resize, crop, interpolation).contiguous()


def _square(pixels: "torch.Tensor", resize: int, crop: int, interpolation: str) -> "torch.Tensor":
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    pixels = functional.resize(pixels, [resize], interpolation=InterpolationMode(interpolation), antialias=True)
    return functional.center_crop(pixels, [crop, crop])


def takes_device(data: bytes) -> bool:
    """Return whether `decode_on_device` may be given a file: a whole upright sRGB JPEG, in colour or grey."""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):  # a GPU would decode half a file
        return False
    with opened(data) as image:
        upright = False
        with suppress(Exception):  # a broken EXIF block: the usual way knows what to do with it
            upright = image.getexif().get(_ORIENTATION, 1) == 1
        plain = image.mode in ("RGB", "L") and image.info.get("adobe_transform", 1) == 1
        profile = image.info.get("icc_profile")
        strip = max(image.size) > _LONGEST_STRIP * min(image.size)
        return upright and plain and not strip and not (profile and _transform_to_srgb(profile)[1])


def decode_on_device(files: "Sequence[torch.Tensor]", device: "torch.device") -> "list[torch.Tensor | None]":
    """Return the pixels (3, height, width) uint8 of JPEG files, decoded on a GPU; None for each that it cannot decode.

    They differ from those of `decode` by a level or two. torchvision hands this work to TorchCodec from 0.29 on, and
    still does it. One file that fails makes torchvision fail for all: then each is tried by itself.

    Parameters
    ----------
    files : sequence of Tensor of shape (n_bytes,), uint8
        On the CPU; of files that `takes_device` accepts.
    """
    from torchvision.io import ImageReadMode, decode_jpeg

    try:
        return decode_jpeg(list(files), mode=ImageReadMode.RGB, device=device)
    except RuntimeError:
        return [None] if len(files) == 1 else [decode_on_device([file], device)[0] for file in files]


def preprocess_alike(
    images: "Sequence[torch.Tensor]", resize: int, crop: int, interpolation: str = "bilinear"
) -> "torch.Tensor":
    """Return what `preprocess` gives of each image, on the images' device: those of one size at once.

    Parameters
    ----------
    images : sequence of Tensor of shape (3, height, width), uint8

    Returns
    -------
    Tensor of shape (len(images), 3, crop, crop), uint8
    """
    import torch

    by_size: dict[tuple, list[int]] = {}
    for number, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(number)
    squares = torch.empty(len(images), 3, crop, crop, dtype=torch.uint8, device=images[0].device)
    for numbers in by_size.values():
        pixels = torch.stack([images[number] for number in numbers])
        squares[numbers] = _square(pixels, resize, crop, interpolation)
    return squares


def _middle(image: np.ndarray) -> np.ndarray:
    """Return the middle of a long strip: resized whole, 1 x 100,000 pixels would fill gigabytes for one square."""
    height, width, _ = image.shape
    limit = _LONGEST_STRIP * min(height, width)
    top, left = (max(0, (side - limit) // 2) for side in (height, width))
    return image[top : height - top, left : width - left]

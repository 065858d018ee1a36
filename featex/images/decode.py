"""Decoding: bytes of an image file to RGB pixels, and pixels to the square that the network sees.

Every format gives the same kind of pixels: a palette PNG, a CMYK JPEG and a plain photograph all become upright 8-bit
sRGB over white, so that a model cannot tell them apart by how they were stored.
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

from featex.errors import ImageError
from featex.images import tiff
from featex.images.formats import START, in_words, kind_of, reads_heif

if TYPE_CHECKING:
    import torch

DECODER = "pillow-2"
"""Version of `decode` and `preprocess`, a part of every fingerprint; raise it when pixels may change."""

# Pillow's other formats are left out on purpose: EPS runs Ghostscript. An MPO file opens as a JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM", "JPEG2000")
_NATIVE_MODES = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}  # any other mode is converted to RGB
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_LONGEST_STRIP = 16
LARGE = 32_000_000
"""Images of more pixels are converted in strips, and only one of them is decoded at a time."""
_STRIP = 4_000_000
MOST_SCANS = 100
"""Most scans of a progressive JPEG. Programs write about 10; 6,000 scans in 100 kB took 30 s at 4 megapixels."""
_ORIENTATION = 0x0112

# Set once for Pillow's modules, because `catch_warnings` around each call is not safe in threads. Whatever these
# warnings report is either raised as an error or does not change the pixels (a broken EXIF block).
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(data: bytes, least_side: int | None = None) -> np.ndarray:
    """Return the first frame of an image file as upright sRGB pixels.

    Transparent pixels are blended with white. CMYK, LAB, grey and palette become RGB. An ICC profile other than sRGB
    is applied, a broken one is ignored. Of 16 bits, the high 8 are kept. Safe to call from several threads.

    Parameters
    ----------
    data : bytes
        A whole JPEG, MPO, PNG, WebP, BMP, GIF, TIFF, AVIF, PPM or JPEG 2000 file; with the heif extra also HEIC.
    least_side : int, optional
        A JPEG is decoded at a half, a quarter or an eighth of its size, as long as no side gets shorter than this. That
        is faster, but the pixels differ from those of the resized whole image.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        C-contiguous and writable.

    Raises
    ------
    ImageError
        If the bytes are not an image, are damaged or truncated, hold more pixels than Pillow's limit (twice
        ``PIL.Image.MAX_IMAGE_PIXELS``, 179 million), or hold 32-bit or float pixels, whose range is not defined.
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
    """Yield an image whose header has been read and whose pixels have not; any failure becomes an `ImageError`."""
    if not data:
        raise ImageError("empty file")
    try:
        with Image.open(BytesIO(data), formats=_formats(data)) as image:
            if image.format == "TIFF" and (reason := tiff.no_range(image.tag_v2)):
                raise ImageError(reason)
            if image.info.get("progressive") and (n_scans := _scans(data)) > MOST_SCANS:
                raise ImageError(f"a JPEG of {n_scans:,} scans, each of which covers all pixels; save it again")
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
    """Return how many scans a JPEG has; marker bytes in its header or after its end do not count."""
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
    """Return an image with its pixels decoded and upright, in the mode they are stored in; 16 bits become 8."""
    if image.format == "TIFF" and (pixels := tiff.planes(image, data)):
        pixels.info = image.info
        pixels.getexif().update(image.getexif())
        image = pixels
    image.load()
    info = image.info
    with suppress(Exception):  # a broken EXIF block does not affect the pixels
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        image = _high_bits(image)
    if image.mode == "I" and image.format == "PPM":  # at most 16 bits, which Pillow scales to all 16
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "float"
        raise ImageError(f"{kind} pixels have no agreed black and white; save it with 8 or 16 bits a channel")
    if profile := info.get("icc_profile"):
        image.info["icc_profile"] = profile
    return image


def _in_strips(image: Image.Image) -> np.ndarray:
    """Return the RGB pixels of a large image, converted in strips to save two thirds of the memory."""
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
    return (
        image if image.mode == mode else image.convert(mode)
    )  # convert would copy, which takes an eighth of the decoding time


def _high_bits(image: Image.Image) -> Image.Image:
    """Return the high 8 bits of grey pixels of 16 bits (of 12 in some TIFFs); the transparent grey becomes white."""
    pixels = np.array(image)
    tags = getattr(image, "tag_v2", {})
    shift = tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0] - 8
    grey = (pixels >> shift).astype(np.uint8)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero, and Pillow does not invert 16 bits
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
    """Return the mode of a profile and its transform to sRGB; None if the profile is sRGB or broken.

    Whether a profile is sRGB is measured, because some linear profiles are also named sRGB. Most photographs carry one
    of a few profiles, so the cache makes this cheap.
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
        if np.abs(moved).max() <= 2:  # rounding in the usual sRGB profiles
            return mode, None
    return mode, transform


def _reason(error: Exception, data: bytes) -> str:
    start = data[:16]
    kind = next((name for name in _formats(data) if Image.OPEN[name][1](start) is True), None)
    message = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if kind is None:
        return in_words(data[:START])
    if kind == "TIFF" and (isinstance(error, UnidentifiedImageError) or "raw mode" in message):
        with suppress(Exception):  # a header that is really damaged
            return tiff.in_words(tiff.tags_of(data))
    if isinstance(error, UnidentifiedImageError):
        message = "its header cannot be read"
    state = "truncated" if "truncated" in message.lower() else "truncated or damaged"
    return f"{state} {kind} ({message})"


def preprocess(image: np.ndarray, resize: int, crop: int, interpolation: str = "bilinear"):
    """Return the centre square of an image, as torchvision's ``Resize`` and ``CenterCrop`` take it from a PIL image.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        From `decode`.
    resize : int
        Length of the shorter side after resizing, in pixels.
    crop : int
        Side of the square; if the resized image is smaller, black is added as ``CenterCrop`` does.
    interpolation : {"bilinear", "bicubic"}
        Both with antialiasing.

    Returns
    -------
    Tensor of shape (3, crop, crop), uint8
        Contiguous.
    """
    import torch  # imported here, because plain decoding must not take torch's memory

    return _square(torch.from_numpy(_middle(image)).permute(2, 0, 1), resize, crop, interpolation).contiguous()


def _square(pixels: "torch.Tensor", resize: int, crop: int, interpolation: str) -> "torch.Tensor":
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    pixels = functional.resize(pixels, [resize], interpolation=InterpolationMode(interpolation), antialias=True)
    return functional.center_crop(pixels, [crop, crop])


def takes_device(data: bytes) -> bool:
    """Return whether `decode_on_device` can decode a file: a complete, upright sRGB JPEG, in colour or grey."""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):  # a GPU would decode a truncated file
        return False
    with opened(data) as image:
        upright = False
        with suppress(Exception):  # `decode` handles a broken EXIF block
            upright = image.getexif().get(_ORIENTATION, 1) == 1
        plain = image.mode in ("RGB", "L") and image.info.get("adobe_transform", 1) == 1
        profile = image.info.get("icc_profile")
        strip = max(image.size) > _LONGEST_STRIP * min(image.size)
        return upright and plain and not strip and not (profile and _transform_to_srgb(profile)[1])


def decode_on_device(files: "Sequence[torch.Tensor]", device: "torch.device") -> "list[torch.Tensor | None]":
    """Return the pixels (3, height, width) uint8 of JPEG files, decoded on a GPU; None for each file that fails.

    The pixels differ from those of `decode` by one or two levels. torchvision has deprecated this function in favour of
    TorchCodec since 0.29, but still has it. If one file fails, torchvision fails for all; then each is tried alone.

    Parameters
    ----------
    files : sequence of Tensor of shape (n_bytes,), uint8
        On the CPU; bytes of files that `takes_device` accepts.
    """
    from torchvision.io import ImageReadMode, decode_jpeg

    try:
        return decode_jpeg(list(files), mode=ImageReadMode.RGB, device=device)
    except RuntimeError:
        return [None] if len(files) == 1 else [decode_on_device([file], device)[0] for file in files]


def preprocess_alike(
    images: "Sequence[torch.Tensor]", resize: int, crop: int, interpolation: str = "bilinear"
) -> "torch.Tensor":
    """Return `preprocess` of each image, computed on the images' device; images of equal size are one batch.

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
    """Return the middle of a long strip; resizing all of a 1 x 100,000 image would take gigabytes."""
    height, width, _ = image.shape
    limit = _LONGEST_STRIP * min(height, width)
    top, left = (max(0, (side - limit) // 2) for side in (height, width))
    return image[top : height - top, left : width - left]

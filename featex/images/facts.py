"""File facts: format, size, compression, metadata and colour profile of an image file, read without its pixels.

None of these facts is image content, but a model can learn them: if all generated images are PNG files and all
photographs JPEG files, the format reveals the class. So the facts are stored beside the features, for the audit.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from itertools import islice

import numpy as np
from PIL import ExifTags, Image, ImageCms
from PIL.JpegImagePlugin import get_sampling
from PIL.TiffImagePlugin import BITSPERSAMPLE

from featex.images import tiff
from featex.images.decode import opened
from featex.images.segments import MOST, png_chunks, segments

FACTS = {
    "format": "str",
    "mode": "str",
    "width": "int32",
    "height": "int32",
    "jpeg_quality": "float32",
    "jpeg_sampling": "str",
    "jpeg_tables": "str",
    "progressive": "bool",
    "metadata": "str",
    "exif": "str",
    "values": "str",
    "segments": "str",
    "trailing": "int64",
    "profile": "str",
    "prompt": "str",
    "low_bits": "int8",
}
"""Columns of a set's table, and their types:

============== ======================================================================================================
format         Pillow's name: JPEG, PNG, WEBP, ...
mode           how pixels are stored: RGB, L, P (palette), RGBA, CMYK, ...
width, height  stored pixels, before any EXIF rotation
jpeg_quality   1 to 100: the quality whose libjpeg luma table is nearest to the file's; NaN for other formats
jpeg_sampling  4:4:4, 4:2:2, 4:2:0, grey or other; "" for other formats
jpeg_tables    first 8 digits of the sha256 of the quantisation tables; "" for other formats
progressive    whether a JPEG is progressive, or a PNG interlaced
metadata       names of other metadata, sorted, joined by commas: comment, xmp, jfif, dpi, text chunks, ...
exif           names of the EXIF tags of the main directory, sorted, joined by commas
values         the comment, the resolution and EXIF tags as name=value, sorted, joined by commas; numbers are written
               as #, except in resolutions and orientation, and only the year of a date is kept
segments       names of other segments and chunks: C2PA, tIME, restart markers, ...; see `featex.images.segments`
trailing       bytes after the end of the image
profile        name of the ICC profile; "" without one
prompt         the first 300 characters of the prompt, if the generator wrote it into the file
low_bits       number of bits used by a file of 16 bits per channel, if it uses only the lowest 14 or fewer; else 0
============== ======================================================================================================
"""

# Keys of text chunks that hold a prompt: Stable Diffusion web UI, ComfyUI, InvokeAI (three versions), NovelAI.
PROMPT_KEYS = ("parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream", "Description")
_PROMPT_LENGTH = 300
# A file of a kilobyte can unpack to a megabyte of text, so text is cut before any pattern or parser sees it.
_MOST_TEXT, _MOST_JSON, _MOST_NAMES = 10_000, 1_000_000, 100
_BEHIND_PROMPT = re.compile(r"\s(?:Negative prompt:|Steps: \d)")  # one blank: many would be tried at each
_MOST_LOW_BITS = 14  # cameras and scanners use 10, 12 or 14; a dark photograph can use 15
_METADATA = ("comment", "xmp", "photoshop", "adobe", "jfif", "dpi", "gamma", "srgb", "chromaticity", "loop", "mp")
_SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_VALUE_LENGTH = 60
_EXACT = (0x0112, 0x0128, 0x0213)  # orientation, unit of resolution, position of chroma
_THUMBNAIL = 0x0201
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286


def file_facts(data: bytes) -> dict:
    """Return the `FACTS` of an image file; its pixels are not decoded.

    Parameters
    ----------
    data : bytes
        A whole file.

    Raises
    ------
    ImageError
        If `featex.images.decode.decode` cannot open the file.
    """
    with opened(data) as image:
        keys = [name for name in _METADATA if name in image.info]
        exif = _exif(image)
        return {
            "format": image.format if image.format != "MPO" else "JPEG",
            "mode": image.mode,
            "width": image.width,
            "height": image.height,
            **_jpeg_facts(image),
            "progressive": bool(image.info.get("progressive") or image.info.get("interlace")),
            "metadata": _names({*keys, *islice(_png_texts(data), MOST)}),
            "exif": _names(ExifTags.TAGS.get(tag, f"0x{tag:04x}") for tag in exif),
            "values": _names(_values(image.info, exif)),
            **_structure(data, exif),
            "profile": _profile_name(image.info.get("icc_profile")),
            "prompt": _prompt(image.info, exif),
            "low_bits": _low_bits(image, data),
        }


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(names)[:_MOST_NAMES])


def _structure(data: bytes, exif: Image.Exif | dict) -> dict:
    names, trailing = segments(data)
    with suppress(Exception):
        if isinstance(exif, Image.Exif) and _THUMBNAIL in exif.get_ifd(ExifTags.IFD.IFD1):
            names.add("EXIF thumbnail")
    return {"segments": _names(names), "trailing": trailing}


def _values(info: dict, exif: Image.Exif | dict) -> Iterator[str]:
    """Yield "name=value" for the comment, the resolution, and EXIF tags with a text or a number."""
    comment = info.get("comment", "")
    comment = comment[:_VALUE_LENGTH].decode("latin-1") if isinstance(comment, bytes) else str(comment)[:_VALUE_LENGTH]
    if comment:
        yield f"comment={_plain(comment)}"
    with suppress(Exception):  # a resolution may be missing or not a number
        yield f"dpi={' x '.join(str(round(float(value))) for value in info['dpi'][:2])}"
    for tag in islice(exif, _MOST_NAMES):
        name = ExifTags.TAGS.get(tag, f"0x{tag:04x}")
        with suppress(Exception):
            value = exif[tag]
            if tag in _EXACT and isinstance(value, int):
                yield f"{name}={value}"
            elif isinstance(value, str) and "Date" in name:
                yield f"{name}={value[:4]}"
            elif isinstance(value, str):
                yield f"{name}={_plain(value[:_VALUE_LENGTH])}"


def _plain(text: str) -> str:
    """Return a text with # for numbers, which differ from file to file, and without commas, which separate values."""
    return re.sub(r"[0-9]+", "#", " ".join(text.replace(",", " ").split()))


def _jpeg_facts(image: Image.Image) -> dict:
    tables = getattr(image, "quantization", None)
    if not tables:
        return {"jpeg_quality": float("nan"), "jpeg_sampling": "", "jpeg_tables": ""}
    quality, digest = _of_tables(tuple(tuple(map(int, tables[number])) for number in sorted(tables)))
    return {
        "jpeg_quality": quality,
        "jpeg_sampling": "grey" if len(image.getbands()) == 1 else _SAMPLINGS.get(get_sampling(image), "other"),
        "jpeg_tables": digest,
    }


@lru_cache(maxsize=256)  # cameras and programs use few tables; without a cache this takes a third of the time
def _of_tables(tables: tuple[tuple[int, ...], ...]) -> tuple[float, str]:
    """Return the quality whose luma table is nearest to the first table, and a short hash of all tables."""
    quality = 1 + np.abs(_luma_tables() - np.array(tables[0])).sum(axis=1).argmin()
    return float(quality), hashlib.sha256(json.dumps(tables).encode()).hexdigest()[:8]


@lru_cache(maxsize=1)
def _luma_tables() -> np.ndarray:
    """Return the luma tables (100, 64) that libjpeg writes at qualities 1 to 100."""
    tables = []
    for quality in range(1, 101):
        file = BytesIO()
        Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
        tables.append(Image.open(file).quantization[0])
    return np.array(tables)


def _exif(image: Image.Image) -> Image.Exif | dict:
    with suppress(Exception):  # a broken EXIF block can raise any exception
        return Image.Image.getexif(image)  # PngImageFile.getexif would decode the pixels to find a later block
    return {}


def _png_texts(data: bytes) -> Iterator[str]:
    """Yield the keys of a PNG's text chunks, also of those after the pixels, which Pillow reads late."""
    for kind, body, _ in png_chunks(data) if data.startswith(b"\x89PNG\r\n\x1a\n") else ():
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield body[:79].split(b"\0")[0].decode("latin-1").replace(",", " ")


def _low_bits(image: Image.Image, data: bytes) -> int:
    """Return the fact `low_bits`; pixels are decoded only if the file has 16 bits per channel."""
    if image.format == "PNG":
        sixteen = data[24] == 16  # bit depth, in the first chunk
    else:
        sixteen = image.format == "TIFF" and set(image.tag_v2.get(BITSPERSAMPLE, (1,))) == {16}
    if not sixteen:
        return 0
    try:
        image = tiff.planes(image, data) or image if image.format == "TIFF" else image
        pixels = np.asarray(image)
    except Exception:  # `decode` reports files that cannot be decoded
        return 0
    if image.mode.startswith("I;16"):
        bits = int(pixels.max()).bit_length()
    else:  # Pillow keeps the high 8 bits of colours
        colours = pixels[..., : pixels.shape[-1] - (image.mode in ("LA", "RGBA"))]
        bits = 8 + int(colours.max()).bit_length()
    return bits if 0 < bits <= _MOST_LOW_BITS else 0


@lru_cache(maxsize=64)
def _profile_name(profile: bytes | None) -> str:
    if not profile:
        return ""
    with suppress(ImageCms.PyCMSError, OSError):
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).strip()
        return name[:_PROMPT_LENGTH] or "unnamed"
    return "broken"


def _prompt(info: dict, exif: Image.Exif | dict) -> str:
    text = next((info[key] for key in PROMPT_KEYS if isinstance(info.get(key), str)), "")
    if not text and _EXIF_IFD in exif:
        with suppress(Exception):
            text = _user_comment(exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT, b""))
    if text.startswith(("{", "[")) and len(text) <= _MOST_JSON:
        with suppress(ValueError, RecursionError):
            text = " ".join(islice(_prompts_in(json.loads(text)), _MOST_NAMES))
    text = _BEHIND_PROMPT.split(text[:_MOST_TEXT], maxsplit=1)[0]
    return " ".join(text.split())[:_PROMPT_LENGTH]


def _user_comment(value: bytes | str) -> str:
    """Return the text of an EXIF UserComment: eight bytes that name its encoding, then the text (Exif 2.32, 4.6.5)."""
    if isinstance(value, str):
        return value
    value = value[: 8 + 4 * _MOST_TEXT]
    encoding = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "ascii"}.get(value[:8])
    return value[8:].decode(encoding, errors="replace").strip("\0") if encoding else ""


def _prompts_in(value) -> Iterator[str]:
    """Yield the prompts in a generator's JSON, such as the nodes of ComfyUI."""
    waiting = [("", value)]
    while waiting:  # a recursive generator would cost its depth for every text
        key, value = waiting.pop()
        if isinstance(value, str) and key in ("text", "prompt", "positive_prompt"):
            yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
        elif isinstance(value, list):
            waiting += [("", inner) for inner in reversed(value)]

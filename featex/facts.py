"""What an image file says of itself before a pixel is looked at: format, size, compression, metadata, colour profile.

None of it is content, and a model can learn any of it: a set whose generated images are PNG files and whose photographs
are JPEG files gives its answer away. So the facts are kept beside the features, and can be asked about.
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

from featex import tiff
from featex.images import opened
from featex.segments import MOST, png_chunks, segments

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
format         as Pillow names it: JPEG, PNG, WEBP, ...
mode           how pixels are stored: RGB, L, P (palette), RGBA, CMYK, ...
width, height  in pixels as they are stored, before any EXIF rotation
jpeg_quality   1 to 100: the quality whose libjpeg table for luma is nearest to the file's; NaN for other formats
jpeg_sampling  4:4:4, 4:2:2, 4:2:0, grey or other; "" for other formats
jpeg_tables    first 8 digits of the sha256 of the quantisation tables; "" for other formats
progressive    whether a JPEG is progressive, or a PNG interlaced
metadata       names of what else the file holds, sorted, joined by commas: comment, xmp, jfif, dpi, text chunks, ...
exif           names of the EXIF tags of the main directory, sorted, joined by commas
values         what the comment, the resolution and EXIF tags say, as name=value, sorted, joined by commas; a number is
               written as #, but for resolutions and orientation, and of a date only the year is kept
segments       names of other segments and chunks: C2PA, tIME, restart markers, ...; see `featex.segments`
trailing       bytes after the image's end
profile        what the ICC profile calls itself; "" without one
prompt         what a generator wrote of its prompt, the first 300 characters
low_bits       of a file of 16 bits a channel whose values lie in its lowest 14 or fewer, how many; else 0
============== ======================================================================================================
"""

# Keys of text chunks that generators write: Stable Diffusion web UI, ComfyUI, InvokeAI (three versions), NovelAI.
PROMPT_KEYS = ("parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream", "Description")
_PROMPT_LENGTH = 300
# A file of a kilobyte may unpack to a megabyte of text: what is looked at of it is cut before any pattern or parser.
_MOST_TEXT, _MOST_JSON, _MOST_NAMES = 10_000, 1_000_000, 100
_BEHIND_PROMPT = re.compile(r"\s(?:Negative prompt:|Steps: \d)")  # one blank: a run of them would be tried from each
_MOST_LOW_BITS = 14  # 10, 12 and 14 are what cameras and scanners have; a dark photograph may well leave 15
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
        If the file is none that `featex.images.decode` opens.
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
    """Yield "name=value" of the comment, the resolution, and EXIF tags whose value is a short text or a number."""
    comment = info.get("comment", "")
    comment = comment[:_VALUE_LENGTH].decode("latin-1") if isinstance(comment, bytes) else str(comment)[:_VALUE_LENGTH]
    if comment:
        yield f"comment={_plain(comment)}"
    with suppress(Exception):  # a resolution may be no number
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
    """Return a text without numbers, which differ from file to file, and without commas, which join values."""
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


@lru_cache(maxsize=256)  # cameras and programs write few: a third of the time of all facts
def _of_tables(tables: tuple[tuple[int, ...], ...]) -> tuple[float, str]:
    """Return the quality whose luma table is nearest to the first one, and the name of them all."""
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
    with suppress(Exception):  # a broken EXIF block raises nearly anything, and says nothing
        return Image.Image.getexif(image)  # that of PngImageFile would decode, to find a block behind the pixels
    return {}


def _png_texts(data: bytes) -> Iterator[str]:
    """Yield the keys of a PNG's text chunks, also of those behind the pixels, where Pillow does not look at once."""
    for kind, body, _ in png_chunks(data) if data.startswith(b"\x89PNG\r\n\x1a\n") else ():
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield body[:79].split(b"\0")[0].decode("latin-1").replace(",", " ")


def _low_bits(image: Image.Image, data: bytes) -> int:
    """Return the `FACTS` of that name. Only of a file of 16 bits are the pixels decoded."""
    if image.format == "PNG":
        sixteen = data[24] == 16  # bit depth, in the first chunk
    else:
        sixteen = image.format == "TIFF" and set(image.tag_v2.get(BITSPERSAMPLE, (1,))) == {16}
    if not sixteen:
        return 0
    try:
        image = tiff.planes(image, data) or image if image.format == "TIFF" else image
        pixels = np.asarray(image)
    except Exception:  # whether it can be decoded is for `decode` to say
        return 0
    if image.mode.startswith("I;16"):
        bits = int(pixels.max()).bit_length()
    else:  # Pillow keeps the high 8 of colours
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
    said = next((info[key] for key in PROMPT_KEYS if isinstance(info.get(key), str)), "")
    if not said and _EXIF_IFD in exif:
        with suppress(Exception):
            said = _user_comment(exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT, b""))
    if said.startswith(("{", "[")) and len(said) <= _MOST_JSON:
        with suppress(ValueError, RecursionError):
            said = " ".join(islice(_spoken(json.loads(said)), _MOST_NAMES))
    said = _BEHIND_PROMPT.split(said[:_MOST_TEXT], maxsplit=1)[0]
    return " ".join(said.split())[:_PROMPT_LENGTH]


def _user_comment(value: bytes | str) -> str:
    """Return the text of an EXIF UserComment: eight bytes that name its encoding, then the text (Exif 2.32, 4.6.5)."""
    if isinstance(value, str):
        return value
    value = value[: 8 + 4 * _MOST_TEXT]
    encoding = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "ascii"}.get(value[:8])
    return value[8:].decode(encoding, errors="replace").strip("\0") if encoding else ""


def _spoken(value) -> Iterator[str]:
    """Yield the texts for people in a generator's JSON, such as the nodes of ComfyUI."""
    waiting = [("", value)]
    while waiting:  # not by recursion: a generator inside a generator costs its depth for every text
        key, value = waiting.pop()
        if isinstance(value, str) and key in ("text", "prompt", "positive_prompt"):
            yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
        elif isinstance(value, list):
            waiting += [("", inner) for inner in reversed(value)]

"""Parts of an image file, each saved as the file was, so that cutting changes nothing that it need not change.

A class whose images were cut must not come out in another format than one whose images were not, or the format would
tell the two apart. So a part keeps format, mode, palette, transparency, colour profile, EXIF and comments. PNG, WebP,
GIF, BMP and TIFF lose nothing. A JPEG is coded again by its own quantisation tables and subsampling: where the cut
falls on the coder's blocks of 8 or 16 pixels, as the halves of most sheets and the top of a bar do, most coefficients
come out as they were.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import get_sampling
from PIL.PngImagePlugin import PngInfo, iTXt

from featex.errors import ImageError
from featex.images.decode import decode, opened

LOSSY = {"JPEG": "as JPEG with the tables it had", "AVIF": "as AVIF of quality 100"}
"""How parts are saved that cannot keep their pixels exactly, for the reader."""

LOSSLESS = "with the pixels it had"


def cut(data: bytes, boxes: Sequence[tuple[int, int, int, int]]) -> tuple[list[bytes], str]:
    """Return the files of the parts of an image file, and how they were saved.

    Parameters
    ----------
    data : bytes
        A whole file, of which the first frame is taken.
    boxes : sequence of (left, top, right, bottom)
        In pixels of the upright image, as `featex.images.decode.decode` gives it; within it, and none empty.

    Raises
    ------
    ImageError
        If the file is none that `featex.images.decode.decode` opens, or a part cannot be saved in its format.
    """
    with opened(data) as image:
        kind = "JPEG" if image.format == "MPO" else image.format
        image.load()
        upright = image
        with suppress(Exception):  # a broken EXIF block turns nothing: `decode` leaves it at that too
            upright = ImageOps.exif_transpose(image)
        options = {**_kept(upright.info, getattr(image, "text", {})), **_options(kind, image)}
        parts = [_saved(upright.crop(box), kind, options) for box in boxes]
    if kind in LOSSY:
        return parts, LOSSY[kind]
    pixels = decode(data)
    for number, (left, top, right, bottom) in enumerate(boxes):
        expected = pixels[top:bottom, left:right]
        if not np.array_equal(decode(parts[number]), expected):  # a mode that the format reads and cannot write alike
            parts[number] = _saved(Image.fromarray(expected), kind, _options(kind, None))
    return parts, LOSSLESS


def _kept(info: dict, texts: Iterable[str]) -> dict:
    """Return what a file holds beside its pixels, as options to save; `texts` are keys of a PNG's text chunks."""
    options = {name: info[name] for name in ("exif", "icc_profile", "xmp", "dpi") if info.get(name)}
    chunks = PngInfo()
    for key in texts:
        text = info.get(key, "")  # not that of the chunk: the orientation has been taken out of this one
        if isinstance(text, iTXt) or key == "XML:com.adobe.xmp":
            chunks.add_itxt(key, text, getattr(text, "lang", None) or "", getattr(text, "tkey", None) or "")
        else:
            chunks.add_text(key, text)
    return options | ({"pnginfo": chunks} if chunks.chunks else {})


def _options(kind: str, image: Image.Image | None) -> dict:
    if kind == "JPEG":
        sampling = get_sampling(image)
        options = {"qtables": image.quantization, "progressive": bool(image.info.get("progressive"))}
        return options | ({"subsampling": sampling} if sampling >= 0 else {})
    if kind == "WEBP":
        return {"lossless": True, "exact": True}
    if kind == "AVIF":
        return {"quality": 100, "subsampling": "4:4:4"}
    if kind == "TIFF":
        packed = image.info.get("compression") if image else "jpeg"
        return {"compression": packed if packed != "jpeg" else "tiff_adobe_deflate"}
    return {}


def _saved(part: Image.Image, kind: str, options: dict) -> bytes:
    file = BytesIO()
    try:
        part.save(file, kind, **options)
    except (OSError, ValueError, TypeError) as error:
        raise ImageError(f"a part of it cannot be saved as {kind}: {error}") from error
    return file.getvalue()

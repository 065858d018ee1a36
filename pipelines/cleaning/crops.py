"""Save parts of an image file like the file itself, so that cutting changes no more than it must.

If the images of one class are cut, their format must not change, or it would give that class away. So a part keeps
format, mode, palette, transparency, colour profile, EXIF and comments. PNG, WebP, GIF, BMP and TIFF lose nothing. A
JPEG is coded again with its quantisation tables and subsampling: where the cut falls on the coder's blocks of 8 or 16
pixels, as the halves of most sheets and the top of a bar do, most coefficients stay the same.
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

LOSSY = {"JPEG": "as JPEG with its own tables", "AVIF": "as AVIF of quality 100"}
"""How parts are saved whose format cannot keep the pixels exactly, in words."""

LOSSLESS = "with unchanged pixels"


def cut(data: bytes, boxes: Sequence[tuple[int, int, int, int]]) -> tuple[list[bytes], str]:
    """Return parts of an image file as files, and how they were saved, in words.

    Parameters
    ----------
    data : bytes
        A whole file; its first frame is cut.
    boxes : sequence of (left, top, right, bottom)
        In pixels of the upright image that `featex.images.decode.decode` returns; inside it, and not
        empty.

    Raises
    ------
    ImageError
        If `featex.images.decode.decode` cannot open the file, or a part cannot be saved in its format.
    """
    with opened(data) as image:
        kind = "JPEG" if image.format == "MPO" else image.format
        image.load()
        upright = image
        with suppress(Exception):  # a broken EXIF block is ignored, as in `decode`
            upright = ImageOps.exif_transpose(image)
        options = {**_kept(upright.info, getattr(image, "text", {})), **_options(kind, image)}
        parts = [_saved(upright.crop(box), kind, options) for box in boxes]
    if kind in LOSSY:
        return parts, LOSSY[kind]
    pixels = decode(data)
    for number, (left, top, right, bottom) in enumerate(boxes):
        expected = pixels[top:bottom, left:right]
        if not np.array_equal(decode(parts[number]), expected):  # a mode that the format reads but cannot write
            parts[number] = _saved(Image.fromarray(expected), kind, _options(kind, None))
    return parts, LOSSLESS


def _kept(info: dict, texts: Iterable[str]) -> dict:
    """Return the metadata of a file as options for saving; `texts` are keys of a PNG's text chunks."""
    options = {name: info[name] for name in ("exif", "icc_profile", "xmp", "dpi") if info.get(name)}
    chunks = PngInfo()
    for key in texts:
        text = info.get(key, "")  # not from the chunk, which still states the orientation
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
        raise ImageError(f"a part of the image cannot be saved as {kind}: {error}") from error
    return file.getvalue()

"""TIFF: the kind of pixels by the header, and separate colour planes, which Pillow does not read correctly."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from PIL import Image, TiffImagePlugin

from featex.errors import ImageError

_RAW, _SEPARATE, _UNSIGNED = 1, 2, 1
_KINDS = {2: "signed {}-bit integer", 3: "{}-bit float", 5: "complex integer", 6: "complex float"}
_CHANNELS = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


def tags_of(data: bytes) -> Mapping:
    """Return the tags of a TIFF's first image; a damaged header can raise any exception."""
    file = BytesIO(data)
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8])
    file.seek(tags.next)
    tags.load(file)
    return tags


def no_range(tags: Mapping) -> str:
    """Return why a TIFF's values for black and white are not defined; "" if they are."""
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    kind = _KINDS.get(max(tags.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,))), "")
    if not kind and bits > 16:
        kind = "{}-bit integer"
    return kind and f"{kind.format(bits)} pixels have no agreed black and white; save it with 8 or 16 bits a channel"


def in_words(tags: Mapping) -> str:
    """Return why a TIFF with a complete header cannot be read; raises KeyError if the header is incomplete."""
    for tag in (TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION):
        tags[tag]
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    samples = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    return no_range(tags) or (
        f"a TIFF of {samples} channel{'s'[: samples != 1]} of {bits} bits "
        f"(photometric {tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION]}, "
        f"compression {tags.get(TiffImagePlugin.COMPRESSION, _RAW)}), a kind that is not read; save it as RGB"
    )


def planes(image: Image.Image, data: bytes) -> Image.Image | None:
    """Return the high 8 bits of a TIFF with uncompressed separate colour planes; None for all others.

    Pillow reads planes of 16 bits as planes of 8 bits, and cannot read grey with alpha.
    """
    tags = image.tag_v2
    bits = set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    apart = (
        tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == _SEPARATE and tags.get(TiffImagePlugin.COMPRESSION) == _RAW
    )
    if not apart or not (bits == {16} or (bits == {8} and image.mode == "LA")):
        return None
    n = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    offsets = tags.get(TiffImagePlugin.STRIPOFFSETS)
    lengths = tags.get(TiffImagePlugin.STRIPBYTECOUNTS)
    used = _CHANNELS.get(image.mode, n + 1)
    if not offsets or not lengths or used > n:
        raise ImageError(in_words(tags))  # in tiles
    kind = np.dtype(np.uint8) if bits == {8} else np.dtype("<u2" if data[:2] == b"II" else ">u2")
    size = n * image.height * image.width * kind.itemsize
    pixels = bytearray()
    for at, length in zip(offsets, lengths, strict=False):
        pixels += data[at : at + min(length, size - len(pixels))]  # thousands of strips may each name the whole file
    if len(pixels) < size:
        raise ImageError(f"truncated TIFF ({len(pixels):,} bytes of pixels instead of {size:,})")
    values = np.frombuffer(pixels, kind).reshape(n, image.height, image.width)[:used]
    values = np.moveaxis(values >> (8 * kind.itemsize - 8), 0, -1).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(values), image.mode)

"""Segments of a JPEG and chunks of a PNG or WebP that are not pixels, and the bytes after the end of the image.

JFIF, EXIF, ICC profiles, comments and text chunks are left out, because `facts` reports them. A file of any
length costs one pass of a compiled pattern, and at most `MOST` segments are read.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import islice

from PIL import Image

MOST = 10_000
_LOOKED_AT = 1_000_000  # bytes searched in one segment
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_KNOWN = {  # reported by other facts, or present in every file
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"iCCP"),
    *(b"eXIf", b"VP8 ", b"VP8L", b"VP8X", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF"),
}
_NAMED_ELSEWHERE = (b"JFIF", b"Exif", b"http://ns.adobe.com/xap", b"ICC_PROFILE", b"Adobe", b"Photoshop", b"MPF")
_SOURCES = (b"trainedAlgorithmicMedia", b"compositeWithTrainedAlgorithmicMedia", b"digitalCapture")


def segments(data: bytes) -> tuple[set[str], int]:
    """Return the names of a file's segments that are not pixels, and the number of bytes after the end of the image.

    The names include "C2PA" and "digital source type ...", and for a JPEG "restart markers" and "Huffman optimised".
    Formats other than JPEG, PNG and WebP give no names and 0 bytes.
    """
    if data.startswith(b"\xff\xd8"):
        return _of_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_chunks(png_chunks(data), len(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _of_chunks(_webp_chunks(data), len(data))
    return set(), 0


def _of_jpeg(data: bytes) -> tuple[set[str], int]:
    names, at, progressive, tables = set(), 2, False, set()
    for _ in range(MOST):
        marker = _MARKER.search(data, at)
        if marker is None:
            return names, 0
        kind, at = data[marker.start() + 1], marker.end()
        if kind == 0xD9:
            if tables - _standard_tables() and not progressive:
                names.add("Huffman optimised")
            return names, len(data) - at
        if kind == 0xD8 or kind == 0x01:
            continue
        length = int.from_bytes(data[at : at + 2])
        body = data[at + 2 : at + length][:_LOOKED_AT]
        progressive |= kind == 0xC2
        if kind == 0xC4:
            tables |= _huffman_tables(body)
        elif kind == 0xDD and any(body):
            names.add("restart markers")
        elif 0xE0 <= kind <= 0xEF:
            names |= _sources(body)
            if not body.startswith(_NAMED_ELSEWHERE):
                names.add("C2PA" if kind == 0xEB and b"c2pa" in body else f"APP{kind - 0xE0} {_text(body)}".strip())
        at += length
    return names, 0


def _huffman_tables(body: bytes) -> set[bytes]:
    tables, at = set(), 0
    while at + 17 <= len(body):
        end = at + 17 + sum(body[at + 1 : at + 17])
        tables.add(body[at + 1 : end])
        at = end
    return tables


@lru_cache(maxsize=1)
def _standard_tables() -> frozenset[bytes]:
    """Return the Huffman tables of Annex K of the JPEG standard, which libjpeg writes unless it optimises them."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    data, at, tables = file.getvalue(), 2, set()
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xC4:
            tables |= _huffman_tables(data[at + 4 : at + 2 + length])
        at += 2 + length
    return frozenset(tables)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield for each chunk of a PNG its kind, the beginning of its body (b"" for pixels), and where it ends."""
    at = 8
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        yield kind, data[at + 8 : at + 8 + min(length, _LOOKED_AT)] if kind != b"IDAT" else b"", at + length + 12
        if kind == b"IEND":
            return
        at += length + 12


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    at, end = 12, int.from_bytes(data[4:8], "little") + 8
    while at + 8 <= min(end, len(data)):
        length, kind = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        body = data[at + 8 : at + 8 + min(length, _LOOKED_AT)] if not kind.startswith(b"VP8") else b""
        yield kind, body, end
        at += 8 + length + length % 2


def _of_chunks(chunks: Iterator[tuple[bytes, bytes, int]], size: int) -> tuple[set[str], int]:
    names, end = set(), size
    for kind, body, after in islice(chunks, MOST):
        end = after
        names |= _sources(body)
        if kind not in _KNOWN:
            names.add("C2PA" if kind in (b"caBX", b"C2PA") else _text(kind))
    return names, max(0, size - end)


def _sources(body: bytes) -> set[str]:
    """Return the IPTC digital source types, in XMP or C2PA, that state how the image was made."""
    return {f"digital source type {name.decode()}" for name in _SOURCES if name in body}


def _text(body: bytes) -> str:
    word = re.match(rb"[A-Za-z0-9_.:]{0,20}", body)
    return word[0].decode()

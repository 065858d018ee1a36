"""Many images on one sheet, so that a person can look at them together."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from featex.errors import ImageError, InputError
from featex.images import decode

_PAPER, _FRAME, _ABSENT, _INK = (248, 248, 248), (205, 205, 205), (176, 176, 176), (32, 32, 32)
_GAP = 8  # pixels between cells, and around them
_FONT_SIZE = 12
_LINE = 15  # pixels from one line of text to the next
_LONGEST = 65_500  # pixels a side that libjpeg writes


def contact_sheet(
    images: Iterable[str | PathLike | np.ndarray],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 8,
    side: int = 128,
) -> bytes:
    """Return a JPEG of thumbnails in rows, in their order, each with its caption below.

    One image is open at a time. Small ones are enlarged to the cell. A file that cannot be read is a grey square with
    the reason.

    Parameters
    ----------
    images : paths, or arrays of shape (height, width, 3), uint8
        Paths and arrays may be mixed; any iterable will do, so that nobody need hold them all.
    captions : sequence of str, one an image, optional
        Lines broken at "\\n"; each is shortened in its middle where it is wider than the cell.
    columns : int
        Thumbnails in a row.
    side : int
        Of a thumbnail's square, in pixels, at least 32.

    Raises
    ------
    InputError
        If there is nothing to show, captions and images differ in number, or the sheet would be longer than a JPEG
        can be.
    """
    images = images if isinstance(images, Sequence | np.ndarray) else list(images)
    if not len(images):
        raise InputError("a contact sheet needs at least one image")
    if columns < 1 or side < 32:
        raise InputError(f"columns must be 1 or more and side 32 or more; they are {columns} and {side}")
    if captions is not None and len(captions) != len(images):
        raise InputError(f"{len(captions)} captions for {len(images)} images; give one an image")
    columns = min(columns, len(images))
    lines = [str(caption).split("\n") for caption in captions] if captions is not None else [[]] * len(images)
    across, down = side + _GAP, side + _GAP + _LINE * max(map(len, lines))
    width, height = _GAP + columns * across, _GAP + -(-len(images) // columns) * down
    if max(width, height) > _LONGEST:
        raise InputError(f"a sheet of {len(images):,} images is {width:,} x {height:,} pixels; show fewer on each")
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for number, image in enumerate(images):
        left, top = _GAP + number % columns * across, _GAP + number // columns * down
        _show(image, draw, sheet, (left, top), side, font)
        for row, line in enumerate(lines[number]):
            draw.text((left, top + side + 1 + row * _LINE), _shortened(line, side, font), fill=_INK, font=font)
    file = BytesIO()
    sheet.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def _show(image, draw: ImageDraw.ImageDraw, sheet: Image.Image, corner: tuple[int, int], side: int, font) -> None:
    left, top = corner
    try:
        thumbnail = _thumbnail(image if isinstance(image, np.ndarray) else decode(Path(image).read_bytes()), side)
    except (ImageError, OSError) as error:
        draw.rectangle((left, top, left + side - 1, top + side - 1), fill=_ABSENT)
        reason = str(error) if isinstance(error, ImageError) else error.strerror or str(error)
        draw.multiline_text((left + 4, top + 4), _wrapped(reason, side - 8, font), fill=_INK, font=font, spacing=2)
        return
    left, top = left + (side - thumbnail.width) // 2, top + (side - thumbnail.height) // 2
    sheet.paste(thumbnail, (left, top))
    draw.rectangle((left - 1, top - 1, left + thumbnail.width, top + thumbnail.height), outline=_FRAME)


def _thumbnail(pixels: np.ndarray, side: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _shortened(text: str, width: int, font) -> str:
    """Return a text no wider than `width` pixels, with "…" for what is left out of its middle.

    The end of a path tells more than its middle, and its beginning names the set.
    """
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
        if font.getlength(short) <= width:
            return short
    return "…"


def _wrapped(text: str, width: int, font, most: int = 6) -> str:
    """Return a text broken into lines of at most `width` pixels; at most `most` of them."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], "…"]
    return "\n".join(_shortened(line, width, font) for line in lines)

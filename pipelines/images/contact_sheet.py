"""Contact sheets: many images in one picture, for a person to look at."""

from collections.abc import Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from textwrap import fill

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from featex.errors import ImageError
from featex.images.decode import decode

COLUMNS = 8
SIDE = 128  # pixels of a thumbnail's square
_PAPER, _FRAME, _ABSENT, _INK = (248, 248, 248), (205, 205, 205), (176, 176, 176), (32, 32, 32)
_GAP = 8  # pixels between cells, and around them
_LINE = 15  # pixels from one line of text to the next


def contact_sheet(images: Sequence[str | PathLike | np.ndarray], captions: Sequence[str]) -> bytes:
    """Return a JPEG of thumbnails in rows, in their order, each with its caption below.

    One image is open at a time. Small ones are enlarged to the cell. A file that cannot be read is a grey square with
    the reason.

    Parameters
    ----------
    images : paths, or arrays of shape (height, width, 3), uint8
    captions : sequence of str, one an image
        Lines broken at "\\n"; each is shortened in its middle where it is wider than the cell.
    """
    columns = min(COLUMNS, len(images))
    lines = [caption.split("\n") for caption in captions]
    across, down = SIDE + _GAP, SIDE + _GAP + _LINE * max(map(len, lines))
    sheet = Image.new("RGB", (_GAP + columns * across, _GAP + -(-len(images) // columns) * down), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.font = ImageFont.load_default(12)
    for number, image in enumerate(images):
        left, top = _GAP + number % columns * across, _GAP + number // columns * down
        _show(image, draw, sheet, left, top)
        for row, line in enumerate(lines[number]):
            draw.text((left, top + SIDE + 1 + row * _LINE), shortened(line, SIDE, draw.font), fill=_INK)
    file = BytesIO()
    sheet.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def _show(image, draw: ImageDraw.ImageDraw, sheet: Image.Image, left: int, top: int) -> None:
    try:
        thumbnail = _thumbnail(image if isinstance(image, np.ndarray) else decode(Path(image).read_bytes()))
    except (ImageError, OSError) as error:
        draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), fill=_ABSENT)
        reason = str(error) if isinstance(error, ImageError) else error.strerror or str(error)
        words = fill(reason, 18, max_lines=6, placeholder="…")
        draw.multiline_text((left + 4, top + 4), words, fill=_INK, spacing=2)
        return
    left, top = left + (SIDE - thumbnail.width) // 2, top + (SIDE - thumbnail.height) // 2
    sheet.paste(thumbnail, (left, top))
    draw.rectangle((left - 1, top - 1, left + thumbnail.width, top + thumbnail.height), outline=_FRAME)


def _thumbnail(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def shortened(text: str, width: int, font) -> str:
    """Return a text no wider than `width` pixels, with "…" for what is left out of its middle.

    The end of a path says more than its middle, and its beginning names the set.
    """
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
        if font.getlength(short) <= width:
            return short
    return "…"

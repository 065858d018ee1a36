"""An image, its map and its occlusion side by side: orange for evidence for one class, blue for the other."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.color import lab2rgb

from classify.explain.occlusion import resized

SIDE = 224  # pixels, of a panel
STRONGEST = 0.75  # opacity of the colour where a map is strongest
# Two hues of CIELAB with one lightness, near Okabe and Ito's vermilion and blue. Strength grows in even steps from
# grey, so that neither class looks stronger than it is, even to the colour-blind and in print.
LIGHTNESS, TOWARDS, AGAINST = 55.0, (45.0, 60.0), (-5.0, -45.0)
_GAP, _LINE, _FONT_SIZE = 8, 18, 13
_PAPER, _INK = (255, 255, 255), (32, 32, 32)


def colours(values: np.ndarray) -> np.ndarray:
    """Return the colours (..., 3) uint8 of values (...) in -1..1: blue below 0, grey at 0, orange above."""
    values = np.clip(values, -1, 1)[..., None]
    hue = np.where(values > 0, values * np.array(TOWARDS), -values * np.array(AGAINST))
    lab = np.concatenate([np.full_like(values, LIGHTNESS), hue], axis=-1)
    return np.round(255 * lab2rgb(lab)).astype(np.uint8)


def overlaid(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a grey version of an image with a signed map over it, (SIDE, SIDE, 3) uint8.

    Parameters
    ----------
    image : ndarray of shape (3, size, size), uint8
    values : ndarray of shape (height, width)
        Stretched to the image. The largest absolute value gets the strongest colour; 0 leaves the image grey.
    """
    values = resized(values, SIDE)
    values = values / max(np.abs(values).max(), np.finfo(float).tiny)
    grey = np.asarray(_panel(image).convert("L").convert("RGB"), dtype=np.float64)
    share = STRONGEST * np.abs(values)[..., None]
    return np.round((1 - share) * grey + share * colours(values)).astype(np.uint8)


def side_by_side(image: np.ndarray, maps: Sequence[tuple[str, np.ndarray]]) -> bytes:
    """Return a PNG of an image, and of the image under each map, with short titles.

    Parameters
    ----------
    image : ndarray of shape (3, size, size), uint8
        The model's input.
    maps : sequence of (title, values)
        Values as `overlaid` takes them.
    """
    panels = [("input of the model", _panel(image))]
    panels += [(title, Image.fromarray(overlaid(image, values))) for title, values in maps]
    sheet = Image.new("RGB", (len(panels) * (SIDE + _GAP) - _GAP, _LINE + SIDE), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for number, (title, panel) in enumerate(panels):
        left = number * (SIDE + _GAP)
        draw.text((left, 0), title, fill=_INK, font=font)
        sheet.paste(panel, (left, _LINE))
    file = BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _panel(image: np.ndarray) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def legend() -> bytes:
    """Return a PNG of the colour scale, from blue to orange."""
    file = BytesIO()
    Image.fromarray(np.tile(colours(np.linspace(-1, 1, 192)), (16, 1, 1))).save(file, "PNG", optimize=True)
    return file.getvalue()

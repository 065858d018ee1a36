"""Marks that generators leave in a corner: DALL-E's colour bar is cropped off exactly; another mark is reported."""

from functools import lru_cache

import numpy as np
from PIL import Image
from skimage.feature import match_template

from pipelines.cleaning.judgement import Judgement

# DALL-E 2's signature: five squares of 16 pixels at the bottom right of 1024 x 1024, which scale with the image.
COLOURS = np.array([[255, 255, 102], [66, 255, 255], [81, 218, 76], [255, 110, 60], [60, 70, 255]], dtype=np.float64)
# Sides of a square to try, as parts of the image's width: usually 1/64, and more after a crop.
SMALLEST, LARGEST = 1 / 160, 1 / 24

# Greatest mean distance of a square's middle from its colour, in levels. Measured: at most 34 for five bars, each at
# six sizes from 256 to 2048 and three JPEG qualities from 50; at least 76 for 1,184 images without a bar.
MOST_SURE, MOST = 45, 60
LEAST_BLUE = 40  # levels by which blue exceeds red and green in the last pixels (blue square); 185 without blur
MIXED = 0.1
"""Part of the way from picture to bar from which a row counts as a mixture of both."""

# Gemini's mark: a four-pointed star 48 pixels wide, its middle 56 pixels from both sides of 1024 x 1024, lighter than
# its background. An astroid, x^(2/3) + y^(2/3) = 1, fits it.
STAR, INSET = 48 / 1024, 56 / 1024
STAR_SIDE = 24  # pixels; the corner is scaled so that the star has this width
ALIKE = 0.82
"""Correlation from which a star at its place is reported. Measured: 0.91 or more for four of four marked images; at
most 0.814 within `ASTRAY` of the place for 1,184 other images."""

ASTRAY = 0.3  # of the star's width


def find_bar(image: np.ndarray) -> Judgement | None:
    """Return the part of an image above DALL-E's five-colour bar, or None where there is no bar.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    Judgement
        "crop": the box keeps the whole width, and the rows above the first that holds any of the bar.
    """
    height, width, _ = image.shape
    side, distance = _squares(image)
    if side is None or distance > MOST:
        return None
    rows = _middles(image[height - min(height, int(3 * side) + 4) :], side)
    off = np.abs(rows - COLOURS).mean(axis=2).max(axis=1)
    top = len(off)
    while top and off[top - 1] <= MOST:
        top -= 1
    if not top:  # no bar is that high: the picture itself has these colours
        return None
    top = _before_mixtures(rows, top)
    keep = height - len(off) + top
    if keep < 1 or not 0.5 * side <= height - keep <= 1.5 * side + 3:
        return None
    why = f"five-colour bar, {round(5 * side)} x {height - keep} pixels at the bottom right"
    confidence = 1.0 - 0.1 * distance / MOST_SURE if distance <= MOST_SURE else 0.7
    return Judgement("crop", why, round(float(confidence), 3), ((0, 0, width, keep),))


def _squares(image: np.ndarray) -> tuple[float | None, float]:
    """Return the side of squares, in pixels, that fits best at the bottom right, and the worst square's distance."""
    height, width, _ = image.shape
    sides = width * np.geomspace(SMALLEST, LARGEST, 160)
    sides = sides[(sides >= 2) & (sides <= height)]
    red, green, blue = image[-2:, -2:].reshape(-1, 3).mean(axis=0)
    if not len(sides) or blue - max(red, green) < LEAST_BLUE:
        return None, np.inf  # nearly every image ends here
    off = []
    for side in sides:
        bottom = image[height - max(1, round(0.6 * side)) :]
        off.append(np.abs(_middles(bottom, side).mean(axis=0) - COLOURS).mean(axis=1).max())
    fitting = sides[np.array(off) <= min(off) + 2]  # a side a little off has its middles in the same squares
    return float(np.median(fitting)), float(min(off))


def _middles(rows: np.ndarray, side: float) -> np.ndarray:
    """Return the mean colour of the middle half of each of five squares, (n_rows, 5, 3)."""
    width = rows.shape[1]
    means = []
    for square in range(5):
        left = int(width - (4.75 - square) * side + 0.5)
        right = max(left + 1, int(width - (4.25 - square) * side + 0.5))
        means.append(rows[:, left:right].mean(axis=1))
    return np.stack(means, axis=1)


def _before_mixtures(rows: np.ndarray, top: int) -> int:
    """Return the first row that is not pure picture: resizing and JPEG mix the rows at an edge."""
    bar = rows[top:].mean(axis=0)
    for _ in range(3):
        if top < 3:
            break
        picture = rows[top - 3 : top - 1].mean(axis=0)
        way = bar - picture
        if ((rows[top - 1] - picture) * way).sum() / max((way**2).sum(), 1e-9) <= MIXED:
            break
        top -= 1
    return top


def find_mark(image: np.ndarray) -> Judgement | None:
    """Return a report of Gemini's four-pointed star at the bottom right, or None. No rule acts on it.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
    """
    height, width, _ = image.shape
    if min(height, width) < 200:
        return None
    side = min(height, width)
    reach = round(side * (INSET + 1.5 * STAR))
    corner = Image.fromarray(np.ascontiguousarray(image[height - reach :, width - reach :])).convert("L")
    best, at, wide = -1.0, (0, 0), 0.0
    for part in (0.8, 1.0, 1.25):
        scale = STAR_SIDE / (STAR * part * side)
        size = max(STAR_SIDE + 8, round(reach * scale))
        match = match_template(np.asarray(corner.resize((size, size), Image.Resampling.BOX), dtype=float), _star())
        if match.max() > best:
            best, wide = float(match.max()), STAR * part * side
            row, column = np.unravel_index(match.argmax(), match.shape)
            at = tuple(
                round(width_ - reach + (place + STAR_SIDE / 2 + 3) / size * reach)
                for width_, place in ((width, column), (height, row))
            )
    astray = max(abs(width - at[0] - INSET * side), abs(height - at[1] - INSET * side))
    if best < ALIKE or astray > ASTRAY * STAR * side:
        return None
    why = f"four-pointed star, about {round(wide)} pixels wide, around ({at[0]}, {at[1]}) at the bottom right"
    return Judgement("report", why, round(min(1.0, best), 3))


@lru_cache(maxsize=1)
def _star() -> np.ndarray:
    """Return an astroid of `STAR_SIDE` pixels with a margin of 3, 1 inside and 0 outside, its edge smoothed."""
    fine = 8
    axis = (np.arange((STAR_SIDE + 6) * fine) + 0.5) / (STAR_SIDE * fine / 2) - (STAR_SIDE + 6) / STAR_SIDE
    x, y = np.meshgrid(np.abs(axis), np.abs(axis))
    inside = (x ** (2 / 3) + y ** (2 / 3) <= 1).astype(float)
    n = STAR_SIDE + 6
    return inside.reshape(n, fine, n, fine).mean(axis=(1, 3))

"""Sheets of 2 x 2 pictures, as some generators return them: found by seams at the halves of the image."""

import numpy as np
from PIL import Image

from pipelines.cleaning.judgement import Judgement

LEAST_SIDE = 128  # pixels; smaller halves are no pictures
JUMP = 4.0
"""Levels from which a step across a seam counts: above noise and JPEG ringing."""

FLAT = 1.5
"""Levels up to which steps are ignored: where both pictures end in one colour, no seam is visible."""

LEAST_TELLING = 0.1  # of the rows of an arm
SURE_SHARE, SHARE = 0.3, 0.3
LEAST_MEAN = 0.45
LEAST_DIFFERENCE = 6.0  # levels, of 16 x 16 thumbnails of two parts


def find_sheet(image: np.ndarray) -> Judgement | None:
    """Return the four pictures of a 2 x 2 sheet, or None.

    At a seam, the step from one pixel to the next is larger than its neighbours in most rows, along the whole image and
    exactly at the half. A cross within one picture is soft, bent, away from the half or shorter.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    Judgement
        "split", with four boxes: top left, top right, bottom left, bottom right.
    """
    height, width, _ = image.shape
    if min(height, width) < LEAST_SIDE or height % 2 or width % 2:
        return None
    across, down = width // 2, height // 2
    shares = sorted([*_arms(image, across, down), *_arms(image.transpose(1, 0, 2), down, across)])
    if shares[1] < SHARE or np.mean(shares) < LEAST_MEAN:
        return None
    boxes = (
        (0, 0, across, down),
        (across, 0, width, down),
        (0, down, across, height),
        (across, down, width, height),
    )
    if _least_difference(image, boxes) < LEAST_DIFFERENCE:
        return None
    sure = shares[0] >= SURE_SHARE
    confidence = 0.9 + 0.1 * shares[0] if sure else 0.5 + 0.35 * shares[1]
    along = f"a step along at least {100 * shares[0]:.0f} % of each seam"
    why = f"2 x 2 sheet of pictures of {across} x {down} pixels; {along}"
    return Judgement("split", why, round(float(confidence), 3), boxes)


def _arms(image: np.ndarray, at: int, half: int) -> list[float]:
    """Return, for the upper and the lower half of column `at`, by how much its share of seam exceeds that nearby.

    The blocks of a JPEG make steps at every eighth column, so a seam is compared with those columns.
    """
    near = [_steps(image, at + offset) for offset in (0, -24, -16, -8, 8, 16, 24)]
    arms = []
    for rows in (slice(None, half), slice(half, None)):
        seam, *others = (_share(steps[rows]) for steps in near)
        arms.append(seam - float(np.median(others)))
    return arms


def _steps(image: np.ndarray, at: int) -> np.ndarray:
    """Return the five steps from pixel to pixel around column `at`, the one into it in the middle, (height, 5)."""
    near = image[:, at - 3 : at + 3].astype(np.float32)
    return np.abs(np.diff(near, axis=1)).mean(axis=2)


def _share(steps: np.ndarray) -> float:
    """Return the share of an arm's rows in which the middle step exceeds the others, of the rows with any step."""
    telling = steps.max(axis=1) > FLAT
    if telling.mean() < LEAST_TELLING:
        return 0.0
    others = steps[:, [0, 1, 3, 4]].max(axis=1)
    return float(((steps[:, 2] > others) & (steps[:, 2] > JUMP))[telling].mean())


def _least_difference(image: np.ndarray, boxes) -> float:
    """Return the mean difference, in levels, of the two most similar parts."""
    parts = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right])).resize((16, 16)), dtype=float)
        for left, top, right, bottom in boxes
    ]
    return min(np.abs(parts[i] - parts[j]).mean() for i in range(4) for j in range(i))

"""Find images that are no pictures: screenshots of user interfaces, blank images, and blurred-out placeholders.

No model is trained; the measures hold for interfaces in general. An interface has flat backgrounds (a few grey levels,
each exactly equal over large parts), text on them (small islands of many upright strokes, surrounded by background) and
long straight edges between flat parts, horizontal or vertical. Noise of a camera, a generator or a brush spoils all
three, and art that has one of them rarely has all, so the three are multiplied. Colour is ignored.

Measured: of 1,169 photographs and generated pictures (168 to 1,369 pixels a side) and 14 others, none is flagged, not
even for review; all of 6 real screenshots are sure. Of 72 screenshots of web pages (chats, file explorers, editors,
dialogs, tables, viewers, posts; light and dark; 360 x 240 to 2,560 x 1,600), 64 are sure as PNG, 60 as JPEG of quality
85 and 55 at 75; 8, 11 and 12 are for review, mostly viewers and posts that show a large photograph. With a caption on a
white bar, 169 of 195 of those pictures are for review and 2 are sure; in a flat frame, 182 and 9. Blurred with a sigma
of 1/20 of the shorter side, all 195 are surely blurred out; at 1/50, 4 are, and 181 are for review; at 1/100, none is,
and 3 are for review.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from featex.system.words import count
from pipelines.cleaning.judgement import Judgement

MAX_PIXELS = 1_200_000
"""Larger images are reduced by a whole number first, which keeps flat parts flat."""

# An image with all three in these amounts is surely an interface; one may make up for another, up to twice.
GROUND = 0.3  # share of the area in the four most frequent levels of flat parts
STROKES = 30.0  # upright strokes that a horizontal line through the text crosses: about 20 letters
LINES = 0.5  # length of straight edges, in half perimeters of the image
NO_LINES = 0.3  # least value, for images without: text on a flat background may be a poster or a logo, for review
REVIEW = 0.2  # of the score that is sure

_BLACKS, _BLACK = 4, 0.25  # levels that any dark picture clips to, and what they count as a ground
_GROUND = 0.02  # of the area, for a level with two neighbours on either side
_STEP, _LINE_STEP = 24, 5  # levels between neighbours: an edge of a letter; the border of a panel (255 to 240, say)
_LINE = 24  # pixels: longer than strokes of common text
_GAP = 4  # pixels between letters of a word, at most
_LOW, _HIGH = 7, 64  # pixels, height of a word
_RING = 5.0  # levels, standard deviation around a word; JPEG at quality 75 rings so far

_GRID = 96  # pixels a side, to which an image is brought to see how sharp it is
_BLURRED, _SOFT = 0.038, 0.022  # sigma of the shorter side: surely blurred out; for review
_GRAIN = 8  # levels between neighbours that noise and JPEG add; more is fine texture, which `_GRID` would hide
_ROOT_TAU = (2 * np.pi) ** 0.5
_EQUAL, _NEARLY = 3, 8  # levels from the median colour: surely blank; for review
_SPECKS = 0.005  # of the area may be other than `_NEARLY`, and a hundredth of that other than `_EQUAL`


@dataclass(frozen=True)
class _Screen:
    """The measures of one image; `ground`, `strokes` and `lines` are in the units of `GROUND`, `STROKES`, `LINES`."""

    ground: float
    words: int
    strokes: float
    lines: float

    @property
    def score(self) -> float:
        text = min(2.0, self.strokes / STROKES) * min(1.0, self.words / 3)
        return min(2.0, self.ground / GROUND) * text * min(2.0, max(NO_LINES, self.lines / LINES))


def find_screenshot(image: np.ndarray) -> Judgement | None:
    """Return "drop" for a screenshot of a user interface, sure or for review; None for any other image.

    Documents, plots and tables count as screenshots. Words on a flat background without straight edges (a logo, a card
    that says "no image available"), and windows that are nine tenths photograph, are only for review.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
    """
    height, width, _ = image.shape
    factor = max(1, round((height * width / MAX_PIXELS) ** 0.5))
    skip = 2 if factor >= 4 else 1  # half of the rows and columns are plenty then, and a third of the time
    grey = Image.fromarray(image[::skip, ::skip]).convert("L")
    factor //= skip
    screen = _look(np.asarray(grey.reduce(factor) if factor > 1 else grey))
    if screen.score < REVIEW:
        return None
    why = (
        f"looks like a screenshot: {screen.ground:.0%} of it in four flat grey levels, with "
        f"{count(screen.words, 'piece')} of text on them and "
        f"{screen.lines * (height + width):.0f} pixels of straight edges"
    )
    return Judgement("drop", why, screen.score / (screen.score + 1 / 9))  # 0.9 for a score of 1


def find_blank(image: np.ndarray) -> Judgement | None:
    """Return "drop" for an image that shows nothing: of one colour, nearly so, or blurred out; otherwise None.

    An image is blurred out if no slope in it is steeper than a step from its darkest to its lightest value, blurred by
    a Gaussian with a sigma of `_BLURRED` of the shorter side. One sharp spot is enough to keep it, as in a photograph
    of fog or of the night.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
    """
    rows, side = image[:: -(-len(image) // 256)], min(image.shape[:2])
    common = np.median(rows.reshape(-1, 3)[:: 1 + rows.size // 30_000], axis=0).astype(np.uint8)
    away = _steps(rows, common).max(axis=2)
    off = float((away > _NEARLY).mean())
    blank = f"blank: {1 - off:.2%} of it in one colour, RGB {tuple(common.tolist())}"
    if (away > _EQUAL).mean() <= _SPECKS / 100:
        return Judgement("drop", blank, 0.97)
    # Nearly every picture ends here: it has steps that no blur leaves
    steepest = _GRAIN + 255 / (_SOFT * side * _ROOT_TAU)
    sharp = side < 2 or (_steps(rows[:, 1:], rows[:, :-1]) > steepest).mean() > 0.001
    edge = 0.0 if sharp else _narrowest_edge(image)
    if edge >= _SOFT:
        why = f"blurred out: no edge is sharper than after a blur of {min(edge, 1) * side:.0f} pixels"
        return Judgement("drop", why, 0.95 if edge >= _BLURRED else 0.7)
    return Judgement("drop", blank, 0.7) if off <= _SPECKS else None


def _narrowest_edge(image: np.ndarray) -> float:
    """Return the sigma, in shorter sides, of the blur after which a step of full contrast has the steepest slope here.

    The steepest slope of a step blurred by a Gaussian is contrast / (sigma sqrt(2 pi)).
    """
    small = Image.fromarray(image).reduce(max(1, min(image.shape[:2]) // _GRID))
    pixels = np.asarray(small).astype(np.float32)
    if min(small.size) < 2:
        return 0.0
    slope = np.hypot(*np.gradient(pixels, axis=(0, 1))).max() - 1  # what rounding to whole levels adds
    contrast = np.ptp(pixels, axis=(0, 1)).max()
    return float(contrast / max(slope, 0.01) / _ROOT_TAU / min(small.size))


def _look(grey: np.ndarray) -> _Screen:
    """Return the measures of grey levels (height, width), uint8; all 0 where there is no background or text."""
    nothing = _Screen(0.0, 0, 0.0, 0.0)
    if min(grey.shape) < _LINE:
        return nothing
    level, upright = grey[:, 1:] == grey[:, :-1], grey[1:] == grey[:-1]
    flat = level[1:-1, 1:] & level[1:-1, :-1] & upright[1:, 1:-1] & upright[:-1, 1:-1]
    levels = np.bincount(grey[1:-1, 1:-1][flat], minlength=256) / grey.size
    levels[:_BLACKS] *= _BLACK
    on_ground = np.convolve(levels, np.ones(5), "same") >= _GROUND
    commonest = np.sort(levels)[-4:].sum()
    # Where flat parts have many levels, as in a sky, the most frequent ones are less of a background
    ground = commonest**2 / max(levels.sum(), 1e-9)
    if ground < GROUND * REVIEW / 4 or not on_ground.any():  # nearly every picture ends here
        return nothing
    across, down = _steps(grey[:, 1:], grey[:, :-1]), _steps(grey[1:], grey[:-1])
    strokes = _words(grey, across >= _STEP, down >= _STEP, on_ground)
    if not strokes:
        return nothing
    on_ground = on_ground[grey]
    lines = _lines(down, across, on_ground) + _lines(across.T, down.T, on_ground.T)
    return _Screen(float(ground), len(strokes), sum(strokes), lines / sum(grey.shape))


def _steps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a, b) - np.minimum(a, b)  # stays uint8, where a - b would wrap


def _words(grey: np.ndarray, across: np.ndarray, down: np.ndarray, ground: np.ndarray) -> list[float]:
    """Return the upright strokes of each word: an island in the background, as high as text and wider than high.

    `across` (height, width - 1) and `down` (height - 1, width) mark neighbours that differ like ink and background.
    """
    height, width = grey.shape
    edges = np.zeros((height, width), bool)
    edges[:, 1:] = across
    edges[1:] |= down
    edges &= ~_runs(edges.T, _HIGH + 1).T  # borders of cells, which would otherwise join the text in them
    edges |= ~_runs(~edges, _GAP + 1)
    islands, _ = ndimage.label(edges, np.ones((3, 3)))
    boxes = [(y.start - 1, y.stop, x.start - 1, x.stop) for y, x in ndimage.find_objects(islands)]
    boxes = np.array(boxes, dtype=int).reshape(-1, 4)
    top, bottom, left, right = boxes.T
    tall, wide = bottom - top - 1, right - left - 1
    fits = (tall >= _LOW) & (tall <= _HIGH) & (wide >= 1.2 * tall)
    fits &= (top >= 0) & (left >= 0) & (bottom < height) & (right < width)
    boxes = boxes[fits]
    top, bottom, left, right = boxes.T
    corners = [grey[y, x].astype(np.int16) for y in (top, bottom) for x in (left, right)]
    calm = np.ptp(corners, axis=0) <= 4 * _RING  # rejects most islands of a photograph at little cost
    words = []
    for top, bottom, left, right in boxes[calm].tolist():
        rows, columns = slice(top, bottom + 1), slice(left, right + 1)
        ring = np.concatenate([grey[top, columns], grey[bottom, columns], grey[rows, left], grey[rows, right]])
        if ring.std() > _RING or not ground[round(ring.mean())]:
            continue
        inside = across[top + 1 : bottom, left:right]
        tall, wide = inside.shape
        strokes = (inside[:, 0].sum() + (inside[:, 1:] & ~inside[:, :-1]).sum()) / tall
        if strokes >= max(2, wide / tall):
            words.append(float(strokes))
    return words


def _lines(step: np.ndarray, along: np.ndarray, on_ground: np.ndarray) -> int:
    """Return the length of all straight horizontal edges: both rows are calm along it, and one is background.

    `step` (height - 1, width) are differences between rows, `along` (height, width - 1) within rows.
    """
    # A row that is no background must be exactly flat: the rim of a photograph is nearly flat for long stretches too
    calm = np.pad(along <= np.where(on_ground[:, 1:], 2, 0), ((0, 0), (1, 0)))
    edge = (step >= _LINE_STEP) & calm[1:] & calm[:-1] & (on_ground[1:] | on_ground[:-1])
    return int(_runs(edge, _LINE).sum())


def _runs(mask: np.ndarray, least: int) -> np.ndarray:
    """Return a mask of those runs along the rows of `mask` that are at least so long."""
    return ndimage.grey_opening(mask.view(np.uint8), size=(1, least), mode="constant").view(bool)

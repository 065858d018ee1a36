"""`RULES`: what `pipelines.cleaning.prepare` looks for in an image, in which order, and how the judgements combine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.cleaning.judgement import Judgement
from pipelines.cleaning.marks import find_bar, find_mark
from pipelines.cleaning.screens import find_blank, find_screenshot
from pipelines.cleaning.sheets import find_sheet

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Rule:
    """A cleaning rule: what it does, in words, and its function of one image; None if it compares all images."""

    title: str
    find: Callable[[np.ndarray], Judgement | None] | None


RULES = {
    "screenshots": Rule("screenshots dropped", find_screenshot),
    "blank": Rule("blank and blurred-out images dropped", find_blank),
    "sheets": Rule("sheets of four pictures split", find_sheet),
    "bar": Rule("colour bars cropped off", find_bar),
    "marks": Rule("other marks in a corner (only reported)", find_mark),
    "duplicates": Rule("copies within a class and set dropped (others reported)", None),
}
"""Rules by name. Each sees what the rules before it left: sheets come before bars, because cropping would move the
halves at which a sheet is split, and because each of its pictures may have a bar."""

_ACTING = ("crop", "split", "drop")


@dataclass(frozen=True)
class Verdict:
    """The judgements on one image.

    Parameters
    ----------
    acted, unsure : tuples of (name of the rule, Judgement)
        Judgements that were sure and acted on, and those that a person should check.
    parts : tuple of (left, top, right, bottom)
        The boxes of the image that remain, in pixels: one if it stays whole or is cropped, none if it is dropped.
    """

    acted: tuple[tuple[str, Judgement], ...] = ()
    unsure: tuple[tuple[str, Judgement], ...] = ()
    parts: tuple[Box, ...] = ()


def judge(image: np.ndarray, rules: Mapping[str, Rule]) -> Verdict:
    """Return the judgements of `rules` on an image, in their order; what one rule drops, the next do not see.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        As `featex.images.decode.decode` returns it.
    """
    acted, unsure = [], []
    height, width, _ = image.shape
    parts = [(0, 0, width, height)]
    for name, rule in rules.items():
        if rule.find is None:
            continue
        left_over = []
        for box in parts:
            judgement = rule.find(view(image, box))
            if judgement and judgement.sure and judgement.action in _ACTING:
                acted.append((name, judgement))
                left_over += [_within(box, inner) for inner in judgement.boxes]
            else:
                unsure += [(name, judgement)] if judgement else []
                left_over.append(box)
        parts = left_over
    return Verdict(tuple(acted), tuple(unsure), tuple(parts))


def view(image: np.ndarray, box: Box) -> np.ndarray:
    """Return the pixels in a box, C-contiguous."""
    left, top, right, bottom = box
    return np.ascontiguousarray(image[top:bottom, left:right])


def _within(box: Box, inner: Box) -> Box:
    (x, y, _, _), (left, top, right, bottom) = box, (int(side) for side in inner)
    return x + left, y + top, x + right, y + bottom

"""What a rule of `pipelines.cleaning.prepare` says of one image."""

from dataclasses import dataclass

SURE = 0.9
"""From this confidence on a rule acts by itself; below it the image is left as it is and put up for review."""


@dataclass(frozen=True)
class Judgement:
    """What a rule found in an image, and what it would do.

    Parameters
    ----------
    action : {"crop", "split", "drop", "report"}
    why : str
        What was found, with its place and size in pixels, for the table and the reader: "five-colour bar, 80 x 16
        pixels at the bottom right".
    confidence : float
        0 to 1; see `SURE`. What is not worth a look is not judged at all: the rule returns None.
    boxes : tuple of (left, top, right, bottom)
        The parts to keep, in pixels of the upright image as `decode.decode` gives it: one for "crop", one a
        part for "split", none else.
    """

    action: str
    why: str
    confidence: float
    boxes: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def sure(self) -> bool:
        return self.confidence >= SURE

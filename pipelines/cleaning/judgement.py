"""The judgement of a cleaning rule on one image."""

from dataclasses import dataclass

SURE = 0.9
"""From this confidence a rule acts by itself; below it the image stays unchanged and is listed for review."""


@dataclass(frozen=True)
class Judgement:
    """What a rule found in an image, and what it would do about it.

    Parameters
    ----------
    action : {"crop", "split", "drop", "report"}
    why : str
        What was found, with its place and size in pixels, for the record: "five-colour bar, 80 x 16 pixels at the
        bottom right".
    confidence : float
        0 to 1; see `SURE`. A rule that finds nothing worth a look returns None instead.
    boxes : tuple of (left, top, right, bottom)
        The parts to keep, in pixels of the upright image that `featex.images.decode.decode` returns: one
        for "crop", one per part for "split", otherwise none.
    """

    action: str
    why: str
    confidence: float
    boxes: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def sure(self) -> bool:
        return self.confidence >= SURE

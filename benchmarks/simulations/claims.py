"""A claim of the tool beside the figure that a simulation measured for it."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Claim:
    """One figure and the range that the tool promises for it.

    Parameters
    ----------
    what : str
        What was measured, with the number of draws.
    measured : float
        The figure, in the unit that `what` names.
    error : float
        Its standard error over the draws.
    least, most : float
        The promised range.
    """

    what: str
    measured: float
    error: float
    least: float = -inf
    most: float = inf

    @property
    def holds(self) -> bool:
        """Whether the figure lies in the promised range, or within three standard errors of it."""
        return self.least - 3 * self.error <= self.measured <= self.most + 3 * self.error

    def __str__(self) -> str:
        promise = f"promised {self.least:g} to {self.most:g}"
        verdict = "holds" if self.holds else "FAILS"
        return f"{verdict}  {self.measured:8.4f} ± {self.error:.4f}  {promise:24}  {self.what}"


def share(what: str, hits: int, n: int, least: float = -inf, most: float = inf) -> Claim:
    """Return the claim that a share of `n` draws lies in a range; the error is that of a binomial share.

    The share is taken one draw away from 0 and 1 for the error, which would else be 0 there.
    """
    p = min(max(hits, 1), n - 1) / n if n > 1 else 0.5
    return Claim(f"{what} (n = {n:,})", hits / n, (p * (1 - p) / n) ** 0.5, least, most)

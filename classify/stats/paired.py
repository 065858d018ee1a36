"""Two models on the same images: the test and the interval of their difference, and the images that a test needs."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, norm

from classify.stats.effective import LEAST, alikeness, correction, enough, kish
from classify.stats.intervals import Z, wilson, with_ends

LEVEL, POWER = 0.05, 0.80


def sign_flip(gains: np.ndarray) -> float:
    """Return the two-sided p-value of a sum of gains, each of which is as likely to have the other sign.

    Where each image is a unit this is McNemar's (1947) exact test: the binomial test of the images on which exactly one
    model is right. It never calls equal models different more often than its level, and a little less often where such
    images are few (Fagerland et al. 2013, BMC Medical Research Methodology 13:91). Where units are groups it is
    Fisher's (1935) randomisation test of paired differences, over all signs: images of a group are not independent,
    and at least six groups must differ before p can be below 0.05. It assumes that the errors of both models fall on
    groups alike: where one model fails on whole groups and the other on single images, it called equal accuracies
    different in 5 % of 2,000 simulated sets of 60 groups, 7 % of 30, and 16 % of 15.

    Parameters
    ----------
    gains : ndarray of shape (n_units,), int
        For each independent unit, the images on which only the first model is right less those of the second.

    Returns
    -------
    float
        1 where no unit differs.
    """
    chances = np.ones(1)  # of each sum of the gains of the first model
    for size, count in zip(*np.unique(np.abs(gains[gains != 0]), return_counts=True), strict=True):
        first = np.zeros(size * count + 1)
        first[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, first)
    total = len(chances) - 1
    far = np.abs(2 * np.arange(total + 1) - total) >= abs(gains.sum())
    return float(min(1, chances[far].sum()))


def paired_test(a: np.ndarray, b: np.ndarray, unit: np.ndarray) -> dict[str, float]:
    """Return the accuracy of a less that of b, as ``difference, difference_low, difference_high, p``.

    The interval is that of `paired_interval`, whose parameters it takes, and p that of `sign_flip`.
    """
    gain = a.astype(int) - b
    ends = with_ends("difference", gain.mean(), *paired_interval(a, b, unit))
    return ends | {"p": sign_flip(np.bincount(unit, gain).astype(int))}


def paired_interval(a: np.ndarray, b: np.ndarray, unit: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of a less that of b.

    Newcombe 1998, Statistics in Medicine 17:2635, method 10. Images in groups count as the number that they are worth:
    their number over `design_effect`, and over the squared ratio of Student's quantile for so many groups to the normal
    one (Korn & Graubard 1998, Survey Methodology 24:193, for one share), and never more than they are.
    NaN, NaN where groups are worth fewer than `classify.stats.effective.LEAST`.

    Parameters
    ----------
    a, b : ndarray of shape (n,), bool
        The images on which each model is right.
    unit : ndarray of shape (n,), int
        Codes from 0 up; images with the same code are not independent.
    """
    n, sizes = len(a), np.bincount(unit)
    worth = 1.0
    if len(sizes) < n:
        if not enough(unit):
            return np.nan, np.nan
        effect, one = max(1, design_effect(a, b, unit)), np.zeros(len(sizes), int)
        lacks = correction(sizes, sizes, one, alikeness(effect, np.ones(n), unit))
        worth = 1 / effect / (lacks.reach / Z) ** 2
    return newcombe(*(worth * np.array([(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()])))


def newcombe(both: float, only_a: float, only_b: float, neither: float) -> tuple[float, float]:
    """Return Newcombe's interval from the numbers, whole or not, of images that both, one or no model is right on."""
    n = both + only_a + only_b + neither
    a, b = both + only_a, both + only_b
    together = both * neither - only_a * only_b
    together = together if together < 0 else max(0, together - n / 2)
    spread = np.sqrt(a * (n - a) * b * (n - b))
    return join((a / n, *wilson(a, n)), (b / n, *wilson(b, n)), together / spread if spread > 0 else 0)


def join(a: tuple, b: tuple, correlation: float) -> tuple[float, float]:
    """Return the interval of a - b from (value, low, high) of each and the correlation of their errors.

    Zou 2007, Psychological Methods 12:399, doi:10.1037/1082-989X.12.4.399; Newcombe's is its case of two shares.
    """
    below_a, above_a, below_b, above_b = a[0] - a[1], a[2] - a[0], b[0] - b[1], b[2] - b[0]
    low = a[0] - b[0] - np.sqrt(below_a**2 - 2 * correlation * below_a * above_b + above_b**2)
    high = a[0] - b[0] + np.sqrt(above_a**2 - 2 * correlation * above_a * below_b + below_b**2)
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class MeanAccuracy:
    """A weighted mean of answers: (value, low, high) with its 95 % interval, and the influence (n_units,) of units."""

    limits: tuple[float, float, float]
    influence: np.ndarray

    @classmethod
    def of(cls, right: np.ndarray, weight: np.ndarray, unit: np.ndarray, n_units: int) -> "MeanAccuracy":
        """Return the weighted mean of `right` (n,) bool; an image may have several answers.

        The variance is that of whole units. The interval is Wilson's for as many images as have that variance,
        corrected for few and unequal units (`classify.stats.effective.correction`). NaN where units are worth fewer
        than `classify.stats.effective.LEAST`.
        """
        weight, right = weight / weight.sum(), right.astype(float)
        value, by_unit = float(weight @ right), np.bincount(unit, weight, minlength=n_units)
        influence = np.bincount(unit, weight * (right - value), minlength=n_units)
        stratum, sizes = np.zeros(n_units, int), np.bincount(unit, minlength=n_units)
        lacks, worth = correction(by_unit, sizes, stratum), kish(by_unit)
        if worth < LEAST or lacks is None:
            return cls((value, np.nan, np.nan), influence)
        if 0 < value < 1:
            squared = (influence**2).sum()
            alone = value * (1 - value) * (weight**2).sum()  # the variance of as many independent answers
            lacks = correction(by_unit, sizes, stratum, alikeness(lacks.inflation * squared / alone, weight, unit))
            worth = value * (1 - value) / (lacks.inflation * squared) / (lacks.reach / Z) ** 2
        low, high = wilson(value * worth, worth)
        return cls((value, min(low, value), max(high, value)), influence)

    def less(self, other: "MeanAccuracy") -> tuple[float, float, float]:
        """Return this mean less the other with the interval of `join`; the units' influences give the correlation."""
        spread = np.sqrt((self.influence**2).sum() * (other.influence**2).sum())
        correlation = float(self.influence @ other.influence / spread) if spread > 0 else 0.0
        return self.limits[0] - other.limits[0], *join(self.limits, other.limits, correlation)


def design_effect(a: np.ndarray, b: np.ndarray, unit: np.ndarray) -> float:
    """Return the design effect of groups: the variance of the difference over that of as many independent images.

    It is the ratio of the variance over whole units to that over images (Kish 1965, "Survey Sampling"), and 1 where
    each image is a unit. Where all images have the same gain, which tells no variance, a unit counts as one image.
    """
    n, sizes = len(a), np.bincount(unit)
    gain = a.astype(float) - b
    off = gain - gain.mean()
    if len(sizes) == n:
        return 1.0
    most = correction(sizes, sizes, np.zeros(len(sizes), int))
    if most is None or not np.any(off):
        return n / kish(sizes)
    of_units, of_images = (np.bincount(unit, off) ** 2).sum(), (off**2).sum() * n / (n - 1)
    alike = alikeness(most.inflation * of_units / of_images, np.ones(n), unit)
    return float(of_units * correction(sizes, sizes, np.zeros(len(sizes), int), alike).inflation / of_images)


def needed(
    accuracy_a: float, accuracy_b: float, discordant: float, *, level: float = LEVEL, effect: float = 1.0
) -> float:
    """Return how many images it takes to find this difference between two models with a probability of `POWER`.

    Connor 1987, Biometrics 43:207, with the continuity correction of an exact test (Casagrande, Pike & Smith 1978,
    Biometrics 34:483): n where |n d| - 1 = z_level sqrt(n s) + z_power sqrt(n (s - d²)), for a difference d and
    a discordant share s.

    Parameters
    ----------
    accuracy_a, accuracy_b : float
        Shares of images on which each model is right.
    discordant : float
        Share of images on which exactly one model is right; at least the difference.
    level : float
        Of a two-sided test: how often it may call equal models different.
    effect : float
        `design_effect` of images in groups; the needed images come in such groups too.

    Returns
    -------
    float
        A whole number; NaN where there is no difference to find.
    """
    d = abs(accuracy_a - accuracy_b)
    if d < 1e-12:
        return np.nan
    reach = norm.isf(level / 2) * np.sqrt(discordant) + norm.ppf(POWER) * np.sqrt(max(0, discordant - d**2))
    root = (reach + np.sqrt(reach**2 + 4 * d)) / (2 * d)
    return float(np.ceil(max(1.0, effect) * root**2 - 1e-9))

"""Unsure: is no more than the promised share of answers wrong on new images, whatever groups images stand in?"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from benchmarks.simulations.claims import Claim, share
from classify.stats.abstention import CONFIDENCE, TARGET, prove

N_DRAWS, N_POPULATION = 400, 4000  # groups
SPREAD = 3.0  # of what a model knows of an image, in log-odds: it is right on 84 % of all images


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return the share of draws in which more answers are wrong than promised, for several structures of groups."""
    n_draws = max(30, round(N_DRAWS * scale))
    claims = []
    for title, (n_units, draw) in STRUCTURES.items():
        rng = np.random.default_rng(seed)
        top, error, _ = draw(rng, N_POPULATION)
        broken, answered = 0, []
        for _ in range(n_draws):
            sure = _rule(rng, draw, n_units).answered(top)
            answered.append(sure.mean())
            broken += bool(sure.any() and error[sure].mean() > TARGET)
        claims.append(share(f"{title}: more wrong than promised in draws", broken, n_draws, most=1 - CONFIDENCE))
        if title in ANSWERS:
            what = f"{title}: share answered (n = {n_draws})"
            claims.append(Claim(what, np.mean(answered), np.std(answered) / n_draws**0.5, least=ANSWERS[title]))
    return claims


def _rule(rng, draw: Callable, n_units: int):
    top, error, unit = draw(rng, n_units)
    sizes = np.bincount(unit)
    # one number decides for a group, so that images of about the same error are wrong together
    wrong = rng.random(n_units)[unit] < error
    alone = sizes[unit] == 1
    return prove(top, wrong, np.where(alone, "", unit.astype(str)))


def _units(rng, sizes: np.ndarray, harder: float = 0.0):
    """Return top probabilities, errors and units of images in groups; images of larger groups may be harder.

    Images of a group share what the model knows of them but for a little; it takes large groups to be as easy as
    single images.
    """
    unit = np.repeat(np.arange(len(sizes)), sizes)
    known = np.abs(rng.normal(0, SPREAD, len(sizes))[unit] + rng.normal(0, 0.3, len(unit)))
    return expit(known), expit(-known + harder * (sizes[unit] > 1)), unit


def _issue(rng, n_units: int):
    """Single images of which 1 % are wrong, and one group of 20 for each 20 of them, of which 30 % are wrong."""
    sizes = np.where(np.arange(n_units) % 21 == 20, 20, 1)
    unit = np.repeat(np.arange(n_units), sizes)
    return np.full(len(unit), 0.9), np.where(sizes[unit] == 20, 0.3, 0.01), unit


def _no_threshold(rng, n_units: int):
    """Groups of 3 in which 5.01 % of answers are wrong however sure the model is."""
    unit = np.repeat(np.arange(n_units), 3)
    return rng.uniform(0.5, 1, len(unit)), np.full(len(unit), 0.0501), unit


def _rounded(rng, n_units: int):
    """Single images whose probabilities are too sure, and rounded to two decimals, so that many are equal."""
    known = np.abs(rng.normal(0, 4, n_units))
    return np.round(expit(2 * known), 2), expit(-known), np.arange(n_units)


STRUCTURES = {
    "single images": (400, lambda rng, n: _units(rng, np.ones(n, int))),
    "single images, overconfident and rounded": (400, _rounded),
    "pairs": (800, lambda rng, n: _units(rng, np.full(n, 2))),
    "groups of 5": (600, lambda rng, n: _units(rng, np.full(n, 5))),
    "groups of 1 to 60": (300, lambda rng, n: _units(rng, np.minimum(rng.geometric(0.12, n), 60))),
    "single images and harder groups of 8": (
        400,
        lambda rng, n: _units(rng, np.where(rng.random(n) < 0.1, 8, 1), harder=1.5),
    ),
    "300 single images and 15 harder groups of 20": (315, _issue),
    "groups of 3, wrong however sure": (300, _no_threshold),
}
ANSWERS = {"single images": 0.25, "pairs": 0.25, "groups of 5": 0.2}

"""95 % intervals of scores: where the score of the same model on endlessly many such images may lie.

Every interval takes the size of each class as given, since whoever built the set chose it. Which method a score gets
follows from what kind of statistic it is; `benchmarks.simulations.intervals` measures how often each holds the truth.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, logit
from scipy.stats import norm

from classify.stats.effective import Correction, alikeness, correction, enough, kish, units
from classify.stats.scores import SCORES, AtFalsePositives, Confusion, Loss, Ranking, Sample

N_RESAMPLES = 1000
N_DRAWS = 4000  # of a posterior, which are cheaper
LEVEL = 0.95
SIDES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
Z = norm.ppf(SIDES[1])
FEW = 10
CHUNK = 4_000_000  # weights held at once: 32 MB
NOTHING = (np.nan, np.nan)


def interval(name: str, y, scores, predicted, classes, positive=None, *, group=None, seed=0):
    """Return the 95 % interval (low, high) of a score; the arguments are those of `Score.__call__`.

    - Shares of rows (accuracy, recall): Wilson's (1927).
    - The true positive rate at 1 or 5 % false positives: 2.5 and 97.5 percentiles where both classes are drawn anew.
      How many of n images of the other class lie above the threshold that is sought is binomial, which gives the
      threshold; the share of the positive class above that is drawn from its posterior under Jeffreys' prior.
    - Other scores of the confusion matrix (balanced accuracy, precision, F1): 2.5 and 97.5 percentiles of the score
      where the row of each true class is drawn from its posterior under Jeffreys' prior (Goutte & Gaussier 2005 for
      precision and F1, Brodersen et al. 2010 for balanced accuracy; Perks' prior for more than two classes). Wilson's
      interval of precision, given the number decided on, is too wide where the sizes of classes are given.
    - Rankings (ROC AUC, average precision): the logit of the score plus and minus Student's quantile times how far
      bootstrap resamples are from the score (root mean square: their spread, and the bias of average precision,
      which is too high on few rows). Where nothing is out of order no resample varies: high is then 1, and low is
      that of the same rows with their closest pair out of order, which is cautious.
    - Losses (log loss, Brier): studentised bootstrap of the logarithm (Davison & Hinkley 1997, 5.2), since a few
      confident errors are most of a loss. Where fewer than `FEW` rows make its variance, which they then do not tell,
      the standard error is at least the one that the probabilities themselves promise.
    - Expected calibration error: none. It is an average of absolute gaps, too high by about what a resample adds once
      more, so the percentiles of a bootstrap tend to leave out even the value itself.

    Where images share a non-empty `group`, each score gets the wider of that and of an interval with groups whole
    (strata are then the sets of classes that groups hold): images of a group are not independent. By group, all scores
    go the way of rankings (losses by their logarithm), with the bias and the degrees of freedom that so many and such
    unequal groups leave; see `effective`. Where no resample varies, as when nothing is wrong, as many rows are
    counted as groups are worth. Groups that are worth fewer than `classify.stats.effective.LEAST` give no interval.

    Returns
    -------
    tuple of float
        NaN, NaN where the score is NaN, where groups are too few, and where no method can say anything.
    """
    return intervals([name], Sample.of(y, scores, predicted, classes, positive), group, seed)[name]


def intervals(names: Iterable[str], sample: Sample, group=None, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each score; see `interval`."""
    names, unit = list(names), units(group, len(sample.truth))
    at_rates = [name for name in names if _is(AtFalsePositives, name)]
    names = [name for name in names if name not in at_rates]
    found = _of_rows(names, sample, seed)
    if unit.max() + 1 < len(unit):
        able = [name for name in names if enough(unit, row_weights(name, sample))]
        by_group = _of_groups(able, sample, unit, {name: found[name] for name in able}, seed)
        found = dict.fromkeys(names, NOTHING) | {
            # NaN where either is
            name: (np.minimum(found[name][0], by_group[name][0]), np.maximum(found[name][1], by_group[name][1]))
            for name in able
        }
    found |= {name: _at_false_positives(name, sample, unit, seed) for name in at_rates}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _at_false_positives(name, sample, unit, seed):
    """Images of one group are counted as one, as many as groups are worth."""
    value, statistic = SCORES[name].of(sample), SCORES[name].statistic
    if np.isnan(value):
        return NOTHING
    positive = sample.truth == sample.positive
    sides = [np.unique(unit[side], return_inverse=True)[1] for side in (positive, ~positive)]
    n_positive, n_others = (kish(np.bincount(side)) for side in sides)
    if n_others < statistic.least or not all(enough(side) for side in sides):
        return NOTHING
    curve, rng = statistic.curve(sample), np.random.default_rng(seed)
    above = (rng.binomial(int(n_others), statistic.rate, N_DRAWS) + rng.random(N_DRAWS)) / (int(n_others) + 1)
    share = np.interp(above * (len(curve) - 1), np.arange(len(curve)), curve)
    low, high = np.quantile(rng.beta(share * n_positive + 0.5, (1 - share) * n_positive + 0.5), SIDES)
    return min(low, value), max(high, value)


def _of_rows(names, sample, seed):
    """Intervals that take rows as independent."""
    known = [name for name in names if not np.isnan(SCORES[name].of(sample))]
    shares = [name for name in known if SCORES[name].share]
    others = {kind: [name for name in known if _is(kind, name)] for kind in (Confusion, Ranking, Loss)}
    return {
        **dict.fromkeys(names, NOTHING),
        **{name: wilson(*_counted(SCORES[name].share(sample))) for name in shares},
        **_posterior(others[Confusion], sample, seed),
        **_of_rankings(others[Ranking], sample, seed),
        **_of_losses(others[Loss], sample, seed),
    }


def _is(kind, name):
    return isinstance(SCORES[name].statistic, kind) and not SCORES[name].share


def _counted(share):
    among, right = share
    return int((among & right).sum()), int(among.sum())


def _posterior(names, sample, seed):
    k, counts = sample.scores.shape[1], sample.cells.sum(axis=0)
    counts = counts.reshape(1, k, k)
    values, rng = {name: [] for name in names}, np.random.default_rng(seed)
    step = max(1, CHUNK // k**2)
    for start in range(0, N_DRAWS, step) if names else ():
        drawn = rng.standard_gamma(counts + 1 / k, (min(step, N_DRAWS - start), k, k))
        matrices = drawn / drawn.sum(axis=2, keepdims=True) * counts.sum(axis=2, keepdims=True)
        for name in names:
            values[name].append(SCORES[name].statistic.of(matrices, sample.positive))
    found = {}
    for name, parts in values.items():
        low, high = np.nanquantile(np.concatenate(parts), SIDES)
        value = SCORES[name].of(sample)
        found[name] = min(low, value), max(high, value)  # from 0 where nothing is right, to 1 where nothing is wrong
    return found


def _of_rankings(names, sample, seed):
    found = _about_resamples(names, sample, np.arange(len(sample.truth)), seed)
    for name, (low, _) in found.items():
        value = SCORES[name].of(sample)
        if np.isnan(low) and (value == 1 or (value == 0 and name == "roc_auc")):
            best = sample if value == 1 else replace(sample, scores=-sample.scores)
            swapped = closest_pair_swapped(best)
            low, _ = _about_resamples([name], swapped, np.arange(len(sample.truth)), seed)[name]
            if not np.isnan(low):  # of two images nothing is known
                found[name] = (low, 1.0) if value == 1 else (0.0, 1 - low)
    return found


def closest_pair_swapped(sample: Sample) -> Sample:
    """Return the rows with, for each class, its least score and the greatest of the rest in each other's place."""
    scores = sample.scores.copy()
    for code in np.unique(sample.truth):
        column, here = scores[:, code], sample.truth == code
        pair = [np.where(here, column, np.inf).argmin(), np.where(here, -np.inf, column).argmax()]
        column[pair] = column[pair[::-1]]
    return replace(sample, scores=scores)


def _of_losses(names, sample, seed):
    strata = [sample.truth == code for code in np.unique(sample.truth)]
    losses = {name: SCORES[name].statistic.of(sample) for name in names}
    here = {name: _log_mean(loss, strata, np.ones((1, len(loss)))) for name, loss in losses.items()}
    here = {name: (value, error) for name, ((value,), (error,)) in here.items() if error > 0}
    ratios = {name: [] for name in here}
    for weights in resamples(sample.truth, np.arange(len(sample.truth)), seed) if here else ():
        for name in here:
            value, error = _log_mean(losses[name], strata, weights)
            with np.errstate(divide="ignore", invalid="ignore"):
                # where a resample lacks the few rows that make the loss it knows no error: infinitely far
                ratios[name].append(np.nan_to_num((value - here[name][0]) / error, posinf=np.inf, neginf=-np.inf))
    found = dict.fromkeys(names, NOTHING)
    for name, (value, error) in here.items():
        if _n_that_make(losses[name], strata) < FEW:
            error = max(error, SCORES[name].statistic.expected_error(sample) / np.exp(value))
        far = error * np.quantile(np.concatenate(ratios[name]), SIDES[::-1], method="inverted_cdf")
        low, high = np.exp(np.minimum(value - far, np.log(SCORES[name].statistic.most(sample))))
        found[name] = (low, high)
    return found


def _log_mean(loss, strata, weights):
    """The logarithm of weighted mean losses, and its standard error, both (m,); 0 where no loss varies in a stratum."""
    total, variance = 0, 0
    for rows in strata:
        n, heavy, centre = rows.sum(), weights[:, rows], loss[rows].mean()
        off = loss[rows] - centre  # small numbers, whose squares cancel without a loss of digits
        mean = heavy @ off / n
        total = total + n * (centre + mean)
        variance = variance + n**2 * np.maximum(heavy @ off**2 / n - mean**2, 0) / max(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(total / len(loss)), np.sqrt(np.where(variance > 1e-18 * total**2, variance, 0)) / total


def _n_that_make(loss, strata):
    """How many rows make the variance of a loss, as its fourth moment tells."""
    off = np.concatenate([loss[rows] - loss[rows].mean() for rows in strata]) ** 2
    return off.sum() ** 2 / (off**2).sum()


def _of_groups(names, sample, unit, rows, seed):
    """Intervals that take groups as independent, whatever is alike within them; `rows` are those of single rows."""
    known = [name for name, limits in rows.items() if not np.isnan(limits[0])]
    found = dict.fromkeys(names, NOTHING) | _about_resamples(known, sample, unit, seed, rows)
    few = [name for name in known if np.isnan(found[name][0])]
    one_each = sample.rows(_independent(sample.truth, unit)) if few else sample
    for name in few:
        if SCORES[name].of(one_each) == SCORES[name].of(sample):
            found |= _of_rows([name], one_each, seed)
    return found


def _independent(truth, unit):
    """Numbers of rows of different units, of each class as many as its units are worth."""
    worth = {code: kish(np.bincount(unit[truth == code])) for code in np.unique(truth)}
    taken, chosen = dict.fromkeys(worth, 0), []
    order = np.argsort(unit, kind="stable")
    for rows in sorted(np.split(order, np.cumsum(np.bincount(unit))[:-1]), key=len, reverse=True):
        code = min(np.unique(truth[rows]), key=lambda code: taken[code] / worth[code])
        if taken[code] + 1 <= worth[code] + 1e-9:
            taken[code] += 1
            chosen.append(rows[truth[rows] == code][0])
    return np.array(chosen)


def row_weights(name: str, sample: Sample) -> np.ndarray:
    """Return how much of a score each row is, (n,): as much as any other that is counted, or so within its class."""
    if SCORES[name].share:
        return SCORES[name].share(sample)[0].astype(float)
    if _is(Loss, name):
        return np.ones(len(sample.truth))
    return balanced(sample.truth)


def balanced(truth: np.ndarray) -> np.ndarray:
    """Return weights (n,) by which all classes count the same."""
    return 1 / np.bincount(truth)[truth]


def _about_resamples(names, sample, unit, seed, rows=None):
    """Intervals about scores, as wide as resamples of whole units are far from them."""
    parts = {name: [] for name in names}
    for weights in resamples(sample.truth, unit, seed) if names else ():
        for name in names:
            parts[name].append(SCORES[name].statistic(sample, weights))
    sizes, stratum = np.bincount(unit), strata(sample.truth, unit)
    found = {}
    for name in names:
        value, values, weights = SCORES[name].of(sample), np.concatenate(parts[name]), row_weights(name, sample)
        by_unit, loss, alike = np.bincount(unit, weights), _is(Loss, name), 1.0
        if rows:
            half, most = _half(value, *rows[name], loss), correction(by_unit, sizes, stratum)
            if half > 0 and most:
                effect = most.inflation * np.nanmean((values - value) ** 2) / (half / Z) ** 2
                alike = alikeness(effect, weights, unit)
        found[name] = about(value, values, correction(by_unit, sizes, stratum, alike), loss=loss)
    return found


def _half(value, low, high, loss):
    """How far an interval reaches either way, in the unit of the score, as `about` makes it; 0 where it has an end."""
    if not (0 < low < high and (loss or high < 1) and value > 0):
        return 0.0
    return (np.log(high / low) * value if loss else (logit(high) - logit(low)) * value * (1 - value)) / 2


def about(value, resampled, lacks: Correction | None, *, centre=None, loss=False) -> tuple[float, float]:
    """Return the interval as wide as resamples (m,) are far from a score, about it or about `centre`."""
    centre = value if centre is None else centre
    resampled = resampled[~np.isnan(resampled)]
    inside = centre > 0 and (loss or centre < 1)
    if not (inside and lacks and len(resampled)) or np.ptp(resampled) < 1e-12:
        return NOTHING
    error = np.sqrt(np.mean((resampled - value) ** 2) * lacks.inflation)
    reach = lacks.reach * error * np.array([-1, 1])
    return tuple(centre * np.exp(reach / centre) if loss else expit(logit(centre) + reach / (centre * (1 - centre))))


def resamples(truth: np.ndarray, unit: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield weights (m, n) of resampled rows, `N_RESAMPLES` in all; units are drawn within their stratum.

    Parameters
    ----------
    truth, unit : ndarray of shape (n,), int
        Codes of classes, and of what is drawn as a whole: groups, or single rows.
    """
    n, n_units = len(truth), unit.max() + 1
    stratum = strata(truth, unit)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // n)
    for start in range(0, N_RESAMPLES, step):
        m = min(step, N_RESAMPLES - start)
        counts = np.zeros((m, n_units))
        for value in range(stratum.max() + 1):
            (members,) = np.nonzero(stratum == value)
            draws = rng.integers(len(members), size=(m, len(members)))
            draws += np.arange(m)[:, None] * len(members)
            counts[:, members] = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        yield counts[:, unit]


def strata(truth: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the stratum (n_units,) of each unit: which classes it holds."""
    held = csr_array((np.ones(len(truth)), (unit, truth)), shape=(unit.max() + 1, truth.max() + 1)).toarray() > 0
    return np.unique(held, axis=0, return_inverse=True)[1]


def wilson(k: float, n: float, z: float = Z) -> tuple[float, float]:
    """Return Wilson's interval of k right out of n, of which neither need be whole; `z` of 1.96 makes it a 95 % one."""
    middle, half = (k + z**2 / 2) / (n + z**2), z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    # 0 of n and n of n have an end of exactly 0 or 1, which rounding would miss.
    return 0.0 if k <= 0 else float(middle - half), 1.0 if k >= n else float(middle + half)


def difference(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a - b of two independent (value, low, high), with its 95 % interval.

    Newcombe, Statistics in Medicine 17 (1998) 873, method 10: exact to the digit for two Wilson intervals.
    """
    d = a[0] - b[0]
    return d, d - np.hypot(a[0] - a[1], b[2] - b[0]), d + np.hypot(a[2] - a[0], b[0] - b[1])

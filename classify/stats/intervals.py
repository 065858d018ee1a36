"""95 % confidence intervals of scores.

An interval is about the score that the model would have on endlessly many such images. It takes the size of each class
as fixed, since whoever built the set chose it. The kind of a statistic decides which method its interval is made by;
`benchmarks.simulations.intervals` measures how often each interval holds the true value.
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
N_DRAWS = 4000  # draws of a posterior are cheaper
LEVEL = 0.95
SIDES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
Z = norm.ppf(SIDES[1])
FEW = 10  # rows that are too few to tell the variance of a loss
CHUNK = 4_000_000  # weights in memory at once: 32 MB
NOTHING = (np.nan, np.nan)


def interval(name: str, y, scores, predicted, classes, positive=None, *, group=None, seed=0):
    """Return the 95 % interval (low, high) of a score; the arguments are those of `Score.__call__`.

    - Shares of rows (accuracy, recall): Wilson's (1927).
    - True positive rate at 1 or 5 % false positives: 2.5 and 97.5 percentiles of draws of both classes. The number of
      the n negative images above the true threshold is binomial, which gives the threshold; the true positive rate
      above it is drawn from its posterior under Jeffreys' prior.
    - Other scores of the confusion matrix (balanced accuracy, precision, F1): 2.5 and 97.5 percentiles of the score
      over draws of each true class's row from its posterior under Jeffreys' prior (Goutte & Gaussier 2005 for
      precision and F1, Brodersen et al. 2010 for balanced accuracy; Perks' prior for more than two classes). Wilson's
      interval of precision, for a fixed number of positive decisions, is too wide where the class sizes are fixed.
    - Rankings (ROC AUC, average precision): the logit of the score plus and minus Student's quantile times the root
      mean square distance of bootstrap resamples from the score. That holds their spread, and the bias of average
      precision, which is too high on few rows. Where every pair is in order, no resample varies: high is then 1, and
      low is that of the same rows with their closest pair swapped, which is cautious.
    - Losses (log loss, Brier): studentised bootstrap of the logarithm (Davison & Hinkley 1997, 5.2), since a few
      confident errors are most of a loss. Where fewer than `FEW` rows make the variance, they do not tell it: the
      standard error is then at least the one that the probabilities promise.
    - Expected calibration error: none. It is an average of absolute gaps, and each resample makes it greater by about
      as much as it is already too high, so a bootstrap's percentiles tend to leave out the value itself.

    Images of one non-empty `group` are not independent. Where there are groups, the interval is the wider of the one
    above and one over whole groups (whose strata are the sets of classes that groups hold). Over groups every score is
    treated as a ranking is (a loss by its logarithm), with the bias and the degrees of freedom that the number and the
    sizes of the groups leave; see `classify.stats.effective`. Where no resample varies, as where nothing is wrong, one
    row counts for each group that they are worth. Groups worth fewer than `effective.LEAST` give no interval.

    Returns
    -------
    tuple of float
        NaN, NaN where the score is NaN, where groups are too few, and where no method applies.
    """
    return intervals([name], Sample.of(y, scores, predicted, classes, positive), group, seed)[name]


def intervals(names: Iterable[str], sample: Sample, group=None, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each score; see `interval`."""
    names, unit = list(names), units(group, len(sample.truth))
    at_rates = [name for name in names if _is(AtFalsePositives, name)]
    names = [name for name in names if name not in at_rates]
    limits = _of_rows(names, sample, seed)
    if unit.max() + 1 < len(unit):
        able = [name for name in names if enough(unit, row_weights(name, sample))]
        by_group = _of_groups(able, sample, unit, {name: limits[name] for name in able}, seed)
        limits = dict.fromkeys(names, NOTHING) | {
            # NaN where either is
            name: (np.minimum(limits[name][0], by_group[name][0]), np.maximum(limits[name][1], by_group[name][1]))
            for name in able
        }
    limits |= {name: _at_false_positives(name, sample, unit, seed) for name in at_rates}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items()}


def _at_false_positives(name, sample, unit, seed):
    """Return the interval of a true positive rate; images of a group count as much as the group is worth."""
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
    """Return intervals that treat rows as independent."""
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
    limits = {}
    for name, parts in values.items():
        low, high = np.nanquantile(np.concatenate(parts), SIDES)
        value = SCORES[name].of(sample)
        limits[name] = min(low, value), max(high, value)  # 0 where nothing is right, 1 where nothing is wrong
    return limits


def _of_rankings(names, sample, seed):
    limits = _about_resamples(names, sample, np.arange(len(sample.truth)), seed)
    for name, (low, _) in limits.items():
        value = SCORES[name].of(sample)
        if np.isnan(low) and (value == 1 or (value == 0 and name == "roc_auc")):
            best = sample if value == 1 else replace(sample, scores=-sample.scores)
            swapped = closest_pair_swapped(best)
            low, _ = _about_resamples([name], swapped, np.arange(len(sample.truth)), seed)[name]
            if not np.isnan(low):  # as it is of two images
                limits[name] = (low, 1.0) if value == 1 else (0.0, 1 - low)
    return limits


def closest_pair_swapped(sample: Sample) -> Sample:
    """Return the rows, with the least score of each class and the greatest of the rest exchanged."""
    scores = sample.scores.copy()
    for code in np.unique(sample.truth):
        column, of_class = scores[:, code], sample.truth == code
        pair = [np.where(of_class, column, np.inf).argmin(), np.where(of_class, -np.inf, column).argmax()]
        column[pair] = column[pair[::-1]]
    return replace(sample, scores=scores)


def _of_losses(names, sample, seed):
    strata = [sample.truth == code for code in np.unique(sample.truth)]
    losses = {name: SCORES[name].statistic.of(sample) for name in names}
    means = {name: _log_mean(loss, strata, np.ones((1, len(loss)))) for name, loss in losses.items()}
    means = {name: (value, error) for name, ((value,), (error,)) in means.items() if error > 0}
    ratios = {name: [] for name in means}
    for weights in resamples(sample.truth, np.arange(len(sample.truth)), seed) if means else ():
        for name in means:
            value, error = _log_mean(losses[name], strata, weights)
            with np.errstate(divide="ignore", invalid="ignore"):
                # A resample without the few rows that make the loss has no standard error: it is infinitely far.
                ratios[name].append(np.nan_to_num((value - means[name][0]) / error, posinf=np.inf, neginf=-np.inf))
    limits = dict.fromkeys(names, NOTHING)
    for name, (value, error) in means.items():
        if _n_that_make(losses[name], strata) < FEW:
            error = max(error, SCORES[name].statistic.expected_error(sample) / np.exp(value))
        far = error * np.quantile(np.concatenate(ratios[name]), SIDES[::-1], method="inverted_cdf")
        low, high = np.exp(np.minimum(value - far, np.log(SCORES[name].statistic.most(sample))))
        limits[name] = (low, high)
    return limits


def _log_mean(loss, strata, weights):
    """Return the logarithm of weighted mean losses and its standard error, both (m,).

    The error is 0 where no loss varies within a stratum.
    """
    total, variance = 0, 0
    for rows in strata:
        n, of_rows, centre = rows.sum(), weights[:, rows], loss[rows].mean()
        off = loss[rows] - centre  # small numbers, whose squares cancel without a loss of digits
        mean = of_rows @ off / n
        total = total + n * (centre + mean)
        variance = variance + n**2 * np.maximum(of_rows @ off**2 / n - mean**2, 0) / max(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(total / len(loss)), np.sqrt(np.where(variance > 1e-18 * total**2, variance, 0)) / total


def _n_that_make(loss, strata):
    """Return the effective number of rows that make the variance of a loss, by its fourth moment."""
    off = np.concatenate([loss[rows] - loss[rows].mean() for rows in strata]) ** 2
    return off.sum() ** 2 / (off**2).sum()


def _of_groups(names, sample, unit, rows, seed):
    """Return intervals that treat groups as independent; `rows` holds the intervals that treat rows so."""
    known = [name for name, limits in rows.items() if not np.isnan(limits[0])]
    limits = dict.fromkeys(names, NOTHING) | _about_resamples(known, sample, unit, seed, rows)
    few = [name for name in known if np.isnan(limits[name][0])]
    one_each = sample.rows(_independent(sample.truth, unit)) if few else sample
    for name in few:
        if SCORES[name].of(one_each) == SCORES[name].of(sample):
            limits |= _of_rows([name], one_each, seed)
    return limits


def _independent(truth, unit):
    """Return the numbers of rows of different units, as many of each class as its units are worth."""
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
    """Return the weight (n,) of each row in a score: equal for all rows that count, or for all rows of a class."""
    if SCORES[name].share:
        return SCORES[name].share(sample)[0].astype(float)
    if _is(Loss, name):
        return np.ones(len(sample.truth))
    return balanced(sample.truth)


def balanced(truth: np.ndarray) -> np.ndarray:
    """Return weights (n,) that sum to the same in each class."""
    return 1 / np.bincount(truth)[truth]


def _about_resamples(names, sample, unit, seed, rows=None):
    """Return intervals as `about` makes them, from resamples of whole units."""
    parts = {name: [] for name in names}
    for weights in resamples(sample.truth, unit, seed) if names else ():
        for name in names:
            parts[name].append(SCORES[name].statistic(sample, weights))
    sizes, stratum = np.bincount(unit), strata(sample.truth, unit)
    limits = {}
    for name in names:
        value, values, weights = SCORES[name].of(sample), np.concatenate(parts[name]), row_weights(name, sample)
        by_unit, loss, alike = np.bincount(unit, weights), _is(Loss, name), 1.0
        if rows:
            half, most = _half(value, *rows[name], loss), correction(by_unit, sizes, stratum)
            if half > 0 and most:
                effect = most.inflation * np.nanmean((values - value) ** 2) / (half / Z) ** 2
                alike = alikeness(effect, weights, unit)
        limits[name] = about(value, values, correction(by_unit, sizes, stratum, alike), loss=loss)
    return limits


def _half(value, low, high, loss):
    """Return half the width of an interval of `about`, in the unit of the score; 0 where an end is 0 or 1."""
    if not (0 < low < high and (loss or high < 1) and value > 0):
        return 0.0
    return (np.log(high / low) * value if loss else (logit(high) - logit(low)) * value * (1 - value)) / 2


def about(value, resampled, lacks: Correction | None, *, centre=None, loss=False) -> tuple[float, float]:
    """Return the interval about a score, or about `centre`, that the distances of resamples (m,) give."""
    centre = value if centre is None else centre
    resampled = resampled[~np.isnan(resampled)]
    inside = centre > 0 and (loss or centre < 1)
    if not (inside and lacks and len(resampled)) or np.ptp(resampled) < 1e-12:
        return NOTHING
    error = np.sqrt(np.mean((resampled - value) ** 2) * lacks.inflation)
    reach = lacks.reach * error * np.array([-1, 1])
    return tuple(centre * np.exp(reach / centre) if loss else expit(logit(centre) + reach / (centre * (1 - centre))))


def resamples(truth: np.ndarray, unit: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield weights (m, n) of bootstrap resamples, `N_RESAMPLES` in all; units are drawn within their stratum.

    Parameters
    ----------
    truth, unit : ndarray of shape (n,), int
        Codes of the classes, and of the units that are drawn whole: groups, or single rows.
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
    """Return the stratum (n_units,) of each unit: the set of classes that it holds."""
    held = csr_array((np.ones(len(truth)), (unit, truth)), shape=(unit.max() + 1, truth.max() + 1)).toarray() > 0
    return np.unique(held, axis=0, return_inverse=True)[1]


def wilson(k: float, n: float, z: float = Z) -> tuple[float, float]:
    """Return Wilson's (1927, doi:10.1080/01621459.1927.10502953) interval of a share k / n; neither need be whole.

    `z` is the normal quantile of the confidence: 1.96 for 95 %.
    """
    middle, half = (k + z**2 / 2) / (n + z**2), z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    # For k = 0 and k = n an end is exactly 0 or 1, which rounding would miss.
    return 0.0 if k <= 0 else float(middle - half), 1.0 if k >= n else float(middle + half)


def with_ends(name: str, value: float, low: float, high: float) -> dict[str, float]:
    """Return a score and its interval as columns ``<name>, <name>_low, <name>_high``."""
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def share_interval(hits: np.ndarray, group: np.ndarray | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the share of `hits` (n,) bool: Wilson's, wider where images share a `group`.

    NaN, NaN where groups are too few; see `interval`, of accuracy.
    """
    codes = np.zeros(len(hits), dtype=int)
    return intervals(["accuracy"], Sample(codes, np.zeros((len(hits), 2)), (~hits).astype(int), 1), group)["accuracy"]


def difference(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a - b of two independent (value, low, high), with its 95 % interval.

    Newcombe 1998, Statistics in Medicine 17:873, method 10, whose numbers it gives for two Wilson intervals.
    """
    d = a[0] - b[0]
    return d, d - np.hypot(a[0] - a[1], b[2] - b[0]), d + np.hypot(a[2] - a[0], b[0] - b[1])

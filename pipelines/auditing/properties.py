"""Which single properties of files differ between classes, each by its name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import xlogy
from scipy.stats import chi2

from classify.models.file_facts import LISTS

SURE = 0.05  # for p, adjusted for all properties, values and classes
LEAST_FILES = 5  # a value in fewer files proves nothing
ALONE, P = "balanced accuracy", "p (adjusted)"  # of the best rule on one property
MOST_VALUES = 40  # of one property, the most frequent first
N_PERMUTATIONS = 999
_CHUNK = 2_000_000  # labels of permutations that are held at once


@dataclass(frozen=True, eq=False)
class _Test:
    """A property to compare: whether each file has a text (0 or 1), or a number (NaN where a file has none)."""

    name: str
    value: str
    numbers: np.ndarray


def differing(
    table: pd.DataFrame, labels: np.ndarray, units: np.ndarray | None = None, *, seed: int = 0
) -> pd.DataFrame:
    """Return the properties whose values differ between classes by more than chance, the strongest first.

    Chance is measured: labels are permuted `N_PERMUTATIONS` times among independent units, and the greatest difference
    of all properties, values and classes in each permutation sets the bar (Westfall and Young 1993). So nothing is
    named in 95 % of sets with random labels, however many classes and properties there are. A unit of images counts
    once for each class in it; where a unit holds several classes, labels are exchanged within it.

    Parameters
    ----------
    table : DataFrame
        As `classify.models.file_facts.properties` returns it.
    labels : ndarray of shape (n,), str
    units : ndarray of shape (n,), int, optional
        Rows with the same number are not independent; by default all are.
    seed : int
        Of the permutations.

    Returns
    -------
    DataFrame
        ``property``; ``value``, a text that files have or lack, or "" for a number; a column for each class, with the
        share of its files that have the value, or the median of the number; ``balanced accuracy``, in hindsight, of
        the best rule on this property alone (has it or not, or above a threshold or not); and ``p (adjusted)``. With
        three classes and more, the class that this property separates best from the rest.
    """
    units = np.arange(len(labels)) if units is None else units
    classes = sorted(set(labels.tolist()))
    tests = list(_tests(table, labels))
    p = _adjusted(tests, labels, units, classes, seed)
    rows = [_row(test, labels, classes, adjusted) for test, adjusted in zip(tests, p, strict=True) if adjusted < SURE]
    table = pd.DataFrame(rows, columns=["property", "value", *classes, ALONE, P])
    return table.sort_values([ALONE, P], ascending=[False, True], ignore_index=True)


def shown(table: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return the table of `differing` for people to read: shares as "6.2 %", medians as "512"."""
    cells = {name: [_cell(*pair) for pair in zip(table["value"], table[name], strict=True)] for name in classes}
    return table.assign(**cells)


def in_words(row: pd.Series, classes: list[str]) -> str:
    """Return "metadata “comment” in 6.2 % of real, 0.0 % of ai" or "median width 512 in real, 384 in ai"."""
    name = row["property"].replace("_", " ").replace("jpeg", "JPEG").replace("trailing", "trailing bytes")
    value, joint = row["value"], "of" if row["value"] else "in"
    each = ", ".join(f"{_cell(value, row[label])} {joint} {label}" for label in classes)
    return f"{name} “{value}” in {each}" if value else f"median {name} {each}"


def _cell(value: str, number: float) -> str:
    return f"{100 * number:.1f} %" if value else f"{number:,.4g}"


def _tests(table: pd.DataFrame, labels: np.ndarray) -> Iterator[_Test]:
    fewest = np.unique(labels, return_counts=True)[1].min()
    for name in table:
        if pd.api.types.is_numeric_dtype(table[name]):
            numbers = table[name].to_numpy(dtype=float)
            known = numbers[~np.isnan(numbers)]
            if len(known) and np.ptp(known) > 0 and fewest >= LEAST_FILES:
                yield _Test(name, "", numbers)
            continue
        values = table[name].str.split(",") if name in LISTS else table[name].map(lambda text: [text])
        held = values.explode()
        held = held[held != ""]
        counts = held.value_counts()
        counts = counts[(counts >= LEAST_FILES) & (counts < len(table))].head(MOST_VALUES)
        for value in counts.index:
            yield _Test(name, value, np.isin(np.arange(len(table)), held.index[held == value]).astype(float))


def _row(test: _Test, labels: np.ndarray, classes: list[str], p: float) -> dict:
    known = ~np.isnan(test.numbers)
    numbers, labels = test.numbers[known], labels[known]
    accuracy, middles = 0.5, {}
    for label in classes:
        inside = labels == label
        if inside.any() and not inside.all():
            accuracy = max(accuracy, (1 + _distance(numbers, inside)) / 2)
        middle = np.mean if test.value else np.median
        middles[label] = middle(numbers[inside]) if inside.any() else np.nan
    return {"property": test.name, "value": test.value, **middles, ALONE: accuracy, P: p}


def _distance(numbers: np.ndarray, members: np.ndarray) -> float:
    """Return the greatest distance of two distribution functions; of 0 and 1, the difference of their shares."""
    order = np.argsort(numbers, kind="stable")
    last = np.append(np.diff(numbers[order]) > 0, True)
    inside, outside = (np.cumsum(part[order])[last] / part.sum() for part in (members, ~members))
    return float(np.abs(inside - outside).max())


def _adjusted(tests: list[_Test], labels: np.ndarray, units: np.ndarray, classes: list[str], seed: int) -> np.ndarray:
    """Return p (len(tests),) of each test, adjusted for all tests and classes."""
    if not tests or len(classes) < 2:
        return np.ones(len(tests))
    cells = pd.DataFrame({"unit": units, "label": labels})
    cell = cells.groupby(["unit", "label"], sort=True).ngroup().to_numpy()
    _, first = np.unique(cell, return_index=True)
    unit, codes = units[first], np.searchsorted(classes, labels[first])
    pure = ~np.isin(unit, unit[pd.Series(unit).duplicated().to_numpy()])
    stratum = np.where(pure, -1, np.unique(unit, return_inverse=True)[1])
    values = [_by_cell(test, cell, len(first)) for test in tests]
    rng, parts = np.random.default_rng(seed), []
    left = N_PERMUTATIONS + 1
    while left:
        n = min(left, max(1, _CHUNK // len(codes)))
        drawn = _permuted(codes, stratum, n, rng)
        if not parts:
            drawn[0] = codes
        parts.append(_evidence(tests, values, drawn, classes))
        left -= n
    evidence = np.concatenate(parts)  # (permutations, tests, classes)
    evidence /= np.maximum(evidence.mean(axis=0), 1e-9)  # clustered values have too much by chance
    bar = np.sort(evidence.reshape(len(evidence), -1).max(axis=1))
    best = evidence[0].max(axis=1)
    return (len(bar) - np.searchsorted(bar, best - 1e-9)) / len(bar)


def _by_cell(test: _Test, cell: np.ndarray, n_cells: int) -> np.ndarray:
    if n_cells == len(cell):
        values = np.empty(n_cells)
        values[cell] = test.numbers
        return values
    grouped = pd.Series(test.numbers).groupby(cell)
    return (grouped.mean() if test.value else grouped.median()).to_numpy()


def _permuted(codes: np.ndarray, stratum: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return labels (n, n_cells), exchanged within each stratum."""
    place = np.argsort(stratum, kind="stable")
    drawn = np.empty((n, len(codes)), dtype=codes.dtype)
    drawn[:, place] = codes[np.argsort(stratum + rng.random((n, len(codes))), axis=1)]
    return drawn


def _evidence(tests: list[_Test], values: list[np.ndarray], drawn: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return about -ln p (n, len(tests), classes) of each test, as if all were independent, for labels (n, n_cells)."""
    chosen = [len(classes) - 1] if len(classes) == 2 else range(len(classes))
    evidence = np.zeros((len(drawn), len(tests), len(chosen)))
    texts = [at for at, test in enumerate(tests) if test.value]
    for at, code in enumerate(chosen):
        inside = (drawn == code).astype(np.float32)
        if texts:
            has = np.stack([values[number] for number in texts], axis=1).astype(np.float32)
            evidence[:, texts, at] = _of_shares(inside @ has, inside.sum(axis=1)[:, None], has.sum(axis=0), len(has))
        for number, test in enumerate(tests):
            if not test.value:
                evidence[:, number, at] = _of_numbers(values[number], inside)
    return evidence


def _of_shares(n_both, n_inside, n_has, n) -> np.ndarray:
    """Return the evidence of the likelihood ratio test on a table of two by two."""
    cells = (n_both, n_inside - n_both, n_has - n_both, n - n_inside - n_has + n_both)
    margins = (n_inside * n_has, n_inside * (n - n_has), (n - n_inside) * n_has, (n - n_inside) * (n - n_has))
    ratio = sum(xlogy(np.maximum(c, 0), np.maximum(c, 1e-9) * n / m) for c, m in zip(cells, margins, strict=True))
    return -chi2.logsf(2 * np.maximum(ratio, 0), 1)


def _of_numbers(numbers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the evidence of the test of Kolmogorov and Smirnov."""
    known = np.flatnonzero(~np.isnan(numbers))
    order = known[np.argsort(numbers[known], kind="stable")]
    last = np.append(np.diff(numbers[order]) > 0, True)
    inside = np.cumsum(labels[:, order], axis=1)[:, last]
    n_inside, n = inside[:, -1:], len(order)
    outside = np.flatnonzero(last) + 1 - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(inside / n_inside - outside / (n - n_inside)).max(axis=1)
        evidence = 2 * distance**2 * (n_inside * (n - n_inside) / n)[:, 0] - np.log(2)
    return np.maximum(np.nan_to_num(evidence), 0)

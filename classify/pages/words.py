"""Numbers as people read them."""

from collections.abc import Sequence

import pandas as pd


def percent(value: float) -> str:
    """Return 0.92 as "92.0 %", and NaN as a dash."""
    return "—" if pd.isna(value) else f"{_rounded(100 * value, 1)} %"


def plain(value: float) -> str:
    """Return 0.2134 as "0.213", and NaN as a dash."""
    return "—" if pd.isna(value) else _rounded(value, 3)


def points(value: float) -> str:
    """Return a difference of shares, 0.04, as "+4.0", and NaN as a dash."""
    return "—" if pd.isna(value) else f"{round(100 * value, 1) + 0.0:+.1f}"


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # never "-0.0"


NO_INTERVAL = "no interval"
"""In place of an interval that holds all possible values, and so says nothing: there are too few independent images."""


def within(value: float, low: float, high: float, *, unit: str = "%") -> str:
    """Return "92.0 % (87.4–95.0)", or with no unit "0.213 (0.190–0.240)"; the value alone without an interval.

    Below zero a dash would be read as a sign: "-24.0 % (-35.5 to -11.4)". An interval of all possible shares says
    nothing, and is called `NO_INTERVAL`.
    """
    text = percent(value) if unit else plain(value)
    if pd.isna(value) or pd.isna(low):
        return text
    ends = [_rounded(100 * end, 1) if unit else _rounded(end, 3) for end in (low, high)]
    if unit and ends in (["0.0", "100.0"], ["-100.0", "100.0"]):
        return f"{text} ({NO_INTERVAL})"
    return f"{text} ({(' to ' if ends[0].startswith('-') else '–').join(ends)})"


def with_interval(row: pd.Series, score: str = "accuracy", *, unit: str = "%") -> str:
    """Return a score of a row with the interval in its columns ``<score>_low`` and ``<score>_high``."""
    return within(row[score], row[f"{score}_low"], row[f"{score}_high"], unit=unit)


def spread(row: pd.Series) -> str:
    """Return "91.4 ± 2.5 %": mean and sample standard deviation over folds."""
    if pd.isna(row["std"]):
        return percent(row["mean"])
    return f"{_rounded(100 * row['mean'], 1)} ± {_rounded(100 * row['std'], 1)} %"


def listed(parts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def p_value(p: float) -> str:
    """Return "p = 0.40", "p = 0.0042" or "p < 0.0001", and NaN as a dash."""
    if pd.isna(p):
        return "—"
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.2g}"

"""Numbers as people read them."""

from collections.abc import Sequence

import pandas as pd


def percent(value: float) -> str:
    """Return 0.92 as "92.0 %", and NaN as a dash."""
    return "—" if pd.isna(value) else f"{_rounded(100 * value, 1)} %"


def plain(value: float) -> str:
    """Return 0.2134 as "0.213", and NaN as a dash."""
    return "—" if pd.isna(value) else _rounded(value, 3)


def _rounded(value: float, digits: int) -> str:
    """Return a number with its digits, and never "-0.0"."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def within(value: float, low: float, high: float, *, unit: str = "%") -> str:
    """Return "92.0 % (87.4–95.0)", or with no unit "0.213 (0.190–0.240)"; the value alone without an interval.

    Below zero a dash would be read as a sign: "-24.0 % (-35.5 to -11.4)".
    """
    text = percent(value) if unit else plain(value)
    if pd.isna(value) or pd.isna(low):
        return text
    ends = [_rounded(100 * end, 1) if unit else _rounded(end, 3) for end in (low, high)]
    return f"{text} ({(' to ' if ends[0].startswith('-') else '–').join(ends)})"


def with_interval(row: pd.Series, score: str = "accuracy", *, unit: str = "%") -> str:
    """Return a score of a row with the interval in its columns ``<score>_low`` and ``<score>_high``."""
    return within(row[score], row[f"{score}_low"], row[f"{score}_high"], unit=unit)


def spread(row: pd.Series) -> str:
    """Return "91.4 ± 2.5 %": mean and sample standard deviation over folds."""
    return percent(row["mean"]) if pd.isna(row["std"]) else f"{100 * row['mean']:.1f} ± {100 * row['std']:.1f} %"


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

"""One page that shows what an audit found, the worst first, with its tables and pictures as files beside it."""

import re
from collections.abc import Mapping, Sequence
from math import isnan
from numbers import Integral, Real
from pathlib import Path

import pandas as pd

from classify.pages import figure, page_folder, render
from classify.verdict import percent, with_interval
from pipelines.findings import LEVELS, Finding, Table

MOST_ROWS = 20  # of a table on the page; its CSV holds all
MARK = '<meta name="generator" content="pipelines audit">'  # in audit.html: the files this page links to are its own


def write_page(
    findings: Sequence[Finding],
    checks: Mapping[str, str],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    command: str = "",
) -> Path:
    """Write the folder `out`: a self-contained ``index.html``, and its tables as CSV and its pictures beside it.

    The folder appears whole or not at all, and takes the place of an older audit.

    Parameters
    ----------
    findings : sequence of Finding
        In any order.
    checks : mapping of str to str
        Titles of the checks that were made, by name.
    facts : mapping of str to str
        What was audited and how: terms and their text.
    command : str
        What makes this page again.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    classify.errors.DataError
        `out` holds what no audit wrote.
    featex.errors.StoreError
        `out` cannot be written.
    """
    out, names, by_check = Path(out), FileNames(), _by_check(findings, checks)
    with page_folder(out, _own_files(out / "index.html")) as folder:
        page = {
            "title": title,
            "notices": [],
            "headline": headline(findings),
            "verdict": [
                {"level": one.level, "check": one.check, "title": checks[one.check], "sentence": one.sentence}
                for one in _worst_first(findings)
                if one.level != "fine"
            ],
            "fine": [checks[name] for name, own in by_check.items() if {one.level for one in own} == {"fine"}],
            "sections": [
                {"name": name, "title": checks[name], "findings": [_shown(one, folder, names) for one in own]}
                for name, own in by_check.items()
            ],
            "facts": facts,
            "command": command,
        }
        text = render(Path(__file__).with_name("audit.html"), page)
        (folder / "index.html").write_text(text, encoding="utf-8")
    return out / "index.html"


def verdict_lines(findings: Sequence[Finding], checks: Mapping[str, str]) -> list[str]:
    """Return a line a check for the terminal, the worst first: its level, its title and its worst finding."""
    lines = []
    by_check = _by_check(findings, checks)
    for name in sorted(by_check, key=lambda name: min(map(_badness, by_check[name]), default=len(LEVELS))):
        if not by_check[name]:
            lines.append(f"{'—':5} {checks[name]}: nothing to say.")
            continue
        worst, *others = by_check[name]
        more = sum(one.level == worst.level != "fine" for one in others)
        lines.append(f"{worst.level:5} {checks[name]}: {worst.sentence}" + (f" (And {more} more.)" if more else ""))
    return lines


def headline(findings: Sequence[Finding]) -> str:
    """Return the verdict in a sentence."""
    bad, mind = (sum(one.level == level for one in findings) for level in ("bad", "mind"))
    if bad:
        more = f", and {_number(mind)} more should be kept in mind" if mind else ""
        said = "finding makes" if bad == 1 else "findings make"
        return f"{_number(bad).capitalize()} {said} scores on these images worthless{more}."
    if mind:
        said = "finding says" if mind == 1 else "findings say"
        return f"Nothing was found that makes scores worthless; {_number(mind)} {said} how far they reach."
    return "Nothing was found that would inflate a score." if findings else "Nothing was looked at."


class FileNames:
    """Names of files for what checks call things: safe on any disk, and each given once."""

    def __init__(self):
        self.given = {"index.html"}

    def new(self, wish: str, suffix: str) -> str:
        """Return `wish` with all but letters, digits, "-" and "_" replaced, and numbered where it is taken."""
        stem = re.sub(r"[^\w-]+", "-", wish).strip("-") or "unnamed"
        name, number = stem, 1
        while f"{name}{suffix}".casefold() in self.given:
            number += 1
            name = f"{stem}-{number}"
        self.given.add(f"{name}{suffix}".casefold())
        return f"{name}{suffix}"


def _shown(finding: Finding, folder: Path, names: FileNames) -> dict:
    """Write a finding's tables and pictures, and return it for the page."""
    figures = []
    for picture in finding.pictures:
        name = names.new(Path(picture.name).stem, Path(picture.name).suffix)
        (folder / name).write_bytes(picture.data)
        figures.append(figure(name, picture.caption, picture.data))
    return {
        "level": finding.level,
        "sentence": finding.sentence,
        "tables": [_table(table, folder, names) for table in finding.tables],
        "figures": figures,
    }


def _table(table: Table, folder: Path, names: FileNames) -> dict:
    name, n = names.new(table.name, ".csv"), len(table.rows)
    table.rows.to_csv(folder / name, index=False)
    part = table.rows.head(MOST_ROWS)
    limits = {f"{column} {end}" for column in part for end in ("low", "high") if f"{column} low" in part}
    shown = [column for column in part if column not in limits]
    columns = [_column(part, column, column in table.percent) for column in shown]
    cut = f"the first {MOST_ROWS} of {n:,} rows" if n > MOST_ROWS else ""
    return {
        "title": table.title,
        "file": name,
        "header": [str(column) for column in shown],
        "rows": list(zip(*columns, strict=True)),
        "cut": cut,
    }


def _column(part: pd.DataFrame, column: str, as_percent: bool) -> list[str]:
    """Return a column as texts, each with its interval where the table has columns for its ends."""
    if f"{column} low" in part:
        names = {column: "value", f"{column} low": "value_low", f"{column} high": "value_high"}
        return [with_interval(row, "value") for _, row in part[list(names)].rename(columns=names).iterrows()]
    return [_text(value, as_percent) for value in part[column]]


def _text(value, as_percent: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        return "—" if value is None else str(value)
    if as_percent or isnan(value):
        return percent(value)
    if isinstance(value, Integral) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _by_check(findings: Sequence[Finding], checks: Mapping[str, str]) -> dict[str, list[Finding]]:
    """Return the findings of each check, the worst first."""
    by_check = {name: [] for name in checks}
    for one in _worst_first(findings):
        by_check[one.check].append(one)
    return by_check


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=_badness)


def _badness(finding: Finding) -> int:
    """Return 0 for the worst level, then 1 and 2."""
    return len(LEVELS) - 1 - LEVELS.index(finding.level)


def _own_files(index: Path) -> set[str]:
    """Return the names of the files of an older audit: its page and all that this links to; none if it is another's."""
    try:
        text = index.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return {index.name, *re.findall(r'href="([^"#/:]+)"', text)} if MARK in text else set()


def _number(n: int) -> str:
    return "one" if n == 1 else str(n)

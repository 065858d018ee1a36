"""One page that shows what an audit found, the worst first, with its tables and pictures as files beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Section, shown, write_section
from pipelines.auditing.findings import LEVELS, Finding

MARK = '<meta name="generator" content="pipelines audit">'  # in audit.html: the files this page links to are its own


def write_page(
    findings: Sequence[Finding],
    checks: Mapping[str, str],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    images: str = "",
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
    images : str
        Their digest, so that reports on the same images may show the verdict too.
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
    with page_folder(out, own_files(out / "index.html", MARK)) as folder:
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
                {
                    "name": name,
                    "title": checks[name],
                    "findings": [
                        {"level": one.level, "sentence": one.sentence, **shown(one, folder, names)} for one in own
                    ],
                }
                for name, own in by_check.items()
            ],
            "facts": facts,
            "command": command,
        }
        text = render(Path(__file__).with_name("audit.html"), page)
        (folder / "index.html").write_text(text, encoding="utf-8")
        write_section(_section(findings, checks), folder, images)
    return out / "index.html"


def _section(findings: Sequence[Finding], checks: Mapping[str, str]) -> Section:
    """Return what a report shows of an audit: its verdict, and how well each kind of shortcut tells the label."""
    said = [f"{checks[one.check]}: {one.sentence}" for one in _worst_first(findings) if one.level != "fine"]
    families = next((one.tables for one in findings if one.check == "shortcuts" and one.tables), ())
    warning = ". ".join(one.warning for one in _worst_first(findings) if one.warning)
    title = "The audit: what could inflate these scores"
    return Section("audit", title, [headline(findings), *said], families[:1], warning=warning and f"{warning}.")


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


def _number(n: int) -> str:
    return "one" if n == 1 else str(n)

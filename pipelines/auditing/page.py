"""The page of an audit: its verdict first, then the tables and pictures of each check, as files beside it too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import isnan
from pathlib import Path

from classify.pages.codes import LEVELS, Notice, explained, texts
from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Section, shown, write_section
from classify.pages.words import listed, percent
from featex.system.words import count
from pipelines.auditing.findings import Check, Finding

MARK = '<meta name="generator" content="pipelines audit">'  # in audit.html: the files this page names are its own
MOST = 3  # sentences of one id; further sets are listed in one sentence
SAID = ("FX105",)  # ids that are said even where they are ok
OPEN = 2  # pictures of a check that are shown without a click


def write_page(
    findings: Sequence[Finding],
    checks: Mapping[str, Check],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    names: Mapping[str, str] | None = None,
    images: str = "",
    command: str = "",
) -> Path:
    """Write the folder `out`: a self-contained ``index.html``, and its tables as CSV and its pictures beside it.

    The folder appears whole or not at all, and takes the place of an older audit.

    Parameters
    ----------
    findings : sequence of Finding
        In any order.
    checks : mapping of str to Check
        The checks that were made, by name.
    facts : mapping of str to str
        What was audited and how: terms and their text.
    names : mapping of str to str, optional
        What DIR and SET stand for in the next command of a finding; see `classify.pages.codes.Code.command_for`.
    images : str
        Digest of the images, so that reports on the same images may show the verdict too.
    command : str
        The command that makes this page again.

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
    out, files, by_check = Path(out), FileNames(), _by_check(findings, checks)
    with page_folder(out, own_files(out / "index.html", MARK)) as folder:
        page = {
            "title": title,
            "folder": out.name,
            "notices": [],
            "headline": headline(findings),
            "findings": verdict(findings, names),
            "passed": _passed(findings, checks),
            "main": _main_figure(findings, folder, files),
            "parts": [_part(name, checks[name], part, folder, files) for name, part in by_check.items() if part],
            "facts": facts,
            "codes": explained(one.id for one in findings),
            "command": command,
        }
        text = render(Path(__file__).with_name("audit.html"), page)
        (folder / "index.html").write_text(text, encoding="utf-8")
        write_section(_section(findings), folder, images)
    return out / "index.html"


def verdict(findings: Sequence[Finding], names: Mapping[str, str] | None = None) -> list[Notice]:
    """Return what is not ok, and `SAID`, the worst first, with the next command of each id.

    Of one id, there are at most `MOST` sentences.
    """
    notices = _said([one for one in _worst_first(findings) if one.level != "ok" or one.id in SAID])
    last = {one.id: number for number, one in enumerate(notices)}
    commands = {number: texts()[code].command_for(**names or {}) for code, number in last.items()}
    if any(one.id == "FX105" for one in findings):  # to normalise a normalised copy again changes nothing
        commands = {number: text for number, text in commands.items() if "normalise" not in text.split()}
    return [replace(one, command=commands.get(number, "")) for number, one in enumerate(notices)]


def headline(findings: Sequence[Finding]) -> str:
    """Return the verdict in a sentence: how many findings there are, and what the worst ones say."""
    levels = [level for level in ("critical", "warning") if any(one.level == level for one in findings)]
    if not levels:
        return "No finding makes scores on these images too high."
    worst = [one for one in _worst_first(findings) if one.level == levels[0]]
    claims = dict.fromkeys(one.claim or _lowered(texts()[one.id].title) for one in worst)
    return f"{_numbers(findings, levels)}: {'; '.join(claims)}."


def _numbers(findings: Sequence[Finding], levels: Sequence[str] = tuple(reversed(LEVELS))) -> str:
    """Return "2 critical, 1 warning", without the levels that no finding has."""
    counts = {level: sum(one.level == level for one in findings) for level in levels}
    return ", ".join(count(n, level) if level == "warning" else f"{n} {level}" for level, n in counts.items() if n)


def verdict_lines(findings: Sequence[Finding], checks: Mapping[str, Check]) -> list[str]:
    """Return the verdict for a terminal: a line for each finding that is not ok, and one for all other checks."""
    lines = [one.line for one in verdict(findings)]
    passed = _passed(findings, checks)
    return [headline(findings), *lines, *([f"Nothing to fix: {listed(passed)}."] if passed else [])]


def _passed(findings: Sequence[Finding], checks: Mapping[str, Check]) -> list[str]:
    """Return the titles of the checks in which all is ok; the one of pictures gives no verdict."""
    failing = {one.check for one in findings if one.level != "ok"} | {"appearance"}
    return [check.title for name, check in checks.items() if name not in failing]


def _section(findings: Sequence[Finding]) -> Section:
    """Return what a report shows of an audit: its verdict, and how well file metadata predict the label."""
    notices = [replace(one, command="") for one in verdict(findings)]
    families = next((one.tables for one in findings if one.id == "FX101"), ())
    warning = ". ".join(one.warning for one in _worst_first(findings) if one.warning)
    warning = warning and f"{warning}."
    title = "The audit: what could make these scores too high"
    return Section("audit", title, [headline(findings)], families[:1], warning=warning, findings=notices)


def _said(findings: Sequence[Finding]) -> list[Notice]:
    """Return the sentences of findings; of one id and level at most `MOST`, then one sentence for the others."""
    notices = []
    for (code, level), part in groupby(findings, key=lambda one: (one.id, one.level)):
        part = list(part)
        notices += [Notice(code, one.sentence, level) for one in part[:MOST]]
        if others := part[MOST:]:
            sets = listed([f"“{one.of}”" + ("" if isnan(one.value) else f" ({percent(one.value)})") for one in others])
            notices.append(Notice(code, f"The same holds for {sets}.", level))
    return notices


def _main_figure(findings: Sequence[Finding], folder: Path, files: FileNames) -> list[dict]:
    """Return the figure of the first screen: how well the class can be predicted without the content."""
    pictures = next((one.pictures for one in findings if one.id == "FX101"), ())
    return shown(Section("", "", pictures=pictures), folder, files)["figures"]


def _part(name: str, check: Check, findings: Sequence[Finding], folder: Path, files: FileNames) -> dict:
    """Return what the page shows of a check: what is ok, its tables and its pictures."""
    pictures = [picture for one in findings if one.id != "FX101" for picture in one.pictures]
    tables = [table for one in findings for table in one.tables]
    passed = _said([one for one in findings if one.level == "ok" and name != "appearance" and one.id not in SAID])
    part = shown(Section(name, check.title, tables=tables, pictures=pictures, findings=passed), folder, files)
    seen = OPEN if findings[0].level != "ok" or name == "appearance" else 0
    folded = {"table": len(tables), "picture": max(0, len(pictures) - seen)}
    return part | {
        "level": findings[0].level,
        "summary": findings[0].sentence if name == "appearance" else f"{check.about}: {_numbers(findings)}",
        "seen": part["figures"][:seen],
        "figures": part["figures"][seen:],
        "more": " and ".join(count(n, noun) for noun, n in folded.items() if n),
    }


def _by_check(findings: Sequence[Finding], checks: Mapping[str, Check]) -> dict[str, list[Finding]]:
    """Return the findings of each check, the worst first."""
    by_check = {name: [] for name in checks}
    for one in _worst_first(findings):
        by_check[one.check].append(one)
    return by_check


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by level, and those of one id together."""
    return sorted(findings, key=lambda one: (one.badness, one.id))


def _lowered(title: str) -> str:
    return title[0].lower() + title[1:] if not title[1:2].isupper() else title

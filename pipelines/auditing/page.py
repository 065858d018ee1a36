"""The page of an audit: its findings, the worst first, with their tables and pictures as files beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from classify.pages.codes import Notice, explained
from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Section, shown, write_section
from featex.system.words import count
from pipelines.auditing.findings import Finding

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
    out, names, by_check = Path(out), FileNames(), _by_check(findings, checks)
    with page_folder(out, own_files(out / "index.html", MARK)) as folder:
        page = {
            "title": title,
            "notices": [],
            "headline": headline(findings),
            "verdict": [
                {
                    "id": one.id,
                    "level": one.level,
                    "anchor": _anchor(one),
                    "title": checks[one.check],
                    "sentence": one.sentence,
                }
                for one in _worst_first(findings)
                if one.level != "ok"
            ],
            "passed": [checks[name] for name, part in by_check.items() if {one.level for one in part} == {"ok"}],
            "sections": [
                {
                    "name": name,
                    "title": checks[name],
                    "findings": [
                        {
                            "id": one.id,
                            "level": one.level,
                            "anchor": _anchor(one),
                            "sentence": one.sentence,
                            **shown(one, folder, names),
                        }
                        for one in part
                    ],
                }
                for name, part in by_check.items()
            ],
            "facts": facts,
            "codes": explained(one.id for one in findings),
            "command": command,
            "folder": out.name,
        }
        text = render(Path(__file__).with_name("audit.html"), page)
        (folder / "index.html").write_text(text, encoding="utf-8")
        write_section(_section(findings, checks), folder, images)
    return out / "index.html"


def _section(findings: Sequence[Finding], checks: Mapping[str, str]) -> Section:
    """Return what a report shows of an audit: its verdict, and how well file metadata predict the label."""
    kept = [Notice(one.id, one.sentence, one.level) for one in _worst_first(findings) if one.level != "ok"]
    families = next((one.tables for one in findings if one.id == "FX101"), ())
    warning = ". ".join(one.warning for one in _worst_first(findings) if one.warning)
    title = "The audit: what could make these scores too high"
    return Section("audit", title, [headline(findings)], families[:1], warning=warning and f"{warning}.", findings=kept)


def verdict_lines(findings: Sequence[Finding], checks: Mapping[str, str]) -> list[str]:
    """Return a line for each check, for the terminal, the worst first: its level, its title and its worst finding."""
    lines = []
    by_check = _by_check(findings, checks)
    for name in sorted(by_check, key=lambda name: by_check[name][0].badness):
        worst, *others = by_check[name]
        more = sum(one.level == worst.level != "ok" for one in others)
        lines.append(
            f"{worst.id} {worst.level:8} {checks[name]}: {worst.sentence}" + (f" (And {more} more.)" if more else "")
        )
    return lines


def headline(findings: Sequence[Finding]) -> str:
    """Return the verdict in a sentence."""
    critical, warnings = (sum(one.level == level for one in findings) for level in ("critical", "warning"))
    limit = f"{'limits' if warnings == 1 else 'limit'} what scores mean"
    if critical:
        more = f"; {warnings} more {limit}" if warnings else ""
        make = "makes" if critical == 1 else "make"
        return f"{count(critical, 'finding')} {make} scores on these images worthless{more}."
    if warnings:
        return f"No finding makes scores on these images worthless; {warnings} {limit}."
    return "No finding makes scores on these images too high."


def _by_check(findings: Sequence[Finding], checks: Mapping[str, str]) -> dict[str, list[Finding]]:
    """Return the findings of each check, the worst first."""
    by_check = {name: [] for name in checks}
    for one in _worst_first(findings):
        by_check[one.check].append(one)
    return by_check


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: one.badness)


def _anchor(finding: Finding) -> str:
    """Return the id of a finding on the page, which a link from elsewhere may name."""
    return f"finding-{finding.id}-{finding.of}" if finding.of else f"finding-{finding.id}"

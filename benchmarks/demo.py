"""The expected results of the demo: `python -m benchmarks.demo FOLDER [BACKBONE[=WEIGHTS] ...]`.

Makes what the demo makes with random seeds 0, 1 and 2, for each backbone (by default resnet18 and efficientnet_lite0,
with their ImageNet weights, or those of the file WEIGHTS), and writes the range of each number to
pipelines/demo/expected.json. Of the audits it runs the checks of shortcuts, which the numbers come from. FOLDER keeps
samples and results.
"""

import json
import sys
from pathlib import Path

from featex.layout import Artifacts
from featex.system.progress import TerminalProgress
from pipelines.auditing.audit import audit
from pipelines.cleaning.normalise import normalise
from pipelines.comparison.compare import Comparison, compare
from pipelines.demo import expected
from pipelines.demo.outcome import Outcome, outcome
from pipelines.demo.run import MODELS
from pipelines.sample.make import make_sample

SEEDS = (0, 1, 2)


def measured(folder: Path, backbone: str, weights: str, seed: int) -> Outcome:
    """Return the outcome of a demo with a random seed."""
    progress = TerminalProgress()
    sample, normal, artifacts = folder / "sample", folder / "sample-normal", Artifacts(folder / backbone)
    options = {"backbone": backbone, "weights": weights, "artifacts": artifacts, "progress": progress}
    make_sample(sample, seed=seed, progress=progress.say)
    if not normal.exists():
        normalise(sample, normal, progress=progress)
    audits = [audit(root, only=["shortcuts"], **options) for root in (sample, normal)]
    compare(normal, Comparison(only=MODELS, quick=True, audited=False), **options)
    return outcome(*audits, artifacts.reports / "sample-normal-quick")


def main(folder: str, *backbones: str) -> None:
    """Measure, and write the ranges; backbones that are not named keep theirs."""
    path = Path(expected.__file__).with_name("expected.json")
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    for text in backbones or ("resnet18", "efficientnet_lite0"):
        backbone, _, weights = text.partition("=")
        outcomes = [measured(Path(folder) / f"seed-{seed}", backbone, weights or "imagenet", seed) for seed in SEEDS]
        for seed, one in zip(SEEDS, outcomes, strict=True):
            print(backbone, seed, json.dumps(one.story, indent=1))
        runs[backbone] = [{name: round(value, 4) for name, value in one.numbers.items()} for one in outcomes]
    ranges = {backbone: expected.ranges_of(numbers) for backbone, numbers in runs.items()}
    path.write_text(
        json.dumps({"seeds": dict.fromkeys(runs, SEEDS), "ranges": ranges, "runs": runs}, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

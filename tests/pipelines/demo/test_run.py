import pytest

from featex.layout import Artifacts
from featex.system.progress import Progress
from pipelines.demo.run import SECONDS, UNTRAINED, demo

SMALL = {"n_train": 20, "n_test": 10, "n_custom": 10, "image_size": 32, "steps": 2}


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.long
def test_the_demo_finds_and_removes_the_shortcut_and_keeps_what_is_done(tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")

    def run():
        progress = Heard()
        done = demo(tmp_path / "sample", weights="random", artifacts=artifacts, sample=SMALL, progress=progress)
        return done, progress.lines

    first, lines = run()
    assert [line.split(",")[0] for line in lines if line.startswith("Step ")] == [
        f"Step {number} of {len(SECONDS)}" for number in range(1, len(SECONDS) + 1)
    ]
    assert first.outcome.before.level == "critical"
    assert first.outcome.after.level != "critical"
    assert first.verdict == UNTRAINED
    assert all(page.is_file() for page in first.pages.values())
    normal = artifacts.demo / "sample-normal"
    before = {path: path.stat().st_mtime_ns for path in normal.rglob("*")}
    assert before
    again, lines = run()
    assert again.outcome.numbers == first.outcome.numbers
    assert any("done before" in line for line in lines)
    assert {path: path.stat().st_mtime_ns for path in normal.rglob("*")} == before

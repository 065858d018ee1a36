"""README's commands work as written, one after the other, in a folder with nothing but a small sample set."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.sample.make import make_sample
from tests.documents import ROOT, blocks, commands

README = ROOT / "README.md"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    make_sample(folder / "data" / "sample", n_train=12, n_test=4, n_custom=4, image_size=64, steps=2)
    return folder


@pytest.fixture
def run(weights_file):
    """Return a function that runs a command in a folder and checks that it ends well."""
    environment = {**os.environ, "FEATEX_WEIGHTS": weights_file, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(folder, *command):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr, f"{command}\n{done.stderr}"

    return run


def test_the_first_commands_work_with_no_option_at_all(project, tmp_path, run):
    shutil.copytree(project / "data/sample", tmp_path / "data/sample")
    for command in (["featex", "--help"], ["featex", "extract"], ["classify", "tune", "svm"]):
        run(tmp_path, *command)


@pytest.mark.long
def test_every_console_command_exits_well(project, run):
    for command in commands(README):
        run(project, "sh", "-c", command)
    assert (project / "artifacts/reports/sample-quick/index.html").exists()
    header = (project / "predictions.csv").read_text().splitlines()[0]
    assert header == "path,predicted,prob_ai,prob_real,threshold_ai,answer"


@pytest.mark.long
def test_python_code_runs(project, run):
    for block in blocks(README, "python"):
        run(project, sys.executable, "-c", block)

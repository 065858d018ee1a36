"""README's commands work as written, one after the other, in a folder with nothing but a small sample set."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.sample import make_sample

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    make_sample(folder / "data" / "sample", n_train=12, n_test=4, n_custom=4, image_size=64, steps=2)
    return folder


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def run(weights_file):
    environment = {**os.environ, "FEATEX_WEIGHTS": weights_file, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(project, *command):
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)

    return run


def test_every_console_command_exits_well(project, run):
    commands = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 10
    for command in commands:
        done = run(project, "sh", "-c", command)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr, f"{command}\n{done.stderr}"
    assert (project / "artifacts/reports/sample/index.html").exists()
    header = (project / "predictions.csv").read_text().splitlines()[0]
    assert header == "path,predicted,prob_ai,prob_real,threshold_ai,answer"


def test_python_code_runs(project, run):
    for block in blocks("python"):
        done = run(project, sys.executable, "-c", block)
        assert done.returncode == 0, done.stderr


def test_the_first_commands_work_with_no_option_at_all(project, tmp_path, run):
    shutil.copytree(project / "data/sample", tmp_path / "data/sample")
    for command in (["featex", "--help"], ["featex", "extract"], ["classify", "tune", "--model", "svm"]):
        done = run(tmp_path, *command)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_option_named_in_the_readme_is_there():
    for command, subcommand, options in re.findall(r"`(featex|classify|pipelines) (\w+)([^`|]*)`", README):
        help_text = subprocess.run([BIN / command, subcommand, "--help"], capture_output=True, text=True, check=True)
        for option in re.findall(r"--[a-z-]+", options):
            assert option in help_text.stdout, f"{command} {subcommand} {option}"

"""README's commands work as written, one after the other, in a folder with nothing but a small sample set."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.sample.make import make_sample

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
CLIS = {name: importlib.import_module(f"{name}.cli").cli for name in ("featex", "classify", "pipelines")}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]


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
    for command in (["featex", "--help"], ["featex", "extract"], ["classify", "tune", "--model", "svm"]):
        run(tmp_path, *command)


@pytest.mark.long
def test_every_console_command_exits_well(project, run):
    for command in COMMANDS:
        run(project, "sh", "-c", command)
    assert (project / "artifacts/reports/sample/index.html").exists()
    header = (project / "predictions.csv").read_text().splitlines()[0]
    assert header == "path,predicted,prob_ai,prob_real,threshold_ai,answer"


@pytest.mark.long
def test_python_code_runs(project, run):
    for block in blocks("python"):
        run(project, sys.executable, "-c", block)


def test_every_name_that_python_code_imports_is_there():
    imports = [
        line for block in blocks("python") for line in block.splitlines() if line.startswith(("from ", "import "))
    ]
    assert imports
    exec("\n".join(imports), {})


def test_every_console_command_is_understood(tmp_path, monkeypatch):
    assert len(COMMANDS) >= 10
    monkeypatch.chdir(tmp_path)
    Path("predictions.csv").touch()  # a command before has written it
    for name, subcommand, *arguments in map(shlex.split, COMMANDS):
        CLIS[name].commands[subcommand].make_context(subcommand, arguments)


def test_every_option_named_in_the_readme_is_there():
    for name, subcommand, text in re.findall(r"`(featex|classify|pipelines) (\w+)([^`|]*)`", README):
        known = {option for parameter in CLIS[name].commands[subcommand].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", text)) <= known, f"{name} {subcommand}"

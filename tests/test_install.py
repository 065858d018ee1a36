"""The step of `make setup` that chooses the wheels of torch."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / ".ci/install.py"


@pytest.fixture
def install(monkeypatch):
    """The module, on a machine without a GPU, and with a pip that lists `indexes` and records what it installs."""
    spec = importlib.util.spec_from_file_location("install", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.indexes, module.done = {}, []

    def answer(command, **options):
        key = (command[command.index("versions") + 1], "--index-url" in command)
        text = f"x (1)\nAvailable versions: {module.indexes[key]}\n" if key in module.indexes else ""
        return subprocess.CompletedProcess(command, 0, stdout=text)

    monkeypatch.setattr(module.subprocess, "run", answer)
    monkeypatch.setattr(module, "pip", lambda *arguments: module.done.append(arguments) or 0)
    monkeypatch.setattr(module, "_work", lambda: True)
    return module


def test_a_cpu_wheel_of_torch_without_one_of_torchvision_is_left_alone(install):
    install.indexes = {("torch", False): "2.15.0, 2.13.0+cpu, 2.13.0", ("torchvision", False): "0.29.2, 0.29.1"}
    install.install_cpu_wheels()
    assert install.done == []


def test_a_pair_in_the_configured_indexes_comes_before_pytorchs_index(install):
    pair = {"torch": "2.15.0+cpu, 2.15.0", "torchvision": "0.29.2+cpu, 0.29.2"}
    install.indexes = {(name, own): versions for name, versions in pair.items() for own in (False, True)}
    install.install_cpu_wheels()
    assert install.done == [("install", "torchvision==0.29.2+cpu", "torch>=2.11")]


def test_pytorchs_index_is_asked_next_and_a_pair_that_does_not_work_is_removed(install, monkeypatch):
    install.indexes = {("torch", True): "2.15.0+cpu", ("torchvision", True): "0.29.2+cpu"}
    monkeypatch.setattr(install, "_work", lambda: False)
    install.install_cpu_wheels()
    assert [arguments[0] for arguments in install.done] == ["install", "uninstall"]
    assert "https://download.pytorch.org/whl/cpu" in install.done[0]


def test_an_index_that_does_not_answer_costs_nothing(install, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, 30)

    monkeypatch.setattr(install.subprocess, "run", hang)
    install.install_cpu_wheels()
    assert install.done == []

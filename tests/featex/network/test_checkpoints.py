import argparse
import contextlib
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from featex.errors import WeightsError
from featex.network.checkpoints import read_checkpoint, without_prefix

HEADS = ("fc.",)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.layers, self.fc = Block(), nn.Sequential(Block(), Block()), nn.Linear(4, 2)


NET = Net()
STATE = NET.state_dict()
BODY = {name: tensor for name, tensor in STATE.items() if not name.startswith("fc.")}


def with_prefix(prefix, state=STATE):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def read(path):
    return without_prefix(read_checkpoint(path), STATE, HEADS)[0]


CHECKPOINTS = {
    "plain.pth": STATE,
    "wrapped.pth.tar": {"epoch": 3, "arch": "net", "state_dict": with_prefix("module."), "best": torch.tensor(70.0)},
    "lightning.ckpt": {"state_dict": with_prefix("model."), "hyper_parameters": {"lr": 0.1}, "callbacks": {}},
    "pytorch_model.bin": OrderedDict(STATE),
    "UPPER.PTH": {"net": STATE},
    "no_suffix": {"model_state_dict": STATE, "optimizer_state_dict": {"state": {}, "param_groups": []}},
    "backbone.pth": {"state_dict": with_prefix("backbone.", BODY)},
    "encoder.pth": with_prefix("encoder.", BODY) | {"decoder.weight": torch.zeros(3)},
    "compiled.pth": with_prefix("_orig_mod.module."),
    "moco.pth": {"state_dict": with_prefix("module.encoder_q.") | with_prefix("module.encoder_k.")},
    "dino.pth": {"student": with_prefix("module.backbone.", BODY), "teacher": with_prefix("backbone.", BODY)},
    "ema.pth": {"ema": with_prefix("net."), "step": 5},
    "nested.pth": {"model": {"state_dict": STATE}},
    "whole.pth": NET,
    "wrapped_whole.pth": {"model": NET, "epoch": 3},
    "namespace.pth": {"state_dict": STATE, "args": argparse.Namespace(lr=0.1, out=Path("a"))},
    "numpy.pth": {"state_dict": STATE, "best": np.float64(70), "history": [np.arange(3)]},
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_weights_are_read_from_what_people_keep(tmp_path, name):
    torch.save(CHECKPOINTS[name], tmp_path / name)
    found = read(tmp_path / name)
    assert all(torch.equal(found[key], tensor) for key, tensor in BODY.items())


def test_the_form_that_torch_wrote_before_its_zip_files_is_read(tmp_path):
    what = {"state_dict": STATE, "args": argparse.Namespace(lr=0.1)}
    torch.save(what, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert set(BODY) <= set(read(tmp_path / "w.pth"))


def test_safetensors_are_read_under_any_name(tmp_path):
    save_file(dict(STATE), tmp_path / "w.pth")
    assert set(read(tmp_path / "w.pth")) == set(STATE)


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights.pth", b"x" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Virus scan warning</html>", "web page"),
        (b"\n <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (zipped(), "zip archive"),
        (b"\x08\x07\x12\x07pytorch\x1a\x032.1", "ONNX"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "Keras"),
        (b"\x1f\x8b" + bytes(50), "gzip"),
        (b'{"weight_map": {}}', "JSON"),
        (pickle.dumps({"a": 1}, protocol=2), "torch.save did not write it"),
        (pickle.dumps({"a": 1}, protocol=5), "torch.save did not write it"),
        (b"no weights", "without running code"),
        (bytes(range(256)), "without running code"),
        (saved([1, 2]), "state_dict"),
    ],
)
def test_what_holds_no_weights_is_called_what_it_is(tmp_path, content, words):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        read_checkpoint(tmp_path / "w.pth")
    assert "\x1b" not in str(caught.value)
    assert "options" not in str(caught.value)
    assert "\n" not in str(caught.value)


class Evil:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zip_form", [True, False])
@pytest.mark.parametrize("function", [exec, eval, Path.touch])
def test_code_in_a_checkpoint_is_never_run(tmp_path, function, zip_form):
    mark = tmp_path / "mark"
    argument = mark if function is Path.touch else f"open({str(mark)!r}, 'w')"
    content = {"state_dict": STATE, "more": Evil(function, argument)}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zip_form)
    with contextlib.suppress(WeightsError):
        read_checkpoint(tmp_path / "w.pth")
    assert not mark.exists()


def test_two_networks_that_fit_are_refused_by_name(tmp_path):
    torch.save(with_prefix("left.") | with_prefix("right."), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"left\., right\."):
        read(tmp_path / "w.pth")


def test_names_that_fit_as_they_are_stay_so():
    state, prefix = without_prefix({**STATE, "more.weight": torch.zeros(1)}, STATE, HEADS)
    assert prefix == ""
    assert "more.weight" in state


def test_of_a_network_that_does_not_fit_the_names_are_those_behind_the_prefix():
    state, prefix = without_prefix(
        with_prefix("model.", {k: v for k, v in STATE.items() if "layers.1" not in k}), STATE, HEADS
    )
    assert prefix == "model."
    assert "stem.conv.weight" in state

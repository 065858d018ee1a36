from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.fx.experimental.optimization import fuse

from featex.extraction.extractor import Extractor
from featex.network.backbones import BACKBONES, get_backbone
from featex.network.layers import DEPTHS, STAGES, Depths, fold_batchnorm, widths
from featex.network.views import LAYERS, View
from featex.network.weights import find_weights, load_weights

TIMM = ("test_resnet", "test_convnext", "test_efficientnet", "test_vit", "test_vit2", "test_vit3", "test_vit4")


@pytest.fixture(scope="module")
def resnet(weights_file):
    backbone = BACKBONES["resnet18"]
    return backbone, load_weights(backbone, find_weights(backbone, weights_file))


@pytest.fixture
def pixels():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_every_backbone_has_its_stages():
    assert set(STAGES) == set(BACKBONES)


def test_layers_are_channel_statistics_of_the_modules_of_that_name(resnet, pixels):
    backbone, model = resnet
    with torch.inference_mode():
        said = Depths(model, backbone, LAYERS)(pixels)
        maps = model.maxpool(model.relu(model.bn1(model.conv1(pixels))))
        torch.testing.assert_close(said["stem"], torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], 1))
        maps = model.layer2(model.layer1(maps))
        torch.testing.assert_close(said["layer2"], torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], 1))
        torch.testing.assert_close(said["penultimate"], model(pixels))


def test_layers_come_in_the_order_asked_for(resnet, pixels):
    backbone, model = resnet
    assert list(Depths(model, backbone, ("penultimate", "layer3", "stem"))(pixels)) == ["penultimate", "layer3", "stem"]


def test_the_pass_ends_at_the_last_layer_that_is_wanted(resnet, pixels):
    backbone, model = resnet
    entered = []
    handles = [
        model.get_submodule(name).register_forward_hook(lambda *_, name=name: entered.append(name))
        for name in ("layer1", "layer2", "layer3", "layer4")
    ]
    Depths(model, backbone, ("stem", "layer2"))(pixels)
    assert entered == ["layer1", "layer2"]
    entered.clear()
    Depths(model, backbone, ("layer1", "penultimate"))(pixels)
    assert entered == ["layer1", "layer2", "layer3", "layer4"]
    for handle in handles:
        handle.remove()


def test_a_model_by_itself_runs_on_as_before_also_after_a_failure(resnet, pixels):
    backbone, model = resnet
    depths = Depths(model, backbone, ("layer1",))
    with pytest.raises(RuntimeError):
        depths(torch.zeros(1, 5, 64, 64))
    assert model(pixels).shape == (len(pixels), 512)
    assert list(depths(pixels)) == ["layer1"]


def test_threads_do_not_hear_each_other(resnet):
    backbone, model = resnet
    depths = Depths(model, backbone, ("stem", "layer1"))
    images = [torch.full((1, 3, 64, 64), float(value)) for value in range(24)]
    with torch.inference_mode():
        alone = [depths(image)["layer1"] for image in images]

    def look(image):
        with torch.inference_mode():
            return depths(image)["layer1"]

    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(look, images), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "vit_b_16", *(f"timm:{name}" for name in TIMM)])
def test_widths_are_those_of_what_comes_out(name):
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    backbone = get_backbone(name)
    layers = ("stem", "layer1", "layer4", "penultimate")
    with torch.inference_mode():
        said = Depths(backbone.build(), backbone, layers)(torch.randn(1, 3, backbone.crop, backbone.crop))
    assert {layer: columns.shape[1] for layer, columns in said.items()} == widths(backbone, layers)
    assert all(torch.isfinite(columns).all() for columns in said.values())


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_every_layer(name):
    found = widths(BACKBONES[name], LAYERS)
    assert set(found) == set(LAYERS)
    assert found["penultimate"] == BACKBONES[name].n_features
    assert all(found[layer] % 2 == 0 for layer in DEPTHS)


def test_class_tokens_are_left_out_of_statistics():
    timm = pytest.importorskip("timm")
    backbone = get_backbone("timm:test_vit")
    model = backbone.build()
    pixels = torch.randn(1, 3, backbone.crop, backbone.crop)
    with torch.inference_mode():
        (tokens,) = model.get_intermediate_layers(pixels, n=1, norm=False)  # timm's own, of patches alone
        said = Depths(model, backbone, ("layer4",))(pixels)["layer4"]
    assert isinstance(model, timm.models.vision_transformer.VisionTransformer)
    torch.testing.assert_close(said[:, : tokens.shape[2]], tokens.mean(1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", TIMM)
def test_a_timm_tower_is_filled_from_a_file_and_says_what_timm_says(name, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    save_file(model.state_dict(), tmp_path / "tower.safetensors")
    extractor = Extractor(f"timm:{name}", str(tmp_path / "tower.safetensors"), "cpu", 1, view=View(layers=LAYERS))
    seen = extractor.preprocess(np.random.default_rng(0).integers(0, 256, (200, 220, 3), dtype=np.uint8))
    config = timm.data.resolve_data_config(model=model)
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        features = model.forward_features((seen[None].float() / 255 - mean) / std)
        expected = model.forward_head(features, pre_logits=True)[0].numpy()
    np.testing.assert_allclose(extractor([seen])[0][-len(expected) :], expected, atol=1e-4)


def test_folded_vectors_are_bit_by_bit_those_of_torchs_own_fusion(weights_file, pixels):
    backbone = BACKBONES["resnet18"]
    weights = find_weights(backbone, weights_file)
    with torch.inference_mode():
        expected = fuse(load_weights(backbone, weights))(pixels)
        folded = fold_batchnorm(load_weights(backbone, weights))
        assert torch.equal(folded(pixels), expected)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert hasattr(folded, "layer1")  # its modules keep their names


def test_a_model_that_cannot_be_traced_is_left_as_it_is():
    class Choosy(torch.nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    model = Choosy()
    assert fold_batchnorm(model) is model

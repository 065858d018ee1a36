import pytest
import torch

from featex.network.backbones import BACKBONES
from featex.network.forward import Forward
from featex.network.layers import fold_batchnorm
from featex.network.views import View
from featex.network.weights import find_weights, load_weights
from featex.network.winograd import WinogradConv2d

CPU = torch.device("cpu")


@pytest.fixture
def squares():
    return torch.randint(0, 256, (5, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def forward(weights_file, view=None, batch_size=2) -> Forward:
    backbone = BACKBONES["resnet18"]
    return Forward(view or View(), backbone, find_weights(backbone, weights_file), CPU, batch_size)


def test_squares_are_normalised_and_go_through_the_network_any_number_of_them(weights_file, squares):
    backbone = BACKBONES["resnet18"]
    model = load_weights(backbone, find_weights(backbone, weights_file))
    mean, std = (torch.tensor(side).view(3, 1, 1) for side in (backbone.mean, backbone.std))
    with torch.inference_mode():
        expected = model((squares / 255 - mean) / std)
    for batch_size in (1, 2, 8):
        given = forward(weights_file, batch_size=batch_size)(squares)
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-4 * expected.abs().max().item())


def test_the_columns_stand_input_by_input_and_flips_are_averaged(weights_file, squares):
    both = View(inputs=("rgb", "spectrum"), layers=("layer1", "penultimate"))
    assert forward(weights_file, both)(squares).shape == (5, 128 + 512 + 289)
    mirrored, turned = forward(weights_file, View(tta="flips")), squares.flip(-1)
    torch.testing.assert_close(mirrored(squares), mirrored(turned), rtol=1e-3, atol=1e-4)


def test_a_cpu_computes_in_whole_precision_by_fewer_multiplications(weights_file):
    model = forward(weights_file, View(fast=True))
    assert model.dtype is torch.float32
    assert any(isinstance(module, WinogradConv2d) for module in model.depths.model.modules())


def test_half_precision_leaves_features_nearly_as_they_are(weights_file, squares):
    """What a GPU does when it is to be fast, on the CPU."""
    backbone = BACKBONES["resnet18"]
    model = fold_batchnorm(load_weights(backbone, find_weights(backbone, weights_file)))
    pixels = (squares[:2].float() - 120) / 60
    with torch.inference_mode():
        whole, half = model(pixels), model.half()(pixels.half()).float()
    assert torch.nn.functional.cosine_similarity(whole, half).min() > 0.9999

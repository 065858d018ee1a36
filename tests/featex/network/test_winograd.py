import pytest
import torch
from torch import nn

from featex.network.backbones import BACKBONES
from featex.network.layers import fold_batchnorm
from featex.network.weights import find_weights, load_weights
from featex.network.winograd import LEAST_CHANNELS, WinogradConv2d, suits, with_winograd


def conv(of=LEAST_CHANNELS, to=LEAST_CHANNELS, kernel=3, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(of, to, kernel, **{"padding": 1, **options})


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (7, 7), (14, 9), (5, 28)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_convolution_at_every_size(height, width, bias):
    plain = conv(130, 129, bias=bias)
    x = torch.randn(3, 130, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, given = plain.double()(x.double()), WinogradConv2d(plain.float())(x)
    torch.testing.assert_close(given, expected.float(), rtol=0, atol=3e-5)


def test_a_batch_of_any_memory_layout_gives_the_same():
    fast = WinogradConv2d(conv())
    x = torch.randn(2, LEAST_CHANNELS, 9, 6)
    with torch.inference_mode():
        assert torch.equal(fast(x), fast(x.contiguous(memory_format=torch.channels_last)))


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2},
        {"padding": 0},
        {"padding": "same"},
        {"dilation": 2},
        {"groups": 2},
        {"padding_mode": "reflect"},
        {"kernel": 5},
        {"of": LEAST_CHANNELS - 1},
        {"to": LEAST_CHANNELS - 1},
    ],
)
def test_other_convolutions_stay_as_they_are(options):
    model = nn.Sequential(conv(**options))
    assert suits(conv())
    assert with_winograd(model)[0] is model[0]
    assert type(model[0]) is nn.Conv2d


def test_resnet18_has_nine_of_them_and_gives_the_same_features(weights_file):
    backbone = BACKBONES["resnet18"]
    weights = find_weights(backbone, weights_file)
    plain, fast = load_weights(backbone, weights), with_winograd(fold_batchnorm(load_weights(backbone, weights)))
    assert sum(isinstance(module, WinogradConv2d) for module in fast.modules()) == 9
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, given = plain(x), fast(x)
    assert (given - expected).abs().max() < 1e-4 * expected.abs().max()
    assert torch.nn.functional.cosine_similarity(given, expected).min() > 0.999999

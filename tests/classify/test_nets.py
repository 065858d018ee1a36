import pytest
import torch
from torch import nn

from classify.errors import ModelError
from classify.nets import NETS

SIZES = [(name, size) for name, net in NETS.items() for size in (net.image_size, 32)]


@pytest.mark.parametrize("name", NETS)
def test_every_net_is_listed_under_its_own_name(name):
    assert NETS[name].name == name


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_logits_have_a_column_a_class(name, size):
    with torch.device("meta"):
        logits = NETS[name].build(3, size).eval()(torch.rand(2, 3, size, size))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(0)
    module = NETS[name].build(3, 32)
    nn.functional.cross_entropy(module(torch.rand(4, 3, 32, 32)), torch.tensor([0, 1, 2, 0])).backward()
    without = [name for name, parameter in module.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", NETS)
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(name):
    with pytest.raises(ModelError, match=r"image size 8 .* 16"):
        NETS[name].build(2, 8)


def test_cnn_refuses_a_size_that_is_no_multiple_of_16_and_names_the_nearest():
    with pytest.raises(ModelError, match="image size 104 does not fit cnn; take a multiple of 16, such as 96"):
        NETS["cnn"].build(2, 104)


def test_lenet5_is_the_studys():
    layers, dense = _shapes(NETS["lenet5"].build(2, 32))
    assert layers == [(3, 6, 5), "norm", "relu", "pool", (6, 16, 5), "norm", "relu", "pool"]
    assert dense == [(400, 120), "relu", (120, 84), "relu", (84, 2)]
    recipe = NETS["lenet5"]
    assert (recipe.image_size, recipe.max_epochs, recipe.batch_size, recipe.lr) == (32, 30, 32, 0.001)
    assert recipe.patience is None


def test_cnn_is_the_studys():
    with torch.device("meta"):
        layers, dense = _shapes(NETS["cnn"].build(2, 256))
    blocks = [(3, 32, 7), "P", (32, 64, 5), (64, 128, 5), "P", (128, 256, 3), (256, 362, 3), "P"]
    blocks += [(362, 512, 1), (512, 724, 1), (724, 1024, 1), "P"]
    expected = []
    for block in blocks:
        expected += ["pool"] if block == "P" else [block, "norm", "relu"]
    assert layers == expected
    assert dense == [(262144, 724), "relu", "dropout 0.5", (724, 516), "relu", "dropout 0.5", (516, 2)]
    recipe = NETS["cnn"]
    assert (recipe.image_size, recipe.max_epochs, recipe.batch_size, recipe.lr) == (256, 200, 64, 0.001)
    assert recipe.patience == 10


def _shapes(module):
    """Return what each layer is, of the convolutional and of the dense part."""

    def say(layer):
        match layer:
            case nn.Conv2d():
                return (layer.in_channels, layer.out_channels, layer.kernel_size[0])
            case nn.Linear():
                return (layer.in_features, layer.out_features)
            case nn.BatchNorm2d():
                return "norm"
            case nn.ReLU():
                return "relu"
            case nn.MaxPool2d(kernel_size=2):
                return "pool"
            case nn.Dropout():
                return f"dropout {layer.p}"
        return type(layer).__name__

    return [say(layer) for layer in module.features][1:], [say(layer) for layer in module.head][1:]

import re

import pytest
import torch
from torch import nn

from classify.errors import ModelError
from classify.nets.zoo import CNN3, NETS, CustomCNN, LeNet5

PRETRAINED = [name for name, net in NETS.items() if net.backbone]
TRAINED = [(name, "all") for name in NETS] + [(name, train) for name in PRETRAINED for train in ("last:1", "head")]


@pytest.mark.parametrize("name", NETS)
def test_logits_have_a_column_a_class_at_the_size_the_net_was_made_for(name):
    net = NETS[name]
    with torch.device("meta"):
        logits = net.build(3, net.recipe).eval()(torch.rand(2, 3, net.recipe.image_size, net.recipe.image_size))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(("name", "train"), TRAINED)
def test_every_trained_parameter_gets_a_gradient_and_no_frozen_one(built, name, train):
    module, size = built(name)
    module.zero_grad()
    if name in PRETRAINED:
        module.freeze(NETS[name].recipe.changed(train=train).n_last)
    nn.functional.cross_entropy(module.train()(torch.rand(4, 3, size, size)), torch.tensor([0, 1, 2, 0])).backward()
    parameters = dict(module.named_parameters())
    assert {name for name, p in parameters.items() if p.grad is not None} == {
        name for name, p in parameters.items() if p.requires_grad
    }
    moved = [p.grad.abs().sum() > 0 for p in parameters.values() if p.requires_grad]
    # At these sizes a transformer's last window holds one token, whose attention is one: no gradient for its bias.
    assert sum(moved) > 0.9 * len(moved)


@pytest.mark.parametrize("name", [name for name in NETS if name not in PRETRAINED])
def test_a_net_from_scratch_has_no_layers_to_freeze(name):
    with pytest.raises(ModelError, match=f"{name} has no pretrained layers to freeze"):
        NETS[name].build(2, NETS[name].recipe.changed(train="head"))


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_pretrained_net_sees_what_its_features_are_made_from(name):
    net = NETS[name]
    view, source = net.view(net.recipe), net.source
    assert (view.size, view.resize, view.interpolation) == (source.crop, source.resize, source.interpolation)
    half = net.view(net.recipe.changed(image_size=source.crop // 2))
    assert half.resize == pytest.approx(source.resize / 2, abs=1)
    assert net.view(net.recipe.changed(view="squash")).resize is None


@pytest.mark.parametrize("name", ["lenet5", "cnn", "cnn3"])
def test_the_smallest_size_that_a_refusal_names_is_the_smallest_that_works(name):
    def builds(size: int) -> bool:
        try:
            net = NETS[name].build(2, NETS[name].recipe.changed(image_size=size)).eval()
        except ModelError as error:
            named.add(int(re.search(r"(?:take|such as) (\d+)", str(error)).group(1)))
            return False
        return net(torch.rand(1, 3, size, size)).shape == (1, 2)

    named = set()
    smallest = next(size for size in range(1, 40) if builds(size))
    assert named == {smallest}


def test_cnn_refuses_a_size_that_is_no_multiple_of_16_and_names_the_nearest():
    with pytest.raises(ModelError, match="image size 104 does not fit cnn; take a multiple of 16, such as 96"):
        NETS["cnn"].build(2, NETS["cnn"].recipe.changed(image_size=104))


def test_lenet5_is_the_studys():
    layers, dense = _shapes(LeNet5(2, 32))
    assert layers == [(3, 6, 5), "norm", "relu", "pool", (6, 16, 5), "norm", "relu", "pool"]
    assert dense == [(400, 120), "relu", (120, 84), "relu", (84, 2)]
    recipe = NETS["lenet5"].recipe
    assert (recipe.image_size, recipe.max_epochs, recipe.batch_size, recipe.lr) == (32, 30, 32, 0.001)
    assert recipe.patience is None


def test_cnn_is_the_studys():
    with torch.device("meta"):
        layers, dense = _shapes(CustomCNN(2, 256))
    blocks = [(3, 32, 7), "P", (32, 64, 5), (64, 128, 5), "P", (128, 256, 3), (256, 362, 3), "P"]
    blocks += [(362, 512, 1), (512, 724, 1), (724, 1024, 1), "P"]
    expected = []
    for block in blocks:
        expected += ["pool"] if block == "P" else [block, "norm", "relu"]
    assert layers == expected
    assert dense == [(262144, 724), "relu", "dropout 0.5", (724, 516), "relu", "dropout 0.5", (516, 2)]
    recipe = NETS["cnn"].recipe
    assert (recipe.image_size, recipe.max_epochs, recipe.batch_size, recipe.lr) == (256, 200, 64, 0.001)
    assert recipe.patience == 10


def test_cnn3_has_three_convolutions_with_pooling_and_two_dense_layers():
    layers, dense = _shapes(CNN3(2, 32))
    assert layers == [part for block in ((3, 32, 3), (32, 64, 3), (64, 128, 3)) for part in (block, "relu", "pool")]
    assert dense == [(2048, 64), "relu", (64, 2)]


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

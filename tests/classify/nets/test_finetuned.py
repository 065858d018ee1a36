import pytest
import torch
from torch import nn

from classify.errors import ModelError
from classify.nets.finetuned import LAYERS, FineTuned
from classify.nets.recipe import HEADS
from featex.network.backbones import BACKBONES
from featex.network.weights import find_weights

RESNET = BACKBONES["resnet18"]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return FineTuned(RESNET, 3, 32, "linear", find_weights(RESNET, "random"))


def trained(net):
    return {name for name, parameter in net.body.named_parameters() if parameter.requires_grad}


def test_a_head_alone_leaves_the_body_as_it_is(net):
    net.freeze(0)
    assert trained(net) == set()
    assert all(parameter.requires_grad for parameter in net.head.parameters())


def test_the_last_layer_is_the_last_convolution_with_its_normalisation(net):
    net.freeze(1)
    assert trained(net) == {"layer4.1.conv2.weight", "layer4.1.bn2.weight", "layer4.1.bn2.bias"}


def test_layers_are_counted_as_the_field_counts_them(net):
    layers = [module for module in net.body.modules() if isinstance(module, LAYERS)]
    assert len(layers) == 17 + 3  # and the three that project a shortcut
    net.freeze(20)
    assert trained(net) == {name for name, _ in net.body.named_parameters()}
    with pytest.raises(ModelError, match="this backbone has 20 layers; take last:1 to last:20, or all"):
        net.freeze(21)


@pytest.mark.parametrize("n_last", [0, 1])
def test_where_a_part_is_frozen_no_batch_moves_a_statistic(net, n_last):
    net.freeze(n_last)
    before = {name: buffer.clone() for name, buffer in net.body.named_buffers()}
    net.train()
    net(torch.rand(4, 3, 32, 32))
    assert all(torch.equal(before[name], buffer) for name, buffer in net.body.named_buffers())


def test_where_all_is_trained_batches_move_the_statistics(net):
    net.freeze(None)
    net.train()
    before = net.body.bn1.running_mean.clone()
    net(torch.rand(4, 3, 32, 32))
    assert not torch.equal(before, net.body.bn1.running_mean)


def test_statistics_that_were_merged_into_the_weights_are_left_alone(net):
    for module in net.body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    net.freeze(None)
    net.train()
    net(torch.rand(4, 3, 32, 32))
    assert not net.body.bn1.running_mean.any()
    assert net.body.conv1.weight.requires_grad


def test_dropout_of_the_trained_part_is_at_work_and_that_of_the_frozen_part_is_not():
    backbone = BACKBONES["vgg16"]
    with torch.device("meta"):
        net = FineTuned(backbone, 2, 32, "linear")
    net.freeze(1)  # classifier.3; dropouts stand before and after it
    net.train()
    assert not net.body.classifier[2].training
    assert net.body.classifier[5].training


@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_logits(head):
    torch.manual_seed(0)
    net = FineTuned(RESNET, 3, 32, head, find_weights(RESNET, "random"))
    assert net.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 3)


def test_the_body_is_the_backbone_and_its_normalisation_the_weights(net):
    image = torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor(RESNET.mean)[:, None, None], torch.tensor(RESNET.std)[:, None, None]
    net.eval()
    expected = net.head(net.body((image - mean) / std))
    torch.testing.assert_close(net(image), expected)


def test_head_and_body_have_rates_of_their_own(net):
    net.freeze(1)
    rates = [rate for rate, _ in net.parameter_groups(0.01, None)]
    assert sorted(rates) == [pytest.approx(0.001)] * 3 + [0.01] * 2
    assert {rate for rate, _ in net.parameter_groups(0.01, 0.5)} == {0.01, 0.5}

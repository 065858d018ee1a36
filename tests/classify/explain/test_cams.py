import sys

import numpy as np
import pytest
import torch
from torch import nn

from classify.errors import ModelError
from classify.explain.cams import logits, net_maps, pooled_maps, vectors
from classify.nets.classifier import NetClassifier
from classify.nets.zoo import NETS
from featex.errors import InputError
from featex.extraction.extractor import Extractor


@pytest.fixture(scope="module")
def extractor(weights_file) -> Extractor:
    return Extractor("resnet18", weights_file, "cpu", batch_size=2)


def noise(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8)


def as_classifier(module: nn.Module, net: str = "lenet5") -> NetClassifier:
    classifier = NetClassifier(net)
    classifier.module_, classifier.device_ = module.eval(), "cpu"
    return classifier


def built(net: str, size: int) -> NetClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return as_classifier(NETS[net].build(3, NETS[net].recipe.changed(image_size=size)), net)


def test_features_are_the_means_of_the_maps_of_their_own_images_whatever_the_batch(extractor):
    images = noise(3, 224)
    maps, features = pooled_maps(extractor, images)
    assert maps.shape == (3, 512, 7, 7)
    assert np.array_equal(features, vectors(extractor, images))
    np.testing.assert_allclose(maps.mean(axis=(2, 3)), features, rtol=1e-4, atol=1e-5)
    alone, _ = pooled_maps(extractor, images[2:])
    np.testing.assert_array_equal(maps[2], alone[0])


def test_nothing_is_listened_to_afterwards(extractor):
    pooled_maps(extractor, noise(1, 224))
    assert not torch.nn.modules.module._global_forward_hooks


@pytest.mark.parametrize("name", ["swin_t", "timm:swin_tiny_patch4_window7_224"])
def test_maps_of_transformers_are_found_also_with_channels_last(name):
    maps, features = pooled_maps(Extractor(name, "random", "cpu", 1), noise(1, 224))
    assert maps.shape == (1, 768, 7, 7)
    np.testing.assert_allclose(maps.mean(axis=(2, 3)), features, rtol=1e-4, atol=1e-5)


def test_a_backbone_whose_features_are_no_mean_is_refused_with_a_sentence():
    with pytest.raises(ModelError, match="features of convnext_tiny are no mean over the positions of a map"):
        pooled_maps(Extractor("convnext_tiny", "random", "cpu", 1), noise(1, 224))


def test_logits_are_what_probabilities_are_made_of():
    classifier = built("lenet5", 32)
    classifier.classes_ = np.array(["a", "b", "c"])
    images = noise(5, 32)
    scores = logits(classifier, images, batch_size=2)
    expected = np.log(classifier.predict_proba(images))
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], atol=1e-6)


def test_a_map_is_gradients_times_activations_of_the_difference_of_two_logits():
    classifier = built("lenet5", 32)
    images = noise(2, 32)
    maps = net_maps(classifier, images, [2, 0], [1, 1])
    for image, one, other, values in zip(images, [2, 0], [1, 1], maps, strict=True):
        activations = classifier.module_.features(torch.from_numpy(image[None]).float() / 255).detach().requires_grad_()
        scores = classifier.module_.head(activations)[0]
        (gradients,) = torch.autograd.grad(scores[one] - scores[other], activations)
        np.testing.assert_allclose(values, (gradients * activations).sum(dim=1)[0].detach().numpy(), atol=1e-6)
    assert maps.min() < 0 < maps.max()


def test_a_map_turns_with_its_classes():
    classifier, images = built("cnn3", 32), noise(1, 32)
    np.testing.assert_allclose(
        net_maps(classifier, images, [0], [1]), -net_maps(classifier, images, [1], [0]), atol=1e-6
    )


def test_what_one_position_alone_decides_is_shown_at_that_position():
    head = nn.Linear(4 * 4, 2, bias=False)
    nn.init.zeros_(head.weight)
    head.weight.data[0, 9] = 1  # row 2, column 1
    first = nn.Conv2d(3, 1, 8, stride=8)
    nn.init.constant_(first.weight, 0.01)
    module = nn.Sequential(first, nn.Flatten(), head)
    values = net_maps(as_classifier(module), noise(1, 32), [0], [1])[0]
    assert np.flatnonzero(values).tolist() == [9]
    assert values[2, 1] > 0


@pytest.mark.parametrize(
    ("net", "size", "side"),
    [("lenet5", 32, 5), ("cnn", 64, 4), ("cnn3", 32, 4), ("resnet18", 64, 2), ("vit_b_16", 32, 2)],
)
def test_nets_have_maps_of_their_last_positions_also_where_all_is_frozen(net, size, side):
    classifier = built(net, size)
    classifier.module_.requires_grad_(requires_grad=False)
    values = net_maps(classifier, noise(2, size), [0, 0], [1, 1])
    assert values.shape == (2, side, side)
    assert (np.ptp(values, axis=(1, 2)) > 0).all()


def test_a_net_without_positions_is_refused():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    with pytest.raises(ModelError, match="no maps of more than one position"):
        net_maps(as_classifier(module), noise(1, 16), [0], [1])


def test_without_grad_cam_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(InputError, match=r"pip install '.\[explain\]'"):
        net_maps(built("lenet5", 32), noise(1, 32), [0], [1])

import numpy as np
import pytest
import torch
from torch import nn

from classify.nets import activations as frozen
from classify.nets.activations import Activations, cut
from classify.nets.pixels import Pixels
from classify.nets.zoo import NETS

CPU = torch.device("cpu")
FINE_TUNED = [name for name, net in NETS.items() if net.backbone]


@pytest.fixture
def build(built):
    """Return a function that gives the net of a name, a part of it trained, and its image size."""

    def build(name, train):
        module, size = built(name)
        module.freeze(NETS[name].recipe.changed(train=train).n_last)
        return module.train(), size

    return build


@pytest.mark.parametrize("train", ["head", "last:1"])
@pytest.mark.parametrize("name", FINE_TUNED)
def test_both_halves_together_are_the_net_and_only_the_second_is_trained(build, name, train):
    module, size = build(name, train)
    halves = cut(module)
    assert halves is not None
    prefix, suffix = halves
    assert not any(parameter.requires_grad for parameter in prefix.parameters())
    trained = {id(parameter) for parameter in module.parameters() if parameter.requires_grad}
    assert {id(parameter) for parameter in suffix.parameters() if parameter.requires_grad} == trained
    module.eval()
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(suffix(*prefix(images)), module(images), atol=1e-5, rtol=1e-4)


def test_most_of_a_net_is_in_the_frozen_half(build):
    prefix, suffix = cut(build("resnet18", "last:1")[0])
    sizes = [sum(p.numel() for p in half.parameters()) for half in (prefix, suffix)]
    assert sizes[0] > 0.7 * sum(sizes)


def test_a_net_of_which_nothing_is_frozen_is_not_cut(build):
    assert cut(build("resnet18", "all")[0]) is None
    assert cut(NETS["lenet5"].build(2, NETS["lenet5"].recipe)) is None


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.body(x) if x.sum() > 0 else x)


def test_a_net_whose_code_depends_on_its_input_is_not_cut():
    assert cut(Untraceable()) is None


class Counting(nn.Module):
    """Gives each image's mean, and counts the images it is given."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def forward(self, images):
        self.seen += len(images)
        return (images.mean((1, 2, 3))[:, None],)


@pytest.fixture
def pixels():
    return Pixels(np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 4), np.uint8))


def rows(activations, *parts):
    return [(255 * part[0][:, 0]).round().tolist() for part in activations.batches([np.array(part) for part in parts])]


def test_an_image_is_run_once_whatever_parts_ask_for_it(pixels):
    prefix = Counting()
    for part in (pixels[np.arange(10)], pixels[np.arange(5, 20)], pixels):
        activations = Activations(part, prefix, "a", CPU)
        assert activations.affordable()
        activations.fill()
        assert rows(activations, [0, 3], [2])[0] == [int(part.rows[0]), int(part.rows[3])]
    assert prefix.seen == frozen.BATCH * (1 + 2 + 2)  # the trial image, 10 in two batches, the other 10 in two


def test_another_prefix_reads_nothing_of_the_first(pixels):
    for name in ("a", "b"):
        activations = Activations(pixels, Counting(), name, CPU)
        assert activations.affordable()
        activations.fill()
        assert activations.prefix.seen > 0


def test_what_does_not_fit_or_is_no_tensor_is_not_kept(pixels, monkeypatch):
    class Sizes(Counting):
        def forward(self, images):
            return (*super().forward(images), len(images))

    assert not Activations(pixels, Sizes(), "a", CPU).affordable()
    monkeypatch.setattr(frozen, "fits_in_memory", lambda n_bytes: n_bytes < 4 * 20)
    assert not Activations(pixels, Counting(), "b", CPU).affordable()


def test_what_comes_of_an_image_does_not_depend_on_its_neighbours(build):
    images = np.random.default_rng(0).integers(0, 255, (9, 3, 32, 32), dtype=np.uint8)
    prefix, _ = cut(build("resnet18", "head")[0])
    kept = []
    for part in (np.arange(9), np.array([8, 2])):
        activations = Activations(Pixels(images)[part], prefix, "a", CPU)
        assert activations.affordable()
        activations.fill()
        kept.append(dict(zip(part.tolist(), next(activations.batches([np.arange(len(part))]))[0], strict=True)))
    assert torch.equal(kept[0][2], kept[1][2])
    assert torch.equal(kept[0][8], kept[1][8])

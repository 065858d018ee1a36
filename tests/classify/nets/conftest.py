"""Every net at a small size, untrained, made once: the large ones take seconds."""

from functools import cache

import pytest
import torch

from classify.nets.zoo import NETS

SIZES = {"inception_v3": 75, "xception": 71, "swin_t": 64}


@pytest.fixture(scope="package")
def built():
    """Return a function that gives the net of a name, with a linear head and three classes, and its image size."""

    @cache
    def build(name: str):
        torch.manual_seed(0)
        recipe = NETS[name].recipe.changed(image_size=SIZES.get(name, 32), head="linear")
        return NETS[name].build(3, recipe), recipe.image_size

    yield build
    build.cache_clear()

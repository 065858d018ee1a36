import json

import numpy as np
import pytest

from featex.errors import InputError
from featex.network.views import DEFAULT, LAYERS, View, squares, view_of

WIDTHS = {layer: 10 * number for number, layer in enumerate(LAYERS, 1)} | {"spectrum": 7, "statistics": 5}


def test_the_default_has_no_facts_so_that_its_fingerprint_is_that_of_the_backbone_alone():
    assert DEFAULT.facts == {}
    assert View(tiles=3).facts == {}  # without view tiles their number changes nothing


@pytest.mark.parametrize(
    "view",
    [
        View("crop"),
        View("tiles", tiles=3, pool="each"),
        View(inputs=("residual",), layers=("stem", "layer4")),
        View(tta="flips"),
    ],
)
def test_a_view_comes_back_from_a_passport(view):
    assert view.facts
    assert view_of(json.loads(json.dumps(view.facts))) == view


def test_no_two_views_share_their_facts():
    views = [
        DEFAULT,
        View("crop"),
        View("tiles"),
        View("tiles", tiles=4),
        View("tiles", pool="each"),
        View(tta="flips"),
        View(inputs=("rgb", "spectrum")),
        View(layers=("layer1",)),
        View(layers=("layer1", "layer2")),
    ]
    assert len({json.dumps(view.facts) for view in views}) == len(views)


def test_a_passport_of_a_newer_version_is_refused():
    with pytest.raises(InputError, match="newer version"):
        view_of({"zoom": 2})


def test_where_no_network_is_read_its_layers_do_not_matter():
    view = View("tiles", inputs=("spectrum",), layers=("layer3",))
    assert view.layers_read == ()
    assert view.facts == View("tiles", inputs=("spectrum",)).facts


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"view": "tile"}, "tiles"),
        ({"inputs": ("rbg",)}, "rgb"),
        ({"layers": ("layer5",)}, "layer"),
        ({"layers": ()}, "and each once"),
        ({"inputs": ("rgb", "rgb")}, "and each once"),
        ({"view": "tiles", "tiles": 0}, "1 to 9"),
        ({"view": "tiles", "tiles": 10}, "1 to 9"),
        ({"pool": "each"}, "needs view tiles"),
        ({"tta": "flip"}, "flips"),
        ({"view": "tiles", "pool": "max"}, "pool"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(choices, said):
    with pytest.raises(InputError, match=said):
        View(**choices)


def test_blocks_stand_in_the_order_of_inputs_and_layers():
    view = View("crop", inputs=("residual", "spectrum", "rgb"), layers=("layer1", "stem"))
    names = ["residual layer1", "residual stem", "spectrum", "rgb layer1", "rgb stem"]
    assert view.blocks(WIDTHS) == list(zip(names, [20, 10, 7, 20, 10], strict=True))


def test_tiles_that_are_kept_apart_have_blocks_each():
    view = View("tiles", tiles=2, pool="each", inputs=("spectrum",))
    assert view.blocks(WIDTHS) == [("spectrum of tile 1", 7), ("spectrum of tile 2", 7)]


def test_the_first_square_is_the_middle_and_the_next_are_corners():
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    middle, first, last = squares(image, 4, 3)
    np.testing.assert_array_equal(middle, image[1:5, 2:6])
    np.testing.assert_array_equal(first, image[:4, :4])
    np.testing.assert_array_equal(last, image[2:, 4:])


def test_an_image_of_the_very_size_gives_itself():
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    assert all((square == image).all() for square in squares(image, 4, 9))


@pytest.mark.parametrize("shape", [(1, 1), (3, 9), (9, 3), (2, 2)])
def test_a_small_image_is_continued_by_its_mirror_image(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = squares(image, 6, 5)
    assert found.shape == (5, 6, 6, 3)
    assert {tuple(pixel) for pixel in found.reshape(-1, 3)} <= {tuple(pixel) for pixel in image.reshape(-1, 3)}


def test_a_sentence_tells_every_choice():
    said = View("tiles", tiles=4, inputs=("residual", "statistics"), layers=("layer2",), tta="flips").sentence()
    for word in ("4 squares", "averaged", "layer2 of residual", "statistics", "mirror"):
        assert word in said

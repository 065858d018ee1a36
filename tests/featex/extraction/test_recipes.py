import pytest

from featex.errors import InputError
from featex.extraction.recipes import RECIPES, choose_recipe
from featex.network.views import DEFAULT, View


def test_nothing_chosen_is_the_default():
    assert choose_recipe() == RECIPES["default"]
    assert choose_recipe().views == (DEFAULT,)
    assert choose_recipe().copies == 0


def test_single_choices_change_the_default():
    assert choose_recipe(view="crop", layers=("layer1",)).views == (View("crop", layers=("layer1",)),)
    assert choose_recipe(copies=2).copies == 2


def test_tiles_and_their_pool_ask_for_the_view_of_tiles():
    assert choose_recipe(tiles=3).views[0] == View("tiles", tiles=3)
    assert choose_recipe(pool="each").views[0] == View("tiles", pool="each")


def test_copies_can_be_left_out_of_a_recipe():
    assert choose_recipe("robust", copies=0).copies == 0
    assert choose_recipe("robust", copies=0).views == RECIPES["robust"].views


def test_a_recipe_of_several_views_takes_no_single_choice():
    with pytest.raises(InputError, match="leave out view"):
        choose_recipe("robust", view="crop")


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="robust"):
        choose_recipe("robus")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_says_what_it_takes(recipe):
    assert recipe.about
    assert all(view.sentence() in recipe.sentence() for view in recipe.views)

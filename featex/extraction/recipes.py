"""Recipes of features: named choices of views and copies, and how single options change one."""

from dataclasses import dataclass, replace

from featex.errors import UsageError, unknown
from featex.network.views import DEFAULT, View


@dataclass(frozen=True)
class FeatureRecipe:
    """What `featex.extract` computes for each image, apart from the backbone.

    Parameters
    ----------
    name : str
    views : tuple of View
        Their columns are concatenated.
    copies : int
        Number of varied copies of each training image.
    model : str
        The model that is tuned on these features: a name in `classify.models.registry.MODELS`.
    about : str
        A description in one line.
    """

    name: str
    views: tuple[View, ...] = (DEFAULT,)
    copies: int = 0
    model: str = "svm"
    about: str = ""

    def sentence(self) -> str:
        """Return a description of the views in words."""
        return "; ".join(view.sentence() for view in self.views)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        FeatureRecipe("default", about="the penultimate layer for the whole image; for images from known sources"),
        FeatureRecipe(
            "robust",
            (View(layers=("layer1",)), View("tiles", tiles=5, inputs=("spectrum", "statistics"))),
            copies=1,
            about="an early layer, and spectrum and statistics of squares at full resolution, for images from unknown "
            "sources; with a varied copy of each training image",
        ),
    )
}


def choose_recipe(recipe: str | FeatureRecipe = "default", *, copies: int | None = None, **choices) -> FeatureRecipe:
    """Return a recipe in which the given choices replace those of the recipe.

    Parameters
    ----------
    recipe : str or FeatureRecipe
        A name in `RECIPES`, or a recipe.
    copies : int, optional
    **choices
        Fields of `View`; None keeps the recipe's choice.

    Raises
    ------
    InputError
        If a name is unknown, or choices contradict each other.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise unknown("recipe", recipe, RECIPES)
        recipe = RECIPES[recipe]
    choices = {name: value for name, value in choices.items() if value is not None}
    if "tiles" in choices or "pool" in choices:
        choices.setdefault("view", "tiles")
    if choices.get("view", "tiles") != "tiles":
        choices.setdefault("pool", "mean")
    if choices and len(recipe.views) > 1:
        raise UsageError(
            f"the recipe {recipe.name} joins several views; leave out {', '.join(choices)}, or leave out --recipe"
        )
    views = (replace(recipe.views[0], **choices),) if choices else recipe.views
    return replace(recipe, views=views, copies=recipe.copies if copies is None else copies)

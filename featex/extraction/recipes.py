"""Named choices of what is taken of an image: RECIPES, and how single choices change one."""

from dataclasses import dataclass, replace

from featex.errors import InputError, unknown
from featex.network.views import DEFAULT, View


@dataclass(frozen=True)
class Recipe:
    """What `featex.extract` takes of images, beside the backbone.

    Parameters
    ----------
    name : str
    views : tuple of View
        Their columns stand side by side.
    copies : int
        Varied copies of each training image.
    model : str
        What is tuned on it: a name in `classify.models.registry.MODELS`.
    about : str
        One line for people.
    """

    name: str
    views: tuple[View, ...] = (DEFAULT,)
    copies: int = 0
    model: str = "svm"
    about: str = ""

    def sentence(self) -> str:
        """Return what is taken of an image, for people."""
        return "; ".join(view.sentence() for view in self.views)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("default", about="the penultimate layer for the whole image: strong where the source stays the same"),
        Recipe(
            "robust",
            (View(layers=("layer1",)), View("tiles", tiles=5, inputs=("spectrum", "statistics"))),
            copies=1,
            about="an early layer, and spectrum and statistics of squares at their own resolution, made to travel to "
            "other sources; and a varied copy of each training image",
        ),
    )
}


def choose(recipe: str = "default", *, copies: int | None = None, **choices) -> Recipe:
    """Return a recipe with what was chosen put in place of its own.

    Parameters
    ----------
    recipe : str
        A name in `RECIPES`.
    copies : int, optional
    **choices
        Fields of `View`; None leaves the recipe's.

    Raises
    ------
    InputError
        If a name is unknown, or choices do not go together.
    """
    if recipe not in RECIPES:
        raise unknown("recipe", recipe, RECIPES)
    told = RECIPES[recipe]
    given = {name: value for name, value in choices.items() if value is not None}
    if "tiles" in given or "pool" in given:
        given.setdefault("view", "tiles")
    if given.get("view", "tiles") != "tiles":
        given.setdefault("pool", "mean")
    copies = told.copies if copies is None else copies
    if not given:
        return replace(told, copies=copies)
    if len(told.views) > 1:
        raise InputError(
            f"the recipe {recipe} joins several views; leave out {', '.join(given)}, or leave out --recipe"
        )
    return replace(told, views=(replace(told.views[0], **given),), copies=copies)

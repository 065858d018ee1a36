"""Named choices of what is taken of an image: RECIPES, and how single choices change one."""

from dataclasses import dataclass, replace

from featex.errors import unknown
from featex.views import DEFAULT, View


@dataclass(frozen=True)
class Recipe:
    """What `featex.extract` takes of images, beside the backbone.

    Parameters
    ----------
    name : str
    view : View
    copies : int
        Varied copies of each training image.
    model : str
        What is tuned on it: a name in `classify.models.MODELS`.
    about : str
        One line for people.
    """

    name: str
    view: View = DEFAULT
    copies: int = 0
    model: str = "svm"
    about: str = ""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("default", about="the penultimate layer for the whole image: strong where the source stays the same"),
        Recipe(
            "robust",
            View("tiles", tiles=5, inputs=("spectrum", "statistics")),
            copies=1,
            about="spectrum and statistics of squares at their own resolution, made to travel to other sources; and a "
            "varied copy of each training image",
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
    view = replace(told.view, **given)
    return replace(told, view=view, copies=told.copies if copies is None else copies)

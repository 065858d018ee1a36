"""Choice: the backbone and the weights that a command uses, found in one order everywhere.

A file that the user names, torch's cache, a download, then the backbone whose weights come with a package, then
untrained weights. Whatever is not the first choice is said aloud.
"""

from importlib.util import find_spec
from pathlib import Path

from featex.network.backbones import BACKBONES, Backbone, get_backbone
from featex.network.published import PACKAGES, UnavailableError, local, published, sha256_of
from featex.network.weights import Weights, find_weights, fitting, untrained
from featex.system.progress import Progress

FIRST = "resnet18"
SECOND = "efficientnet_lite0"


def choose_network(
    backbone: str = "auto", weights: str = "auto", progress: Progress | None = None
) -> tuple[Backbone, Weights]:
    """Return the backbone and the weights that a user's choices stand for.

    Parameters
    ----------
    backbone : str
        As in `featex.network.backbones.get_backbone`; or "auto": resnet18, or efficientnet_lite0 where `weights` is
        "auto" and only its weights can be had, or where `weights` is its file. A named backbone is never replaced.
    weights : str
        As in `featex.network.weights.find_weights`.
    progress : Progress, optional
        Hears of a download, and of every choice that is not the first.

    Raises
    ------
    InputError
        If there is no such backbone.
    WeightsError
        If `weights` are named and not available.
    """
    progress = progress or Progress()
    if backbone != "auto":
        network = get_backbone(backbone)
        return network, find_weights(network, weights, progress)
    first, second = BACKBONES[FIRST], BACKBONES[SECOND]
    path = Path(weights).expanduser()
    if path.is_file() and sha256_of(path) == PACKAGES[SECOND].sha256:
        return second, find_weights(second, str(path), progress)
    weights = fitting(first, weights, progress)
    if weights != "auto":
        return first, find_weights(first, weights, progress)
    try:
        path, sha256 = published(first, progress, patient=False)
        return first, Weights("imagenet", sha256, path)
    except UnavailableError as error:
        tried = error.tried
    if local(second) is None or find_spec("timm") is None:
        return first, untrained(first, tried, progress)
    progress.say(
        f"Using {SECOND}, because no ImageNet weights of {FIRST} are here; for {FIRST}, name a file with "
        "--weights FILE or FEATEX_WEIGHTS"
    )
    progress.remark(f"Tried for {FIRST}: {tried}")
    return second, find_weights(second, "imagenet", progress)


def settle_network(backbone: str, weights: str, progress: Progress) -> dict[str, str]:
    """Return `backbone` and `weights` by names that choose the same again, and without a word; for several extractions.

    The arguments are those of `choose_network`.
    """
    chosen, found = choose_network(backbone, weights, progress)
    return {"backbone": chosen.name, "weights": found.origin}

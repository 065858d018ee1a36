"""View: which pixels of an image a network is shown, as what, and at which depths it is read."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from featex.errors import InputError, unknown

VIEWS = ("resize", "crop", "tiles")
INPUTS = ("rgb", "residual", "spectrum", "statistics")
OF_NETWORK = ("rgb", "residual")
PENULTIMATE = "penultimate"
LAYERS = ("stem", "layer1", "layer2", "layer3", "layer4", PENULTIMATE)
POOLS = ("mean", "each")
TTA = ("none", "flips")
# Corners and middle first: they cover a square image that is twice as wide as a tile, and overlap in a smaller one.
_PLACES = np.array([(0.5, 0.5), (0, 0), (1, 1), (0, 1), (1, 0), (0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)])


@dataclass(frozen=True)
class View:
    """What is taken from an image, beside the backbone; all of it is in the extractor's fingerprint.

    Parameters
    ----------
    view : {"resize", "crop", "tiles"}
        The whole image made small, as the backbone was trained; its middle at its own resolution; or `tiles` such
        squares. Resizing removes the fine traces that generators leave, and keeps what the picture shows.
    tiles : int
        1 to 9 squares: the middle, the corners, the sides. They overlap in an image that is too small for them.
    pool : {"mean", "each"}
        Whether tiles are averaged, or each keeps columns of its own, for a model that judges them one by one.
    inputs : tuple of {"rgb", "residual", "spectrum", "statistics"}
        The network sees the colours, or what a Gaussian blur (sigma 1 pixel) takes from them, times 6. The residual's
        spectrum, and the statistics of natural scenes, need no network; see `featex.signals`.
    layers : tuple of str
        Of `LAYERS`: the penultimate layer's values, and of each other the mean and standard deviation of each channel.
        Early layers see texture, late ones see what the picture shows.
    tta : {"none", "flips"}
        Test-time augmentation: whether vectors of the image and of its mirror image are averaged.
    fast : bool
        Whether the vector may be off by a little, for time: a large JPEG is made smaller while it is decoded (to no
        less than twice what is needed), and a GPU decodes by itself and computes with half precision. For the whole
        image in its colours alone: at their own resolution, pixels must be exact.
    """

    view: str = "resize"
    tiles: int = 5
    pool: str = "mean"
    inputs: tuple[str, ...] = ("rgb",)
    layers: tuple[str, ...] = (PENULTIMATE,)
    tta: str = "none"
    fast: bool = False

    def __post_init__(self):
        for what, value, there in (("view", self.view, VIEWS), ("pool", self.pool, POOLS), ("tta", self.tta, TTA)):
            if value not in there:
                raise unknown(what, value, there)
        for what, values, there in (("input", self.inputs, INPUTS), ("layer", self.layers, LAYERS)):
            for value in values:
                if value not in there:
                    raise unknown(what, value, there)
            if not values or len(set(values)) < len(values):
                raise InputError(f"{what}s {', '.join(values) or 'of no name'}: name each once, and one at least")
        if not 1 <= self.tiles <= len(_PLACES):
            raise InputError(f"{self.tiles} tiles: there are places for 1 to {len(_PLACES)}")
        if self.view != "tiles" and self.pool == "each":
            raise InputError("to pool is for view tiles; leave out pool each, or take tiles")
        if self.fast and (self.view, self.inputs) != ("resize", ("rgb",)):
            raise InputError(
                "fast is for view resize and input rgb, where pixels may be inexact; leave out fast or the rest"
            )

    @property
    def n_squares(self) -> int:
        """How many squares of an image go through the network."""
        return self.tiles if self.view == "tiles" else 1

    @property
    def facts(self) -> dict:
        """All choices but those that do not matter, as JSON can hold them; {} for the default."""
        own = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        if self.view != "tiles":
            del own["tiles"], own["pool"]
        if not self.layers_read:
            del own["layers"]
        if not self.fast:
            del own["fast"]
        return {} if self == View(tiles=self.tiles) else own

    @property
    def layers_read(self) -> tuple[str, ...]:
        """Layers of the network that are read; () where none is, and the weights do not matter."""
        return self.layers if set(self.inputs) & set(OF_NETWORK) else ()

    def blocks(self, widths: dict[str, int]) -> list[tuple[str, int]]:
        """Return name and number of columns of each block of the vector, in their order.

        Parameters
        ----------
        widths : dict of str to int
            Columns that each layer gives, and each input that needs no network.
        """
        one = []
        for kind in self.inputs:
            if kind in OF_NETWORK:
                one += [(f"{kind} {layer}", widths[layer]) for layer in self.layers]
            else:
                one.append((kind, widths[kind]))
        if self.pool == "mean":
            return one
        return [(f"{name} of tile {tile}", width) for tile in range(1, self.tiles + 1) for name, width in one]

    def sentence(self) -> str:
        """Return what is taken of an image, for people."""
        what = {
            "resize": "the whole image, made small",
            "crop": "its middle at its own resolution",
            "tiles": f"{self.tiles} squares at its own resolution",
        }[self.view]
        nets = [kind for kind in self.inputs if kind in OF_NETWORK]
        parts = [f"{' and '.join(self.layers)} of {' and of '.join(nets)}"] if nets else []
        parts += [kind for kind in self.inputs if kind not in OF_NETWORK]
        pooled = ", averaged" if self.n_squares > 1 and self.pool == "mean" else ""
        mirrored = ", with its mirror image" if self.tta == "flips" else ""
        quickly = ", fast" if self.fast else ""
        return f"{what}{pooled}{mirrored}{quickly}: {', '.join(parts)}"


DEFAULT = View()


def view_of(facts: dict | None) -> View:
    """Return the view that a passport keeps as `View.facts`; none stands for the default.

    Raises
    ------
    InputError
        If it is of a version that knows more choices.
    """
    facts = {key: tuple(value) if isinstance(value, list) else value for key, value in (facts or {}).items()}
    if surplus := facts.keys() - {field.name for field in fields(View)}:
        raise InputError(f"a view with {', '.join(sorted(surplus))} was made by a newer version; install that")
    return View(**facts)


def squares(image: np.ndarray, side: int, n: int) -> np.ndarray:
    """Return `n` squares of an image at its own resolution, (n, side, side, 3) uint8: its middle first.

    An image that is too small is continued by its mirror image, which adds no edge and no frequency of its own.
    """
    height, width, _ = image.shape
    if min(height, width) < side:
        missing = [max(0, side - length) for length in (height, width)]
        image = np.pad(image, [(gap // 2, gap - gap // 2) for gap in missing] + [(0, 0)], mode="symmetric")
        height, width, _ = image.shape
    corners = np.floor(_PLACES[:n] * (height - side, width - side)).astype(int)
    return np.stack([image[top : top + side, left : left + side] for top, left in corners])

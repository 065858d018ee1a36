"""View: which pixels of an image are used, in which form, and which layers of the network give features."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from featex.errors import InputError, UsageError, unknown

VIEWS = ("resize", "crop", "tiles")
INPUTS = ("rgb", "residual", "spectrum", "statistics")
OF_NETWORK = ("rgb", "residual")
PENULTIMATE = "penultimate"
LAYERS = ("stem", "layer1", "layer2", "layer3", "layer4", PENULTIMATE)
POOLS = ("mean", "each")
TTA = ("none", "flips")
# The middle and the corners come first: they cover a square image that is twice as wide as a tile.
_PLACES = np.array([(0.5, 0.5), (0, 0), (1, 1), (0, 1), (1, 0), (0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)])


@dataclass(frozen=True)
class View:
    """How features are taken from an image, apart from the backbone; part of the extractor's fingerprint.

    Parameters
    ----------
    view : {"resize", "crop", "tiles"}
        The whole image resized, as in the backbone's training; or its middle, or several squares, at full resolution.
        Resizing removes the fine traces that generators leave, and keeps the content of the picture.
    tiles : int
        Number of squares, 1 to 9: the middle, the corners, the sides. In a small image they overlap.
    pool : {"mean", "each"}
        Average the vectors of tiles, or keep separate columns for each, for a model that scores them one by one.
    inputs : tuple of {"rgb", "residual", "spectrum", "statistics"}
        The network sees the colours, or their residual: the colours minus a Gaussian blur (sigma 1 pixel), times 6.
        The spectrum of the residual and natural scene statistics need no network; see `featex.network.signals`.
    layers : tuple of str
        Names in `LAYERS`. The penultimate layer gives its values, each other layer the mean and standard deviation of
        each channel. Early layers represent texture, late layers content.
    tta : {"none", "flips"}
        Test-time augmentation: "flips" averages the vectors of the image and its mirror image.
    fast : bool
        Trade a little accuracy for speed: a large JPEG is decoded at a reduced size (at least twice what is needed),
        and a GPU decodes JPEGs itself and computes in half precision. Only for view resize and input rgb, because at
        full resolution the pixels must be exact.
    """

    view: str = "resize"
    tiles: int = 5
    pool: str = "mean"
    inputs: tuple[str, ...] = ("rgb",)
    layers: tuple[str, ...] = (PENULTIMATE,)
    tta: str = "none"
    fast: bool = False

    def __post_init__(self):
        for what, values, choices in (
            ("view", (self.view,), VIEWS),
            ("pool", (self.pool,), POOLS),
            ("tta", (self.tta,), TTA),
            ("input", self.inputs, INPUTS),
            ("layer", self.layers, LAYERS),
        ):
            for value in values:
                if value not in choices:
                    raise unknown(what, value, choices)
            if not values or len(set(values)) < len(values):
                raise UsageError(f"{what}s {', '.join(values) or 'without a name'}: name at least one, and each once")
        if not 1 <= self.tiles <= len(_PLACES):
            raise UsageError(f"{self.tiles} tiles: choose 1 to {len(_PLACES)}")
        if self.view != "tiles" and self.pool == "each":
            raise UsageError("pool each needs view tiles; leave out one of them")
        if self.fast and (self.view, self.inputs) != ("resize", ("rgb",)):
            raise UsageError("fast works only with view resize and input rgb; leave out fast, or the other options")

    @property
    def n_squares(self) -> int:
        """Number of squares of an image that go through the network."""
        return self.tiles if self.view == "tiles" else 1

    @property
    def facts(self) -> dict:
        """The choices that affect the vectors, as JSON values; {} for the default."""
        choices = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        if self.view != "tiles":
            del choices["tiles"], choices["pool"]
        if not self.layers_read:
            del choices["layers"]
        if not self.fast:
            del choices["fast"]
        return {} if self == View(tiles=self.tiles) else choices

    @property
    def layers_read(self) -> tuple[str, ...]:
        """Layers of the network that give features; () if no network is used, and weights do not matter."""
        return self.layers if set(self.inputs) & set(OF_NETWORK) else ()

    def blocks(self, widths: dict[str, int]) -> list[tuple[str, int]]:
        """Return name and number of columns of each block of the vector, in their order.

        Parameters
        ----------
        widths : dict of str to int
            Columns of each layer, and of each input that needs no network.
        """
        tile_blocks = []
        for kind in self.inputs:
            if kind in OF_NETWORK:
                tile_blocks += [(f"{kind} {layer}", widths[layer]) for layer in self.layers]
            else:
                tile_blocks.append((kind, widths[kind]))
        if self.pool == "mean":
            return tile_blocks
        return [(f"{name} of tile {tile}", width) for tile in range(1, self.tiles + 1) for name, width in tile_blocks]

    def sentence(self) -> str:
        """Return a description of the view in words."""
        what = {
            "resize": "the whole image, resized",
            "crop": "its middle at full resolution",
            "tiles": f"{self.tiles} squares at full resolution",
        }[self.view]
        nets = [kind for kind in self.inputs if kind in OF_NETWORK]
        parts = [f"{' and '.join(self.layers)} of {' and of '.join(nets)}"] if nets else []
        parts += [kind for kind in self.inputs if kind not in OF_NETWORK]
        pooled = ", averaged" if self.n_squares > 1 and self.pool == "mean" else ""
        mirrored = ", with its mirror image" if self.tta == "flips" else ""
        quickly = ", fast" if self.fast else ""
        return f"{what}{pooled}{mirrored}{quickly}: {', '.join(parts)}"


DEFAULT = View()


def view_of(facts: dict) -> View:
    """Return the view with these `View.facts`."""
    facts = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    if surplus := facts.keys() - {field.name for field in fields(View)}:
        raise InputError(f"a view with {', '.join(sorted(surplus))} was made by a newer version; install that version")
    return View(**facts)


def squares(image: np.ndarray, side: int, n: int) -> np.ndarray:
    """Return `n` squares of an image at full resolution, (n, side, side, 3) uint8, the middle first.

    A small image is padded with its mirror image, which adds no edges and no new frequencies.
    """
    height, width, _ = image.shape
    if min(height, width) < side:
        missing = [max(0, side - length) for length in (height, width)]
        image = np.pad(image, [(gap // 2, gap - gap // 2) for gap in missing] + [(0, 0)], mode="symmetric")
        height, width, _ = image.shape
    corners = np.floor(_PLACES[:n] * (height - side, width - side)).astype(int)
    return np.stack([image[top : top + side, left : left + side] for top, left in corners])

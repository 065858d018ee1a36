"""Extractors of several views as one, and the extractor that a passport describes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from featex.errors import WeightsError
from featex.extraction.extractor import Extractor
from featex.network.backbones import FallbackWeights, get_backbone
from featex.network.choice import settle_network
from featex.network.published import local, sha256_of
from featex.network.views import View, view_of
from featex.network.weights import KEYWORDS, find_weights
from featex.store.joined import joined_passport
from featex.system.progress import Progress


class JoinedExtractor:
    """Several extractors as one; an image is decoded once for all of them.

    Parameters
    ----------
    parts : sequence of Extractor
    """

    def __init__(self, parts: Sequence[Extractor]):
        self.parts = list(parts)
        self.passport = joined_passport([part.passport for part in parts])
        self.name, self.fingerprint = self.passport["name"], self.passport["fingerprint"]
        self.n_features = self.passport["n_features"]
        self.blocks = [tuple(block) for block in self.passport["blocks"]]
        self.batch_size = min(part.batch_size for part in parts)
        self.device = parts[0].device

    def build(self) -> None:
        """Build all models now; raise WeightsError if weights do not fit."""
        for part in self.parts:
            part.build()

    @property
    def least_side(self) -> int | None:
        """Least side in pixels of an image that is decoded at a reduced size; None for the full size."""
        sides = [part.least_side for part in self.parts]
        return None if None in sides else max(sides)

    def undecoded(self, data: bytes) -> None:
        """Return None: every image is decoded on the CPU, for all parts."""

    def preprocess(self, image: np.ndarray) -> tuple:
        """Return the squares of an image (height, width, 3) uint8 for each extractor."""
        return tuple(part.preprocess(image) for part in self.parts)

    def __call__(self, batch: Sequence[tuple]) -> np.ndarray:
        """Return the features of preprocessed images, (len(batch), n_features) float32."""
        return np.concatenate([part([image[i] for image in batch]) for i, part in enumerate(self.parts)], axis=1)


def extractor_for(
    views: Sequence[View], backbone: str = "auto", weights: str = "auto", *args, progress=None, **options
) -> Extractor | JoinedExtractor:
    """Return the extractor of one view, or of several joined views; the other arguments are those of `Extractor`.

    The network is chosen once for all views.
    """
    if len(views) > 1 and any(view.layers_read for view in views):
        backbone, weights = settle_network(backbone, weights, progress or Progress()).values()
    parts = [Extractor(backbone, weights, *args, progress=progress, **options, view=view) for view in views]
    return parts[0] if len(parts) == 1 else JoinedExtractor(parts)


def _fits(weights: str, passport: dict) -> bool:
    """Return whether weights are a file with the sha256 in a passport."""
    if not passport["weights_sha256"] or weights in KEYWORDS:
        return False
    try:
        return find_weights(get_backbone(passport["backbone"]), str(weights)).sha256 == passport["weights_sha256"]
    except WeightsError:
        return False


def _origin(passport: dict) -> str:
    """Return where the weights of a passport are: there, or in torch's cache or a package if the file has gone."""
    origin = passport["weights"]
    if origin in KEYWORDS or not passport["weights_sha256"] or Path(origin).exists():
        return origin
    path = local(get_backbone(passport["backbone"]))
    return "imagenet" if path is not None and sha256_of(path) == passport["weights_sha256"] else origin


def weights_are_here(passport: dict, weights: str | None = None) -> bool:
    """Return whether this machine has the weights of a passport, in the file `weights` or where they usually are."""
    if "parts" in passport:
        return all(weights_are_here(part, weights) for part in passport["parts"])
    origin, sha256 = passport["weights"], passport["weights_sha256"]
    if not sha256 or origin == "random" or (weights and _fits(weights, passport)):
        return True
    places = [local(get_backbone(passport["backbone"])), None if origin in KEYWORDS else Path(origin)]
    return any(place.is_file() and sha256_of(place) == sha256 for place in places if place)


def extractor_of(
    passport: dict, weights: str | None = None, device: str = "auto", **options
) -> Extractor | JoinedExtractor:
    """Return the extractor that a passport describes.

    Parameters
    ----------
    passport : dict
        `Extractor.passport`.
    weights : str, optional
        Where the weights are now, if not where the passport says; a `FallbackWeights` is used only if its hash fits.
    **options
        `batch_size` and `progress`.

    Raises
    ------
    WeightsError
        If the weights are not available. Compare the fingerprints to see whether they are the same weights.
    """
    if "parts" in passport:
        return JoinedExtractor([extractor_of(part, weights, device, **options) for part in passport["parts"]])
    if isinstance(weights, FallbackWeights) and not _fits(weights, passport):
        weights = None
    view = view_of(passport["view"])
    return Extractor(passport["backbone"], weights or _origin(passport), device, view=view, **options)

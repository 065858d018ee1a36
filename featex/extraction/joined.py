"""The extractor of one view or of several, and the one that a passport describes."""

from collections.abc import Sequence

import numpy as np

from featex.errors import WeightsError
from featex.extraction.extractor import Extractor
from featex.network.backbones import Spare, get_backbone
from featex.network.views import View, view_of
from featex.network.weights import KEYWORDS, find_weights
from featex.store.joined import joined_passport


class JoinedExtractor:
    """Several extractors as one: an image is decoded once and goes through each.

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
        """Build all models now; raises WeightsError if weights do not fit."""
        for part in self.parts:
            part.build()

    @property
    def least_side(self) -> int | None:
        """How small an image may be made while it is decoded: what the neediest part takes; None for whole images."""
        sides = [part.least_side for part in self.parts]
        return None if None in sides else max(sides)

    def undecoded(self, data: bytes) -> None:
        """No part takes a file's bytes: others need its pixels."""

    def preprocess(self, image: np.ndarray) -> tuple:
        """Return an image (height, width, 3) uint8 as each extractor takes it."""
        return tuple(part.preprocess(image) for part in self.parts)

    def __call__(self, batch: Sequence[tuple]) -> np.ndarray:
        """Return the features of preprocessed images, (len(batch), n_features) float32."""
        return np.concatenate([part([seen[i] for seen in batch]) for i, part in enumerate(self.parts)], axis=1)


def extractor_for(views: Sequence[View], *args, **options) -> Extractor | JoinedExtractor:
    """Return the extractor of one view, or of several side by side; the rest is as `Extractor` takes it."""
    parts = [Extractor(*args, **options, view=view) for view in views]
    return parts[0] if len(parts) == 1 else JoinedExtractor(parts)


def _fits(weights: str, passport: dict) -> bool:
    """Return whether weights are a file with the sha256 that a passport tells of."""
    if not passport["weights_sha256"] or weights in KEYWORDS:
        return False
    try:
        return find_weights(get_backbone(passport["backbone"]), weights).sha256 == passport["weights_sha256"]
    except WeightsError:
        return False


def extractor_of(
    passport: dict, weights: str | None = None, device: str = "auto", **options
) -> Extractor | JoinedExtractor:
    """Return the extractor that a passport tells of, or all that it joins.

    Parameters
    ----------
    passport : dict
        `Extractor.passport`.
    weights : str, optional
        Where the weights are now, if not where the passport says; as `Spare`, only where they are the right ones.
    **options
        `batch_size` and `progress`.

    Raises
    ------
    WeightsError
        If the weights cannot be had. Whether they are the same ones is told by the fingerprint.
    """
    if "parts" in passport:
        return JoinedExtractor([extractor_of(part, weights, device, **options) for part in passport["parts"]])
    if isinstance(weights, Spare) and not _fits(weights, passport):
        weights = None
    view = view_of(passport.get("view"))
    return Extractor(passport["backbone"], weights or passport["weights"], device, view=view, **options)

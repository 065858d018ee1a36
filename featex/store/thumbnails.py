"""Thumbnails on disk, by content key; near-duplicates are found with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from featex.images.decode import DECODER
from featex.images.duplicates import SIDE
from featex.store.cache import FeatureCache

FORMAT = 1
"""Version of `featex.images.duplicates.thumbnail`; raise it when thumbnails may change."""


class ThumbnailCache:
    """Thumbnails in a folder of features, by content key; all extractors and sets in that folder share them.

    Parameters
    ----------
    out : Path
        The folder of features, such as artifacts/features.
    """

    def __init__(self, out: Path):
        # The cache stores float32 values; the 256 bytes of a thumbnail are stored as 64 of them.
        self._cache = FeatureCache(Path(out) / "thumbnails" / f"{DECODER}-{FORMAT}", SIDE * SIDE // 4)
        self.flush, self.holds = self._cache.flush, self._cache.holds

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def add(self, key: str, pixels: np.ndarray) -> None:
        """Store a thumbnail; it is on disk after the next flush."""
        self._cache.add([key], np.frombuffer(pixels.tobytes(), dtype=np.float32)[None])

    def verify(self) -> list[str]:
        """Return one sentence for each problem on disk."""
        return self._cache.verify(finite=False)

    def get(self, keys: Sequence[str]) -> np.ndarray:
        """Return the thumbnails of `keys`, (len(keys), 16, 16) uint8."""
        return self._cache.get(keys).view(np.uint8).reshape(-1, SIDE, SIDE)

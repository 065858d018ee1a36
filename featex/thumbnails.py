"""The thumbnails by which near-duplicates are found, kept on disk by the content of their image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from featex.cache import FeatureCache
from featex.duplicates import SIDE
from featex.images import DECODER

FORMAT = 1
"""Raise it when an image's thumbnail may change."""


class ThumbnailCache:
    """Thumbnails below a folder of features, by content key; all extractors and sets there share them.

    Parameters
    ----------
    out : Path
        Where features are kept, such as artifacts/features.
    """

    def __init__(self, out: Path):
        # A cache holds float32 and copies them without looking: a thumbnail travels as its bytes.
        self._cache = FeatureCache(Path(out) / "thumbnails" / f"{DECODER}-{FORMAT}", SIDE * SIDE // 4)
        self.flush, self.holds = self._cache.flush, self._cache.holds

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def add(self, key: str, pixels: np.ndarray) -> None:
        """Keep a thumbnail; on disk after the next flush."""
        self._cache.add([key], np.frombuffer(pixels.tobytes(), dtype=np.float32)[None])

    def verify(self) -> list[str]:
        """Return what is wrong on disk, a sentence each."""
        return self._cache.verify(finite=False)

    def get(self, keys: Sequence[str]) -> np.ndarray:
        """Return the thumbnails of `keys`, (len(keys), 16, 16) uint8.

        Raises
        ------
        StoreError
            If a key has none, or a part is damaged.
        """
        return self._cache.get(keys).view(np.uint8).reshape(-1, SIDE, SIDE)

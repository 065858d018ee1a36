"""From folders of images to deep features on disk.

>>> from featex import extract, load_features
>>> extract("data/sample")  # doctest: +SKIP
>>> load_features().X.shape  # doctest: +SKIP
(640, 512)
"""

from typing import TYPE_CHECKING

from featex.system.public import on_first_use

if TYPE_CHECKING:
    from featex.extraction.extract import extract
    from featex.extraction.transformer import FeatureExtractor
    from featex.store.features import Features, load_features

__all__ = ["FeatureExtractor", "Features", "extract", "load_features"]

_HOMES = {
    "extract": "featex.extraction.extract",
    "load_features": "featex.store.features",
    "Features": "featex.store.features",
    "FeatureExtractor": "featex.extraction.transformer",
}

__getattr__ = on_first_use(__name__, _HOMES)

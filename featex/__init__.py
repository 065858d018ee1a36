"""From folders of images to deep features on disk.

>>> from featex import extract, load_features
>>> extract("data/sample")  # doctest: +SKIP
>>> load_features().X.shape  # doctest: +SKIP
(640, 512)
"""

from importlib import import_module
from typing import TYPE_CHECKING

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


def __getattr__(name: str):
    """Import a public name on first use, because torch takes seconds and `--help` does not need it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'featex' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

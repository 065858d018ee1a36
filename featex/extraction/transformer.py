"""FeatureExtractor: extraction as a step of a scikit-learn pipeline, from paths to X."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from featex.errors import ImageError


class FeatureExtractor(TransformerMixin, BaseEstimator):
    """Turn image paths into their features.

    Parameters
    ----------
    backbone, weights, device, batch_size
        As `featex.extraction.extractor.Extractor` takes them.
    recipe : str
        A name in `featex.extraction.recipes.RECIPES`; varied copies are for training sets on disk, and not made here.
    cache : path, optional
        A folder such as artifacts/features, where vectors are looked up first and kept; None keeps nothing.

    Attributes
    ----------
    n_features_out_ : int
        Set by `fit`, which learns nothing from the data.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        weights: str = "imagenet",
        device: str = "auto",
        batch_size: int | None = None,
        recipe: str = "default",
        cache: str | Path | None = None,
    ):
        self.backbone = backbone
        self.weights = weights
        self.device = device
        self.batch_size = batch_size
        self.recipe = recipe
        self.cache = cache

    def fit(self, X: Sequence[str | Path], y=None) -> "FeatureExtractor":
        """Look backbone and weights up; the data are not used."""
        self.n_features_out_ = self._extractor().n_features
        return self

    def transform(self, X: Sequence[str | Path]) -> np.ndarray:
        """Return the features of the image files `X`, (n_samples, n_features) float32.

        Raises
        ------
        ImageError
            If a file cannot be used: a transformer cannot leave a row out.
        """
        from featex.extraction.embed import embed, open_cache

        extractor = self._extractor()
        paths = [Path(path) for path in X]
        with tempfile.TemporaryDirectory() as nowhere:
            cache = open_cache(extractor, self.cache or nowhere)
            embedding = embed(paths, extractor, cache)
            for row, reason in embedding.reasons.items():
                raise ImageError(f"{paths[row]}: {reason}; leave it out of X")
            return cache.get(embedding.keys)

    def _extractor(self):
        from featex.extraction.joined import extractor_for
        from featex.extraction.recipes import choose

        return extractor_for(choose(self.recipe).views, self.backbone, self.weights, self.device, self.batch_size)

    def __sklearn_is_fitted__(self) -> bool:
        return True

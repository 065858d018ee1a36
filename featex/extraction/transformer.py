"""FeatureExtractor: a scikit-learn transformer from image paths to features."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from featex.errors import ImageError


class FeatureExtractor(TransformerMixin, BaseEstimator):
    """A scikit-learn transformer from image paths to features: a step of any pipeline.

    Parameters
    ----------
    backbone : str
        A name in `featex.network.backbones.BACKBONES`, ``timm:NAME``, or "auto".
    weights : str
        "auto", "imagenet", "random", a file, or a folder with one file for each backbone.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" takes a GPU if there is one.
    batch_size : int, optional
        Squares in a forward pass; by default 6 on a CPU, 256 on a GPU.
    recipe : str
        A name in `featex.extraction.recipes.RECIPES`; its varied copies are not made here.
    cache : path, optional
        A folder of features, such as artifacts/features, to read and store vectors; by default none are stored.

    Attributes
    ----------
    n_features_out_ : int
        Length of a vector; set by `fit`.
    """

    def __init__(
        self,
        backbone: str = "auto",
        weights: str = "auto",
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
        """Find backbone and weights; the data are not used."""
        self.n_features_out_ = self._extractor().n_features
        return self

    def transform(self, X: Sequence[str | Path]) -> np.ndarray:
        """Return the features of the image files `X`, shape (n_samples, n_features), float32.

        Raises
        ------
        ImageError
            If a file cannot be used, because a transformer cannot leave out a row.
        """
        from featex.extraction.embed import embed, open_cache

        extractor = self._extractor()
        paths = [Path(path) for path in X]
        with tempfile.TemporaryDirectory() as temporary:
            cache = open_cache(extractor, self.cache or temporary)
            embedding = embed(paths, extractor, cache)
            for row, reason in embedding.reasons.items():
                raise ImageError(f"{paths[row]}: {reason}; leave it out of X")
            return cache.get(embedding.keys)

    def _extractor(self):
        from featex.extraction.joined import extractor_for
        from featex.extraction.recipes import choose_recipe

        return extractor_for(
            choose_recipe(self.recipe).views, self.backbone, self.weights, self.device, self.batch_size
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

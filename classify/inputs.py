"""What a model reads of a set of images: its features, or its pixels."""

import numpy as np

from featex.features import Features
from featex.progress import Progress


def read_inputs(reads: str, features: Features, settings: dict, progress: Progress) -> np.ndarray:
    """Return X, row i of which is row i of `features`.

    Parameters
    ----------
    reads : {"features", "pixels"}
        (n_samples, n_features) float32, or (n_samples, 3, size, size) uint8 with the size in `settings["image_size"]`.

    Raises
    ------
    InputError
        If an image has gone since its features were extracted.
    """
    if reads == "features":
        return features.X
    from classify.cnn import load_pixels

    return load_pixels(features.paths, settings["image_size"], progress=progress)

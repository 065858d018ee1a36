"""What a model reads of a set of images: its features, or its pixels."""

import numpy as np

from featex.errors import InputError
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
        If an image has gone or changed since its features were extracted: rows would tell of other pixels.
    """
    if reads == "features":
        return features.X
    for path, size, mtime_ns in zip(features.paths, features.rows["size"], features.rows["mtime_ns"], strict=True):
        facts = path.stat() if path.exists() else None
        if facts is None or (facts.st_size, facts.st_mtime_ns) != (size, mtime_ns):
            what = "has gone" if facts is None else "has changed"
            raise InputError(f"{path} {what} since its features were extracted; run featex extract again")
    from classify.cnn import load_pixels

    return load_pixels(features.paths, settings["image_size"], progress=progress)

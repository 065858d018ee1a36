"""What a model reads of a set of images: its features, its pixels, or how its files are stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classify.models.file_facts import fact_matrix
from classify.models.registry import get_model
from featex.errors import InputError
from featex.store.features import Features
from featex.system.progress import Progress

if TYPE_CHECKING:
    from classify.nets.pixels import Pixels, PixelView


def read_inputs(model: str, features: Features, settings: dict, progress: Progress) -> "np.ndarray | Pixels":
    """Return X, row i of which is row i of `features`: (n_samples, n_columns) float32, or the images as a net sees
    them.

    Parameters
    ----------
    model : str
        A name in `classify.models.registry.MODELS`.
    settings : dict
        What the model was settled to.

    Raises
    ------
    InputError
        If an image has gone or changed since its features were extracted: rows would tell of other pixels.
    """
    reads = get_model(model).reads
    if reads == "features":
        return features.X
    if reads == "facts":
        return fact_matrix(features.rows)
    for path, size, mtime_ns in zip(features.paths, features.rows["size"], features.rows["mtime_ns"], strict=True):
        facts = path.stat() if path.exists() else None
        if facts is None or (facts.st_size, facts.st_mtime_ns) != (size, mtime_ns):
            what = "has gone" if facts is None else "has changed"
            raise InputError(f"{path} {what} since its features were extracted; run featex extract again")
    return read_pixels(model, features.paths, settings, progress)


def read_pixels(model: str, paths: Sequence[Path], settings: dict, progress: Progress) -> "Pixels":
    """Return the images as the net `model`, settled to `settings`, sees them."""
    from classify.nets.pixels import load_pixels

    return load_pixels(paths, view_of(model, settings), progress=progress)


def view_of(model: str, settings: dict) -> "PixelView":
    """Return what the net `model`, settled to `settings`, sees of an image."""
    from classify.nets.zoo import NETS

    return NETS[model].view(NETS[model].settled(settings))

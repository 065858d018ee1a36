"""Varied copies of an image: randomly resized, blurred and re-encoded, as images on the web are."""

import hashlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

COPIES = "copies-1"
"""Version of `varied`, a part of every copy's key; change it when copies may change."""

_SCALES = (0.5, 1.5)
_SIGMAS = (0.2, 1.5)
_QUALITIES = (50, 98)
_RESAMPLINGS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.HAMMING)


def copy_keys(key: str, n: int) -> list[str]:
    """Return the keys, 64 hexadecimal digits each, of `n` copies of the image with content key `key`; [] for ""."""
    return [hashlib.sha256(f"{key} {COPIES} {number}".encode()).hexdigest() for number in range(n if key else 0)]


def varied(image: np.ndarray, key: str) -> np.ndarray:
    """Return a varied copy of an image; `key` seeds all random choices.

    The copy is resized with probability 0.6 (by 0.5 to 1.5, with one of four filters), blurred with probability 0.3 (a
    Gaussian of sigma 0.2 to 1.5 pixels), and encoded as JPEG with probability 0.7 (quality 50 to 98, colours at full or
    half resolution). The probabilities do not depend on the class, so these changes cannot reveal it.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
    key : str
        One of `copy_keys`.
    """
    chance = np.random.default_rng(int(key[:16], 16))
    picture = Image.fromarray(image)
    if chance.random() < 0.6:
        scale = np.exp(chance.uniform(*np.log(_SCALES)))
        size = [max(8, round(length * scale)) for length in picture.size]
        picture = picture.resize(size, _RESAMPLINGS[chance.integers(len(_RESAMPLINGS))])
    if chance.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(chance.uniform(*_SIGMAS)))
    if chance.random() < 0.7:
        file = BytesIO()
        quality, subsampling = int(chance.integers(*_QUALITIES, endpoint=True)), int(chance.choice([0, 2]))
        picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
        picture = Image.open(file)
    return np.array(picture)

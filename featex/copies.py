"""Copies of an image as other roads might have brought it: resized, blurred, re-encoded; each by chance."""

import hashlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

COPIES = "copies-1"
"""Name of what `varied` does, a part of every copy's key: raise it when copies may change."""

_SCALES = (0.5, 1.5)
_SIGMAS = (0.2, 1.5)
_QUALITIES = (50, 98)
_RESAMPLINGS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.HAMMING)


def copy_keys(key: str, n: int) -> list[str]:
    """Return the keys of `n` copies of the image with content key `key`; "" has none.

    They are 64 hexadecimal digits, as content keys are.
    """
    return [hashlib.sha256(f"{key} {COPIES} {number}".encode()).hexdigest() for number in range(n if key else 0)]


def varied(image: np.ndarray, key: str) -> np.ndarray:
    """Return a copy of an image after what images on the web go through; `key` alone decides what that is.

    With chances of 0.6, 0.3 and 0.7: resized by 0.5 to 1.5 by one of four filters, blurred with a sigma of 0.2 to 1.5
    pixels, and encoded as JPEG of quality 50 to 98 with or without half the colours. The chances know no class, so
    that what the copies differ in tells nothing.

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

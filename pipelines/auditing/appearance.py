"""What the images of a set look like: small enough to store for every image, and computed once for each file.

Several checks need the pixels: thumbnails, colours, spectra, traces of resampling. So each file is read and decoded
once, everything is computed in that pass, and it is stored by the file's content: a second audit opens no image.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import rfft, rfft2
from scipy.ndimage import median_filter

from featex.errors import ImageError, InputError
from featex.images.decode import DECODER, decode
from featex.store.cache import FeatureCache, content_key
from featex.system.cores import n_readers
from featex.system.progress import Progress
from pipelines.auditing.measures import COLUMNS, measure

RECIPE = 3  # raised whenever the values of an image change
SIDE = 16
TILE = 64
BINS = 64
BANDS = 16
SPECTRUM_CROP = 256
TRACE_CROP = 514  # its second differences are 512 long, a multiple of periods of 2, 4 and 8 pixels
LOOK = np.dtype(
    [
        ("thumbnail", "u1", (SIDE, SIDE, 3)),  # the whole image, squashed to a square
        ("tile", "u1", (TILE, TILE, 3)),  # the whole image for people, in proportion, in the middle of a white square
        ("colours", "f4", (64,)),
        ("spectrum", "f4", (BINS,)),
        ("traces", "f4", (2 * BANDS,)),
        ("measures", "f4", (len(COLUMNS),)),  # `pipelines.auditing.measures.COLUMNS`
    ]
)
"""The record of one image, 14 KB; its length is a multiple of 4 bytes."""

FREQUENCIES = (np.arange(BINS) + 0.5) / BINS / 2
"""Middle of each bin of a spectrum, in cycles per pixel, 0 to 0.5 (the Nyquist frequency)."""

_FLOOR = (
    1e-3  # grey levels squared, well below the 1/12 of rounding to whole levels: keeps the log of flat images finite
)
_MOST_COLOURS = 2**18  # most pixels to count in a histogram


def read_looks(
    rows: pd.DataFrame, root: Path, directory: Path, *, workers: int | None = None, progress: Progress | None = None
) -> np.ndarray:
    """Return the records of the n images of a set, (n,) of `LOOK`; files whose records are stored are not opened.

    A run that is stopped keeps its records, and a run that is killed all but those of the last half minute.

    Parameters
    ----------
    rows : DataFrame
        Of `featex.store.features.Features`: ``path`` and content ``key``, a row an image.
    root : Path
        The folder that paths are relative to.
    directory : Path
        Where records are stored, by content, for all sets.
    workers : int, optional
        Threads that read and decode, each with one image at a time; by default one per core, at most 16.

    Raises
    ------
    InputError
        If an image was deleted or changed since its features were extracted, since rows would describe other pixels.
    StoreError
        If the stored records are damaged.
    """
    cache = FeatureCache(Path(directory) / f"{DECODER}-{RECIPE}", LOOK.itemsize // 4)
    first = rows[~rows["key"].duplicated()]
    todo = first[np.array([key not in cache for key in first["key"]], dtype=bool)]
    paths = [Path(root) / path for path in todo["path"]]
    with (
        (progress or Progress()).task("look", len(todo), "image") as tick,
        ThreadPoolExecutor(workers or n_readers()) as pool,
    ):
        try:
            for key, seen in zip(todo["key"], pool.map(_read, paths, todo["key"]), strict=True):
                cache.add([key], packed(seen))
                tick(1)
        finally:
            pool.shutdown(cancel_futures=True)
            cache.flush()
    return unpacked(cache.get(rows["key"]))


def look(image: np.ndarray) -> np.ndarray:
    """Return the record of an image, an array () of `LOOK`.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        As `featex.images.decode.decode` gives it.
    """
    seen = np.zeros((), dtype=LOOK)
    picture = Image.fromarray(image)
    seen["thumbnail"] = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    seen["tile"] = _tile(picture)
    seen["colours"] = colours(image)
    seen["spectrum"] = spectrum(image)
    seen["traces"] = traces(image)
    seen["measures"] = measure(image)
    return seen


def colours(image: np.ndarray) -> np.ndarray:
    """Return the share of pixels in each of 4 x 4 x 4 cells of RGB, (64,) float32.

    Counted on every second, third, ... row and column where there are more than 262,144 pixels.
    """
    height, width, _ = image.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / _MOST_COLOURS))))
    cells = image[::step, ::step] >> 6
    codes = (cells[..., 0] << 4) | (cells[..., 1] << 2) | cells[..., 2]
    return (np.bincount(codes.ravel(), minlength=64) / codes.size).astype(np.float32)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Return the mean log10 power at each of `FREQUENCIES`, (64,) float32, in grey levels squared.

    Of the middle 256 x 256 pixels as they are, less their mean, under a Hann window; divided by the window's power, so
    that white noise of variance v has the level log10(v) less 0.25 whatever the size. A side shorter than 256 is taken
    whole. Frequencies that a small image lacks are interpolated; a single pixel has none.
    """
    grey = _middle(image, SPECTRUM_CROP)
    window, bins, counts = _radial(*grey.shape)
    filled = counts > 0
    if not filled.any():
        return np.full(BINS, np.log10(_FLOOR), dtype=np.float32)
    power = np.abs(rfft2((grey - np.average(grey, weights=window)) * window)) ** 2
    sums = np.bincount(bins, np.log10(power + _FLOOR).ravel(), minlength=BINS + 1)[:BINS]
    return np.interp(FREQUENCIES, FREQUENCIES[filled], sums[filled] / counts[filled]).astype(np.float32)


def traces(image: np.ndarray) -> np.ndarray:
    """Return how far periods stand out in the sharpness of rows and of columns, (32,) float32; 0 where none does.

    Interpolation mixes a pixel from more or fewer neighbours by turns, so the mean size of second differences is
    periodic along a resized image, with the frequency 1/factor, or what that looks like below 0.5 (Gallagher 2005,
    "Detection of linear and cubic interpolation in JPEG compressed images"). The blocks of a JPEG leave lines at
    multiples of 1/8. Of the middle 514 x 514 pixels: ln of the highest line in each of 16 bands of frequency from 0 to
    0.5 over the median of its surroundings; bands that a small image has no line in are 0.
    """
    grey = _middle(image, TRACE_CROP)
    return np.concatenate([_periods(grey), _periods(grey.T)])


def _periods(grey: np.ndarray) -> np.ndarray:
    heights = np.zeros(BANDS, dtype=np.float32)
    n = grey.shape[1] - 2
    if n < 2 * BANDS:
        return heights
    sharpness = np.abs(2 * grey[:, 1:-1] - grey[:, :-2] - grey[:, 2:]).mean(axis=0)
    lines = np.abs(rfft((sharpness - sharpness.mean()) * np.hanning(n)))[1:]
    around = median_filter(lines, size=min(31, len(lines)), mode="nearest")
    heights_of_lines = np.log((lines + _FLOOR) / (around + _FLOOR))
    band = np.minimum(np.arange(1, len(lines) + 1) * 2 * BANDS // n, BANDS - 1)
    np.maximum.at(heights, band, heights_of_lines)
    return heights


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle (<= side, <= side) of an image, grey, float32."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    middle = np.ascontiguousarray(image[top : top + side, left : left + side])
    return np.asarray(Image.fromarray(middle).convert("L"), dtype=np.float32)


@lru_cache(maxsize=64)
def _radial(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a window of unit power (height, width), the bin of each place of its rfft2, and the places a bin has.

    The mean, and frequencies beyond Nyquist's in the corners, are in one extra bin at the end.
    """
    # np.hanning ends in zeros, which would leave nothing of an image two pixels wide
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    window = (window / np.sqrt((window**2).sum())).astype(np.float32)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    bins = np.minimum(radius * 2 * BINS, BINS).astype(np.int64)
    bins[radius == 0.5] = BINS - 1
    bins[0, 0] = BINS
    return window, bins.ravel(), np.bincount(bins.ravel(), minlength=BINS + 1)[:BINS]


def _tile(picture: Image.Image) -> Image.Image:
    scale = TILE / max(picture.size)
    size = tuple(max(1, round(scale * length)) for length in picture.size)
    small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(small, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile


def _read(path: Path, key: str) -> np.ndarray:
    try:
        data = path.read_bytes()
    except OSError as error:
        what = "was deleted" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror or error})"
        raise InputError(f"{path} {what} since its features were extracted; run featex extract again") from error
    if content_key(data) != key:
        raise InputError(f"{path} was changed since its features were extracted; run featex extract again")
    try:
        return look(decode(data))
    except ImageError as error:
        raise InputError(f"{path}: {error}; run featex extract again, which leaves it out") from error


# The cache holds vectors of float32 and copies their bytes as they are, so the bytes of a LOOK pass as one.
def packed(seen: np.ndarray) -> np.ndarray:
    return np.frombuffer(seen.tobytes(), dtype=np.float32)[None]


def unpacked(vectors: np.ndarray) -> np.ndarray:
    return vectors.view(LOOK)[:, 0]

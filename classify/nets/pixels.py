"""Pixels: images as a net reads them. They stay in memory where they fit; else threads read them in every epoch."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from classify.errors import DataError
from featex.errors import ImageError, InputError
from featex.images.decode import decode, preprocess
from featex.system.cores import n_cores, ram_bytes
from featex.system.progress import Progress

MEMORY_SHARE = 1 / 3  # of the machine's, or of what the device has free, that images may fill
UNKNOWN_MEMORY = 8 << 30  # bytes assumed where the system does not say
AHEAD = 4  # batches that threads read in advance


@dataclass(frozen=True)
class PixelView:
    """How an image becomes the square that a net reads.

    Parameters
    ----------
    size : int
        Pixels a side of the square.
    resize : int or None
        The shorter side is resized to `resize` and the middle is cut out, as for features. None squashes the whole
        image into the square: a crop would hide the borders, where traces of generation are as likely as anywhere, and
        padding would reveal the aspect ratio.
    interpolation : {"bilinear", "bicubic"}
        With antialiasing.
    """

    size: int
    resize: int | None = None
    interpolation: str = "bilinear"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return an image (height, width, 3) as (3, size, size), both uint8."""
        if self.resize is not None:
            return preprocess(image, self.resize, self.size, self.interpolation).numpy()
        how = Image.Resampling[self.interpolation.upper()]
        return np.asarray(Image.fromarray(image).resize((self.size, self.size), how)).transpose(2, 0, 1)


class Pixels:
    """A sequence of images, uint8 (n_samples, 3, size, size); indexing takes a part of them and copies none.

    Parameters
    ----------
    source : uint8 array (n, 3, size, size), or `ImageFiles`
    rows : int array, optional
        Which images of the source, in which order; all by default.
    memo : dict, optional
        What is computed once for images of the source; all parts of a source share it.
    """

    def __init__(self, source: "np.ndarray | ImageFiles", rows: np.ndarray | None = None, memo: dict | None = None):
        self.source = source
        self.rows = np.arange(len(source)) if rows is None else rows
        self.memo = {} if memo is None else memo

    @classmethod
    def of(cls, X: "Pixels | np.ndarray") -> "Pixels":
        """Return X as Pixels; raises DataError unless it is a uint8 array (n_samples, 3, size, size) with a sample."""
        if isinstance(X, cls):
            return X
        if not (isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.ndim == 4 and X.shape[1] == 3 and len(X)):
            what = f"{X.dtype} {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__
            raise DataError(f"a net reads a uint8 array (n_samples, 3, size, size), not {what}; see load_pixels")
        return cls(X)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_samples, 3, size, size)"""
        return (len(self.rows), *self.source.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index) -> "Pixels":
        return Pixels(self.source, self.rows[index], self.memo)

    def batches(self, parts: Iterable[np.ndarray], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of each of `parts` (arrays of row numbers) as uint8 (len(part), 3, size, size) on `device`.

        On a GPU the whole source is kept there where it fits.
        """
        parts = (self.rows[part] for part in parts)
        if isinstance(self.source, ImageFiles):
            return (torch.from_numpy(images).to(device) for images in self.source.read_ahead(parts))
        if device.type == "cuda" and (resident := self._resident(device)) is not None:
            return (resident[torch.from_numpy(part).to(device)] for part in parts)
        return (torch.from_numpy(self.source[part]).to(device) for part in parts)

    def _resident(self, device: torch.device) -> Tensor | None:
        if device not in self.memo:
            free, _ = torch.cuda.mem_get_info(device)
            fits = self.source.nbytes < MEMORY_SHARE * free
            self.memo[device] = torch.from_numpy(self.source).to(device) if fits else None
        return self.memo[device]


class ImageFiles:
    """Image files that are decoded each time they are read, in threads and some batches in advance."""

    def __init__(self, paths: Sequence[Path], view: PixelView, workers: int | None = None):
        self.paths, self.view = paths, view
        self.shape = (len(paths), 3, view.size, view.size)
        self.pool = ThreadPoolExecutor(workers or n_cores())  # decoding leaves Python's lock

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, row: int) -> np.ndarray:
        """Return one image through the view; raises InputError if its file cannot be read or is no image."""
        image = self.read_if_able(row)
        if isinstance(image, str):
            raise InputError(f"cannot read {self.paths[row]} ({image}); run `featex extract` again")
        return image

    def read_if_able(self, row: int) -> np.ndarray | str:
        """Return one image through the view, or the reason why there is none."""
        try:
            return self.view(decode(Path(self.paths[row]).read_bytes()))
        except (OSError, ImageError) as error:
            return str(getattr(error, "strerror", None) or error)

    def read_ahead(self, parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the images of each part while the next parts are being read."""
        batches = ([self.pool.submit(self.read, row) for row in part] for part in parts)
        waiting = deque(islice(batches, AHEAD))
        try:
            while waiting:
                images = [future.result() for future in waiting.popleft()]
                waiting.extend(islice(batches, 1))
                yield np.stack(images)
        finally:
            for future in (future for part in waiting for future in part):
                future.cancel()


def load_pixels(paths: Sequence[str | Path], view: PixelView, *, progress: Progress | None = None) -> Pixels:
    """Return the images through the view, in the order of `paths`: row i is always ``paths[i]``.

    They are decoded once if all of them fit into a third of the memory. If not, they are decoded whenever they are
    needed, and `progress` says so.

    Raises
    ------
    InputError
        A file cannot be read or is no image.
    """
    progress = progress or Progress()
    files = ImageFiles(list(paths), view)
    n_bytes = int(np.prod(files.shape))
    if not fits_in_memory(n_bytes):
        progress.say(f"{n_bytes / 2**30:.0f} GiB of images do not fit into memory; they are read again in every epoch.")
        return Pixels(files)
    pixels = np.empty(files.shape, np.uint8)

    def keep(row: int) -> None:
        pixels[row] = files.read(row)

    with progress.task("reading images", len(paths), "image") as done:
        try:
            for _ in files.pool.map(keep, range(len(paths))):
                done(1)
        finally:
            files.pool.shutdown(cancel_futures=True)
    return Pixels(pixels)


def load_readable(
    paths: Sequence[str | Path], view: PixelView, *, progress: Progress | None = None
) -> tuple[np.ndarray, dict[int, str]]:
    """Return the readable images, uint8 (n_readable, 3, size, size), and the reason by number for each other one."""
    files, images, reasons = ImageFiles(list(paths), view), [], {}
    with (progress or Progress()).task("reading images", len(paths), "image") as done, files.pool as pool:
        for i, image in enumerate(pool.map(files.read_if_able, range(len(paths)))):
            if isinstance(image, str):
                reasons[i] = image
            else:
                images.append(image)
            done(1)
    return np.stack(images) if images else np.empty((0, *files.shape[1:]), np.uint8), reasons


def fits_in_memory(n_bytes: int) -> bool:
    """Return whether so many bytes leave enough memory for all else."""
    memory = ram_bytes()
    return n_bytes < MEMORY_SHARE * (memory if isfinite(memory) else UNKNOWN_MEMORY)

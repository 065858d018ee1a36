"""bench(): measure the images per second of each stage of an extraction, and which stage limits it."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from featex.datasets.dataset import image_files
from featex.errors import ImageError, InputError
from featex.extraction.embed import embed, open_cache
from featex.extraction.extractor import Extractor
from featex.images.decode import decode
from featex.images.facts import file_facts
from featex.store.cache import content_key
from featex.store.thumbnails import ThumbnailCache
from featex.system.cores import n_cores, one_core_each
from featex.system.progress import Progress
from featex.system.words import count, none_usable

READING, DECODING, PREPROCESSING, MODEL, WHOLE = "reading", "decoding", "preprocessing", "model", "whole"
ABOUT = {
    READING: "bytes, content key, file facts",
    DECODING: "bytes to pixels",
    PREPROCESSING: "pixels to squares",
    MODEL: "squares to vectors",
    WHOLE: "all stages together, vectors on disk",
}
MATRIX = 2048  # rows and columns of the matrices whose product measures the processor
LEAST_MODEL = 64  # least number of squares, so that a few images fill several batches


@dataclass(frozen=True)
class Bench:
    """Results of `bench`.

    Parameters
    ----------
    name : str
        Name of the backbone.
    fast : bool
    n_images, n_failed : int
        Numbers of images that were used, and that cannot be used.
    device : str
    n_cores : int
    rates : dict of str to list of float
        Images per second in each run of each stage in `ABOUT`, alone on the machine.
    gflop : float
        Billions of floating-point operations of the network for one image; a multiply-add counts as two.
    gflops : list of float
        Billions of operations per second of a product of two float32 matrices on the device, in each run.
    """

    name: str
    fast: bool
    n_images: int
    n_failed: int
    device: str
    n_cores: int
    rates: dict[str, list[float]]
    gflop: float
    gflops: list[float]

    def rate(self, stage: str) -> float:
        """Return the median images per second of a stage."""
        return statistics.median(self.rates[stage])

    @property
    def limit(self) -> float:
        """Images per second of the network at the speed of matrix products; inf without a network."""
        return statistics.median(self.gflops) / self.gflop if self.gflop else float("inf")

    @property
    def shares(self) -> dict[str, float]:
        """Share of each stage in the total time of all stages; the shares sum to 1."""
        seconds = {stage: 1 / self.rate(stage) for stage in ABOUT if stage != WHOLE}
        return {stage: time / sum(seconds.values()) for stage, time in seconds.items()}

    @property
    def slowest(self) -> str:
        """The stage with the largest share."""
        return max(self.shares, key=self.shares.get)

    def lines(self) -> list[str]:
        """Return the results as lines of text."""
        failed = f" ({self.n_failed:,} more cannot be used)" if self.n_failed else ""
        lines = [
            f"{count(self.n_images, 'image')}{failed}, {self.name} on {self.device}, {count(self.n_cores, 'core')}",
            "images per second, each stage alone on the whole machine, median (least to most) of "
            f"{count(len(self.gflops), 'run')}:",
        ]
        for stage, about in ABOUT.items():
            rates, share = self.rates[stage], "" if stage == WHOLE else f"; {self.shares[stage]:.0%} of the work"
            spread = f"({min(rates):,.1f} to {max(rates):,.1f})"
            lines.append(f"  {stage:<14}{self.rate(stage):>9,.1f}  {spread:<22}{about}{share}")
        if self.gflop:
            reached = self.rate(MODEL) / self.limit
            less = ", because it multiplies less" if reached > 1 else ""
            lines.append(
                f"  {'limit':<14}{self.limit:>9,.1f}  by a matrix product's {self.limit * self.gflop:,.0f} GFLOP/s and "
                f"{self.gflop:.2f} GFLOP per image; the model reaches {reached:.0%} of it{less}"
            )
        return [*lines, f"Slowest stage: {self.slowest}. {_advice(self.slowest, self.device, self.fast)}"]


def _advice(slowest: str, device: str, fast: bool) -> str:
    if slowest == MODEL:
        return "A GPU would be faster." if device == "cpu" else "A smaller backbone would be faster."
    if slowest == READING:
        return "A faster disk would help. A second run reads the files from memory."
    return "More cores would help." if fast else "More cores would help; for large JPEGs, --fast may help."


def bench(
    root: str | Path,
    *,
    n_images: int = 200,
    runs: int = 3,
    progress: Progress | None = None,
    **extractor_options,
) -> Bench:
    """Measure the stages of an extraction on some images below `root`, each alone and all together.

    Parameters
    ----------
    root : path
        A folder of images.
    n_images : int
        Number of images drawn, with a fixed seed.
    runs : int
        Number of measurements of each stage; the stages take turns.
    **extractor_options
        Parameters of `featex.extraction.extractor.Extractor`.

    Raises
    ------
    InputError
        If there are no images, or none can be used.
    """
    progress = progress or Progress()
    files = image_files(root)
    chosen = np.random.default_rng(0).permutation(len(files))[:n_images]
    paths = [files[number] for number in np.sort(chosen)]
    extractor = Extractor(**extractor_options, progress=progress)
    extractor.build()
    cores = n_cores()
    with one_core_each(cores) as pool:
        files = [file for file in pool.map(lambda path: _usable(path, extractor), paths) if file is not None]
        if not files:
            raise InputError(none_usable(len(paths), "image", f" drawn below {root}"))
        used, data = zip(*files, strict=True)
        images = list(pool.map(lambda encoded: decode(encoded, extractor.least_side), data))
        squares = list(pool.map(extractor.preprocess, images))
        stages = {
            READING: lambda: _through(pool, _read, used),
            DECODING: lambda: _through(pool, lambda encoded: decode(encoded, extractor.least_side), data),
            PREPROCESSING: lambda: _through(pool, extractor.preprocess, images),
            MODEL: lambda: _model(pool, extractor, squares),
            WHOLE: lambda: _whole(extractor, used),
        }
        extractor(squares[:1])
        rates: dict[str, list[float]] = {stage: [] for stage in stages}
        gflops: list[float] = []
        with progress.task("bench", runs * len(stages), "stage") as tick:
            for _ in range(runs):
                gflops.append(_matrix_product(pool, cores, extractor.device))
                for stage, run in stages.items():
                    rates[stage].append(run())
                    tick(1)
    name, device, n_failed = extractor.backbone.name, str(extractor.device), len(paths) - len(used)
    return Bench(name, extractor.view.fast, len(used), n_failed, device, cores, rates, _gflop(extractor), gflops)


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    content_key(data), file_facts(data)
    return data


def _usable(path: Path, extractor: Extractor) -> tuple[Path, bytes] | None:
    try:
        data = _read(path)
        decode(data, extractor.least_side)
    except (OSError, ImageError):
        return None
    return path, data


def _through(pool: ThreadPoolExecutor, function: Callable, items: Sequence) -> float:
    """Return the items per second of a function in the threads of a pool."""
    started = time.perf_counter()
    for _ in pool.map(function, items):
        pass
    return len(items) / (time.perf_counter() - started)


def _model(pool: ThreadPoolExecutor, extractor: Extractor, squares: list) -> float:
    size = extractor.batch_size
    squares = squares * -(-max(LEAST_MODEL, 2 * size) // len(squares))
    batches = [squares[start : start + size] for start in range(0, len(squares) - len(squares) % size, size)]
    return size * _through(pool, extractor, batches)


def _whole(extractor: Extractor, paths: Sequence[Path]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        embed(paths, extractor, open_cache(extractor, folder), thumbnails=ThumbnailCache(Path(folder)))
        return len(paths) / (time.perf_counter() - started)


def _matrix_product(pool: ThreadPoolExecutor, cores: int, device: torch.device) -> float:
    """Return billions of operations per second; on a CPU each thread of the pool computes its own product."""
    matrices = [torch.rand(MATRIX, MATRIX, device=device) for _ in range(2)]
    times = 2 * (cores if device.type == "cpu" else 16)

    def multiply(_) -> None:
        (matrices[0] @ matrices[1]).sum().item()  # waits for a GPU

    multiply(None)
    started = time.perf_counter()
    for _ in pool.map(multiply, range(times)):
        pass
    return times * 2 * MATRIX**3 / (time.perf_counter() - started) / 1e9


def _gflop(extractor: Extractor) -> float:
    if not extractor.view.layers_read:
        return 0.0
    backbone, counter = extractor.backbone, FlopCounterMode(display=False)
    with torch.device("meta"), torch.inference_mode(), counter:
        backbone.build()(torch.zeros(1, 3, backbone.crop, backbone.crop))
    return counter.get_total_flops() / 1e9

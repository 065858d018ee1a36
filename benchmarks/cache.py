"""Seconds that it takes to store features and to read them again, against the simplest alternative.

    python benchmarks/cache.py [--vectors 100000] [--files 100000] [--runs 5] [--million]

1. Vectors of 512 float32 under content keys into the cache and back in order, against one npy file and one of keys
   (both written through to the disk).
2. `extract` over a folder of files that have not changed, against a scan that stats every one of them; both in one
   process whose libraries are loaded.
3. With --million: 1 and 2 at a tenth, at half and at the whole of 1,000,000, with the peak of memory, each in a process
   of its own.

Vectors are random, and the files of 2 are small texts whose features are written by hand: no image is decoded.
"""

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from featex.extraction.embed import open_cache
from featex.extraction.extract import extract
from featex.extraction.extractor import Extractor
from featex.images.duplicates import SIDE
from featex.images.facts import FACTS
from featex.store.cache import FeatureCache
from featex.store.features import StoredSet
from featex.store.thumbnails import ThumbnailCache

WIDTH = 512


def timed(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def keys_of(n: int) -> list[str]:
    return [hashlib.sha256(number.to_bytes(8)).hexdigest() for number in range(n)]


def vectors(n: int) -> tuple[list[str], np.ndarray]:
    return keys_of(n), np.random.default_rng(0).random((n, WIDTH), dtype=np.float32)


def write_plain(folder: Path, keys: list[str], X: np.ndarray) -> None:
    for name, array in (("X.npy", X), ("keys.npy", np.array(keys, dtype="S64"))):
        with (folder / name).open("wb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())


def write_cache(folder: Path, keys: list[str], X: np.ndarray) -> None:
    cache = FeatureCache(folder / "vectors", WIDTH)
    for start in range(0, len(keys), 8):  # as batches come from a network
        cache.add(keys[start : start + 8], X[start : start + 8])
    cache.flush()


def compare_vectors(n: int, runs: int) -> None:
    keys, X = vectors(n)
    ways = {
        "npy": (write_plain, lambda folder: (np.load(folder / "X.npy"), np.load(folder / "keys.npy"))),
        "cache": (write_cache, lambda folder: FeatureCache(folder / "vectors", WIDTH).get(keys)),
    }
    seconds: dict[str, list[float]] = {f"{name} {done}": [] for done in ("write", "read") for name in ways}
    for _ in range(runs):
        for name, (write, read) in ways.items():
            with tempfile.TemporaryDirectory() as folder:  # each its own, so that both find pages that were just freed
                seconds[f"{name} write"].append(timed(partial(write, Path(folder), keys, X)))
                seconds[f"{name} read"].append(timed(partial(read, Path(folder))))
    tell(f"{n:,} vectors", seconds, ("cache write", "npy write"), ("cache read", "npy read"))


def make_files(root: Path, out: Path, n: int) -> None:
    """Write `n` files in two classes, and the set that an extraction of them would have left."""
    extractor = Extractor("resnet18", "random", "cpu")
    cache = open_cache(extractor, out)
    keys, X = vectors(n)
    cache.add(keys, X)
    cache.flush()
    thumbnails = ThumbnailCache(out)
    for key, small in zip(keys, np.random.default_rng(1).integers(0, 256, (n, SIDE, SIDE), np.uint8), strict=True):
        thumbnails.add(key, small)
    thumbnails.flush()
    rows = []
    for number, key in enumerate(keys):
        path = f"{('ai', 'real')[number % 2]}/{number // 1000:04}/{key[:16]}.jpg"
        file = root / path
        if number % 1000 < 2:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(key.encode())
        facts = file.stat()
        rows.append((path, path.split("/")[0], facts.st_size, facts.st_mtime_ns, key))
    table = pd.DataFrame(rows, columns=["path", "label", "size", "mtime_ns", "key"]).sort_values("path")
    table = table.assign(split="", source="", group="", near="", anchor=table["key"])
    table = table.assign(**{name: pd.Series(dtype=kind) for name, kind in FACTS.items()})
    table = table.fillna({name: "" if kind == "str" else 0 for name, kind in FACTS.items()})
    StoredSet(out / extractor.name / "sets" / "images.parquet").write(table.astype(FACTS), root)


def scan(root: Path) -> int:
    n_files, waiting = 0, [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    n_files += entry.stat().st_size > 0
    return n_files


def again(root: Path, out: Path, n: int) -> None:
    done = extract(root, out, weights="random", device="cpu", name="images")
    assert (done.cached, done.computed, done.failed) == (n, 0, 0), done


def compare_runs(n: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "images", Path(folder) / "features"
        make_files(root, out, n)
        seconds: dict[str, list[float]] = {"scan": [], "extract again": []}
        for _ in range(runs):
            seconds["scan"].append(timed(lambda: scan(root)))
            seconds["extract again"].append(timed(lambda: again(root, out, n)))
        tell(f"{n:,} files", seconds, ("extract again", "scan"))


def tell(what: str, seconds: dict[str, list[float]], *pairs: tuple[str, str]) -> None:
    for name, values in seconds.items():
        print(
            f"{what}, {name}: {statistics.median(values):.3f} s (median of {len(values)}; {min(values):.3f} to "
            f"{max(values):.3f})"
        )
    for ours, plain in pairs:
        ratios = [a / b for a, b in zip(seconds[ours], seconds[plain], strict=True)]
        print(f"{what}, {ours} / {plain}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    if options.million:
        for n in (100_000, 500_000, 1_000_000):
            for one in (("--vectors", n, "--files", 0), ("--vectors", 0, "--files", n)):
                subprocess.run([sys.executable, __file__, *map(str, one), "--runs", "1"], check=True)
        return
    if options.vectors:
        compare_vectors(options.vectors, options.runs)
    if options.files:
        compare_runs(options.files, options.runs)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()

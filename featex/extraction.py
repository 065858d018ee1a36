"""extract(): ask the cache, run the rest in batches, keep the order."""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd
import torch

from featex.cache import FeatureCache, content_key
from featex.dataset import find_images
from featex.disk import born_whole, write_json
from featex.errors import ImageError, InputError, StoreError
from featex.extractor import Extractor
from featex.features import SUFFIX, Features, StoredSet
from featex.images import decode
from featex.progress import Progress

FAILED_COLUMNS = ["path", "reason", "size", "mtime_ns", "key"]


@dataclass(frozen=True)
class Extraction:
    """What a run of `extract` did.

    Parameters
    ----------
    stored : StoredSet
        The set on disk.
    found, cached, computed, failed : int
        Images: below the folder; whose vector was there before; whose vector was computed; that cannot be used.
        Equal files count once each as cached.
    seconds : float
    device : str
    """

    stored: StoredSet
    found: int
    cached: int
    computed: int
    failed: int
    seconds: float
    device: str

    def load(self) -> Features:
        """Return the features."""
        return self.stored.load()


@dataclass
class Embedding:
    """Content keys of files, in their order, and why some have none. Vectors are in the cache."""

    keys: list[str]
    reasons: dict[int, str] = field(default_factory=dict)
    computed: int = 0


def extract(
    root: str | Path,
    out: str | Path,
    *,
    backbone: str = "resnet18",
    weights: str = "imagenet",
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    **dataset_options,
) -> Extraction:
    """Write the features of all images below `root`, and return what was done.

    Parameters
    ----------
    root : path
        A folder in one of the layouts that `featex.dataset.find_images` knows.
    out : path
        Where features are kept, such as artifacts/features.
    backbone, weights, device, batch_size
        As `featex.extractor.Extractor` takes them.
    workers : int, optional
        Threads that read and decode; by default one a core, 16 at most.
    name : str, optional
        The set's; by default the folder's.
    progress : Progress, optional
    **dataset_options
        As `featex.dataset.find_images` takes them: labels, path_column, ..., classes.

    Raises
    ------
    InputError
        If there are no images, or none that can be used.
    WeightsError
        If the weights cannot be had or do not fit.
    StoreError
        If `out` cannot be written, or holds a set of this name from another folder.
    """
    progress = progress or Progress()
    started = time.monotonic()
    dataset = find_images(root, **dataset_options)
    progress.say(f"{root}: {dataset.layout}")
    extractor = Extractor(backbone, weights, device, batch_size, progress)
    stored = StoredSet(Path(out) / extractor.name / "sets" / f"{_set_name(name, dataset.root)}{SUFFIX}")
    known = _known_keys(stored, dataset.root)
    cache = open_cache(extractor, out)

    table = dataset.table
    stamps = zip(table["path"], table["size"], table["mtime_ns"], strict=True)
    before = [known.get(stamp, ("", "") if stamp[1] >= 0 else ("", "no such file")) for stamp in stamps]
    embedding = embed(
        [dataset.root / path for path in table["path"]],
        extractor,
        cache,
        known=before,
        workers=workers,
        progress=progress,
    )
    table = table.assign(key=embedding.keys)
    failed = table.iloc[sorted(embedding.reasons)].assign(reason=[r for _, r in sorted(embedding.reasons.items())])
    rows = table.drop(index=failed.index).reset_index(drop=True)
    if rows.empty:
        examples = "; ".join(f"{row.path}: {row.reason}" for row in failed.head(3).itertuples())
        raise InputError(f"none of the {len(table):,} images below {root} can be used ({examples})")
    stored.write(rows, dataset.root)
    _write_failed(stored, failed)
    return Extraction(
        stored,
        found=len(table),
        cached=len(rows) - embedding.computed,
        computed=embedding.computed,
        failed=len(failed),
        seconds=time.monotonic() - started,
        device=str(extractor.device),
    )


def open_cache(extractor: Extractor, out: str | Path) -> FeatureCache:
    """Return the cache of `extractor` below `out`, with its passport beside it."""
    directory = Path(out) / extractor.name
    if not (directory / "extractor.json").exists():
        extractor.build()  # weights that do not fit must leave nothing behind
        write_json(directory / "extractor.json", extractor.passport)
    return FeatureCache(directory / "vectors", extractor.backbone.n_features)


def embed(
    paths: Sequence[Path],
    extractor: Extractor,
    cache: FeatureCache,
    *,
    known: Sequence[tuple[str, str]] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Embedding:
    """Bring the vectors of all files into `cache`, and return their content keys.

    Parameters
    ----------
    known : sequence of (key, reason), one a path, optional
        What is known of the file: its content key, and why it cannot be used; "" for what is not known. A file whose
        key is in the cache, or that cannot be used, is not read.
    """
    known = known or [("", "")] * len(paths)
    embedding = Embedding([key for key, _ in known], {i: reason for i, (_, reason) in enumerate(known) if reason})
    refused = {key: reason for key, reason in known if key and reason}
    todo = [i for i, (key, reason) in enumerate(known) if not reason and (not key or key not in cache)]
    reader = _Reader(extractor, cache, refused)
    workers = workers or min(16, os.cpu_count() or 1)
    batch: list[tuple[str, torch.Tensor]] = []
    with (
        (progress or Progress()).task("extract", len(todo), "image") as tick,
        ThreadPoolExecutor(workers) as pool,
    ):
        try:
            results = _in_order(pool, reader.read, [paths[i] for i in todo], ahead=workers + 3 * extractor.batch_size)
            for i, (key, pixels, reason) in zip(todo, results, strict=True):
                embedding.keys[i] = key
                if reason:
                    embedding.reasons[i] = reason
                if pixels is not None:
                    batch.append((key, pixels))
                if len(batch) == extractor.batch_size:
                    embedding.computed += _compute(batch, extractor, cache, refused)
                tick(1)
            embedding.computed += _compute(batch, extractor, cache, refused)
        finally:
            pool.shutdown(cancel_futures=True)
            cache.flush()  # what is computed is kept, also when the run is stopped
    for i, key in enumerate(embedding.keys):
        if key in refused:  # found out after a copy of the file had been passed over
            embedding.reasons[i] = refused[key]
    return embedding


class _Reader:
    """Reads one file in a worker thread; of equal files only the first is decoded."""

    def __init__(self, extractor: Extractor, cache: FeatureCache, refused: dict[str, str]):
        self.extractor, self.cache, self.refused = extractor, cache, refused
        self._claimed: set[str] = set()
        self._lock = Lock()

    def read(self, path: Path) -> tuple[str, torch.Tensor | None, str]:
        """Return (key, pixels or None, reason or "")."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return "", None, "no such file"
        except OSError as error:
            return "", None, f"cannot be read: {error.strerror or error}"
        key = content_key(data)
        with self._lock:
            if key in self._claimed or key in self.cache or key in self.refused:
                return key, None, ""
            self._claimed.add(key)
        try:
            return key, self.extractor.preprocess(decode(data)), ""
        except ImageError as error:
            self.refused[key] = str(error)
            return key, None, str(error)


def _compute(
    batch: list[tuple[str, torch.Tensor]], extractor: Extractor, cache: FeatureCache, refused: dict[str, str]
) -> int:
    """Send a batch through the model and into the cache, empty it, and return how many vectors were kept."""
    if not batch:
        return 0
    vectors = extractor([pixels for _, pixels in batch])
    finite = np.isfinite(vectors).all(axis=1)
    keys = [key for key, _ in batch]
    refused.update({key: "its features are not finite" for key, good in zip(keys, finite, strict=True) if not good})
    cache.add([key for key, good in zip(keys, finite, strict=True) if good], vectors[finite])
    batch.clear()
    return int(finite.sum())


def _in_order(pool: ThreadPoolExecutor, function, items: Sequence, ahead: int) -> Iterator:
    """Yield function(item) in order, at most `ahead` calls early, so that memory does not grow with the items."""
    items = iter(items)
    futures: deque[Future] = deque(pool.submit(function, item) for item in islice(items, ahead))
    while futures:
        yield futures.popleft().result()
        for item in islice(items, 1):
            futures.append(pool.submit(function, item))


def _set_name(name: str | None, root: Path) -> str:
    name = name or root.name or "images"
    if name.startswith(".") or "/" in name or "\\" in name:
        raise InputError(f"a set cannot be called {name!r}; choose a plain word with --name")
    return name


def _known_keys(stored: StoredSet, root: Path) -> dict[tuple[str, int, int], tuple[str, str]]:
    """What an earlier run of the same set learnt: (path, size, mtime_ns) -> (key, reason)."""
    if not stored.path.exists():
        return {}
    rows, before = stored.read()
    if before != root and before.exists():
        raise StoreError(
            f"the set {stored.name!r} holds the images of {before}, not of {root}; choose another name with --name, "
            f"or delete {stored.path}"
        )
    rows = rows.assign(reason="")
    if stored.failed_path.exists():
        failed = pd.read_csv(stored.failed_path, dtype={"path": str, "reason": str, "key": str}).fillna("")
        rows = pd.concat([rows, failed[failed["key"] != ""]])
    stamps = zip(rows["path"], rows["size"], rows["mtime_ns"], strict=True)
    return dict(zip(stamps, zip(rows["key"], rows["reason"], strict=True), strict=True))


def _write_failed(stored: StoredSet, failed: pd.DataFrame) -> None:
    if failed.empty:
        stored.failed_path.unlink(missing_ok=True)
        return
    with born_whole(stored.failed_path) as temporary:
        failed[FAILED_COLUMNS].to_csv(temporary, index=False)

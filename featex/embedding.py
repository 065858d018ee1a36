"""embed(): ask the cache, read and run the rest in batches, keep the order."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from featex.cache import FeatureCache, content_key
from featex.disk import write_json
from featex.errors import ImageError
from featex.extractor import Extractor
from featex.facts import file_facts
from featex.images import decode
from featex.progress import Progress


@dataclass
class Embedding:
    """Content keys of files, in their order, and why some have none. Vectors are in the cache.

    `facts` are those of each file that was read, by its number.
    """

    keys: list[str]
    reasons: dict[int, str] = field(default_factory=dict)
    facts: dict[int, dict] = field(default_factory=dict)
    computed: int = 0


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
            results = in_order(pool, reader.read, [paths[i] for i in todo], ahead=workers + 3 * extractor.batch_size)
            for i, (key, facts, pixels, reason) in zip(todo, results, strict=True):
                embedding.keys[i] = key
                embedding.facts[i] = facts
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

    def read(self, path: Path) -> tuple[str, dict, torch.Tensor | None, str]:
        """Return (key, facts, pixels or None, reason or "")."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return "", {}, None, "no such file"
        except OSError as error:
            return "", {}, None, f"cannot be read: {error.strerror or error}"
        key = content_key(data)
        try:
            facts = file_facts(data)
            with self._lock:
                if key in self._claimed or key in self.cache or key in self.refused:
                    return key, facts, None, ""
                self._claimed.add(key)
            return key, facts, self.extractor.preprocess(decode(data)), ""
        except ImageError as error:
            self.refused[key] = str(error)
            return key, {}, None, str(error)


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


def in_order(pool: ThreadPoolExecutor, function, items: Sequence, ahead: int) -> Iterator:
    """Yield function(item) in order, at most `ahead` calls early, so that memory does not grow with the items."""
    items = iter(items)
    futures: deque[Future] = deque(pool.submit(function, item) for item in islice(items, ahead))
    while futures:
        yield futures.popleft().result()
        for item in islice(items, 1):
            futures.append(pool.submit(function, item))

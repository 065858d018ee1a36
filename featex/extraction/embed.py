"""embed(): compute the vectors that are missing in the cache, in batches."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from featex.errors import ImageError
from featex.extraction.extractor import Extractor
from featex.images.decode import LARGE, decode
from featex.images.duplicates import thumbnail
from featex.images.facts import file_facts
from featex.images.formats import suffix_of, unread
from featex.images.variants import copy_keys, varied
from featex.store.cache import FeatureCache, content_key
from featex.store.thumbnails import ThumbnailCache
from featex.system.cores import batched, in_order, n_readers, one_core_each
from featex.system.disk import write_json
from featex.system.progress import Progress
from featex.system.stopping import Stopped, until_stopped
from featex.system.words import count

SAMPLED = 64  # least side in pixels of the image for a thumbnail if a GPU decodes the image itself
NOT_FINITE = "its features are not finite"  # also the reason of a damaged file that a GPU decodes


@dataclass
class Embedding:
    """Content keys of files, in order, and the reasons why some cannot be used. Vectors are in the cache.

    `reasons` and `facts` are by file number; `facts` are those of the files that were read. `computed` counts computed
    vectors of images, `computed_copies` those of varied copies.
    """

    keys: list[str]
    reasons: dict[int, str] = field(default_factory=dict)
    facts: dict[int, dict] = field(default_factory=dict)
    computed: int = 0
    computed_copies: int = 0


def open_cache(extractor: Extractor, out: str | Path) -> FeatureCache:
    """Return the cache of `extractor` below `out`, and write its passport beside the cache."""
    directory = Path(out) / extractor.name
    if not (directory / "extractor.json").exists():
        extractor.build()  # raises if the weights do not fit, before anything is written
        write_json(directory / "extractor.json", extractor.passport)
    return FeatureCache(directory / "vectors", extractor.n_features)


def embed(
    paths: Sequence[str | Path],
    extractor: Extractor,
    cache: FeatureCache,
    *,
    known: Sequence[tuple[str, str]] = (),
    copies: Sequence[int] = (),
    thumbnails: ThumbnailCache | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Embedding:
    """Compute the vectors of all files that are not in `cache`, and return the content keys.

    Parameters
    ----------
    known : sequence of (key, reason), one per path, optional
        The content key of each file and the reason why it cannot be used, from an earlier run; "" if unknown. A file is
        not read if its key is in the cache or it cannot be used.
    copies : sequence of int, one per path, optional
        Number of varied copies of each image to compute; their keys are `featex.images.variants.copy_keys`.
    thumbnails : ThumbnailCache, optional
        Receives the thumbnail of each image.

    Raises
    ------
    Stopped
        After a first Ctrl-C or SIGTERM: no further image is begun, and everything computed is stored.
    """
    copies = copies if len(copies) else [0] * len(paths)
    known = known or [("", "")] * len(paths)
    embedding = Embedding([key for key, _ in known], {i: reason for i, (_, reason) in enumerate(known) if reason})
    refused = {key: reason for key, reason in known if key and reason}
    todo = _unfinished(known, copies, cache, thumbnails)
    reader = _Reader(extractor, cache, refused, thumbnails)
    workers, progress = workers or n_readers(), progress or Progress()
    computed: list[str] = []

    def inputs() -> Iterator[tuple[str, torch.Tensor]]:
        """Read the files in order, and yield the key and the pixels of each image and copy that is to be computed."""
        items = [(Path(paths[i]), copies[i]) for i in todo]
        for i, image in zip(todo, in_order(pool, reader.read, items, workers + 3 * extractor.batch_size), strict=True):
            embedding.keys[i] = image.key
            embedding.facts[i] = image.facts
            if image.reason:
                embedding.reasons[i] = image.reason
            if image.thumbnail is not None:
                thumbnails.add(image.key, image.thumbnail)
            yield from image.inputs
            tick(1)
            if stopped():
                progress.say("Stopping after the images that are being computed; a second signal stops at once.")
                return

    def compute(batch: list[tuple[str, torch.Tensor]]) -> tuple[list[str], np.ndarray]:
        return [key for key, _ in batch], extractor([pixels for _, pixels in batch])

    task = progress.task("extract", len(todo), "image")
    with until_stopped() as stopped, task as tick, one_core_each(workers) as pool:
        ahead = workers + 2 if extractor.device.type == "cpu" else 3  # on a GPU: one runs, the others wait
        try:
            for keys, vectors in in_order(pool, compute, batched(inputs(), extractor.batch_size), ahead):
                finite = np.isfinite(vectors).all(axis=1)
                refused.update({key: NOT_FINITE for key, good in zip(keys, finite, strict=True) if not good})
                usable = [key for key, good in zip(keys, finite, strict=True) if good]
                cache.add(usable, vectors[finite])
                computed += usable
        finally:
            cache.flush()  # a stopped run keeps its vectors
            if thumbnails is not None:
                thumbnails.flush()
        if number := stopped():
            stored = sum(cache.holds(embedding.keys))
            raise Stopped(f"The features of {stored:,} of {count(len(paths), 'image')} are stored", number)
    _refuse_duplicates(embedding, copies, refused)
    embedding.computed = len(set(computed).intersection(embedding.keys))
    embedding.computed_copies = len(computed) - embedding.computed
    return embedding


def _refuse_duplicates(embedding: Embedding, copies: Sequence[int], refused: dict[str, str]) -> None:
    """Give each duplicate of a refused file its reason; it was skipped before the failure was known."""
    for i, key in enumerate(embedding.keys if refused else ()):
        for each in _keys(key, copies[i]):
            if each in refused:
                embedding.reasons[i] = refused[each]


def _unfinished(
    known: Sequence[tuple[str, str]], copies: Sequence[int], cache: FeatureCache, thumbnails: ThumbnailCache | None
) -> list[int]:
    """Return the numbers of files that may be usable and lack a vector, a thumbnail or a varied copy's vector."""
    keys = [key for key, _ in known]
    complete = cache.holds(keys)
    if thumbnails is not None:
        complete = np.logical_and(complete, thumbnails.holds(keys))
    return [
        i
        for i, (key, reason) in enumerate(known)
        if not reason and (not complete[i] or (copies[i] and _missing(key, copies[i], cache)))
    ]


def _keys(key: str, n_copies: int) -> list[str]:
    """Return the keys of an image and its varied copies."""
    return [key, *copy_keys(key, n_copies)] if n_copies else [key]


def _missing(key: str, n_copies: int, cache: FeatureCache) -> list[str]:
    """Return the keys of an image and its varied copies that have no vector."""
    return [each for each in _keys(key, n_copies) if each not in cache]


@dataclass
class _Image:
    """One file that was read: the extractor's inputs for it and its copies, by key; `reason` if it cannot be used."""

    key: str = ""
    facts: dict = field(default_factory=dict)
    inputs: list[tuple[str, torch.Tensor]] = field(default_factory=list)
    thumbnail: np.ndarray | None = None
    reason: str = ""


class _Reader:
    """Reads files in worker threads; equal files are decoded only once, and once for all varied copies."""

    def __init__(
        self, extractor: Extractor, cache: FeatureCache, refused: dict[str, str], thumbnails: ThumbnailCache | None
    ):
        self.extractor, self.cache, self.refused, self.thumbnails = extractor, cache, refused, thumbnails
        self._claimed: set[str] = set()
        self._lock = Lock()
        self._alone = Lock()  # two images of 169 megapixels would fill the memory of a small machine

    def read(self, item: tuple[Path, int]) -> _Image:
        """Return key, facts, inputs and thumbnail of a file; `item` is its path and its number of varied copies."""
        path, n_copies = item
        if reason := unread(suffix_of(path.name)):
            return _Image(reason=reason)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return _Image(reason="no such file")
        except OSError as error:
            return _Image(reason=f"cannot be read: {error.strerror or error}")
        key = content_key(data)
        try:
            facts = file_facts(data)
            with self._lock:
                if key in self.refused:
                    return _Image(key, facts)
                wanted = [k for k in _missing(key, n_copies, self.cache) if k not in self._claimed]
                small = f"thumbnail {key}"
                wants_small = self.thumbnails is not None and key not in self.thumbnails and small not in self._claimed
                self._claimed.update([*wanted, small])
            if wanted == [key] and (undecoded := self.extractor.undecoded(data)) is not None:
                # Only the GPU will have the pixels; decoding an eighth of them here costs little.
                return _Image(key, facts, [(key, undecoded)], thumbnail(decode(data, SAMPLED)) if wants_small else None)
            with self._alone if facts.get("width", 0) * facts.get("height", 0) > LARGE else nullcontext():
                image = decode(data, self.extractor.least_side) if wanted or wants_small else None
                inputs = [(k, self.extractor.preprocess(image if k == key else varied(image, k))) for k in wanted]
            return _Image(key, facts, inputs, thumbnail(image) if wants_small else None)
        except ImageError as error:
            self.refused[key] = str(error)
            return _Image(key, reason=str(error))

"""extract(): a folder of images to a set of features on disk, with the rows in order and the refused files listed."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from featex.datasets.dataset import by_kind, find_images
from featex.datasets.folders import NO_FILE
from featex.errors import InputError, StoreError
from featex.extraction.embed import embed, open_cache
from featex.extraction.joined import extractor_for
from featex.images.facts import FACTS
from featex.images.formats import NEEDS_HEIF, reads_heif
from featex.network.views import DEFAULT, View
from featex.store.features import SUFFIX, Features, StoredSet, is_copied, stored_sets
from featex.store.thumbnails import ThumbnailCache
from featex.store.units import with_units
from featex.system.disk import born_whole, checked_name
from featex.system.progress import Progress
from featex.system.words import count

STAMP = ["path", "size", "mtime_ns"]  # where all three are equal, a file is taken to be unchanged
MOST_OF_A_SET = 160  # bytes of its name: its models are called by it and by their kind
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
    computed_copies : int
        Vectors of varied copies that were computed.
    n_features : int
        Columns.
    failed_kinds : tuple of str
        The images that cannot be used, by suffix and class.
    notes : tuple of str
        What should be known of images that can be used.
    near : int
        Images that are near-duplicates of another.
    """

    stored: StoredSet
    found: int
    cached: int
    computed: int
    failed: int
    seconds: float
    device: str
    computed_copies: int = 0
    n_features: int = 0
    failed_kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    near: int = 0

    def load(self) -> Features:
        """Return the features."""
        return self.stored.load()


def extract(
    root: str | Path,
    out: str | Path,
    *,
    backbone: str = "resnet18",
    weights: str = "imagenet",
    device: str = "auto",
    batch_size: int | None = None,
    views: Sequence[View] = (DEFAULT,),
    copies: int = 0,
    workers: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    **dataset_options,
) -> Extraction:
    """Write the features of all images below `root`, and return what was done.

    Parameters
    ----------
    root : path
        A folder in one of the layouts that `featex.datasets.dataset.find_images` knows.
    out : path
        Where features are kept, such as artifacts/features.
    backbone, weights, device, batch_size
        As `featex.extraction.extractor.Extractor` takes them.
    views : sequence of View
        What is taken of each image; the columns of several stand side by side.
    copies : int
        How many varied copies of each training image are kept beside it; see `featex.images.variants`.
    workers : int, optional
        Threads that read and decode; by default one a core, 16 at most.
    name : str, optional
        The set's; by default the folder's.
    progress : Progress, optional
    **dataset_options
        As `featex.datasets.dataset.find_images` takes them: labels, path_column, ..., classes.

    Raises
    ------
    InputError
        If there are no images, or none that can be used.
    WeightsError
        If the weights cannot be had or do not fit.
    StoreError
        If `out` cannot be written, or holds a set of this name from another folder.
    """
    if copies and any(view.fast for view in views):
        raise InputError("varied copies are made of all pixels, and fast leaves some out; leave out one of them")
    progress = progress or Progress()
    started = time.monotonic()
    dataset = find_images(root, **dataset_options)
    progress.say(f"{root}: {dataset.sentence}")
    name = checked_name(name or dataset.root.name or "images", "a set", MOST_OF_A_SET)
    extractor = extractor_for(views, backbone, weights, device, batch_size, progress)
    stored = StoredSet(Path(out) / extractor.name / "sets" / f"{name}{SUFFIX}")
    cache, thumbnails = open_cache(extractor, out), ThumbnailCache(Path(out))

    table = dataset.table.merge(_known(stored, dataset.root), on=STAMP, how="left")
    table["reason"] = table["reason"].fillna("").mask(table["size"] < 0, table["size"].map(NO_FILE))
    embedding = embed(
        [f"{dataset.root}{os.sep}{path}" for path in table["path"].to_numpy()],
        extractor,
        cache,
        known=list(zip(table["key"].fillna("").to_numpy(), table.pop("reason").to_numpy(), strict=True)),
        copies=(copies * is_copied(table)).tolist(),
        thumbnails=thumbnails,
        workers=workers,
        progress=progress,
    )
    table["key"] = embedding.keys
    if embedding.facts:
        read = pd.DataFrame.from_dict(embedding.facts, orient="index", columns=list(FACTS))
        table = table.astype(dict.fromkeys(FACTS, object))
        table.loc[read.index, list(FACTS)] = read.astype(object)
    failed = table.iloc[sorted(embedding.reasons)].assign(reason=[r for _, r in sorted(embedding.reasons.items())])
    rows = table.drop(index=failed.index).reset_index(drop=True).astype(FACTS)
    if rows.empty:
        examples = "; ".join(f"{row.path}: {row.reason}" for row in failed.head(3).itertuples())
        raise InputError(f"none of {count(len(table), 'image')} below {root} can be used ({examples})")
    rows = with_units(rows, thumbnails, _earlier(stored, dataset.root), progress)
    stored.write(rows, dataset.root, copies)
    _write_failed(stored, failed)
    return Extraction(
        stored,
        found=len(table),
        cached=len(rows) - embedding.computed,
        computed=embedding.computed,
        failed=len(failed),
        seconds=time.monotonic() - started,
        device=str(extractor.device),
        computed_copies=embedding.computed_copies,
        n_features=extractor.n_features,
        failed_kinds=tuple(by_kind(table, table.index.isin(failed.index))),
        notes=tuple(_notes(rows)),
        near=int((rows["near"] != "").sum()),
    )


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    for bits in sorted({*rows["low_bits"]} - {0}):
        dark = rows["low_bits"] == bits
        yield (
            f"{count(dark.sum(), 'image')} use the lowest {bits} of 16 bits and come out nearly black "
            f"({'; '.join(by_kind(rows, dark))}): stretch their values to all 16 bits, or save them with 8"
        )


def _known(stored: StoredSet, root: Path) -> pd.DataFrame:
    """What an earlier run of the same set learnt of files: `STAMP`, key, reason (of those that failed) and `FACTS`."""
    empty = pd.DataFrame(columns=[*STAMP, "key", "reason", *FACTS]).astype({"size": "int64", "mtime_ns": "int64"})
    if not stored.path.exists():
        return empty
    rows, before = stored.read()
    if before != root and before.exists():
        raise StoreError(
            f"the set {stored.name!r} holds the images of {before}, not of {root}; choose another name with --name, "
            f"or delete {stored.path}"
        )
    parts = [rows.assign(reason="")]
    if stored.failed_path.exists():
        failed = pd.read_csv(stored.failed_path, dtype={"path": str, "reason": str, "key": str}).fillna("")
        again = (failed["key"] == "") | ((failed["reason"] == NEEDS_HEIF) & reads_heif())
        parts.append(failed[~again])
    return pd.concat(parts)[empty.columns]


def _earlier(stored: StoredSet, root: Path) -> list[pd.DataFrame]:
    """Return the rows that earlier runs wrote of the set: the set's own, then those of other extractors, oldest first.

    Models on features of several extractors are compared, so all must hold out the same images.
    """
    tables = {}
    for other in stored_sets(stored.extractor_dir.parent):
        if other.name == stored.name:
            rows, home = other.read()
            if home == root or other.path == stored.path:
                tables[other.path] = rows
    own = tables.pop(stored.path, None)
    return [*([] if own is None else [own]), *tables.values()]


def _write_failed(stored: StoredSet, failed: pd.DataFrame) -> None:
    if failed.empty:
        stored.failed_path.unlink(missing_ok=True)
        return
    with born_whole(stored.failed_path) as temporary:
        failed[FAILED_COLUMNS].to_csv(temporary, index=False)

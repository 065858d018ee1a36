"""extract(): compute the features of a folder of images and store them as a set, with a list of unusable files."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from featex.datasets.dataset import by_kind, find_images
from featex.datasets.folders import NO_FILE
from featex.errors import InputError, StoreError, UsageError
from featex.extraction.embed import Embedding, embed, open_cache
from featex.extraction.joined import extractor_for
from featex.extraction.recipes import FeatureRecipe, choose_recipe
from featex.images.facts import FACTS
from featex.images.formats import NEEDS_HEIF, reads_heif
from featex.layout import ARTIFACTS, DATA
from featex.store.features import SUFFIX, Features, StoredSet, is_copied, stored_sets
from featex.store.thumbnails import ThumbnailCache
from featex.store.units import with_units
from featex.system.disk import born_whole, checked_name
from featex.system.progress import Progress
from featex.system.words import count, none_usable

STAMP = ["path", "size", "mtime_ns"]  # if all three are equal, a file counts as unchanged
MOST_OF_A_SET = 160  # bytes of its name; names of models contain it
FAILED_COLUMNS = ["path", "reason", "size", "mtime_ns", "key"]


@dataclass(frozen=True)
class Extraction:
    """Summary of a run of `extract`.

    Parameters
    ----------
    stored : StoredSet
        The set on disk.
    n_images, cached, computed, failed : int
        Numbers of images: below the folder; with a stored vector; with a computed vector; that cannot be used. Equal
        files count as cached.
    seconds : float
    device : str
    computed_copies : int
        Number of computed vectors of varied copies.
    n_features : int
        Length of a vector.
    failed_kinds : tuple of str
        Numbers of images that cannot be used, by suffix and class.
    notes : tuple of str
        Warnings about images that are used.
    near : int
        Number of images that are near-duplicates of another.
    """

    stored: StoredSet
    n_images: int
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
    root: str | Path = DATA,
    out: str | Path = ARTIFACTS.features,
    *,
    recipe: str | FeatureRecipe = "default",
    backbone: str = "auto",
    weights: str = "auto",
    device: str = "auto",
    name: str | None = None,
    progress: Progress | None = None,
    **options,
) -> Extraction:
    """Compute the features of all images below `root`, store them below `out`, and return a summary.

    Features that are already stored are not computed again.

    Parameters
    ----------
    root : path
        A folder of images in a layout that `featex.datasets.dataset.find_images` reads.
    out : path
        The folder of all features.
    recipe : str or FeatureRecipe
        What is computed for each image: a preset's name in `featex.extraction.recipes.RECIPES`, or a recipe.
    backbone : str
        A name in `featex.network.backbones.BACKBONES`, ``timm:NAME``, or "auto".
    weights : str
        "auto", "imagenet", "random", a file, or a folder with one file for each backbone.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" takes a GPU if there is one.
    name : str, optional
        Name of the set; by default that of the folder.
    progress : Progress, optional
        Receives messages; by default there are none.
    **options
        ``batch_size`` of `featex.extraction.extractor.Extractor`; ``workers``, the number of threads that read and
        decode images (by default one per core, at most 16); and the fields of `featex.datasets.options.DatasetOptions`.

    Raises
    ------
    InputError
        If there are no images, or none can be used.
    WeightsError
        If the weights are not available or do not fit.
    StoreError
        If `out` cannot be written, or contains a set of this name from another folder.
    """
    recipe, progress = choose_recipe(recipe), progress or Progress()
    if recipe.copies and any(view.fast for view in recipe.views):
        raise UsageError("varied copies need all pixels, and fast skips some; leave out one of them")
    started = time.monotonic()
    batch_size, workers = options.pop("batch_size", None), options.pop("workers", None)
    dataset = find_images(root, **options)
    progress.say(f"{root}: {dataset.sentence}")
    name = checked_name(name or dataset.root.name or "images", "a set", MOST_OF_A_SET)
    extractor = extractor_for(recipe.views, backbone, weights, device, batch_size, progress=progress)
    stored = StoredSet(Path(out) / extractor.name / "sets" / f"{name}{SUFFIX}")
    cache, thumbnails = open_cache(extractor, out), ThumbnailCache(Path(out))

    table = dataset.table.merge(_known(stored, dataset.root), on=STAMP, how="left")
    table["reason"] = table["reason"].fillna("").mask(table["size"] < 0, table["size"].map(NO_FILE))
    embedding = embed(
        [f"{dataset.root}{os.sep}{path}" for path in table["path"].to_numpy()],
        extractor,
        cache,
        known=list(zip(table["key"].fillna("").to_numpy(), table.pop("reason").to_numpy(), strict=True)),
        copies=(recipe.copies * is_copied(table)).tolist(),
        thumbnails=thumbnails,
        workers=workers,
        progress=progress,
    )
    table, rows, failed = _rows(table, embedding)
    if rows.empty:
        examples = "; ".join(f"{row.path}: {row.reason}" for row in failed.head(3).itertuples())
        raise InputError(f"{none_usable(len(table), 'image', f' below {root}')} ({examples})")
    rows = with_units(rows, thumbnails, _earlier(stored, dataset.root), progress)
    stored.write(rows, dataset.root, recipe.copies)
    _write_failed(stored, failed)
    return Extraction(
        stored,
        n_images=len(table),
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


def _rows(table: pd.DataFrame, embedding: Embedding) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the table with keys and facts, then its usable rows, and the failed rows with their reasons."""
    table["key"] = embedding.keys
    if embedding.facts:
        facts = pd.DataFrame.from_dict(embedding.facts, orient="index", columns=list(FACTS))
        table = table.astype(dict.fromkeys(FACTS, object))
        table.loc[facts.index, list(FACTS)] = facts.astype(object)
    failed = table.iloc[sorted(embedding.reasons)].assign(reason=[r for _, r in sorted(embedding.reasons.items())])
    return table, table.drop(index=failed.index).reset_index(drop=True).astype(FACTS), failed


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    for bits in sorted({*rows["low_bits"]} - {0}):
        dark = rows["low_bits"] == bits
        yield (
            f"{count(dark.sum(), 'image')} use the lowest {bits} of 16 bits and appear almost black "
            f"({'; '.join(by_kind(rows, dark))}): scale their values to all 16 bits, or save them with 8"
        )


def _known(stored: StoredSet, root: Path) -> pd.DataFrame:
    """Return the files known from an earlier run of this set: `STAMP`, key, reason of failure and `FACTS`."""
    empty = pd.DataFrame(columns=[*STAMP, "key", "reason", *FACTS]).astype({"size": "int64", "mtime_ns": "int64"})
    if not stored.path.exists():
        return empty
    rows, before = stored.read()
    if before != root and before.exists():
        raise StoreError(
            f"the set {stored.name!r} contains images of {before}, not of {root}; choose another name with --name, or "
            f"delete {stored.path}"
        )
    parts = [rows.assign(reason="")]
    if stored.failed_path.exists():
        failed = pd.read_csv(stored.failed_path, dtype={"path": str, "reason": str, "key": str}).fillna("")
        again = (failed["key"] == "") | ((failed["reason"] == NEEDS_HEIF) & reads_heif())
        parts.append(failed[~again])
    return pd.concat(parts)[empty.columns]


def _earlier(stored: StoredSet, root: Path) -> list[pd.DataFrame]:
    """Return the rows of this set from earlier runs: from this extractor first, then from others, oldest first.

    Models on features of different extractors are compared, so all of them must hold out the same images.
    """
    tables = {}
    for other in stored_sets(stored.extractor_dir.parent):
        if other.name == stored.name:
            rows, home = other.read()
            if home == root or other.path == stored.path:
                tables[other.path] = rows
    first = [tables.pop(stored.path)] if stored.path in tables else []
    return [*first, *tables.values()]


def _write_failed(stored: StoredSet, failed: pd.DataFrame) -> None:
    if failed.empty:
        stored.failed_path.unlink(missing_ok=True)
        return
    with born_whole(stored.failed_path) as temporary:
        failed[FAILED_COLUMNS].to_csv(temporary, index=False)

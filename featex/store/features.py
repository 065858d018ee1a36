"""Features: X, y, and a row of facts for each image; and the sets of them on disk (numpy and pandas only, no torch)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from featex.errors import InputError, StoreError
from featex.images.facts import FACTS
from featex.images.variants import copy_keys
from featex.store.cache import FeatureCache
from featex.store.thumbnails import ThumbnailCache
from featex.store.units import COLUMNS as UNITS
from featex.system.disk import born_whole, read_json

SUFFIX = ".parquet"
COLUMNS = ("path", "label", "split", "source", "group", "size", "mtime_ns", "key", *FACTS, *UNITS)


@dataclass(frozen=True)
class Features:
    """The images of one set as one extractor sees them; row i of all three is the same image.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32, finite
    rows : DataFrame
        `path` (relative to `root`, with slashes), `label` ("" where unknown), `split` ("train", "val", "test", a
        custom set's name, or "" where the data has no sets), `source`, `group`, `size` (bytes), `mtime_ns`, `key`
        (sha256 of the file), the file's `facts.FACTS`, and `near` and `anchor` (see `featex.store.units.with_units`).
    name : str
        The set's.
    root : Path
        The folder the images were read from.
    extractor : dict
        The extractor's passport: backbone, weights, view, preprocessing, fingerprint, versions.
    copies : ndarray of shape (n_samples, n_copies, n_features), float32, optional
        Vectors of varied copies of the images (see `variants`), for training; NaN for images that have none.
    thumbnails : ndarray of shape (n_samples, 16, 16), uint8, optional
        As `featex.images.duplicates.thumbnail` makes them; None where some have gone from the disk.
    """

    X: np.ndarray
    rows: pd.DataFrame
    name: str
    root: Path
    extractor: dict
    copies: np.ndarray | None = None
    thumbnails: np.ndarray | None = None

    @property
    def blocks(self) -> list[tuple[str, int]]:
        """Name and number of columns of each part of a vector, in their order."""
        return [tuple(block) for block in self.extractor.get("blocks") or [("features", self.X.shape[1])]]

    @property
    def y(self) -> np.ndarray:
        """Labels, (n_samples,) of str."""
        return self.rows["label"].to_numpy(dtype=str)

    @property
    def paths(self) -> list[Path]:
        """Where each image was, absolute."""
        return [self.root / path for path in self.rows["path"]]


@dataclass(frozen=True)
class StoredSet:
    """A set on disk: its table, and the folder of the extractor that made it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    @property
    def extractor_dir(self) -> Path:
        return self.path.parent.parent

    @property
    def failed_path(self) -> Path:
        return self.path.with_name(f"{self.name}.failed.csv")

    def extractor(self) -> dict:
        """Return the extractor's passport."""
        return read_json(self.extractor_dir / "extractor.json")

    def cache(self) -> FeatureCache:
        """Return the cache that holds the set's vectors."""
        return FeatureCache(self.extractor_dir / "vectors", self.extractor()["n_features"])

    @property
    def n_copies(self) -> int:
        """How many varied copies of each training image have vectors too."""
        return int(self._table().schema.metadata.get(b"featex.images.variants", 0))

    def read(self) -> tuple[pd.DataFrame, Path]:
        """Return the rows, and the folder their paths are relative to; StoreError for a set of another version."""
        table = self._table()
        if lacking := set(COLUMNS).difference(table.column_names):
            raise StoreError(
                f"{self.path} was written by another version (without {', '.join(sorted(lacking)[:4])}); "
                "delete it and run featex extract again"
            )
        return table.to_pandas(), Path(table.schema.metadata[b"featex.root"].decode())

    def _table(self) -> pa.Table:
        try:
            table = pq.read_table(self.path)
            table.schema.metadata[b"featex.root"]
        except (OSError, pa.ArrowException, KeyError, TypeError) as error:
            raise StoreError(f"{self.path} is not a set of featex's ({error}); delete it and extract again") from error
        return table

    def write(self, rows: pd.DataFrame, root: Path, n_copies: int = 0) -> None:
        """Write the table, whole or not at all."""
        table = pa.Table.from_pandas(rows[list(COLUMNS)], preserve_index=False)
        told = {b"featex.root": str(root).encode(), b"featex.images.variants": str(n_copies).encode()}
        table = table.replace_schema_metadata({**table.schema.metadata, **told})
        with born_whole(self.path) as temporary:
            pq.write_table(table, temporary)

    def load(self) -> Features:
        """Return the set with its vectors."""
        rows, root = self.read()
        cache = self.cache()
        copies = _copies(rows, self.n_copies, cache)
        kept = ThumbnailCache(self.extractor_dir.parent)
        thumbnails = kept.get(rows["key"]) if all(kept.holds(rows["key"])) else None
        return Features(cache.get(rows["key"]), rows, self.name, root, self.extractor(), copies, thumbnails)


def is_copied(rows: pd.DataFrame) -> pd.Series:
    """Return which images have varied copies: labelled ones that a model may be trained on."""
    return (rows["label"] != "") & rows["split"].isin(["", "train", "val"])


def _copies(rows: pd.DataFrame, n: int, cache: FeatureCache) -> np.ndarray | None:
    if not n:
        return None
    vectors = np.full((len(rows), n, cache.n_features), np.nan, dtype=np.float32)
    copied = np.flatnonzero(is_copied(rows))
    keys = [copy for key in rows["key"].iloc[copied] for copy in copy_keys(key, n)]
    vectors[copied] = cache.get(keys).reshape(-1, n, cache.n_features)
    return vectors


def stored_sets(directory: Path) -> list[StoredSet]:
    """Return the sets below `directory` (such as artifacts/features), oldest first."""
    paths = Path(directory).glob(f"*/sets/*{SUFFIX}")
    return [StoredSet(path) for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path))]


def find_set(directory: Path, name: str | None = None) -> StoredSet:
    """Return the set called `name` ("SET", or "EXTRACTOR/SET" where several extractors have one), or the newest.

    Raises
    ------
    InputError
        If there is none; the message names those there are.
    """
    sets = stored_sets(directory)
    if not sets:
        raise InputError(f"no features in {directory}; make some with: featex extract DIR")
    if name is None:
        return sets[-1]
    found = [stored for stored in sets if name in (stored.name, f"{stored.extractor_dir.name}/{stored.name}")]
    if not found:
        names = sorted({stored.name for stored in sets})
        raise InputError(f"no set {name!r} in {directory}; there are: {', '.join(names)}")
    return found[-1]


def load_features(directory: Path, name: str | None = None) -> Features:
    """Return the set called `name` below `directory` (such as artifacts/features), or the newest.

    Raises
    ------
    InputError
        If there is no such set.
    StoreError
        If a file of it is damaged.
    """
    return find_set(directory, name).load()


def verify(directory: Path) -> Iterator[str]:
    """Yield what is wrong below `directory`, a sentence each: parts that changed, rows without a vector, and so on."""
    yield from ThumbnailCache(Path(directory)).verify()
    for extractor_dir in sorted({path.parent for path in Path(directory).glob("*/extractor.json")}):
        try:
            n_features = read_json(extractor_dir / "extractor.json")["n_features"]
            cache = FeatureCache(extractor_dir / "vectors", n_features, skip_damaged=True)
        except (StoreError, KeyError) as error:
            yield f"{extractor_dir}: {error}"
            continue
        yield from cache.verify()
        for path in sorted(extractor_dir.glob(f"sets/*{SUFFIX}")):
            try:
                rows, _ = StoredSet(path).read()
                n_copies = StoredSet(path).n_copies
            except StoreError as error:
                yield str(error)
                continue
            for row in rows[rows["path"].duplicated()].itertuples():
                yield f"{path}: {row.path} stands on two rows"
            for row in rows[[key not in cache for key in rows["key"]]].itertuples():
                yield f"{path}: {row.path} has no vector"
            for row in rows[is_copied(rows)].itertuples() if n_copies else ():
                if not all(key in cache for key in copy_keys(row.key, n_copies)):
                    yield f"{path}: {row.path} lacks a varied copy's vector"


def export(features: Features, path: Path) -> None:
    """Write rows and vectors as one .npz, .csv or .parquet file, by the ending of `path`.

    An .npz holds `X`, `y` and every column of the rows, and opens with ``allow_pickle=False``. The tables hold the
    columns of the rows, then `f0`, `f1`, ...
    """
    path = Path(path)
    if path.suffix not in (".npz", ".csv", ".parquet"):
        raise InputError(f"cannot export to {path.name!r}: the name must end in .npz, .csv or .parquet")
    if path.suffix == ".npz":
        columns = {name: features.rows[name].to_numpy() for name in COLUMNS}
        columns = {k: v.astype(str) if v.dtype == object else v for k, v in columns.items()}
        with born_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, X=features.X, y=features.y, **columns)
        return
    names = [f"f{column}" for column in range(features.X.shape[1])]
    table = pd.concat([features.rows, pd.DataFrame(features.X, columns=names)], axis=1)
    with born_whole(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)

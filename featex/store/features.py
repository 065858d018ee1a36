"""Features: X, y and a row of facts for each image, and the sets of features on disk; torch is not needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from featex.errors import InputError, StoreError, UsageError, nearest
from featex.images.facts import FACTS
from featex.images.variants import copy_keys
from featex.layout import ARTIFACTS
from featex.store.cache import FeatureCache
from featex.store.thumbnails import ThumbnailCache
from featex.store.units import COLUMNS as UNITS
from featex.system.disk import born_whole, read_json
from featex.system.table_file import SUFFIXES, check_suffix, write_table

SUFFIX = ".parquet"
ROOT, N_COPIES = b"featex.root", b"featex.n_copies"  # keys in the metadata of a set's table
COLUMNS = ("path", "label", "split", "source", "group", "size", "mtime_ns", "key", *FACTS, *UNITS)


@dataclass(frozen=True)
class Features:
    """Features of one set of images from one extractor.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32, finite
    rows : DataFrame
        Row i describes the image of row i of `X`: `path` (relative to `root`, with slashes), `label` ("" if unknown),
        `split` ("train", "val", "test", the name of an external set, or "" if the data has no sets), `source`, `group`,
        `size` (bytes), `mtime_ns`, `key` (sha256 of the file), the file's `featex.images.facts.FACTS`, and `near` and
        `anchor` (see `featex.store.units.with_units`).
    name : str
        Name of the set.
    root : Path
        The folder of the images.
    extractor : dict
        The extractor's passport: backbone, weights, view, preprocessing, fingerprint, versions.
    copies : ndarray of shape (n_samples, n_copies, n_features), float32, optional
        Vectors of varied copies of the images, for training (see `featex.images.variants`); NaN for images without.
    thumbnails : ndarray of shape (n_samples, 16, 16), uint8, optional
        From `featex.images.duplicates.thumbnail`; None if one is missing on disk.
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
        """Name and number of columns of each block of a vector, in order."""
        return [tuple(block) for block in self.extractor.get("blocks") or [("features", self.X.shape[1])]]

    @property
    def y(self) -> np.ndarray:
        """Labels, shape (n_samples,), str."""
        return self.rows["label"].to_numpy(dtype=str)

    @property
    def paths(self) -> list[Path]:
        """Absolute path of each image."""
        return [self.root / path for path in self.rows["path"]]


@dataclass(frozen=True)
class StoredSet:
    """A set on disk: the path of its table, which lies in the folder of its extractor."""

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
        """Return the cache with the vectors of the set."""
        return FeatureCache(self.extractor_dir / "vectors", self.extractor()["n_features"])

    @property
    def n_copies(self) -> int:
        """Number of varied copies per training image."""
        return int(self._table().schema.metadata[N_COPIES])

    def read(self) -> tuple[pd.DataFrame, Path]:
        """Return the rows and the folder of the images; raise StoreError for a set of another version."""
        table = self._table()
        if lacking := set(COLUMNS).difference(table.column_names):
            raise StoreError(
                f"{self.path} was written by another version (without {', '.join(sorted(lacking)[:4])}); "
                "delete it and run featex extract again"
            )
        return table.to_pandas(), Path(table.schema.metadata[ROOT].decode())

    def _table(self) -> pa.Table:
        try:
            table = pq.read_table(self.path)
            if not {ROOT, N_COPIES} <= set(table.schema.metadata or {}):
                raise OSError("another program or version wrote it")
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"{self.path} is not a set of featex ({error}); delete it and run featex extract again"
            ) from error
        return table

    def write(self, rows: pd.DataFrame, root: Path, n_copies: int = 0) -> None:
        """Write the table; the file appears whole or not at all."""
        table = pa.Table.from_pandas(rows[list(COLUMNS)], preserve_index=False)
        metadata = {ROOT: str(root).encode(), N_COPIES: str(n_copies).encode()}
        table = table.replace_schema_metadata({**table.schema.metadata, **metadata})
        with born_whole(self.path) as temporary:
            pq.write_table(table, temporary)

    def load(self) -> Features:
        """Return the set with its vectors."""
        rows, root = self.read()
        cache = self.cache()
        copies = _copies(rows, self.n_copies, cache)
        stored = ThumbnailCache(self.extractor_dir.parent)
        thumbnails = stored.get(rows["key"]) if all(stored.holds(rows["key"])) else None
        return Features(cache.get(rows["key"]), rows, self.name, root, self.extractor(), copies, thumbnails)


def is_copied(rows: pd.DataFrame) -> pd.Series:
    """Return for each image whether it has varied copies: it is labelled and may be used for training."""
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
        If there is none; the message lists the existing sets.
    """
    sets = stored_sets(directory)
    if not sets:
        raise InputError(f"no features in {directory}; make some with: featex extract DIR")
    if name is None:
        return sets[-1]
    matches = [stored for stored in sets if name in (stored.name, f"{stored.extractor_dir.name}/{stored.name}")]
    if not matches:
        names = sorted({stored.name for stored in sets})
        near = nearest(name, names) or ";"
        raise UsageError(f"no set {name!r} in {directory}{near} there are: {', '.join(names)}")
    return matches[-1]


def load_features(directory: str | Path = ARTIFACTS.features, name: str | None = None) -> Features:
    """Return the features of a stored set.

    Parameters
    ----------
    directory : path
        The folder of all features.
    name : str, optional
        "SET", or "EXTRACTOR/SET" if several extractors have a set of this name; by default the newest set.

    Raises
    ------
    InputError
        If there is no such set.
    StoreError
        If a file of it is damaged.
    """
    return find_set(Path(directory), name).load()


def verify(directory: Path) -> Iterator[str]:
    """Yield one sentence for each problem below `directory`: parts that have changed, rows without a vector, ..."""
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
                yield f"{path}: {row.path} is listed in two rows"
            for row in rows[[key not in cache for key in rows["key"]]].itertuples():
                yield f"{path}: {row.path} has no vector"
            for row in rows[is_copied(rows)].itertuples() if n_copies else ():
                if not all(key in cache for key in copy_keys(row.key, n_copies)):
                    yield f"{path}: {row.path} has no vector for a varied copy"


def export(features: Features, path: Path) -> None:
    """Write rows and vectors to one .npz, .parquet, .csv or .json file; the suffix of `path` decides.

    An .npz file holds `X`, `y` and every column of the rows, and opens with ``allow_pickle=False``. A table holds the
    columns of the rows, then `f0`, `f1`, ...
    """
    path = Path(path)
    check_suffix(path, (".npz", *SUFFIXES))
    if path.suffix == ".npz":
        columns = {name: features.rows[name].to_numpy() for name in COLUMNS}
        columns = {k: v.astype(str) if v.dtype == object else v for k, v in columns.items()}
        with born_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, X=features.X, y=features.y, **columns)
        return
    names = [f"f{column}" for column in range(features.X.shape[1])]
    table = pd.concat([features.rows, pd.DataFrame(features.X, columns=names)], axis=1)
    write_table(table, path)

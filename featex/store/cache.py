"""FeatureCache: vectors on disk by content key.

A cache is a folder of parts. A part is one safetensors file with `keys` (n, 32) uint8, the sha256 of each image file,
and `vectors` (n, n_features) float32. Its name is the sha256 of its bytes, and it is never changed. So a part appears
whole or not at all, damage is detected, and several processes can write at the same time.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from featex.errors import StoreError
from featex.system.disk import born_whole

FLUSH_ROWS = 4096
FLUSH_SECONDS = 30.0


def content_key(data: bytes) -> str:
    """Return the sha256 of a file's bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class FeatureCache:
    """The vectors of one extractor, by content key.

    Parameters
    ----------
    directory : Path
        The folder of the parts; made when the first part is written.
    n_features : int
        Length of every vector.
    skip_damaged : bool
        Skip parts that cannot be opened, and let `verify` report them, instead of raising StoreError.

    Notes
    -----
    `add` collects rows in memory and writes a part after `FLUSH_ROWS` rows or `FLUSH_SECONDS` seconds; a killed run
    loses no more than that. Keys stay in memory (about 150 bytes each); vectors are read on request. The bytes of a
    part are hashed before its first vector is used (0.12 s for 215 MB, with the processor's SHA instructions).
    """

    def __init__(self, directory: Path, n_features: int, *, skip_damaged: bool = False):
        self.directory = Path(directory)
        self.n_features = n_features
        self._parts: list[Path] = []
        self._whole: set[Path] = set()  # parts whose hash has been checked
        self._unread: list[str] = []  # why parts were skipped
        self._ends = [0]  # number of vectors up to the end of each part; the first entry is 0
        self._where: dict[bytes, int] = {}  # index of each key's vector over all parts
        self._pending: dict[bytes, int] = {}  # row of each key in the buffer
        self._buffer = np.empty((FLUSH_ROWS, n_features), dtype=np.float32)
        self._flushed = time.monotonic()
        for path in sorted(self.directory.glob("*.safetensors")):
            try:
                self._index(self._read(path, "keys").view("V32").ravel().tolist())
            except StoreError as error:
                if not skip_damaged:
                    raise
                self._unread.append(str(error))
            else:
                self._parts.append(path)

    def __len__(self) -> int:
        return len(self._where) + len(self._pending)

    def __contains__(self, key: str) -> bool:
        raw = bytes.fromhex(key)
        return raw in self._where or raw in self._pending

    def holds(self, keys: Sequence[str]) -> list[bool]:
        """Return for each key whether it has a vector; "" has none."""
        return [raw in self._where or raw in self._pending for raw in map(bytes.fromhex, keys)]

    def add(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store `vectors` (n, n_features) float32 under `keys`; they are on disk after the next flush."""
        if vectors.shape != (len(keys), self.n_features):
            raise ValueError(f"expected {(len(keys), self.n_features)} vectors, got {vectors.shape}")
        for start in range(0, len(keys), FLUSH_ROWS):
            chunk = slice(start, start + FLUSH_ROWS)
            new = list(map(bytes.fromhex, keys[chunk]))
            if len(self._pending) + len(new) > FLUSH_ROWS:
                self.flush()
            first = len(self._pending)
            added: dict[bytes, int] = {}
            rows = [
                self._pending[raw] if raw in self._pending else added.setdefault(raw, first + len(added)) for raw in new
            ]
            in_a_row = rows[-1] == first + len(rows) - 1  # all keys are new, as nearly always: a plain copy
            self._buffer[slice(first, first + len(rows)) if in_a_row else rows] = vectors[chunk]
            self._pending |= added  # last: an interrupt before it leaves no key without its vector
        if len(self._pending) == FLUSH_ROWS or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the pending rows as a new part."""
        self._flushed = time.monotonic()
        if not self._pending:
            return
        keys = np.frombuffer(b"".join(self._pending), dtype=np.uint8).reshape(-1, 32)
        vectors = self._buffer[: len(keys)]
        pieces = [_header(vectors.shape), vectors.data, keys.data]
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        path = self.directory / f"{digest.hexdigest()[:32]}.safetensors"
        with born_whole(path) as temporary, temporary.open("wb") as file:
            file.writelines(pieces)
        self._parts.append(path)
        self._index(list(self._pending))
        self._pending.clear()

    def get(self, keys: Sequence[str]) -> np.ndarray:
        """Return the vectors of `keys`, (len(keys), n_features) float32, in their order.

        Raises
        ------
        StoreError
            If a key has no vector, or a part is damaged.
        """
        self.flush()
        X = np.empty((len(keys), self.n_features), dtype=np.float32)
        try:
            places = np.fromiter(map(self._where.__getitem__, map(bytes.fromhex, keys)), np.int64, len(keys))
        except KeyError as missing:
            raise StoreError(
                f"no vector for content {missing.args[0].hex()} in {self.directory}; run featex extract again"
            ) from None
        parts = np.searchsorted(self._ends, places, side="right") - 1
        for part in np.unique(parts):
            rows = np.flatnonzero(parts == part)
            if self._parts[part] not in self._whole and not self._is_whole(self._parts[part]):
                raise StoreError(
                    f"{self._parts[part]} is damaged (its bytes have changed); delete it and run featex extract again"
                )
            vectors, inside = self._read(self._parts[part], "vectors"), places[rows] - self._ends[part]
            if _runs(rows) and _runs(inside):  # a set written in one run is read in nearly half the time
                X[rows[0] : rows[-1] + 1] = vectors[inside[0] : inside[-1] + 1]
            else:
                X[rows] = vectors[inside]
        return X

    def verify(self, *, finite: bool = True) -> list[str]:
        """Return one sentence for each problem with the parts on disk.

        Parameters
        ----------
        finite : bool
            Whether all values must be finite; False if the vectors hold bytes rather than numbers.
        """
        problems = list(self._unread)
        for path in self._parts:
            if not self._is_whole(path):
                problems.append(f"{path}: its bytes have changed")
            elif finite and not np.isfinite(self._read(path, "vectors")).all():
                problems.append(f"{path}: some values are not finite")
        return problems

    def _is_whole(self, path: Path) -> bool:
        """Return whether a part's bytes still have the hash in its name."""
        try:
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest()[:32] == path.stem
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({error}); run featex extract again") from error
        if whole:
            self._whole.add(path)
        return whole

    def _index(self, keys: list[bytes]) -> None:
        end = self._ends[-1] + len(keys)
        self._where.update(zip(keys, range(self._ends[-1], end), strict=True))
        self._ends.append(end)

    def _read(self, path: Path, name: str) -> np.ndarray:
        try:
            with safe_open(path, framework="numpy") as part:
                array = part.get_tensor(name)
                n_rows, n_columns = part.get_slice("vectors").get_shape()
        except (SafetensorError, OSError) as error:
            raise StoreError(f"{path} is damaged ({error}); delete it and run featex extract again") from error
        if n_columns != self.n_features or len(array) != n_rows:
            raise StoreError(f"{path} holds {n_columns} features a row, expected {self.n_features}; delete it")
        return array


def _runs(numbers: np.ndarray) -> bool:
    return bool((np.diff(numbers) == 1).all())


def _header(shape: tuple[int, int]) -> bytes:
    """Return the header of a safetensors file; the library's writer would copy vectors and keys twice."""
    n, n_columns = shape
    end = 4 * n_columns * n
    tensors = {
        "vectors": {"dtype": "F32", "shape": [n, n_columns], "data_offsets": [0, end]},
        "keys": {"dtype": "U8", "shape": [n, 32], "data_offsets": [end, end + 32 * n]},
    }
    text = json.dumps(tensors, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def parts_size(directories: Iterable[Path]) -> int:
    """Return the size in bytes of the parts in `directories`."""
    return sum(path.stat().st_size for directory in directories for path in directory.glob("*.safetensors"))

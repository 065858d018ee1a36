"""Which images there are, and what is known of each: label, split, source and group, from folders or from a table."""

import csv
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pandas as pd

from featex.errors import InputError
from featex.images import SUFFIXES

PATH_COLUMNS = ("file_name", "path", "file", "filename", "image", "id")
LABEL_COLUMNS = ("label", "class", "target")
SET_COLUMNS = ("split", "set")

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLITS = {spelling: split for split, spellings in _SPLIT_NAMES.items() for spelling in spellings}
MAX_WRAPPERS = 8  # a link back to its own folder would wrap for ever
_MISSING = (-1, -1)
_COLUMNS = ["path", "label", "split", "source", "group"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images below a folder, one row each.

    Parameters
    ----------
    root : Path
        The folder, absolute.
    layout : str
        What was found, in one line for the user.
    table : DataFrame
        Sorted by path: ``path`` (POSIX, relative to `root`), ``label``, ``split`` ("train", "val", "test", or the name
        of a custom set), ``source`` (the folder it came from) and ``group`` (images that belong together), all str
        with "" for none; ``size`` in bytes and ``mtime_ns``, both -1 for a file that is listed but cannot be found.
    """

    root: Path
    layout: str
    table: pd.DataFrame


def find_images(
    root: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    set_column: str | None = None,
    group_column: str | None = None,
    group_rows: int | None = None,
    classes: Sequence[tuple[str, str]] = (),
) -> Dataset:
    """Return the images below `root` with what its folders, or a table, say of them.

    Folders are read as ``<set>/<class>/...`` where one at the top is named like train, val or test (any other is then
    a custom set), as ``<class>/<set>/`` where that names every folder, else as ``<class>/...``, or as unlabelled images
    where there are no folders. A lone folder around all the others is stepped into. A table is used where `labels`
    names one or `root` holds a ``metadata.csv`` with a column ``file_name`` and labels.

    Parameters
    ----------
    root : path
        Folder that holds the images.
    labels : path, optional
        CSV with a row an image; its paths are relative to `root` or to its own folder, or absolute.
    path_column, label_column, set_column, group_column : str, optional
        Columns of the table; by default the first there is of `PATH_COLUMNS`, `LABEL_COLUMNS`, `SET_COLUMNS`, "group".
    group_rows : int, optional
        Every so many successive rows of the table are one group.
    classes : sequence of (name, pattern)
        Renames each label to the name whose pattern (as in `fnmatch.fnmatchcase`) is the first to match it.

    Raises
    ------
    InputError
        If a folder, file, column or option cannot be used, or no image is found.
    """
    folder = Path(root)
    if not folder.is_dir():
        what = "is a file; give the folder that holds the images" if folder.exists() else "does not exist"
        raise InputError(f"{str(root)!r} {what}")
    home = folder.resolve()
    options = {"path": path_column, "label": label_column, "set": set_column, "group": group_column}
    labels = labels or _own_table(folder, label_column)
    if labels is not None:
        table, notes = _from_csv(home, Path(labels), options, group_rows), []
    elif group_rows is not None or any(options.values()):
        raise InputError(f"columns and group_rows are those of a table, and {str(root)!r} has none; name it as labels")
    else:
        table, notes = _from_folders(folder, home)
    table["label"] = table["label"].map({label: _class(label, classes) for label in table["label"].unique()})
    table = _one_row_a_path(table).sort_values("path", ignore_index=True)
    table = table.astype(dict.fromkeys(_COLUMNS, "str") | {"size": "int64", "mtime_ns": "int64"})
    return Dataset(home, _layout(table, labels, notes), table)


def _from_folders(folder: Path, home: Path) -> tuple[pd.DataFrame, list[str]]:
    files, others = _walk(str(home))
    if not files:
        raise InputError(f"{str(folder)!r} holds no images (looked for {' '.join(sorted(SUFFIXES))})")
    table = pd.DataFrame(files, columns=["path", "size", "mtime_ns"])
    places = _places([path.split("/")[:-1] for path, _, _ in files], folder)
    table["label"], table["split"], table["source"] = zip(*places, strict=True)
    table["group"] = ""
    return table, [f"{_count(others, 'other file')} ignored"] if others else []


def _walk(root: str) -> tuple[list[tuple[str, int, int]], int]:
    """Return path, size and time of every image below `root`, and the number of other files."""
    found, others, waiting = [], 0, [("", frozenset())]
    while waiting:
        folder, above = waiting.pop()
        here = os.path.join(root, folder)
        try:
            facts = os.stat(here)
            if (facts.st_dev, facts.st_ino) in above:  # a link back to a folder that this one lies in
                continue
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
        except OSError as error:
            raise InputError(f"cannot read the folder {here!r}: {error.strerror}; mend it or move it away") from error
        for entry in visible:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                waiting.append((path, above | {(facts.st_dev, facts.st_ino)}))
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and (entry.is_file() or entry.is_symlink()):
                found.append(_row(path, entry.path))
            else:
                others += 1
    return found, others


def _row(path: str, file: str) -> tuple[str, int, int]:
    try:
        path.encode()
    except UnicodeEncodeError:  # no table can hold such a name: keep the row, so that the file is listed as failed
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), *_MISSING
    return path, *_facts(file)


def _facts(file: str) -> tuple[int, int]:
    """Return size and modification time, or `_MISSING` for what is no file."""
    try:
        facts = os.stat(file)
    except (OSError, ValueError):  # ValueError: a NUL in a name from a table
        return _MISSING
    return (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else _MISSING


@cache
def _split_name(name: str) -> str:
    """Return "train", "val" or "test" for the usual spellings of a set (`Training`, `test_set`), else ""."""
    return _SPLITS.get(re.sub(r"[ _-]?(set|data|images)$", "", name.lower()), "")


def _places(folders: list[list[str]], root: Path) -> list[tuple[str, str, str]]:
    """Return label, split and source for the folders that each image lies in."""
    while True:
        tops = sorted({parts[0] for parts in folders if parts})
        if len(tops) != 1 or _split_name(tops[0]) or not all(folders) or all(len(parts) == 1 for parts in folders):
            break
        root = root / tops[0]
        folders = [parts[1:] for parts in folders]
    if any(_split_name(top) for top in tops):
        return [_place_in_set(*parts) for parts in folders]
    if all(len(parts) == 2 and _split_name(parts[1]) for parts in folders):
        return [(label, _split_name(split), label) for label, split in folders]
    inside = sorted({parts[0] for parts in folders if len(parts) > 2 and _split_name(parts[1])})
    if inside:
        raise InputError(
            f"{str(root)!r} holds whole data sets ({', '.join(inside)}); name one: featex extract {root / inside[0]}"
        )
    return [(parts[0] if parts else "", "", "/".join(parts)) for parts in folders]


def _place_in_set(split: str = "", *inside: str) -> tuple[str, str, str]:
    return inside[0] if inside else "", _split_name(split) or split, "/".join(inside)


def _own_table(folder: Path, label_column: str | None) -> Path | None:
    """Return the metadata.csv of a folder, or of the one that lone folders are wrapped around."""
    for _ in range(MAX_WRAPPERS):
        if _describes_images(folder / "metadata.csv", label_column):
            return folder / "metadata.csv"
        inside = [path for path in folder.iterdir() if path.is_dir() or path.suffix.lower() in SUFFIXES]
        inside = [path for path in inside if not path.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir():
            return None
        folder = inside[0]
    return None


def _describes_images(file: Path, label_column: str | None) -> bool:
    """Tell whether a file is the table of Hugging Face's imagefolder (huggingface.co/docs/datasets/image_dataset)."""
    if not file.is_file():
        return False
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = next(csv.reader(lines), [])
    return "file_name" in header and (label_column is not None or not set(LABEL_COLUMNS).isdisjoint(header))


def _from_csv(home: Path, file: Path, options: dict[str, str | None], group_rows: int | None) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file, dtype=str, na_filter=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no table of labels {str(file)!r}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {str(file)!r} as comma-separated values: {str(error).strip()}") from error
    if not isinstance(rows.index, pd.RangeIndex):  # pandas would take the first column for an index and shift the rest
        raise InputError(f"{str(file)!r} has rows with more cells than its header has columns; mend its first line")
    usual = {"path": PATH_COLUMNS, "label": LABEL_COLUMNS, "set": SET_COLUMNS, "group": ("group",)}
    columns = {kind: _column(file, rows, kind, options[kind], names) for kind, names in usual.items()}
    if group_rows is not None and (group_rows < 1 or options["group"]):
        raise InputError(f"group_rows must be 1 or more, and without a group column; it is {group_rows}")
    found = [_listed(name, str(home), str(file.parent.resolve())) for name in rows[columns["path"]]]
    if all(size < 0 for _, size, _ in found):
        raise InputError(
            f"none of the {len(found):,} images that {str(file)!r} lists is there; "
            f"the first was looked for as {str(home / found[0][0])!r}"
            if found
            else f"{str(file)!r} lists no images"
        )
    table = pd.DataFrame(found, columns=["path", "size", "mtime_ns"])
    table["label"] = rows[columns["label"]] if columns["label"] else ""
    table["split"] = [_split_name(name) or name for name in rows[columns["set"]]] if columns["set"] else ""
    table["source"] = rows["source"] if "source" in rows else table["path"].map(os.path.dirname)
    table["group"] = rows[columns["group"]] if columns["group"] else ""
    if group_rows is not None:
        table["group"] = [str(number // group_rows) for number in range(len(table))]
    return table


def _column(file: Path, rows: pd.DataFrame, kind: str, asked: str | None, usual: Sequence[str]) -> str | None:
    if asked is None:
        name = next((name for name in usual if name in rows), None)
        if name or kind != "path":
            return name
    elif asked in rows:
        return asked
    missing = f"column {asked!r}" if asked else f"column of paths (looked for {', '.join(usual)})"
    raise InputError(f"{str(file)!r} has no {missing}; name one of its columns: {', '.join(rows.columns)}")


def _listed(name: str, home: str, beside: str) -> tuple[str, int, int]:
    """Return path (relative to `home`), size and time of a file that a table names."""
    rows = []
    for folder in (home, beside):
        file = os.path.normpath(os.path.join(folder, name))
        inside = file.startswith(f"{home}/")
        rows.append(_row(file[len(home) + 1 :] if inside else os.path.relpath(file, home), file))
        if rows[-1][1] >= 0:
            return rows[-1]
    return rows[0]


def parse_class(text: str) -> tuple[str, str]:
    """Return ("ai", "AI_*") for "ai=AI_*", as `find_images` takes its classes."""
    name, equals, pattern = text.partition("=")
    if not (name and equals and pattern):
        raise InputError(f"{text!r} is no class; write NAME=PATTERN, such as ai='AI_*'")
    return name, pattern


def _class(label: str, classes: Sequence[tuple[str, str]]) -> str:
    if not classes or not label:
        return label
    for name, pattern in classes:
        if fnmatchcase(label, pattern):
            return name
    raise InputError(f"no class pattern matches {label!r}; give it one, such as --class other='*'")


def _one_row_a_path(table: pd.DataFrame) -> pd.DataFrame:
    table = table.drop_duplicates(["path", "label", "split"])
    twice = table[table["path"].duplicated(keep=False)]
    if len(twice):
        path = twice["path"].iloc[0]
        said = twice.loc[twice["path"] == path, ["label", "split"]].agg(" ".join, axis=1).str.strip()
        raise InputError(f"{path!r} is listed as {' and as '.join(map(repr, said))}; keep one of its rows")
    return table


def _layout(table: pd.DataFrame, labels: str | os.PathLike | None, notes: list[str]) -> str:
    splits, names = set(table["split"]) - {""}, sorted(set(table["label"]) - {""})
    known = [split for split in _SPLIT_NAMES if split in splits]
    custom = sorted(splits - set(known))
    sets = [", ".join(known)] if known else []
    if custom:
        sets.append(f"custom set{'s'[: len(custom) > 1]} {', '.join(custom)}")
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    counts = {
        "without a label": (table["label"] == "").sum() if names else 0,
        "in no set": (table["split"] == "").sum() if splits else 0,
        "missing": (table["size"] < 0).sum(),
    }
    parts = [" + ".join(sets) or "no sets", f"classes {shown}" if names else "no labels", _count(len(table), "image")]
    parts += [f"{count:,} {what}" for what, count in counts.items() if count] + notes
    return (f"{Path(labels).name}: " if labels is not None else "") + "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""Which images there are, and what is known of each: label, split, source and group, from folders or from a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from featex.errors import InputError
from featex.folders import SPLIT_NAMES, count, from_folders
from featex.formats import cannot_read, suffix_of
from featex.tables import from_table, own_table

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
        with "" for none; ``size`` in bytes and ``mtime_ns``, both a key of `featex.folders.NO_FILE` where the file
        that is listed is none.
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
        Columns of the table; by default the first there is of the usual names that `featex.tables` lists.
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
    labels = labels or own_table(folder, label_column)
    if labels is not None:
        table, notes = from_table(home, Path(labels), options, group_rows), []
    elif group_rows is not None or any(options.values()):
        raise InputError(f"columns and group_rows are those of a table, and {str(root)!r} has none; name it as labels")
    else:
        table, notes = from_folders(folder, home)
    table["label"] = table["label"].map({label: _class(label, classes) for label in table["label"].unique()})
    table = _one_row_a_path(table).sort_values("path", ignore_index=True)
    table = table.astype(dict.fromkeys(_COLUMNS, "str") | {"size": "int64", "mtime_ns": "int64"})
    return Dataset(home, _layout(table, labels, notes), table)


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
    splits, names = ({*table[column].unique()} - {""} for column in ("split", "label"))
    names = sorted(names)
    known = [split for split in SPLIT_NAMES if split in splits]
    custom = sorted(splits - set(known))
    sets = [", ".join(known)] if known else []
    if custom:
        sets.append(f"custom set{'s'[: len(custom) > 1]} {', '.join(custom)}")
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    counts = {
        "without a label": (table["label"] == "").sum() if names else 0,
        "in no set": (table["split"] == "").sum() if splits else 0,
        "missing": table["size"].isin([-1, -3, -4]).sum(),
        "with a name that is not UTF-8": (table["size"] == -2).sum(),
    }
    parts = [" + ".join(sets) or "no sets", f"classes {shown}" if names else "no labels", count(len(table), "image")]
    parts += [f"{count:,} {what}" for what, count in counts.items() if count]
    parts += [f"{images} cannot be read" for images in by_kind(table, table["path"].map(_cannot_read))] + notes
    return (f"{Path(labels).name}: " if labels is not None else "") + "; ".join(parts)


def _cannot_read(path: str) -> bool:
    return cannot_read(suffix_of(path.rpartition("/")[2]))


def by_kind(table: pd.DataFrame, chosen: pd.Series, most: int = 6) -> list[str]:
    """Return how many images are chosen, by suffix and class: "20 .heic of class real (20 of its 26 images)".

    Parameters
    ----------
    table : DataFrame
        ``path`` and ``label``.
    chosen : Series of bool
    most : int
        Kinds that are named, the most frequent first; the rest are counted in one line more.
    """
    kinds = table[np.asarray(chosen, dtype=bool)]
    kinds = kinds.assign(suffix=[suffix_of(path.rpartition("/")[2]) for path in kinds["path"]])
    counts = kinds.value_counts(["label", "suffix"])
    of_class, in_class = kinds["label"].value_counts(), table["label"].value_counts()
    lines = []
    for (label, suffix), number in counts.head(most).items():
        of = f" of class {label} ({of_class[label]:,} of its {count(in_class[label], 'image')})" if label else ""
        lines.append(f"{number:,} {suffix or 'without a suffix'}{of}")
    rest = counts.iloc[most:].sum()
    return [*lines, f"{rest:,} more"] if rest else lines

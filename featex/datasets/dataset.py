"""Which images there are, and what is known of each: label, split, source and group, from folders or from a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from featex.datasets.folders import from_folders, walk
from featex.datasets.meanings import SPLIT_NAMES, plain, side, sides_in, spelling_key, split_name, without_number
from featex.datasets.tables import from_tables, own_tables, unread_tables
from featex.errors import InputError
from featex.images.formats import cannot_read, suffix_of
from featex.system.words import count, with_counts

MOST_NAMES = 12  # of sets, and of classes, in the sentence
_COLUMNS = ["path", "label", "split", "source", "group"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images below a folder, one row each.

    Parameters
    ----------
    root : Path
        The folder, absolute.
    sentence : str
        Its sets, classes and sources with their counts of images, in one line for the user.
    table : DataFrame
        Sorted by path: ``path`` (POSIX, relative to `root`), ``label``, ``split`` ("train", "val", "test", or the name
        of a custom set), ``source`` (the folder it came from) and ``group`` (images that belong together), all str
        with "" for none; ``size`` in bytes and ``mtime_ns``, both a key of `folders.NO_FILE` where the file
        that is listed is none.
    """

    root: Path
    sentence: str
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
    layout: str | None = None,
) -> Dataset:
    """Return the images below `root` with what its folders, or a table, say of them.

    Folders are read as ``<set>/<class>/...`` where one at the top is named like train, val or test (any other is then
    a custom set), as ``<class>/<set>/`` where that names every folder, else as ``<class>/...``, or as unlabelled images
    where there are no folders. Names that stand for real and generated images (``0_real``, ``ai``) are classes at any
    level. A lone folder around all the others is stepped into. Where two readings are possible, the error shows both.
    A table is used where `labels` names one, or where `root` or each of its sets holds a table of images and labels
    under a name of `featex.datasets.tables.METADATA`.
    Labels that differ only in case, in blanks or hyphens, or in how an accent is written, are one class.

    Parameters
    ----------
    root : path
        Folder that holds the images.
    labels : path, optional
        Table with a row an image (see `table_files`); its paths are relative to `root` or to its own folder, or
        absolute.
    path_column, label_column, set_column, group_column : str, optional
        Columns of the table; by default the first there is of the usual names that `featex.datasets.tables` lists.
    group_rows : int, optional
        Every so many successive rows of the table are one group.
    classes : sequence of (name, pattern)
        Renames each label to the name whose pattern (as in `fnmatch.fnmatchcase`) is the first to match it.
    layout : str, optional
        What each level of folders says, such as "set/source/class"; see `featex.datasets.folders.by_layout`.

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
    tables = [Path(labels)] if labels is not None else own_tables(home, label_column)
    if tables:
        table, notes = from_tables(home, tables, options, group_rows, layout, complete=labels is None)
    elif group_rows is not None or any(options.values()):
        raise InputError(f"columns and group_rows are those of a table, and {str(root)!r} has none; name it as labels")
    else:
        table, notes = from_folders(folder, layout)
        notes += unread_tables(folder) if (table["label"] == "").all() else []
    table["label"] = table["label"].map({label: _class(plain(label), classes) for label in table["label"].unique()})
    notes += _one_spelling(table)
    if not classes and layout is None:
        notes += _joined_parts(table)
        if not tables:
            _refuse_several_kinds_of_real(table, str(root))
    rows, table = len(table), _one_row_a_path(table).sort_values("path", ignore_index=True)
    notes += [f"{count(rows - len(table), 'row')} listed twice"] if rows > len(table) else []
    table = table.astype(dict.fromkeys(_COLUMNS, "str") | {"size": "int64", "mtime_ns": "int64"})
    return Dataset(home, _sentence(table, tables, notes), table)


def image_files(root: str | os.PathLike) -> list[Path]:
    """Return all images below a folder, whatever its folders say of them, sorted by path.

    Raises
    ------
    InputError
        If the folder cannot be read, or holds no images.
    """
    folder = Path(root)
    files, _ = walk(folder)
    return [folder / path for path in sorted(path for path, *_ in files)]


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


def _one_spelling(table: pd.DataFrame) -> list[str]:
    """Give labels that differ in how they are spelled alone the most frequent spelling; return a note for each.

    Case, blanks, hyphens, width and invisible characters are spelling, and leading zeros of numbers. Single letters and
    numbers are classes of their own where one set has both.
    """
    notes, counts = [], table["label"].value_counts()
    alike: dict[str, list[str]] = {}
    for label in sorted(counts.index, key=lambda label: (_visibly(label) != label, -counts[label], len(label), label)):
        key = spelling_key(label)
        alike.setdefault(str(int(key)) if key.isdecimal() else key, []).append(label)
    for first, *others in alike.values():
        apart = table.loc[table["label"].isin([first, *others])].groupby("split")["label"].nunique()
        if others and not ((len(first) == 1 or first.isdecimal()) and (apart > 1).any()):
            table["label"] = table["label"].replace(dict.fromkeys(others, first))
            notes.append(f"{' and '.join(map(_visibly, others))} read as class {first}")
    return notes


def _visibly(name: str) -> str:
    return name if name.isprintable() and "  " not in name else repr(name)


def _joined_parts(table: pd.DataFrame) -> list[str]:
    """Give parts and copies of a class (`real_1`, `real_2`; `cats`, `cats (1)`) one label; return a note for each."""
    labels = sorted(set(table["label"]) - {""})
    numbered = {side(without_number(label)) for label in labels} >= {"real", "generated"}
    parts: dict[str, list[str]] = {}
    for label in labels:
        parts.setdefault(without_number(label) or label, []).append(label)
    notes = []
    for name, several in parts.items():
        copies = [label for label in several if label == name or not label[-1:].isdigit()]
        if numbered and side(name) and not name[-1:].isdigit():
            copies = several
        if len(copies) > 1:
            table["label"] = table["label"].replace(dict.fromkeys(copies, name))
            notes.append(f"{' and '.join(copies)} read as class {name}")
    return notes


def _refuse_several_kinds_of_real(table: pd.DataFrame, where: str) -> None:
    """Raise where folders called real and generated hold several of real images: a model would tell those apart."""
    labels = sorted(set(table["label"]) - {""})
    kinds = [sides_in(label) for label in labels]
    real = [label for label, kind in zip(labels, kinds, strict=True) if kind == {"real"}]
    if len(real) > 1 and len(real) < len(labels) and all(len(kind) == 1 for kind in kinds):
        generated = [label for label in labels if label not in real]
        sets = "set/" if (table["split"] != "").any() else ""
        given = " ".join(
            f"--class {name}={label!r}" for name, of in (("real", real), ("ai", generated)) for label in of
        )
        raise InputError(
            f"{where!r} has the classes {', '.join(labels[:8])}, of which {', '.join(real[:4])} are all real; join "
            f"them, as in {given}, or keep them with --layout {sets}class"
        )


def _sentence(table: pd.DataFrame, tables: Sequence[Path], notes: list[str]) -> str:
    splits, names, sources = (table[column].value_counts() for column in ("split", "label", "source"))
    known = [split for split in SPLIT_NAMES if split in splits]
    custom = sorted(set(splits.index) - {*known, ""})
    classes = sorted(set(names.index) - {""})
    parts = [count(len(table), "image")]
    sets = [f"sets {with_counts(known, splits, MOST_NAMES)}"] if known else []
    if custom:
        sets.append(f"custom set{'s'[: len(custom) > 1]} {with_counts(custom, splits, MOST_NAMES)}")
    parts.append(" + ".join(sets) or "no sets")
    parts.append(f"classes {with_counts(classes, names, MOST_NAMES)}" if classes else "no labels")
    shared = sorted(source for source in sources.index if source and not split_name(source))
    if len(shared) > 1 and table.groupby("source")["label"].nunique().max() > 1:
        parts.append(f"sources {with_counts(shared, sources, 6)}")
    counts = {
        "without a label": names.get("", 0) if classes else 0,
        "in no set": splits.get("", 0) if known or custom else 0,
        "missing": table["size"].isin([-1, -3, -4]).sum(),
        "with a name that is not UTF-8": (table["size"] == -2).sum(),
    }
    parts += [f"{number:,} {what}" for what, number in counts.items() if number]
    parts += [f"{images} cannot be read" for images in by_kind(table, table["path"].map(_cannot_read))] + notes
    read = f"{len(tables):,} tables {tables[0].name}" if len(tables) > 1 else "".join(file.name for file in tables)
    return (f"{read}: " if read else "") + "; ".join(parts)


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

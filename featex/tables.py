"""What a table says of the images it names: path, label, set, source, group."""

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from featex.errors import InputError
from featex.folders import count, walk
from featex.formats import SUFFIXES as IMAGE_SUFFIXES
from featex.formats import suffix_of
from featex.meanings import left_out, plain, sets_of
from featex.readings import read, sets_of_folders
from featex.table_files import SUFFIXES as TABLES
from featex.table_files import columns_of, read_rows
from featex.table_paths import ImageFinder

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "metadata.tsv")
PATH_COLUMNS = (
    *("file_name", "path", "file", "filename", "image", "id", "file_path", "filepath", "image_path", "img_path"),
    *("image_name", "img_name", "image_file", "img", "image_id", "img_id", "relative_path", "rel_path", "name", "uuid"),
)
LABEL_COLUMNS = (
    *("label", "class", "target", "labels", "class_name", "label_name", "class_label", "is_fake", "fake", "is_ai"),
    *(
        "ai_generated",
        "is_ai_generated",
        "is_generated",
        "generated",
        "is_real",
        "real",
        "ground_truth",
        "category",
        "y",
    ),
)
SET_COLUMNS = ("split", "set", "subset", "usage", "phase", "partition", "dataset", "data_set", "part", "fold_type")
GROUP_COLUMNS = ("group",)
SOURCE_COLUMNS = ("source", "generator")
# Columns that are no labels, by their names: a table of these alone describes images without a class.
_DESCRIBES = re.compile(
    r"(unnamed|index|text|caption|prompt|title|descr|url|link|width|height|size|date|time|author|license|licence|hash|"
    r"md5|sha|bbox|objects|keyword|tags|seed|steps|cfg|sampler|model|user|nsfw|original_path|resolution|format|mode)"
)


def own_tables(folder: Path, label_column: str | None) -> list[Path]:
    """Return the metadata tables with labels of a folder, or those of the folders inside it that hold them.

    That is Hugging Face's imagefolder (huggingface.co/docs/datasets/image_dataset): one table for all, or one a set.
    """
    waiting, tables = [folder], []
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                names = {entry.name: entry for entry in entries if not left_out(entry.name)}
        except OSError:
            continue  # the walk for images says what is wrong
        table = next(
            (here / name for name in METADATA if name in names and _describes_images(here / name, label_column)), None
        )
        if table:
            tables.append(table)
        else:
            waiting += [here / name for name, entry in names.items() if entry.is_dir(follow_symlinks=False)]
    return sorted(tables)


def _describes_images(file: Path, label_column: str | None) -> bool:
    names = [_plain_name(column) for column in columns_of(file)]
    labelled = label_column is not None or not set(LABEL_COLUMNS).isdisjoint(names)
    return labelled and not set(PATH_COLUMNS).isdisjoint(names)


def unread_tables(folder: Path) -> list[str]:
    """Return what to tell a user whose folders say no classes: which tables lie there and how they are taken.

    Raises
    ------
    InputError
        If one is called as metadata of images are, and a column of it may hold labels under a name that is not usual.
    """
    notes = []
    for here in (folder, *sorted(path for path in folder.iterdir() if path.is_dir() and not left_out(path.name))):
        for file in sorted(path for path in here.iterdir() if path.suffix.lower() in TABLES and path.is_file()):
            columns = columns_of(file)
            if file.name in METADATA and (paths := first_of(columns, PATH_COLUMNS)):
                _refuse_without_labels(file, columns, paths)
            elif len(columns) > 1 and file.suffix.lower() != ".txt":
                notes.append(f"{file.name} is not read (--labels takes it; its columns: {', '.join(columns[:8])})")
    return notes[:3]


def from_tables(
    home: Path,
    files: Sequence[Path],
    options: dict[str, str | None],
    group_rows: int | None,
    layout: str | None,
    complete: bool,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of all tables, and notes for the user; with `complete`, also images in sets without a table.

    Raises
    ------
    InputError
        If a table or column cannot be used, or, with `complete`, folders that are no sets have no table.
    """
    if group_rows is not None and (group_rows < 1 or options["group"]):
        raise InputError(f"group_rows must be 1 or more, and without a group column; it is {group_rows}")
    tables, notes = zip(*(_from_table(home, file, options, group_rows) for file in files), strict=True)
    table, notes = pd.concat(tables, ignore_index=True), [note for some in notes for note in some]
    if complete:
        table, left = _completed(home, files, table)
        notes += left
    if table["split"].isna().any():
        _set_by_folders(table, str(home), layout)
    return table.fillna(""), list(dict.fromkeys(notes))


def _from_table(
    home: Path, file: Path, options: dict[str, str | None], group_rows: int | None
) -> tuple[pd.DataFrame, list[str]]:
    rows, notes = read_rows(file), []
    sets = _sets(file, rows, options["set"])
    paths, found = _found(home, file, rows, options["path"], sets)
    label = _named(file, rows, options["label"], LABEL_COLUMNS)
    if label is None:
        _refuse_without_labels(file, list(rows), paths)
    others = [name for name in rows if _plain_name(name) in LABEL_COLUMNS and name != label]
    if label and others and not options["label"]:
        notes.append(f"labels from column {label} (--label-column takes {', '.join(others)} instead)")
    table = pd.DataFrame(found[0], columns=["path", "size", "mtime_ns"])
    table["label"] = rows[label].map(plain) if label else ""
    table["split"] = sets
    source = _named(file, rows, None, SOURCE_COLUMNS)
    table["source"] = rows[source].map(plain) if source else table["path"].map(os.path.dirname)
    group = _named(file, rows, options["group"], GROUP_COLUMNS)
    table["group"] = rows[group] if group else ""
    if group_rows is not None:
        table["group"] = [str(number // group_rows) for number in range(len(table))]
    if found[1]:
        notes.append(f"{count(found[1], 'image')} found by the end of the path in column {paths}")
    return table, notes


def _found(home: Path, file: Path, rows: pd.DataFrame, asked: str | None, sets: list) -> tuple[str, tuple[list, int]]:
    """Return the column of paths, of several the one whose files are there, with what its paths name."""
    beside = file.parent.resolve()
    bases = [home, beside] if not beside.is_relative_to(home) or beside == home else [beside, home]
    finder = ImageFinder(home, bases)
    names = (
        [_named(file, rows, asked, ())]
        if asked
        else [column for usual in PATH_COLUMNS for column in rows if _plain_name(column) == usual]
    )
    if not names:
        headless = any(suffix_of(column) in IMAGE_SUFFIXES for column in rows)
        raise InputError(
            f"{str(file)!r} has no column of paths (looked for {', '.join(PATH_COLUMNS[:6])}, ...); "
            + ("it begins with an image: give it a first line such as path,label; " if headless else "")
            + f"name one of its columns with --path-column: {', '.join(rows)}"
        )
    if not len(rows):
        raise InputError(f"{str(file)!r} lists no images")
    best = None
    for name in names:
        found = finder.rows(rows[name].tolist(), [split or "" for split in sets])
        there = sum(size >= 0 for _, size, _ in found[0])
        if best is None or there > best[0]:
            best = there, name, found
        if there == len(rows):
            break
    if not best[0]:
        raise InputError(
            f"{str(file)!r} lists {count(len(rows), 'image')} in column {best[1]}, and none of them is there; "
            f"the first was looked for as {str(home / best[2][0][0][0])!r}"
        )
    return best[1], best[2]


def _sets(file: Path, rows: pd.DataFrame, asked: str | None) -> list[str | None]:
    """Return the set of each row; None for all where no column says it."""
    usual = [column for name in SET_COLUMNS for column in rows if _plain_name(column) == name]
    if asked:
        column = _named(file, rows, asked, ())
    else:
        telling = [column for column in usual if "train" in sets_of(rows[column].unique()).values()]
        by_name = [column for column in usual if _plain_name(column) in SET_COLUMNS[:2]]
        column = next(iter(telling + by_name), None)
    if column is None:
        return [None] * len(rows)
    sets = sets_of(rows[column].unique())
    return [sets.get(name) or plain(name) for name in rows[column]]


def _set_by_folders(table: pd.DataFrame, where: str, layout: str | None) -> None:
    """Take sets from the folders of images whose table has no column for them; by a layout, their sources too."""
    open_rows = table["split"].isna()
    folders = table.loc[open_rows, "path"].map(os.path.dirname)
    unique = sorted(set(folders))
    parts = [tuple(part for part in name.split("/") if part) for name in unique]
    if layout is None:
        sets = dict(zip(unique, sets_of_folders(parts), strict=True))
    else:
        places = dict(zip(unique, read(parts, [1] * len(parts), where, layout), strict=True))
        sets = {name: split for name, (_, split, _) in places.items()}
        table.loc[open_rows, "source"] = folders.map({name: source for name, (_, _, source) in places.items()})
    table.loc[open_rows, "split"] = folders.map(sets)


def _completed(home: Path, tables: Sequence[Path], table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Add the images of sets that have no table, without labels; and say how many others no table lists."""
    files, _ = walk(home)
    rest = pd.DataFrame(files, columns=["path", "size", "mtime_ns", "folder"])
    rest = rest[~rest["path"].isin(set(table["path"]))]
    inside = tuple(f"{file.parent.relative_to(home).as_posix()}/".removeprefix("./") for file in tables)
    covered = rest["path"].str.startswith(inside)
    notes = (
        [f"{count(int(covered.sum()), 'image')} in no row of a table left out"] if len(rest) and covered.any() else []
    )
    rest = rest[~covered.astype(bool)]
    if rest.empty:
        return table, notes
    tops = sorted(rest["path"].str.partition("/")[0].unique())
    if sets_of(tops).keys() != set(tops) or rest["folder"].str.contains("/").any():
        names = ", ".join(sorted(file.relative_to(home).as_posix() for file in tables)[:3])
        raise InputError(
            f"{str(home)!r} has tables of labels ({names}) for some of its folders and none for others "
            f"({', '.join(tops[:6])}); name one of the folders, or one table for all with --labels"
        )
    rest = rest.assign(label="", split=None, source="", group="")
    return pd.concat([table, rest[table.columns]], ignore_index=True), notes


def _named(file: Path, rows: pd.DataFrame, asked: str | None, usual: Sequence[str]) -> str | None:
    """Return the column that is asked for, or the first of the usual names."""
    if asked is None:
        return first_of(rows.columns, usual)
    if column := asked if asked in rows else first_of(rows.columns, [_plain_name(asked)]):
        return column
    raise InputError(f"{str(file)!r} has no column {asked!r}; name one of its columns: {', '.join(rows.columns)}")


def _refuse_without_labels(file: Path, columns: Sequence[str], paths: str) -> None:
    """Raise where a column may hold labels under a name that is not usual."""
    known = {*PATH_COLUMNS, *SET_COLUMNS, *GROUP_COLUMNS, *SOURCE_COLUMNS, _plain_name(paths), ""}
    if any(name not in known and not _DESCRIBES.match(name) for name in map(_plain_name, columns)):
        raise InputError(
            f"{str(file)!r} has no column of labels (looked for {', '.join(LABEL_COLUMNS[:4])}, ...); name one of its "
            f"columns with --label-column: {', '.join(columns)}"
        )


def first_of(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the column with the first of the usual names; capitals and blanks do not count."""
    by_name = {_plain_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


@cache
def _plain_name(column: str) -> str:
    return re.sub(r"[\W_]+", "_", plain(column).casefold()).strip("_")

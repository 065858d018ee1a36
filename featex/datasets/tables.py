"""Tables of images: read path, label, set, source and group of each image."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from featex.datasets.folders import read, sets_of_folders, walk
from featex.datasets.meanings import left_out, plain, sets_of, split_name
from featex.datasets.options import DatasetOptions
from featex.datasets.table_columns import (
    GROUP_COLUMNS,
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SOURCE_COLUMNS,
    first_of,
    labels_of,
    named,
    path_columns,
    refuse_without_labels,
    sets_in_labels,
    sets_of_rows,
)
from featex.datasets.table_files import SUFFIXES as TABLES
from featex.datasets.table_files import columns_of, read_rows
from featex.datasets.table_paths import ImageFinder, Row
from featex.errors import InputError, UsageError
from featex.system.words import count

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "metadata.tsv")


def own_tables(folder: Path, label_column: str | None) -> list[Path]:
    """Return the metadata table with labels in a folder, or those in the folders inside it.

    This is Hugging Face's imagefolder (huggingface.co/docs/datasets/image_dataset): one table, or one per set.
    """
    waiting, tables = [folder], []
    while waiting:
        inner = waiting.pop()
        try:
            with os.scandir(inner) as entries:
                names = {entry.name: entry for entry in entries if not left_out(entry.name)}
        except OSError:
            continue  # `featex.datasets.folders.walk` reports the problem
        table = next(
            (inner / name for name in METADATA if name in names and _describes_images(inner / name, label_column)), None
        )
        if table:
            tables.append(table)
        else:
            waiting += [inner / name for name, entry in names.items() if entry.is_dir(follow_symlinks=False)]
    return sorted(tables)


def _describes_images(file: Path, label_column: str | None) -> bool:
    columns = columns_of(file)
    labelled = label_column is not None or first_of(columns, LABEL_COLUMNS)
    return bool(labelled and first_of(columns, PATH_COLUMNS))


def unread_tables(folder: Path) -> list[str]:
    """Return notes on tables that are not used, for a user whose folders name no classes."""
    notes, in_sets = [], False
    for parent in (folder, *sorted(path for path in folder.iterdir() if path.is_dir() and not left_out(path.name))):
        for file in sorted(path for path in parent.iterdir() if path.suffix.lower() in TABLES and path.is_file()):
            columns = columns_of(file)
            if file.name in METADATA and (paths := first_of(columns, PATH_COLUMNS)):
                refuse_without_labels(file, columns, [paths])
            elif len(columns) > 1 and file.suffix.lower() != ".txt":
                in_sets = in_sets or parent != folder
                name = file.relative_to(folder).as_posix()
                notes.append(f"{name} is not read (--labels takes it; its columns: {', '.join(columns[:8])})")
    metadata = ["a table in each set is read if its name is metadata.csv"] if in_sets else []
    return notes[:3] + metadata


def from_tables(home: Path, files: Sequence[Path], options: DatasetOptions) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of all tables, and notes for the user.

    If the tables were found in the folder rather than named, images in sets without a table are added.
    """
    if options.group_rows is not None and (options.group_rows < 1 or options.group_column):
        raise UsageError(f"group_rows must be 1 or more, and without a group column; it is {options.group_rows}")
    tables, notes = zip(*(_from_table(home, file, options) for file in files), strict=True)
    table, notes = pd.concat(tables, ignore_index=True), [note for table_notes in notes for note in table_notes]
    if options.labels is None:
        _one_data_set(home, files, tables)
        table, left = _completed(home, files, table)
        notes += left
    else:
        notes += _unlisted(home, table, files[0].name)
    if table["split"].isna().any():
        _set_by_folders(table, str(home), options.layout)
    return table.fillna(""), list(dict.fromkeys(notes))


def _one_data_set(home: Path, files: Sequence[Path], tables: Sequence[pd.DataFrame]) -> None:
    """Raise InputError if two tables or more hold a training and a test set each."""
    whole = [file.parent for file, table in zip(files, tables, strict=True) if {"train", "test"} <= {*table["split"]}]
    if len(whole) > 1:
        names = ", ".join(folder.relative_to(home).as_posix() for folder in whole)
        raise InputError(
            f"{str(home)!r} contains several data sets ({names}); name one of the folders, or one table for all with "
            "--labels"
        )


def _from_table(home: Path, file: Path, options: DatasetOptions) -> tuple[pd.DataFrame, list[str]]:
    rows = read_rows(file)
    notes = [rows.attrs["note"]] if "note" in rows.attrs else []
    if not len(rows):
        raise InputError(f"{str(file)!r} lists no images")
    paths = path_columns(file, rows, options.path_column)
    source = named(file, rows, None, SOURCE_COLUMNS)
    group = named(file, rows, options.group_column, GROUP_COLUMNS)
    label = named(file, rows, options.label_column, LABEL_COLUMNS)
    sets, set_notes = sets_of_rows(file, rows, options.set_column, [*paths, label])
    column, images, n_by_end = _found(home, file, rows, paths, sets)
    labels, label_notes = labels_of(file, rows, options.label_column, [column, source, group, options.set_column])
    table = pd.DataFrame(images, columns=["path", "size", "mtime_ns"])
    table["label"] = labels
    table["split"] = sets
    if table["split"].isna().all() and (parts := sets_in_labels(labels)):
        table["split"], table["label"] = zip(*labels.map(parts), strict=True)
        label_notes.append(f"labels such as {next(iter(parts))} read as a set and a class")
    table["source"] = rows[source].map(plain) if source else table["path"].map(os.path.dirname)
    table["group"] = rows[group] if group else ""
    if options.group_rows is not None:
        table["group"] = [str(number // options.group_rows) for number in range(len(table))]
    by_end = [f"{count(n_by_end, 'image')} found by the end of the path in column {column}"] if n_by_end else []
    return table, [*notes, *set_notes, *label_notes, *by_end]


def _found(
    home: Path, file: Path, rows: pd.DataFrame, columns: Sequence[str], sets: list
) -> tuple[str, list[Row], int]:
    """Return the column of paths with most existing files, its images, and how many were found by the end of a path."""
    beside = file.parent.resolve()
    bases = [home, beside] if not beside.is_relative_to(home) or beside == home else [beside, home]
    finder = ImageFinder(home, bases)
    best = None
    for name in columns:
        images, n_by_end = finder.rows(rows[name].tolist(), [split or split_name(file.stem) for split in sets])
        n_existing = sum(size >= 0 for _, size, _ in images)
        rank = n_existing, rows[name].nunique(), -n_by_end
        if best is None or rank > best[0]:
            best = rank, name, images, n_by_end
        if rank == (len(rows), len(rows), 0):
            break
    rank, name, images, n_by_end = best
    if not rank[0]:
        hint = finder.hint(rows[name].iloc[0])
        raise InputError(
            f"{str(file)!r} lists {count(len(rows), 'image')} in column {name}, and none of them exists; "
            f"the first would be {str(home / images[0][0])!r}"
            + (f" ({hint})" if hint else "")
            + "; write paths relative to that folder, or name the column of paths with --path-column"
        )
    return name, images, n_by_end


def _set_by_folders(table: pd.DataFrame, where: str, layout: str | None) -> None:
    """Take the sets, and with a layout the sources, from folders if the table has no column of sets."""
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


def _unlisted(home: Path, table: pd.DataFrame, name: str) -> list[str]:
    """Return a note on the images below the folder that the table does not list."""
    try:
        files, _ = walk(home)
    except InputError:  # all images of the table lie outside the folder
        return []
    left = len({path for path, *_ in files} - set(table["path"]))
    return [f"{count(left, 'image')} in no row of {name} left out"] if left else []


def _completed(home: Path, tables: Sequence[Path], table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Add the images of sets without a table, without labels; and return a note on images that no table lists."""
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

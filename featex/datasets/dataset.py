"""Find the images of a data set, with label, split, source and group of each, from folders or from a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from featex.datasets.folders import from_folders, walk
from featex.datasets.meanings import SPLIT_NAMES, plain, side, sides_in, spelling_key, split_name, without_number
from featex.datasets.options import DatasetOptions
from featex.datasets.tables import from_tables, own_tables, unread_tables
from featex.errors import InputError, UsageError, nearest
from featex.images.formats import cannot_read, suffix_of
from featex.system.words import count, with_counts

MOST_NAMES = 12  # names of sets, and of classes, in the sentence
_COLUMNS = ["path", "label", "split", "source", "group"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The images below a folder, one row each.

    Parameters
    ----------
    root : Path
        The folder, absolute.
    sentence : str
        Sets, classes and sources with their numbers of images, in one line for the user.
    table : DataFrame
        Sorted by path: ``path`` (POSIX, relative to `root`), ``label``, ``split`` ("train", "val", "test", or the name
        of an external set), ``source`` (the folder of origin) and ``group`` (images that belong together), all str with
        "" for none; ``size`` in bytes and ``mtime_ns``, both a key of `folders.NO_FILE` if the file cannot be read.
    """

    root: Path
    sentence: str
    table: pd.DataFrame


def find_images(root: str | os.PathLike, **options) -> Dataset:
    """Return the images below `root` with label, split, source and group, from its folders or from a table.

    Folders are read as ``<set>/<class>/...`` if a top folder has a name like train, val or test; other top folders are
    then external sets. They are read as ``<class>/<set>/`` if every inner folder names a set, and otherwise as
    ``<class>/...``. Names that mean real and generated images (``0_real``, ``ai``) are classes at any level. An outer
    folder that contains all others is ignored. If there are two readings, the error shows both. Images without folders
    have no labels.

    A table is used if `labels` names one, or if `root` or each of its sets contains a table of paths and labels with
    a name in `featex.datasets.tables.METADATA`. Labels that differ only in spelling become one class.

    Parameters
    ----------
    root : path
        The folder that holds the images.
    **options
        The fields of `featex.datasets.options.DatasetOptions`, such as `layout`, `classes` and `labels`.

    Raises
    ------
    InputError
        If a folder, file, column or option cannot be used, or there are no images.
    """
    options = DatasetOptions(**options)
    folder = Path(root)
    if not folder.is_dir():
        problem = "is a file; name the folder that holds the images"
        if not folder.exists():
            beside = [str(other) for other in sorted(folder.parent.glob("*")) if other.is_dir()]
            problem = f"does not exist{nearest(str(folder), beside)}"
        raise UsageError(f"{str(root)!r} {problem}")
    home = folder.resolve()
    tables = [Path(options.labels)] if options.labels is not None else own_tables(home, options.label_column)
    if tables:
        table, notes = from_tables(home, tables, options)
    elif options.of_tables:
        raise UsageError(f"columns and group_rows belong to a table, and {str(root)!r} has none; name it as labels")
    else:
        table, notes = from_folders(folder, options.layout)
        notes += unread_tables(folder) if (table["label"] == "").all() else []
    names = {label: _class(plain(label), options.classes) for label in table["label"].unique()}
    table["label"] = table["label"].map(names)
    notes += _one_spelling(table)
    if not options.classes and options.layout is None:
        notes += _joined_parts(table)
        if not tables:
            _refuse_several_kinds_of_real(table, str(root))
    rows, table = len(table), _one_row_a_path(table).sort_values("path", ignore_index=True)
    notes += [f"{count(rows - len(table), 'row')} listed twice"] if rows > len(table) else []
    table = table.astype(dict.fromkeys(_COLUMNS, "str") | {"size": "int64", "mtime_ns": "int64"})
    return Dataset(home, _sentence(table, tables, notes), table)


def image_files(root: str | os.PathLike) -> list[Path]:
    """Return all images below a folder, sorted by path; names of folders do not matter.

    Raises
    ------
    InputError
        If the folder cannot be read, or holds no images.
    """
    folder = Path(root)
    files, _ = walk(folder)
    return [folder / path for path in sorted(path for path, *_ in files)]


def parse_class(text: str) -> tuple[str, str]:
    """Return ("ai", "AI_*") for "ai=AI_*", one of the `classes` of `featex.datasets.options.DatasetOptions`."""
    name, equals, pattern = text.partition("=")
    if not (name and equals and pattern):
        raise UsageError(f"{text!r} is not a class; write NAME=PATTERN, such as ai='AI_*'")
    return name, pattern


def _class(label: str, classes: Sequence[tuple[str, str]]) -> str:
    if not classes or not label:
        return label
    for name, pattern in classes:
        if fnmatchcase(label, pattern):
            return name
    raise InputError(f"no class pattern matches {label!r}; add one, such as --class other='*'")


def _one_row_a_path(table: pd.DataFrame) -> pd.DataFrame:
    table = table.drop_duplicates(["path", "label", "split"])
    twice = table[table["path"].duplicated(keep=False)]
    if len(twice):
        path = twice["path"].iloc[0]
        places = twice.loc[twice["path"] == path, ["label", "split"]].agg(" ".join, axis=1).str.strip()
        raise InputError(f"{path!r} is listed as {' and as '.join(map(repr, places))}; keep one of its rows")
    return table


def _one_spelling(table: pd.DataFrame) -> list[str]:
    """Replace labels that differ only in spelling by the most frequent one; return a note for each.

    Case, blanks, hyphens, width, invisible characters and leading zeros of numbers are spelling. Single letters and
    numbers stay different classes if one set contains both.
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
    """Raise InputError if several classes are all real images beside generated ones: a model would separate them."""
    labels = sorted(set(table["label"]) - {""})
    kinds = [sides_in(label) for label in labels]
    real = [label for label, kind in zip(labels, kinds, strict=True) if kind == {"real"}]
    if len(real) > 1 and len(real) < len(labels) and all(len(kind) == 1 for kind in kinds):
        generated = [label for label in labels if label not in real]
        sets = "set/" if (table["split"] != "").any() else ""
        example = " ".join(
            f"--class {name}={label!r}" for name, of in (("real", real), ("ai", generated)) for label in of
        )
        raise InputError(
            f"{where!r} has the classes {', '.join(labels[:8])}, of which {', '.join(real[:4])} are all real; join "
            f"them, as in {example}, or keep them apart with --layout {sets}class"
        )


def _sentence(table: pd.DataFrame, tables: Sequence[Path], notes: list[str]) -> str:
    splits, names, sources = (table[column].value_counts() for column in ("split", "label", "source"))
    known = [split for split in SPLIT_NAMES if split in splits]
    custom = sorted(set(splits.index) - {*known, ""})
    classes = sorted(set(names.index) - {""})
    parts = [count(len(table), "image")]
    sets = [f"sets {with_counts(known, splits, MOST_NAMES)}"] if known else []
    if custom:
        sets.append(f"external set{'s'[: len(custom) > 1]} {with_counts(custom, splits, MOST_NAMES)}")
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
    """Return the numbers of chosen images by suffix and class: "20 .heic of class real (20 of its 26 images)".

    Parameters
    ----------
    table : DataFrame
        ``path`` and ``label``.
    chosen : Series of bool
    most : int
        Number of lines, the most frequent kinds first; one more line counts the rest.
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

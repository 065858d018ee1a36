"""Folders of images: find the images, and the levels of folders that name sets, classes and sources."""

import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from featex.datasets.class_levels import classes
from featex.datasets.meanings import class_in, is_augmented, left_out, plain, set_and_rest, sets_of, split_name
from featex.datasets.set_levels import (
    Item,
    inside_lone_folders,
    refuse_copies,
    sets_at_the_top,
    sets_below,
    sets_with_classes,
)
from featex.errors import InputError, UsageError
from featex.images.formats import is_image, suffix_of
from featex.system.words import count

Place = tuple[str, str, str]
"""Label, split and source of the images in one folder."""

WORDS = ("set", "class", "source", "set_class", "*", "**")
_PACKED = frozenset({".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"})
_FILMS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".m4v", ".mpg"})
NO_FILE = {
    -1: "no such file",
    -2: "its name is not UTF-8, and no table can hold it; rename it",
    -3: "not a file but a folder, a pipe or a device",
    -4: "cannot be reached; allow its folder to be entered, or shorten its name",
}
"""Reasons why a listed file has no size, by the number that replaces its size and time."""


def from_folders(folder: Path, layout: str | None) -> tuple[pd.DataFrame, list[str]]:
    empty: list[str] = []
    files, others = walk(folder, empty)
    table = pd.DataFrame(files, columns=["path", "size", "mtime_ns", "folder"])
    numbers, folders = pd.factorize(table.pop("folder"))  # a hundred thousand images lie in a few folders
    parts = [tuple(name.split("/")) if name else () for name in folders]
    places = np.array(read(parts, np.bincount(numbers).tolist(), str(folder), layout), dtype=object)
    table[["label", "split", "source"]] = places[numbers]
    table["group"] = ""
    notes = _joined(parts, places.tolist()) + ([f"{_counted(others)} ignored"] if others else [])
    return table, notes + ([f"{count(len(empty), 'empty folder')} ({', '.join(sorted(empty)[:4])})"] if empty else [])


def read(folders: Sequence[tuple[str, ...]], images: Sequence[int], where: str, layout: str | None) -> list[Place]:
    """Return label, split and source of every folder that holds images.

    Sets are recognised by their usual names. Classes are the folders whose names mean real and generated images; if
    there are none, the folders of the first level below a set. A level with the same names in all folders above may
    also hold the classes; the error then shows both readings, and the user chooses with `layout`.

    Parameters
    ----------
    folders : sequence of tuple of str
        The path of each folder that holds images, from the top; () for the top itself.
    images : sequence of int
        Number of images in each folder.
    where : str
        The top folder, for messages.
    layout : str, optional
        The meaning of each level, such as "set/class"; see `by_layout`.

    Raises
    ------
    InputError
        If there are several readings, or none.
    """
    items = [Item(tuple(plain(part) for part in parts), n) for parts, n in zip(folders, images, strict=True)]
    if layout is not None:
        return by_layout(items, layout, where)
    top = inside_lone_folders(items)
    where = "/".join([where.rstrip("/"), *top])
    refuse_copies(items, where)
    if not (sets_with_classes(items) or sets_at_the_top(items, where)):
        sets_below(items, where)
    classes(items, where)
    return [(item.label, item.split, item.source) for item in items]


def sets_of_folders(folders: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the set of each folder by its name; "" for all if they name fewer than two sets.

    For images whose labels come from a table.
    """
    items = [Item(tuple(plain(part) for part in parts), 1) for parts in folders]
    inside_lone_folders(items)
    if not sets_with_classes(items):
        tops = sets_of({item.parts[0] for item in items if item.parts})
        for item in items:
            deeper = next((split_name(part) for part in item.parts if split_name(part)), "")
            item.split = tops.get(item.parts[0], item.parts[0]) if tops and item.parts else deeper
    sets = [item.split for item in items]
    return sets if len({*sets} - {""}) > 1 else [""] * len(items)


def by_layout(items: list[Item], layout: str, where: str) -> list[Place]:
    """Return the places of folders by a layout, which has one word for each level from the top.

    ``set``, ``class`` and ``source`` give the meaning of a folder's name; ``set_class`` is a name with both
    (`train_real`); ``*`` is a level without meaning; ``**`` any number of levels, which become the source. Levels below
    the last word become part of the source too. Outer folders that contain all others are removed first.
    """
    wanted = layout.strip("/").split("/")
    repeated = [word for word, n in Counter(wanted).items() if n > 1 and word in ("set", "class", "set_class", "**")]
    if unknown := [word for word in wanted if word not in WORDS]:
        raise UsageError(
            f"the layout {layout!r} has {unknown[0]!r}; write words from {', '.join(WORDS)} with / between them"
        )
    if repeated or ("set_class" in wanted and {"set", "class"} & {*wanted}):
        raise UsageError(f"the layout {layout!r} names a level twice; write one set and one class at most")
    levels = [word for word in wanted if word != "**"]
    while all(len(item.parts) > len(levels) for item in items) and len(tops := {item.parts[0] for item in items}) == 1:
        if wanted[0] == "set" and set_and_rest(tops.pop())[0]:
            break
        for item in items:
            item.parts = item.parts[1:]
    sets = sets_of({name for item in items for word, name in _matched(item, wanted) if word in ("set", "set_class")})
    for item in items:
        matched = _matched(item, wanted)
        source = []
        for word, name in matched:
            if word in ("set", "set_class"):
                item.split = sets.get(name, name)
            if word == "set_class":
                item.split = set_and_rest(name)[0] or item.split
                item.label = class_in(name) if set_and_rest(name)[0] else ""
            elif word == "class":
                item.label = name
            elif word in ("source", "**"):
                source.append(name)
        first = [item.label] if item.label and wanted.index("class" if "class" in wanted else "set_class") <= 1 else []
        item.source = "/".join(source if {"source", "**"} & {*wanted} else [*first, *source])
    if "class" in layout and not any(item.label for item in items):
        raise InputError(f"no folder of {where!r} is deep enough for the layout {layout!r}; leave levels out")
    return [(item.label, item.split, item.source) for item in items]


def _matched(item: Item, wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a layout's word and its folder; the word is "**" for folders below the last word."""
    parts, words = list(item.parts), list(wanted)
    if "**" in words:
        at = words.index("**")
        between = max(0, len(parts) - len(words) + 1)
        words[at : at + 1] = ["**"] * between
    words += ["**"] * (len(parts) - len(words))
    return list(zip(words, parts, strict=False))


def _joined(folders: Sequence[tuple[str, ...]], places: Sequence[Sequence[str]]) -> list[str]:
    """Return a note for each set that several folders form: "train and train_augmented read as train"."""
    names: dict[str, set] = {}
    for parts, (label, split, _) in zip(folders, places, strict=True):
        top = next((part for part in parts if set_and_rest(part)[0] == split or is_augmented(part)), "")
        if split and top and class_in(top) != label:
            names.setdefault(split, set()).add(plain(top))
    return [f"{' and '.join(sorted(several))} read as {split}" for split, several in names.items() if len(several) > 1]


def _counted(others: Counter) -> str:
    """Return "3 other files (2 .txt, 1 without a suffix)"."""
    kinds = [f"{number:,} {suffix or 'without a suffix'}" for suffix, number in others.most_common(4)]
    rest = others.total() - sum(number for _, number in others.most_common(4))
    return f"{count(others.total(), 'other file')} ({', '.join(kinds)}{f', {rest:,} more' if rest else ''})"


def walk(top: Path, empty: list[str] | None = None) -> tuple[list[tuple[str, int, int, str]], Counter]:
    """Return path, size, time and folder of every image below `top`, and the number of other files by suffix.

    Empty folders are added to `empty`.
    """
    root = str(top.resolve())
    images, others, waiting = [], Counter(), [("", frozenset())]
    while waiting:
        folder, above = waiting.pop()
        absolute = os.path.join(root, folder)
        try:
            facts = os.stat(absolute)
            if (facts.st_dev, facts.st_ino) in above:  # a link to a folder that contains this one
                continue
            with os.scandir(absolute) as entries:
                visible = [entry for entry in entries if not left_out(entry.name)]
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not folder:
                raise UsageError(f"{str(top)!r} does not exist") from error
            raise InputError(
                f"cannot read the folder {absolute!r}: {error.strerror}; allow reading it, or move it away"
            ) from error
        if not visible and folder and empty is not None:
            empty.append(folder)
        for entry in visible:
            name = entry.name
            path = f"{folder}/{name}" if folder else name
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                waiting.append((path, above | {(facts.st_dev, facts.st_ino)}))
            elif (entry.is_symlink() or entry.is_file()) and is_image(name, entry.path):
                images.append((*image_row(path, entry.path), folder))
            else:
                others[suffix_of(name)] += 1
    if not images:
        instead = f"; it holds {_counted(others)}" if others else ""
        if ".parquet" in others:
            instead += f". To write the images in Parquet files to a folder: featex unpack {top} NEW_FOLDER"
        elif packed := [suffix for suffix in others if suffix in _PACKED]:
            instead += f"; unpack {packed[0]} files first"
        elif films := [suffix for suffix in others if suffix in _FILMS]:
            instead += f"; write frames of the {films[0]} files to images first"
        raise InputError(f"{str(top)!r} holds no images (looked for .jpg, .png and all other usual formats){instead}")
    return images, others


def image_row(path: str, file: str) -> tuple[str, int, int]:
    """Return path, size in bytes and modification time; both are a key of `NO_FILE` if the file cannot be read."""
    try:
        path.encode()
        facts = os.stat(file)
    except UnicodeEncodeError:  # the row stays, so that the file is listed as failed
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), -2, -2
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in a name from a table
        return path, -1, -1
    except OSError:
        return path, -4, -4
    return (path, facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else (path, -3, -3)

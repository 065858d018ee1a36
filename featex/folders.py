"""What folders say of the images in them: the set, the class, the source."""

import os
import re
import stat
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from featex.errors import InputError
from featex.formats import is_image, suffix_of

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation", "heldout", "held-out", "held_out", "holdout"),
}
SYSTEM_NAMES = frozenset(
    [
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@sharebin",
        "@tmp",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycled",
        "recycler",
        "lost+found",
        "lost.dir",
        "__macosx",
        "__pycache__",
        "desktop.ini",
        "ehthumbs.db",
        "picasa.ini",
        "thumbs.db",
        "thumbs.db:encryptable",
        "network_trash_folder",
        "$extend",
        "found.000",
    ]
) | {"system volume information", "network trash folder", "temporary items", "icon\r"}
"""Names, in small letters, of what systems and network drives put beside images: thumbnails, bins, indices."""
SYSTEM_PREFIXES = ("__macosx", "@eadir", "~$")
_SPLITS = {spelling: split for split, spellings in SPLIT_NAMES.items() for spelling in spellings}
NO_FILE = {
    -1: "no such file",
    -2: "its name is not UTF-8, and no table can hold it; rename it",
    -3: "not a file but a folder, a pipe or a device",
    -4: "cannot be reached; allow its folder to be entered, or shorten its name",
}
"""Why a file that is listed has no size, by the number that stands for its size and for its time."""


def from_folders(folder: Path, home: Path) -> tuple[pd.DataFrame, list[str]]:
    files, others = _walk(str(home))
    if not files:
        instead = f"; it holds {_counted(others)}" if others else ""
        raise InputError(f"{str(folder)!r} holds no images (looked for .jpg, .png and all other usual kinds){instead}")
    table = pd.DataFrame(files, columns=["path", "size", "mtime_ns", "folder"])
    numbers, folders = pd.factorize(table.pop("folder"))  # a hundred thousand images lie in few folders
    places = np.array(_places([name.split("/") if name else [] for name in folders], folder), dtype=object)
    table[["label", "split", "source"]] = places[numbers]
    table["group"] = ""
    return table, [f"{_counted(others)} ignored"] if others else []


def _counted(others: Counter) -> str:
    """Return "3 other files (2 .txt, 1 without a suffix)"."""
    kinds = [f"{number:,} {suffix or 'without a suffix'}" for suffix, number in others.most_common(4)]
    rest = others.total() - sum(number for _, number in others.most_common(4))
    return f"{count(others.total(), 'other file')} ({', '.join(kinds)}{f', {rest:,} more' if rest else ''})"


def _walk(root: str) -> tuple[list[tuple[str, int, int, str]], Counter]:
    """Return path, size, time and folder of every image below `root`, and the number of other files by suffix."""
    found, others, waiting = [], Counter(), [("", frozenset())]
    while waiting:
        folder, above = waiting.pop()
        here = os.path.join(root, folder)
        try:
            facts = os.stat(here)
            if (facts.st_dev, facts.st_ino) in above:  # a link back to a folder that this one lies in
                continue
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not left_out(entry.name)]
        except OSError as error:
            raise InputError(f"cannot read the folder {here!r}: {error.strerror}; mend it or move it away") from error
        for entry in visible:
            name = entry.name
            path = f"{folder}/{name}" if folder else name
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                waiting.append((path, above | {(facts.st_dev, facts.st_ino)}))
            elif (entry.is_symlink() or entry.is_file()) and is_image(name, entry.path):
                found.append((*image_row(path, entry.path), folder))
            else:
                others[suffix_of(name)] += 1
    return found, others


def left_out(name: str) -> bool:
    """Tell whether a file or folder is hidden, in a bin, or made by a system beside the images (thumbnails)."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES or name.casefold().startswith(SYSTEM_PREFIXES)


def image_row(path: str, file: str) -> tuple[str, int, int]:
    """Return path, size in bytes and modification time; for what cannot be read as a file, a key of `NO_FILE` twice."""
    try:
        path.encode()
        facts = os.stat(file)
    except UnicodeEncodeError:  # keep the row, so that the file is listed as failed
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), -2, -2
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in a name from a table
        return path, -1, -1
    except OSError:
        return path, -4, -4
    return (path, facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else (path, -3, -3)


@cache
def split_name(name: str) -> str:
    """Return "train", "val" or "test" for the usual spellings of a set (`Training`, `test_set`), else ""."""
    return _SPLITS.get(re.sub(r"[ _-]?(set|data|images)$", "", name.lower()), "")


def _places(folders: list[list[str]], root: Path) -> list[tuple[str, str, str]]:
    """Return label, split and source for the folders that each image lies in."""
    while True:
        tops = sorted({parts[0] for parts in folders if parts})
        if len(tops) != 1 or split_name(tops[0]) or not all(folders) or all(len(parts) == 1 for parts in folders):
            break
        root = root / tops[0]
        folders = [parts[1:] for parts in folders]
    if any(split_name(top) for top in tops):
        return [_place_in_set(*parts) for parts in folders]
    if all(len(parts) == 2 and split_name(parts[1]) for parts in folders):
        return [(label, split_name(split), label) for label, split in folders]
    inside = sorted({parts[0] for parts in folders if len(parts) > 2 and split_name(parts[1])})
    if inside:
        raise InputError(
            f"{str(root)!r} holds whole data sets ({', '.join(inside)}); name one: featex extract {root / inside[0]}"
        )
    return [(parts[0] if parts else "", "", "/".join(parts)) for parts in folders]


def _place_in_set(split: str = "", *inside: str) -> tuple[str, str, str]:
    return inside[0] if inside else "", split_name(split) or split, "/".join(inside)


def count(number: int, noun: str) -> str:
    """Return "1 image", "2 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

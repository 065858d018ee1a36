"""What folders say of the images in them: the set, the class, the source."""

import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from featex.errors import InputError
from featex.formats import is_image, suffix_of
from featex.meanings import class_in, is_augmented, left_out, plain, set_and_rest
from featex.readings import read
from featex.words import count

_PACKED = frozenset({".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"})
_FILMS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".m4v", ".mpg"})
NO_FILE = {
    -1: "no such file",
    -2: "its name is not UTF-8, and no table can hold it; rename it",
    -3: "not a file but a folder, a pipe or a device",
    -4: "cannot be reached; allow its folder to be entered, or shorten its name",
}
"""Why a file that is listed has no size, by the number that stands for its size and for its time."""


def from_folders(folder: Path, layout: str | None) -> tuple[pd.DataFrame, list[str]]:
    empty: list[str] = []
    files, others = walk(folder, empty)
    table = pd.DataFrame(files, columns=["path", "size", "mtime_ns", "folder"])
    numbers, folders = pd.factorize(table.pop("folder"))  # a hundred thousand images lie in few folders
    parts = [tuple(name.split("/")) if name else () for name in folders]
    places = np.array(read(parts, np.bincount(numbers).tolist(), str(folder), layout), dtype=object)
    table[["label", "split", "source"]] = places[numbers]
    table["group"] = ""
    notes = _joined(parts, places.tolist()) + ([f"{_counted(others)} ignored"] if others else [])
    return table, notes + ([f"{count(len(empty), 'empty folder')} ({', '.join(sorted(empty)[:4])})"] if empty else [])


def _joined(folders: Sequence[tuple[str, ...]], places: Sequence[Sequence[str]]) -> list[str]:
    """Return which sets were put together from several folders: "train and train_augmented read as train"."""
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

    Folders with nothing in them are added to `empty`.
    """
    root = str(top.resolve())
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
        if not visible and folder and empty is not None:
            empty.append(folder)
        for entry in visible:
            name = entry.name
            path = f"{folder}/{name}" if folder else name
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                waiting.append((path, above | {(facts.st_dev, facts.st_ino)}))
            elif (entry.is_symlink() or entry.is_file()) and is_image(name, entry.path):
                found.append((*image_row(path, entry.path), folder))
            else:
                others[suffix_of(name)] += 1
    if not found:
        instead = f"; it holds {_counted(others)}" if others else ""
        if ".parquet" in others:
            instead += f". Images inside Parquet files are written to a folder by: featex unpack {top} NEW_FOLDER"
        elif packed := [suffix for suffix in others if suffix in _PACKED]:
            instead += f"; unpack {packed[0]} files first"
        elif films := [suffix for suffix in others if suffix in _FILMS]:
            instead += f"; write frames of the {films[0]} files to images first"
        raise InputError(f"{str(top)!r} holds no images (looked for .jpg, .png and all other usual kinds){instead}")
    return found, others


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

"""Which files the paths in a table name: as they are written, or as they were on another machine."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from featex.datasets.folders import image_row, walk
from featex.datasets.meanings import split_name
from featex.errors import InputError
from featex.images.formats import SUFFIXES, suffix_of

Row = tuple[str, int, int]
"""Path relative to the folder of the images, size and time: see `featex.datasets.folders.image_row`."""


class ImageFinder:
    """Finds images below a folder by what tables write of them.

    Parameters
    ----------
    home : Path
        The folder of the images, absolute.
    bases : sequence of Path
        Folders that paths may be relative to, in the order in which they are tried.
    """

    def __init__(self, home: Path, bases: Sequence[Path]):
        self.home = home
        self.bases = bases

    def rows(self, names: Sequence[str], splits: Sequence[str]) -> tuple[list[Row], int]:
        """Return a row for each name, and how many were not there as written but found by the end of their path.

        A path is tried as it is written, then without blanks around it and with slashes for backslashes. Of one that is
        still not there, the one image below the folder is taken whose path ends as the name does (`a.jpg` of
        `sub/a.jpg`) or, for a path of another machine or folder, that ends the name (`C:\\data\\sub\\a.jpg`). Case,
        the form of accents, quotes and escapes of a web address do not count there; a name without a suffix may lack
        it, and a number its leading zeros. Of several such images, that of the row's set is taken; an image that
        several names could mean so is none of theirs.
        """
        rows, by_end = [], {}
        for number, (name, split) in enumerate(zip(names, splits, strict=True)):
            row = self._as_written(name)
            if row[1] < 0 and row[1] != -2 and (path := self._by_end(name, split)):
                by_end[number] = row
                row = image_row(path, str(self.home / path))
            rows.append(row)
        meanings = defaultdict(set)
        for number, row in enumerate(rows):
            meanings[row[0]].add(names[number] if number in by_end else "")
        shared = [number for number in by_end if len(meanings[rows[number][0]]) > 1]
        for number in shared:
            rows[number] = by_end[number]
        return rows, len(by_end) - len(shared)

    def hint(self, name: str) -> str:
        """Return what is there in place of a name that finds no image: others of its name, or of another suffix."""
        parts = _parts(name)
        last = _key(parts[-1]) if parts else ""
        alike = self._by_name[last] or (self._by_name[f"{last}."] if suffix_of(last) not in SUFFIXES else [])
        if alike:
            return f"{len(alike):,} images are called so below the folder, such as {alike[0]!r}"
        stem = f"{_key(parts[-1].removesuffix(suffix_of(parts[-1])))}." if parts else ""
        other = self._by_name[stem]
        return f"{other[0]!r} is there, with another suffix" if other else ""

    def _as_written(self, name: str) -> Row:
        first = None
        for text in dict.fromkeys((name, name.strip(), name.strip().replace("\\", "/"))):
            for folder in self.bases:
                file = os.path.normpath(os.path.join(folder, text))
                inside = file.startswith(f"{self.home}/")
                row = image_row(file[len(str(self.home)) + 1 :] if inside else os.path.relpath(file, self.home), file)
                first = first or row
                if row[1] >= 0:
                    return row
        return first

    def _by_end(self, name: str, split: str) -> str:
        parts = _parts(name)
        if not parts or "\0" in name:
            return ""
        folders = [_key(part) for part in parts[:-1] if part not in (".", "..")]
        last, folder = _key(parts[-1]), f"{folders[-1]}/" if folders else ""
        name = last if suffix_of(parts[-1]) in SUFFIXES else f"{last}."
        found = [path for path in self._by_name[folder + name] if _ends_alike(path, folders)]
        if not found and last.isdigit():
            found = [path for path in self._by_number[folder, int(last)] if _ends_alike(path, folders)]
        if len(found) > 1 and split:
            found = [path for path in found if _lies_in(path, split)] or found
        return found[0] if len(found) == 1 else ""

    @cached_property
    def images(self) -> list[str]:
        """Paths of all images below the folder."""
        try:
            files, _ = walk(self.home)
        except InputError:
            return []
        return [path for path, size, *_ in files if size >= 0]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Paths of all images below the folder: by name, and by folder and name; also by the stem with a dot.

        By names alone, the frames of thousands of films, which are called alike, would be held against each other.
        """
        index = defaultdict(list)
        for path in self.images:
            name = path.rpartition("/")[2]
            for key in (_key(name), _key(name.removesuffix(Path(name).suffix)) + "."):
                index[key].append(path)
                index[_folder_key(path) + key].append(path)
        return index

    @cached_property
    def _by_number(self) -> dict[tuple[str, int], list[str]]:
        """Paths of all images that are called by a number and a suffix, by folder and number; "" for any folder."""
        index = defaultdict(list)
        for path in self.images:
            stem = Path(path).stem
            if stem.isdecimal():
                for folder in ("", _folder_key(path)):
                    index[folder, int(stem)].append(path)
        return index


def _lies_in(path: str, split: str) -> bool:
    return any(split in (part, split_name(part)) for part in path.split("/")[:-1])


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _parts(name: str) -> tuple[str, ...]:
    """Return the folders and the file of a name, also of a web address, without what stands around them."""
    text = name.strip().strip("'\"")
    if "://" in text:
        text = text.partition("?")[0]
    return PurePosixPath(unquote(text).replace("\\", "/")).parts


def _folder_key(path: str) -> str:
    """Return "b/" for "a/B/c.jpg", "/" for an image in no folder."""
    return _key(path.rpartition("/")[0].rpartition("/")[2]) + "/"


def _ends_alike(path: str, named: Sequence[str]) -> bool:
    """Tell whether a path's folders end as the named ones do, or the named ones as those of the path."""
    inside = [_key(part) for part in path.split("/")[:-1]]
    if len(named) <= len(inside):
        return inside[len(inside) - len(named) :] == named
    return bool(inside) and named[-len(inside) :] == inside

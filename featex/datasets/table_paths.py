"""Find the files that paths in a table name, also if the paths are from another machine."""

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
"""Path relative to the folder of the images, size and time; see `featex.datasets.folders.image_row`."""


class ImageFinder:
    """Finds the images below a folder that a table names.

    Parameters
    ----------
    home : Path
        The folder of the images, absolute.
    bases : sequence of Path
        Folders to which paths may be relative, in the order in which they are tried.
    """

    def __init__(self, home: Path, bases: Sequence[Path]):
        self.home = home
        self.bases = bases

    def rows(self, names: Sequence[str], splits: Sequence[str]) -> tuple[list[Row], int]:
        """Return a row for each name, and the number of images that were found by the end of their path.

        A path is tried as written, then without surrounding blanks and with slashes for backslashes. If no file has
        that path, the name means the only image below the folder whose path ends like the name (`a.jpg` for
        `sub/a.jpg`), or whose path is the end of the name (`C:\\data\\sub\\a.jpg`, from another machine). This ignores
        case, the form of accents, quotes, URL escapes, a missing suffix and leading zeros of a number. Among several
        such images, the image of the row's set is taken. An image that several names could mean belongs to none.
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
        """Return a hint for a name without an image: other images of this name, or one with another suffix."""
        parts = _parts(name)
        last = _key(parts[-1]) if parts else ""
        alike = self._by_name[last] or (self._by_name[f"{last}."] if suffix_of(last) not in SUFFIXES else [])
        if alike:
            return f"{len(alike):,} images below the folder have this name, such as {alike[0]!r}"
        stem = f"{_key(parts[-1].removesuffix(suffix_of(parts[-1])))}." if parts else ""
        other = self._by_name[stem]
        return f"{other[0]!r} exists, with another suffix" if other else ""

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
        paths = [path for path in self._by_name[folder + name] if ends_alike(path, folders)]
        if not paths and last.isdigit():
            paths = [path for path in self._by_number[folder, int(last)] if ends_alike(path, folders)]
        if len(paths) > 1 and split:
            paths = [path for path in paths if _lies_in(path, split)] or paths
        return paths[0] if len(paths) == 1 else ""

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
        """Paths of all images below the folder by name, by folder and name, and both also by the stem with a dot.

        With names only, the equally named frames of thousands of films would all be compared with each other.
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
        """Paths of images whose stem is a number, by folder and number; "" stands for any folder."""
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
    """Return the folders and the file name in a path or URL, without quotes, blanks and the query."""
    text = name.strip().strip("'\"")
    if "://" in text:
        text = text.partition("?")[0]
    return PurePosixPath(unquote(text).replace("\\", "/")).parts


def _folder_key(path: str) -> str:
    """Return "b/" for "a/B/c.jpg", "/" for an image in no folder."""
    return _key(path.rpartition("/")[0].rpartition("/")[2]) + "/"


def ends_alike(path: str, named: Sequence[str]) -> bool:
    """Return whether the folders of a path end with the named folders, or the named folders with those of the path."""
    inside = [_key(part) for part in path.split("/")[:-1]]
    if len(named) <= len(inside):
        return inside[len(inside) - len(named) :] == named
    return bool(inside) and named[-len(inside) :] == inside

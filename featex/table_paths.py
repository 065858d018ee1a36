"""Which files the paths in a table name: as they are written, or as they were on another machine."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from featex.errors import InputError
from featex.folders import image_row, walk
from featex.formats import SUFFIXES, suffix_of

Row = tuple[str, int, int]
"""Path relative to the folder of the images, size and time: see `featex.folders.image_row`."""


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
        `sub/a.jpg`) or, for a path of another machine, that ends the name (`C:\\data\\sub\\a.jpg`); a name without a
        suffix may lack it. Of several such images, that of the row's set is taken.
        """
        rows, by_end = [], 0
        for name, split in zip(names, splits, strict=True):
            row = self._as_written(name)
            if row[1] < 0 and row[1] != -2 and (path := self._by_end(name, split)):
                row = image_row(path, str(self.home / path))
                by_end += 1
            rows.append(row)
        return rows, by_end

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
        parts = PurePosixPath(name.strip().replace("\\", "/")).parts
        if not parts or "\0" in name:
            return ""
        suffix = suffix_of(parts[-1]) in SUFFIXES
        found = [path for path in self._by_name[parts[-1] if suffix else f"{parts[-1]}."] if _ends_alike(path, parts)]
        if len(found) > 1 and split:
            found = [path for path in found if split in path.split("/")[:-1]] or found
        return found[0] if len(found) == 1 else ""

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, ...]]]:
        """Paths of all images below the folder by their names, and with a dot behind it by their names' stems."""
        index = defaultdict(list)
        try:
            files, _ = walk(self.home)
        except InputError:
            return index
        for path, size, *_ in files:
            if size >= 0:
                name = path.rpartition("/")[2]
                index[name].append(path)
                index[name.removesuffix(Path(name).suffix) + "."].append(path)
        return index


def _ends_alike(path: str, parts: Iterable[str]) -> bool:
    """Tell whether a path's folders end as those of a name do, or the name's as the path's if the name is absolute."""
    inside, named = path.split("/")[:-1], [part for part in parts if part != "."][:-1]
    if inside[len(inside) - len(named) :] == named if len(named) <= len(inside) else False:
        return True
    absolute = bool(named) and (named[0] == "/" or named[0].endswith(":"))
    return absolute and bool(inside) and named[-len(inside) :] == inside

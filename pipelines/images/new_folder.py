"""A changed copy of a folder of images: how its files are named, and how it keeps labels, sets and groups."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pandas as pd

from featex.datasets.dataset import find_images
from featex.datasets.folders import NO_FILE
from featex.errors import FeatexError, ImageError, InputError, UsageError
from featex.system.cores import n_readers
from featex.system.disk import born_whole, cannot_write
from featex.system.progress import Progress

METADATA = "metadata.csv"
COLUMNS = ["file_name", "label", "split", "source", "group"]


def write_metadata(folder: Path, table: pd.DataFrame) -> None:
    """Write ``metadata.csv`` into `folder` if its folders alone would not be read as `table`.

    They would not where `table` has groups, where labels or sets came from a table or were renamed, or where so many
    images were left out that the rest looks like another layout.

    Parameters
    ----------
    folder : Path
        Holds the images of `table` and no others.
    table : DataFrame
        ``path`` relative to `folder`, ``label``, ``split``, ``source``, ``group``, as `dataset.find_images`
        gives them.
    """
    columns = ["path", *COLUMNS[1:]]
    wanted = table[columns].sort_values("path", ignore_index=True)
    try:
        known = find_images(folder).table[columns]
    except FeatexError:  # the remaining folders fit no layout
        known = None
    if known is None or not known.astype(object).equals(wanted.astype(object)):
        with born_whole(folder / METADATA) as temporary:
            wanted.set_axis(COLUMNS, axis=1).to_csv(temporary, index=False)


def new_paths(paths: Sequence[str], numbers: Sequence[int] | None = None, suffix: str = "") -> list[list[str]]:
    """Return the paths to write for each file: the path it has, or ``a_1.png`` to ``a_4.png`` for four parts.

    Where several files would get one name (``a.jpg`` and ``a.png`` when both become JPEG), the file that has it already
    keeps it, the others add their old suffix to the stem (``a_png.jpg``), and a number if that is taken too. Names that
    differ only in upper and lower case count as equal, as they do on some disks. A file outside the folder
    (``../a.png``, from a table) is put inside.

    Parameters
    ----------
    paths : sequence of str
        POSIX, relative, each once.
    numbers : sequence of int, optional
        Parts of each file, by default 1. A dropped file has 0, and no other file gets its name.
    suffix : str
        Such as ".jpg"; by default each file keeps the one it has.
    """
    numbers = numbers or [1] * len(paths)
    inside = [PurePosixPath(*(part for part in PurePosixPath(path).parts if part not in ("..", "/"))) for path in paths]

    def wanted(i: int, attempt: int) -> list[str]:
        path, again = inside[i], f"_{attempt}" if attempt > 1 else ""
        stem = f"{path.stem}_{path.suffix[1:]}{again}" if attempt else path.stem
        endings = [f"_{number + 1}" for number in range(numbers[i])] if numbers[i] > 1 else [""]
        return [str(path.with_name(f"{stem}{ending}{suffix or path.suffix}")) for ending in endings]

    wishes = Counter(name.casefold() for i in range(len(paths)) for name in wanted(i, 0))
    names: list[list[str]] = [[] for _ in paths]
    taken: set[str] = set()

    def turn(i: int) -> tuple[bool, bool, bool]:
        first = wanted(i, 0)
        return numbers[i] > 1, any(wishes[name.casefold()] > 1 for name in first), first != [paths[i]]

    for i in sorted(range(len(paths)), key=turn):
        attempts = (wanted(i, attempt) for attempt in itertools.count())
        free = next(wish for wish in attempts if taken.isdisjoint(name.casefold() for name in wish))
        taken.update(name.casefold() for name in free)
        names[i] = free[: numbers[i]]
    return names


def beside(target: str | os.PathLike, ending: str, root: Path) -> Path:
    """Return the folder beside `target` for the record of a run.

    Raises
    ------
    InputError
        If it is inside `root`, the folder of the source.
    """
    place = Path(target).resolve()
    folder = place.parent / f"{place.name}-{ending}"
    if folder.is_relative_to(root):
        raise UsageError(f"{str(folder)!r} lies inside {str(root)!r}, which must not change; choose another name")
    return folder


def each(
    progress: Progress, label: str, work: Callable, items: Sequence, *more: Sequence, workers: int | None = None
) -> list:
    """Return work(item, ...) for every item, in order, computed by `workers` threads, by default one per core."""
    results = []
    with ThreadPoolExecutor(workers or n_readers()) as pool, progress.task(label, len(items), "image") as tick:
        try:
            for result in pool.map(work, items, *more):
                results.append(result)
                tick(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def none_is_left(reasons: Mapping[str, str], source: str | os.PathLike) -> InputError:
    """Return the error for a folder in which no image can be used; `reasons` maps paths to reasons."""
    examples = "; ".join(f"{path}: {reason}" for path, reason in itertools.islice(reasons.items(), 3))
    return InputError(f"no image below {source} can be used ({examples})")


def save(path: Path, data: bytes) -> None:
    """Write a new file, and its folder if need be; a StoreError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise cannot_write(path, error) from error


def image_bytes(file: Path, size: int) -> bytes:
    """Return the bytes of a file that `featex.datasets.dataset.find_images` lists with `size`.

    Raises
    ------
    ImageError
        If it is no regular file, which a negative size says, or cannot be read.
    """
    if size < 0:
        raise ImageError(NO_FILE[size])
    try:
        return file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error


def by_class(images: pd.DataFrame) -> str:
    """Return "test ai 3, train real 1", each image once: what happens to one class more often can give it away."""
    images = images.drop_duplicates("path")
    counts = Counter((images["split"] + " " + images["label"]).str.strip())
    return ", ".join(f"{name or 'without a label'} {number:,}" for name, number in sorted(counts.items()))

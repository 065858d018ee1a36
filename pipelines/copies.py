"""A changed copy of a folder of images: what its files are called, and how it is read as the original was."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pandas as pd

from featex.dataset import find_images
from featex.disk import born_whole
from featex.errors import FeatexError, ImageError
from featex.folders import NO_FILE
from featex.progress import Progress

METADATA = "metadata.csv"
COLUMNS = ["file_name", "label", "split", "source", "group"]


def write_metadata(folder: Path, table: pd.DataFrame) -> bool:
    """Write ``metadata.csv`` into `folder` if its folders alone would not be read as `table`; return whether it was.

    They would not where `table` has groups, where its labels or sets came from a table or were renamed, or where so
    many images were left out that what is there looks like another layout.

    Parameters
    ----------
    folder : Path
        Holds the images of `table` and no others.
    table : DataFrame
        ``path`` relative to `folder`, ``label``, ``split``, ``source``, ``group``, as `featex.dataset.find_images`
        gives them.
    """
    columns = ["path", *COLUMNS[1:]]
    wanted = table[columns].sort_values("path", ignore_index=True)
    try:
        found = find_images(folder).table[columns]
    except FeatexError:  # what is left of the folders can be read in no layout
        found = None
    if found is not None and found.astype(object).equals(wanted.astype(object)):
        return False
    with born_whole(folder / METADATA) as temporary:
        wanted.set_axis(COLUMNS, axis=1).to_csv(temporary, index=False)
    return True


def new_paths(paths: Sequence[str], suffix: str) -> list[str]:
    """Return where each image goes when all end in `suffix`: in the same folder, under the same stem.

    Of several that would get one name (``a.jpg``, ``a.png``), the one that has it already keeps it and the others get
    their old suffix into the stem (``a_png.jpg``), and a number where that is taken too. Names that differ only in
    upper and lower case are one name, as they are on some disks. What lies outside the folder (``../a.png``, from a
    table) is put inside.

    Parameters
    ----------
    paths : sequence of str
        POSIX, relative, each once.
    suffix : str
        Such as ".jpg".
    """
    stems = [PurePosixPath(*(part for part in PurePosixPath(path).parts if part not in ("..", "/"))) for path in paths]
    wanted = [str(stem.with_suffix(suffix)) for stem in stems]
    wishes = Counter(name.casefold() for name in wanted)
    names, taken = list(wanted), set()
    for i in sorted(range(len(paths)), key=lambda i: (wishes[wanted[i].casefold()] > 1, wanted[i] != paths[i])):
        number = 1
        while names[i].casefold() in taken:
            stem = f"{stems[i].stem}_{stems[i].suffix[1:]}{f'_{number}' if number > 1 else ''}"
            names[i], number = str(stems[i].with_name(stem + suffix)), number + 1
        taken.add(names[i].casefold())
    return names


def each(pool: ThreadPoolExecutor, progress: Progress, label: str, work, items: Sequence, *more: Sequence) -> list:
    """Return work(item, ...) for every item, in order."""
    results = []
    with progress.task(label, len(items), "image") as tick:
        for result in pool.map(work, items, *more):
            results.append(result)
            tick(1)
    return results


def image_bytes(file: Path, size: int) -> bytes:
    """Return the bytes of a file that `featex.dataset.find_images` has listed with `size`.

    Raises
    ------
    ImageError
        If it is none, as a negative size says, or cannot be read.
    """
    if size < 0:
        raise ImageError(NO_FILE[size])
    try:
        return file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error


def by_class(images: pd.DataFrame) -> str:
    """Return "test ai 3, train real 1", each image once: what befalls one class more than others can tell it."""
    images = images.drop_duplicates("path")
    counts = Counter((images["split"] + " " + images["label"]).str.strip())
    return ", ".join(f"{name or 'without a label'} {number:,}" for name, number in sorted(counts.items()))

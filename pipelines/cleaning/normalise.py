"""normalise(): a copy of a folder of images in which little but the picture itself can predict the class.

All files get one format, quality, subsampling and size, and no metadata: that much is exact. But pixels keep traces of
what happened to an image before, and an image that is resampled here differs from one that is not. So by default every
image is resampled to about half its size, which hides most of these traces. The square that is resampled moves by up to
15 pixels, decided by a hash of the pixels, so that the place of an earlier JPEG's blocks does not predict the class: of
120 images of 256 pixels that become 224, half of them cropped by 3 x 5 pixels before, a forest on that place has a ROC
AUC of 1.00 before, 1.00 after without the move, and 0.62 with it (standard error 0.05). Bars, marks and blur stay;
`pipelines.cleaning.before_after` measures the pixels of both folders and names what stays.

Measured on 200 images of 512 pixels, each beside a treated copy, both then made middle squares of one size: accuracy of
a logistic regression on spectrum, periods, DCT coefficients and bytes per pixel, 5 folds by image. Chance is 0.5, plus
or minus 0.05:

=========================== ============ ===== ===== =====
copy                        left alone   0.9   0.75  0.5
=========================== ============ ===== ===== =====
saved as JPEG of quality 80 0.99         0.74  0.70  0.58
enlarged to 640 (Lanczos)   0.87         0.76  0.60  0.53
shrunk to 384 (Lanczos)     0.53         0.75  0.61  0.51
shrunk to 384 (bilinear)    0.77         0.79  0.77  0.68
=========================== ============ ===== ===== =====

The columns are the final size as a part of the smaller of the two sizes, 384 or 512; "left alone" is that size itself,
to which only the larger image was resampled. Nothing brings back what an earlier resize has blurred: the last row stays
above chance. `python benchmarks/normalise.py DIR` makes the table.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from featex.datasets.dataset import find_images
from featex.errors import ImageError, UsageError, unknown
from featex.images.decode import decode, opened
from featex.system.disk import born_whole, new_folder
from featex.system.progress import Progress
from featex.system.shown import shown_table
from featex.system.words import count
from pipelines.auditing.originals import ENDING, TABLE, keep_source
from pipelines.images.new_folder import (
    beside,
    by_class,
    each,
    image_bytes,
    new_paths,
    none_is_left,
    save,
    write_metadata,
)

FORMATS = {"jpeg": ".jpg", "png": ".png"}
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
NUMBERS = ("width_before", "height_before", "left", "top", "side", "width", "height")
LARGEST, LEAST = 512, 224
"""Pixels a side: "auto" never exceeds the first, and is at least the second, which most nets read, where it can be."""

REACHED = 0.05  # share of images, in the set and class with the smallest ones, that may be too small to halve
FEWEST = 20  # images; one of them is that share
BLOCK = 16  # pixels a side that JPEG codes together at 4:2:0; sizes are whole blocks, so that no edge is padded
HALVED = 0.6  # a scale of this or less hides traces that 0.75 does not; see the table above
SHIFT, SMALL_SHIFT, SMALL = 15, 7, 128
"""Pixels by which each image's square shrinks and moves at random: so an earlier JPEG's blocks of 16, or of 8 where a
side is shorter than `SMALL`, lie at any place equally often in every class."""


@dataclass(frozen=True)
class Form:
    """What every image becomes.

    Parameters
    ----------
    format : {"jpeg", "png"}
        PNG keeps all pixels, and with them traces of what the images were saved as before.
    quality : int
        Of JPEG, 1 to 100 as libjpeg counts.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}
        Of JPEG's colours.
    size : int, "auto" or "keep"
        Pixels a side of the square that each image becomes: its middle, moved by up to `SHIFT` pixels by a hash of its
        pixels, resampled; "auto": see `common_size`; "keep": images are only saved again, and their sizes can still
        predict the class.
    enlarge : bool
        Enlarge images with a side shorter than `size`, which leaves traces; else they are left out, with the reason.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    format: str = "jpeg"
    quality: int = 95
    subsampling: str = "4:2:0"
    size: int | str = "auto"
    enlarge: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise unknown("format", self.format, FORMATS)
        if self.subsampling not in SUBSAMPLINGS:
            raise unknown("subsampling", self.subsampling, SUBSAMPLINGS)
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality must be 1 to 100; it is {self.quality}")
        if self.size not in ("auto", "keep") and (isinstance(self.size, str) or self.size < 1):
            raise UsageError(f"size must be auto, keep or a number of pixels of 1 or more; it is {self.size!r}")


@dataclass(frozen=True, eq=False)
class Normalised:
    """The result of `normalise`.

    Parameters
    ----------
    folder, record : Path
        Where the images are, and where the table is, a CSV.
    table : DataFrame
        A row for each image of the source, ordered by path: ``path, label, split``; ``written`` (path below `folder`)
        or ``reason`` why not, the other is ""; ``width_before, height_before`` (upright, 0 if unknown), ``left, top``
        and ``side`` of the square that was taken, and ``width, height``, in pixels (0 if nothing was written; ``side``
        is also 0 if sizes were kept).
    form : Form
        With the `size` taken in pixels, or "keep".
    """

    folder: Path
    record: Path
    table: pd.DataFrame
    form: Form

    def lines(self) -> list[str]:
        """Return what was done, in a few lines for a terminal."""
        size, kind = self.form.size, self.form.format.upper()
        sized = "of unchanged size" if size == "keep" else f"of {size} x {size} pixels"
        refused = self.table[self.table["reason"] != ""]
        n = len(self.table)
        lines = [f"{n - len(refused):,} of {count(n, 'image')} written, {kind} {sized}"]
        if len(refused):
            lines.append(f"{len(refused):,} left out ({by_class(refused)}); the reasons are in {self.record}")
        if size == "keep":
            return [*lines, "sizes were kept and can predict the class; --size auto makes them equal"]
        before, after = self.table[["width_before", "height_before"]], self.table[["width", "height"]]
        enlarged = self.table[before.min(axis=1) < after.min(axis=1)]  # 0 after for images left out
        if len(enlarged):
            lines.append(f"enlarged, which leaves traces: {len(enlarged):,} ({by_class(enlarged)})")
        lines.append(f"scale of sides, median (range): {_factors(self.table)}")
        if (smaller := self._smaller()) < size:
            lines.append(f"traces of earlier resizing and saving remain; --size {smaller} hides most of them")
        return lines

    def _smaller(self) -> int:
        """Return the size that halves the squares, if they were reduced less than that; otherwise the size taken."""
        side, size = self.table.loc[self.table["side"] > 0, "side"].median(), self.form.size
        return size if size / side <= HALVED else max(1, int(side) // 2 // BLOCK * BLOCK or int(side) // 2)


def normalise(
    source: str | os.PathLike,
    target: str | os.PathLike,
    form: Form | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **dataset_options,
) -> Normalised:
    """Write every image of `source` in one form into the new folder `target`, and return what was done.

    `source` is only read. `target` appears whole or not at all, with the same names of folders and files, but suffixes.
    `featex.datasets.dataset.find_images` finds the labels, sets, sources and groups of `source` in it; where folder
    names are not enough, it has a ``metadata.csv``. ``<target>-normalised/normalised.csv`` beside it lists each file,
    and an audit of `target` says how well file metadata predicted the class in `source`.

    Parameters
    ----------
    source : path
        A folder in one of the layouts that `featex.datasets.dataset.find_images` knows.
    target : path
        Absent or empty, and not inside `source`.
    form : Form, optional
        What every image becomes.
    workers : int, optional
        Threads, each with one image at a time; by default one per core, at most 16.
    progress : Progress, optional
    **dataset_options
        As `featex.datasets.dataset.find_images` takes them: labels, path_column, ..., classes.

    Returns
    -------
    Normalised

    Raises
    ------
    InputError
        If an option, `source` or `target` cannot be used, or no image can.
    StoreError
        If `target` or the record cannot be written.
    """
    form, progress = form or Form(), progress or Progress()
    dataset = find_images(source, **dataset_options)
    table, record = dataset.table, beside(target, ENDING, dataset.root) / TABLE
    progress.say(f"{source}: {dataset.sentence}")
    files = [dataset.root / path for path in table["path"]]
    with new_folder(target, source=source) as folder:
        if form.size == "auto":
            sides = each(progress, "measure", _shorter_side, files, table["size"], workers=workers)
            size, why = common_size(table[["split", "label"]].assign(side=sides))
            progress.say(f"every image becomes {size} x {size} pixels: {why}")
            form = replace(form, size=size)
        names = [name for (name,) in new_paths(list(table["path"]), suffix=FORMATS[form.format])]
        rows = each(
            progress, "normalise", partial(_rewrite, folder, form), files, table["size"], names, workers=workers
        )
        done = pd.concat([table[["path", "label", "split"]], pd.DataFrame(rows)], axis=1)
        usable = done["reason"] == ""
        if not usable.any():
            raise none_is_left(dict(zip(done["path"], done["reason"], strict=True)), source)
        write_metadata(folder, table.assign(path=done["written"])[usable])
    with born_whole(record) as temporary:
        shown_table(done).to_csv(temporary, index=False)
    keep_source(record.parent, dataset.root)
    return Normalised(Path(target).resolve(), record, done, form)


def common_size(images: pd.DataFrame) -> tuple[int, str]:
    """Return the side of the square that all images become, in pixels, and why.

    It is half of the shorter side that all but `REACHED` of the images reach, in the class and set with the smallest
    images: halving hides most of what was done to an image before. It is at most `LARGEST`, at least `LEAST` where that
    side is longer, and a whole number of `BLOCK`s where possible. A class with fewer than `FEWEST` images in a set is
    ignored, or one odd image could make all tiny, unless every class is that small.

    Parameters
    ----------
    images : DataFrame
        ``split, label`` and ``side``, the shorter side in pixels, 0 for images that cannot be used.
    """
    usable = images[images["side"] > 0]
    if usable.empty:
        return LEAST, "no image can be measured"
    groups = usable.groupby(["split", "label"])["side"]
    sides, many = groups.quantile(REACHED, interpolation="lower"), groups.size() >= FEWEST
    sides = sides[many] if many.any() else sides
    reached = int(sides.min())
    size = min(LARGEST, max(reached // 2, min(reached, LEAST)))
    size = max(size // BLOCK * BLOCK, min(size, BLOCK))
    where = " ".join(part for part in sides.idxmin() if part)
    return size, f"nearly all images have {reached:,} or more{f' in the smallest class ({where})' if where else ''}"


def square(shape: Sequence[int], size: int, key: bytes) -> tuple[int, int, int]:
    """Return ``left, top`` and ``side``, in pixels, of the square to take from an image.

    It is the middle square, moved by up to `SHIFT` pixels in each direction if a side of `size` or more remains.

    Parameters
    ----------
    shape : sequence
        Height and width in pixels.
    size : int
        Pixels a side that the square becomes.
    key : bytes
        Decides the move, such as the pixels: equal images move equally, whatever their class.
    """
    side = min(shape[:2])
    top, left = ((length - side) // 2 for length in shape[:2])
    if side <= size:
        return left, top, side
    spare = min(SHIFT if side >= SMALL else SMALL_SHIFT, side - size)
    digest = hashlib.sha256(key).digest()
    right, down = (int.from_bytes(digest[i : i + 8]) % (spare + 1) for i in (0, 8))
    return left + right, top + down, side - spare


def _shorter_side(file: Path, n_bytes: int) -> int:
    try:
        with opened(image_bytes(file, n_bytes)) as image:
            return min(image.size)
    except ImageError:
        return 0


def _rewrite(folder: Path, form: Form, file: Path, n_bytes: int, name: str) -> dict:
    """Write one image into `folder` and return its row of the table, without path, label and set.

    The square is resized in one step by Lanczos. The periods that resizing leaves separate images of originally 384 and
    512 pixels with an accuracy (n = 120) of 0.88 for box, 0.87 for bilinear, 0.74 for bicubic and 0.54 for Lanczos.
    """
    row, size = {"written": "", "reason": "", **dict.fromkeys(NUMBERS, 0)}, form.size
    try:
        image = decode(image_bytes(file, n_bytes))
    except ImageError as error:
        return row | {"reason": str(error)}
    height, width, _ = image.shape
    row |= {"width_before": width, "height_before": height}
    left = top = side = 0
    if size != "keep":
        if min(height, width) < size and not form.enlarge:
            reason = f"{width} x {height} pixels, too small for {size} x {size}; enlarge it or choose a smaller size"
            return row | {"reason": reason}
        left, top, side = square(image.shape, size, image.tobytes())
        picture = Image.fromarray(image[top : top + side, left : left + side])
        image = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
    data = BytesIO()
    options = {"quality": form.quality, "subsampling": form.subsampling} if form.format == "jpeg" else {}
    try:
        Image.fromarray(image).save(data, form.format, **options)
    except (OSError, ValueError) as error:  # libjpeg writes no more than 65,500 pixels a side
        return row | {"reason": f"cannot be saved as {form.format.upper()}: {error}"}
    save(folder / name, data.getvalue())
    height, width, _ = image.shape
    return row | {"written": name, **dict(zip(NUMBERS[2:], (left, top, side, width, height), strict=True))}


def _factors(table: pd.DataFrame) -> str:
    """Return by how much the images of each class were scaled: a class that is scaled more can be known by that."""
    written = table[table["side"] > 0]
    factors = (written["width"] / written["side"]).groupby(written["label"])
    return "; ".join(
        f"{label or 'without a label'} {part.median():.2f} ({part.min():.2f}-{part.max():.2f})"
        for label, part in factors
    )

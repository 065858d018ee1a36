"""unpack(): write the images inside Parquet files, as Hugging Face stores data sets, to a folder of image files."""

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from featex.datasets.meanings import left_out, plain, set_and_rest, split_name
from featex.datasets.table_columns import LABEL_COLUMNS, SET_COLUMNS, first_of
from featex.errors import InputError
from featex.images.formats import START, kind_of
from featex.system.disk import new_folder
from featex.system.progress import Progress
from featex.system.words import count

IMAGE_COLUMNS = (
    "image",
    "img",
    "picture",
    "photo",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "image_bytes",
    "bytes",
    "pixel_values",
)
SUFFIX_OF_KIND = {
    **{"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif", "AVIF": ".avif"},
    **{"HEIF": ".heic", "JPEG 2000": ".jp2", "PPM": ".ppm", "JPEG XL": ".jxl"},
}
ROWS = 64  # read at a time, so that images of several MB take a few hundred MB


@dataclass(frozen=True)
class Unpacked:
    """The folder that `unpack` wrote, with the numbers of images and of rows without an image."""

    folder: Path
    images: int
    empty: int


def shards(folder: Path) -> list[Path]:
    """Return the Parquet files below a folder that have a column of images, sorted."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not left_out(name)]
        files += [Path(parent, name) for name in names if name.lower().endswith(".parquet") and not left_out(name)]
    return sorted(file for file in files if _image_column(file))


def unpack(source: str | os.PathLike, target: str | os.PathLike, progress: Progress | None = None) -> Unpacked:
    """Write the images inside the Parquet files below `source`, with unchanged bytes, to the new folder `target`.

    The file ``metadata.csv`` there holds label and set of each image. Labels have the names of their `ClassLabel`, if
    the file contains them. Sets come from a column, or else from the name of the file
    (`train-00000-of-00002.parquet`) or of its folder.

    Raises
    ------
    InputError
        If there are no such files, or `target` exists and is not empty.
    StoreError
        If `target` cannot be written.
    """
    home = Path(source).resolve()
    files = shards(home)
    if not files:
        raise InputError(f"{str(source)!r} holds no Parquet files with images")
    with new_folder(target) as folder:
        images, empty = _write(files, home, folder, progress or Progress())
        if not images:
            raise InputError(f"{str(source)!r} holds {count(empty, 'row')} and no image")
    return Unpacked(Path(target).resolve(), images, empty)


def _write(files: list[Path], home: Path, folder: Path, progress: Progress) -> tuple[int, int]:
    images = empty = 0
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["file_name", "label", "split"])
        for number, file in enumerate(files):
            progress.say(f"{file.relative_to(home)} ({number + 1} of {count(len(files), 'file')})")
            by_name = _set_of(file.relative_to(home))
            for row, (data, label, split) in enumerate(_rows(file)):
                suffix = SUFFIX_OF_KIND.get(kind_of(data[:START])) if data else None
                if suffix is None:
                    empty += 1
                    continue
                split = split_name(split or "") or split or by_name
                path = Path(split.replace("/", "_") or "images") / f"{number:05}-{row:07}{suffix}"
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(data)
                table.writerow([path.as_posix(), label, split])
                images += 1
    return images, empty


def _rows(file: Path) -> Iterator[tuple[bytes, str, str]]:
    """Yield bytes, label and set of each row."""
    opened = pq.ParquetFile(file)
    names = opened.schema_arrow.names
    image, label, split = _image_column(file), first_of(names, LABEL_COLUMNS), first_of(names, SET_COLUMNS[:2])
    classes = _class_names(opened.schema_arrow, label)
    for batch in opened.iter_batches(ROWS, columns=[name for name in (image, label, split) if name]):
        for row in batch.to_pylist():
            data = row[image]
            data = data.get("bytes") if isinstance(data, dict) else data
            code = row.get(label)
            named = classes[code] if isinstance(code, int) and 0 <= code < len(classes) else code
            yield data or b"", "" if named is None else plain(str(named)), str(row.get(split) or "")


def _image_column(file: Path) -> str | None:
    try:
        schema = pq.read_schema(file)
    except (OSError, pa.ArrowException):
        return None

    def is_image(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return "bytes" in [field.name for field in kind]
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    columns = [field.name for field in schema if is_image(field.type)]
    return first_of(columns, IMAGE_COLUMNS) or next(iter(columns), None)


def _class_names(schema: pa.Schema, label: str | None) -> list[str]:
    """Return the class names of a `ClassLabel`, which the library datasets stores in the metadata of a file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _set_of(path: Path) -> str:
    """Return the set that the name of a file or of one of its folders contains; else ""."""
    for name in (re.sub(r"([-_.]\d+)?[-_.]of[-_.]\d+|[-_.]\d+$", "", path.stem), *reversed(path.parts[:-1])):
        if set_and_rest(name)[0]:
            return split_name(name) or plain(name)
    return ""

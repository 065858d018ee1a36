"""What a table says of the images it names: path, label, set, source, group."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from featex.errors import InputError
from featex.folders import image_row
from featex.formats import SUFFIXES
from featex.meanings import left_out, split_name

PATH_COLUMNS = ("file_name", "path", "file", "filename", "image", "id")
LABEL_COLUMNS = ("label", "class", "target")
SET_COLUMNS = ("split", "set")
MAX_WRAPPERS = 8  # a link back to its own folder would wrap for ever


def own_table(folder: Path, label_column: str | None) -> Path | None:
    """Return the metadata.csv of a folder, or of the one that lone folders are wrapped around."""
    for _ in range(MAX_WRAPPERS):
        if _describes_images(folder / "metadata.csv", label_column):
            return folder / "metadata.csv"
        inside = [path for path in folder.iterdir() if path.is_dir() or path.suffix.lower() in SUFFIXES]
        inside = [path for path in inside if not left_out(path.name)]
        if len(inside) != 1 or not inside[0].is_dir():
            return None
        folder = inside[0]
    return None


def _describes_images(file: Path, label_column: str | None) -> bool:
    """Tell whether a file is the table of Hugging Face's imagefolder (huggingface.co/docs/datasets/image_dataset)."""
    if not file.is_file():
        return False
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = next(csv.reader(lines), [])
    return "file_name" in header and (label_column is not None or not set(LABEL_COLUMNS).isdisjoint(header))


def from_table(home: Path, file: Path, options: dict[str, str | None], group_rows: int | None) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file, dtype=str, na_filter=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no table of labels {str(file)!r}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {str(file)!r} as comma-separated values: {str(error).strip()}") from error
    if not isinstance(rows.index, pd.RangeIndex):  # pandas would take the first column for an index and shift the rest
        raise InputError(f"{str(file)!r} has rows with more cells than its header has columns; mend its first line")
    usual = {"path": PATH_COLUMNS, "label": LABEL_COLUMNS, "set": SET_COLUMNS, "group": ("group",)}
    columns = {kind: _column(file, rows, kind, options[kind], names) for kind, names in usual.items()}
    if group_rows is not None and (group_rows < 1 or options["group"]):
        raise InputError(f"group_rows must be 1 or more, and without a group column; it is {group_rows}")
    found = [_listed(name, str(home), str(file.parent.resolve())) for name in rows[columns["path"]]]
    if all(size < 0 for _, size, _ in found):
        raise InputError(
            f"none of the {len(found):,} images that {str(file)!r} lists is there; "
            f"the first was looked for as {str(home / found[0][0])!r}"
            if found
            else f"{str(file)!r} lists no images"
        )
    table = pd.DataFrame(found, columns=["path", "size", "mtime_ns"])
    table["label"] = rows[columns["label"]] if columns["label"] else ""
    table["split"] = [split_name(name) or name for name in rows[columns["set"]]] if columns["set"] else ""
    table["source"] = rows["source"] if "source" in rows else table["path"].map(os.path.dirname)
    table["group"] = rows[columns["group"]] if columns["group"] else ""
    if group_rows is not None:
        table["group"] = [str(number // group_rows) for number in range(len(table))]
    return table


def _column(file: Path, rows: pd.DataFrame, kind: str, asked: str | None, usual: Sequence[str]) -> str | None:
    if asked is None:
        name = next((name for name in usual if name in rows), None)
        if name or kind != "path":
            return name
    elif asked in rows:
        return asked
    missing = f"column {asked!r}" if asked else f"column of paths (looked for {', '.join(usual)})"
    raise InputError(f"{str(file)!r} has no {missing}; name one of its columns: {', '.join(rows.columns)}")


def _listed(name: str, home: str, beside: str) -> tuple[str, int, int]:
    """Return path (relative to `home`), size and time of a file that a table names."""
    rows = []
    for folder in (home, beside):
        file = os.path.normpath(os.path.join(folder, name))
        inside = file.startswith(f"{home}/")
        rows.append(image_row(file[len(home) + 1 :] if inside else os.path.relpath(file, home), file))
        if rows[-1][1] >= 0:
            return rows[-1]
    return rows[0]

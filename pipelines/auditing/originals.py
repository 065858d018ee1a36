"""The files that normalised images were made from: what an audit of the copy says of them."""

import json
import os
from functools import partial
from pathlib import Path

import pandas as pd

from featex.errors import ImageError
from featex.images.facts import file_facts
from featex.system.disk import born_whole
from featex.system.progress import Progress
from pipelines.images.new_folder import each, image_bytes

ENDING, TABLE, SOURCE = "normalised", "normalised.csv", "source.json"


def keep_source(record: Path, source: Path) -> None:
    """Write into the record of a normalised copy, relative to it, which folder it was made from."""
    with born_whole(record / SOURCE) as temporary:
        temporary.write_text(json.dumps({"source": os.path.relpath(source.resolve(), record.resolve())}))


def source_of(root: Path) -> Path | None:
    """Return the folder that the normalised images in `root` were made from; None if they are no such copy."""
    record = root.parent / f"{root.name}-{ENDING}"
    try:
        source = json.loads((record / SOURCE).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError):
        return None
    return Path(os.path.normpath(record / source))


def with_original_facts(rows: pd.DataFrame, root: Path, source: Path) -> pd.DataFrame | None:
    """Return the rows of normalised images with the facts and size of the files that they were made from.

    None if one of these files has gone, is newer than the copy, cannot be read, or is not in the record.
    """
    record = root.parent / f"{root.name}-{ENDING}" / TABLE
    try:
        table, newest = pd.read_csv(record, dtype=str, keep_default_na=False), record.stat().st_mtime_ns
        paths = table.drop_duplicates("written").set_index("written")["path"].loc[rows["path"]]
        facts = each(Progress(), "read", partial(_facts, newest), [source / path for path in paths])
    except (OSError, ValueError, KeyError, ImageError):
        return None
    return rows.assign(**pd.DataFrame(facts, index=rows.index))


def _facts(newest: int, path: Path) -> dict:
    stat = path.stat()
    if stat.st_mtime_ns > newest:
        raise ImageError(f"{path} was changed after the copy was made")
    data = image_bytes(path, stat.st_size if path.is_file() else -1)
    return {"size": len(data), **file_facts(data)}

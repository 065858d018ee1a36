"""What the names and dates of files tell of the classes: no model sees them, but they show who came from where."""

import re
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from classify.pages.sections import Table
from classify.pages.words import listed
from pipelines.auditing.findings import Finding
from pipelines.auditing.properties import BY_IT_ALONE, differing, in_words, shown

LEAST_TOLD = 0.6  # balanced accuracy by one pattern or month alone
_LONGEST = 60
_HEX = re.compile(r"(?<![a-z0-9])(?=[a-f]*[0-9])[a-f0-9-]{12,}(?![a-z0-9])")


def name_pattern(path: str, classes: list[str]) -> str:
    """Return the shape of a file's name without its suffix: "img-#" of img-0042.jpg, "<class> #" of "real 7.png".

    Numbers become #, long hexadecimal codes <code>, names of classes <class>, since a name that states the label only
    repeats it.
    """
    stem = PurePosixPath(path).stem.lower()[:_LONGEST]
    stem = _HEX.sub("<code>", stem)
    for name in sorted(classes, key=len, reverse=True):
        stem = re.sub(rf"(?<![a-z]){re.escape(name.lower())}(?![a-z])", "<class>", stem)
    return re.sub(r"[0-9]+", "#", stem).replace(",", " ")


def names_and_dates(check: str, rows: pd.DataFrame, labels: np.ndarray, units: np.ndarray, seed: int) -> Finding | None:
    """Return what is named of the files' names and months of change where one of them tells the classes, else None."""
    classes = sorted(set(labels.tolist()))
    months = pd.to_datetime(rows["mtime_ns"].astype("int64")).dt.strftime("%Y-%m")
    table = pd.DataFrame({"file name": [name_pattern(path, classes) for path in rows["path"]], "changed in": months})
    table = table.reset_index(drop=True)
    found = differing(table.astype(str), labels, units, seed=seed)
    found = found[found["told"] >= LEAST_TOLD]
    if found.empty:
        return None
    firsts = found[~found["property"].duplicated()]
    said = "; ".join(in_words(row, classes) for _, row in firsts.iterrows())
    sentence = (
        f"Names or dates of files tell {listed(classes)} apart: {said}. No model here reads them, but they show that "
        "the classes were collected apart, so whatever else differs between the collections can stand in for the class."
    )
    title = "Patterns of file names, and months in which files were changed, that differ between classes"
    top = found["told"].max()
    table = Table("names", title, shown(found, classes), percent=(BY_IT_ALONE,))
    return Finding(check, "mind", sentence, float(top), tables=(table,))

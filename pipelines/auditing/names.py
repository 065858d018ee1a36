"""How well file names and dates predict the class: no model sees them, but they show which files came together."""

import re
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from classify.pages.sections import Table
from classify.pages.words import listed
from pipelines.auditing.findings import Finding
from pipelines.auditing.properties import ALONE, differing, in_words, shown

LEAST = 0.6  # balanced accuracy of one pattern or month by itself
_LONGEST = 60
_HEX = re.compile(r"(?<![a-z0-9])(?=[a-f]*[0-9])[a-f0-9-]{12,}(?![a-z0-9])")


def name_pattern(path: str, classes: list[str]) -> str:
    """Return the pattern of a file's name without its suffix: "img-#" for img-0042.jpg, "<class> #" for "real 7.png".

    Numbers become #, long hexadecimal codes <code>, names of classes <class>, since a name that states the label only
    repeats it.
    """
    stem = PurePosixPath(path).stem.lower()[:_LONGEST]
    stem = _HEX.sub("<code>", stem)
    for name in sorted(classes, key=len, reverse=True):
        stem = re.sub(rf"(?<![a-z]){re.escape(name.lower())}(?![a-z])", "<class>", stem)
    return re.sub(r"[0-9]+", "#", stem).replace(",", " ")


def names_and_dates(rows: pd.DataFrame, labels: np.ndarray, units: np.ndarray, seed: int) -> Finding | None:
    """Return a finding where patterns of file names, or months of change, predict the class; else None."""
    classes = sorted(set(labels.tolist()))
    months = pd.to_datetime(rows["mtime_ns"].astype("int64")).dt.strftime("%Y-%m")
    table = pd.DataFrame({"file name": [name_pattern(path, classes) for path in rows["path"]], "changed in": months})
    table = table.reset_index(drop=True)
    differences = differing(table.astype(str), labels, units, seed=seed)
    differences = differences[differences[ALONE] >= LEAST]
    if differences.empty:
        return None
    first = differences[~differences["property"].duplicated()]
    words = "; ".join(in_words(row, classes) for _, row in first.iterrows())
    sentence = (
        f"File names or dates separate {listed(classes)}: {words}. No model here reads them, but they show that the "
        "classes were collected separately, so a model can learn anything else in which the collections differ."
    )
    title = "Patterns of file names, and months in which files were changed, that differ between classes"
    top = differences[ALONE].max()
    table = Table("names", title, shown(differences, classes), percent=(ALONE,))
    return Finding("FX103", "warning", sentence, float(top), tables=(table,))

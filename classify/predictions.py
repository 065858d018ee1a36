"""Predictions: the table of a row an image and model that all scores, figures and reports are made from."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import DataError
from featex.system.disk import born_whole
from featex.system.words import count

VALIDATION, HELD_OUT = "validation", "test"
SET_TITLES = {"train": "training set", VALIDATION: "cross-validation", HELD_OUT: "test set"}
SELECTION = "cross-validation score (optimistic)"
"""What a score over validation folds is called: it chose settings and model, so it tends to be too high."""

TEXT = ("model", "set", "path", "label", "predicted", "split", "source", "group")
COLUMNS = (*TEXT, "fold")
PROB = "prob_"
SUM_TOLERANCE = 1e-3  # another tool's CSV may carry four decimals; ours carries all of them


def set_title(name: str) -> str:
    """Return what a set is called to a reader: "cross-validation", "test set" or "external set “custom”"."""
    return SET_TITLES.get(name, f"external set “{name}”")


def set_images(name: str, n: int | None = None, which: str = "") -> str:
    """Return "test images", "1 test image" or "20 untreated images of external set “custom”".

    Parameters
    ----------
    name : str
        Of the set.
    n : int, optional
        Number of its images.
    which : str
        An adjective before "images".
    """
    what = "test image" if name == HELD_OUT else "image"
    what = f"{which} {what}".strip()
    images = f"{what}s" if n is None else count(int(n), what)
    return images if name == HELD_OUT else f"{images} of {set_title(name)}"


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row an image and model, validated.

    Any detector joins a comparison by bringing this table as a CSV (UTF-8, comma, one header line):

    ========== ====================================================================================
    model      name of the model
    set        ``validation`` (out-of-fold rows of the training set), ``test`` (never trained on), or
               the name of an external set
    path       of the image, as the data names it; once for each model and set
    label      the true class, or empty: such rows are kept and never scored
    predicted  the class the model decided on
    split      where the data put the image (train, val, test, ...), may be empty
    source     where it came from (generator, style, folder), may be empty
    group      images that belong together (one prompt, one scene) share it, may be empty
    fold       0..k-1 in ``validation``, else -1
    prob_X     for each class X its calibrated probability; 0..1, a row sums to 1 within 0.001
    ========== ====================================================================================

    Parameters
    ----------
    table : pandas.DataFrame
        The columns above in any order; other columns are left out. Two classes at least.

    Raises
    ------
    DataError
        A column is missing, or a row says something the table above does not allow.
    """

    table: pd.DataFrame

    def __post_init__(self):
        probabilities = [column for column in self.table.columns if str(column).startswith(PROB)]
        missing = [column for column in COLUMNS if column not in self.table.columns]
        if missing:
            raise DataError(f"predictions lack the column(s) {', '.join(missing)}; add them to the table")
        if len(probabilities) < 2 or PROB in probabilities:
            raise DataError(
                f"predictions have the probability columns {probabilities}; give one 'prob_<class>' for each "
                "of two or more named classes"
            )
        table = self.table.loc[:, [*COLUMNS, *probabilities]].reset_index(drop=True)
        for column in TEXT:
            table[column] = table[column].astype(object).where(table[column].notna(), "").astype(str)
        for column, dtype in {"fold": "int64", **dict.fromkeys(probabilities, "float64")}.items():
            try:
                table[column] = table[column].astype(dtype)
            except (ValueError, TypeError) as error:
                raise DataError(f"column {column!r} of the predictions holds no number: {error}") from None
        object.__setattr__(self, "table", table)
        self._refuse_bad_rows()

    def _refuse_bad_rows(self):
        table, p = self.table, self.probabilities()
        classes = list(self.classes)
        out_of_fold = table["set"] == VALIDATION
        complaints = {
            "has an empty model, set or path": table[["model", "set", "path"]].eq("").any(axis=1),
            f"has a label that is none of the classes {classes}": ~table["label"].isin([*classes, ""]),
            f"has a predicted class that is none of the classes {classes}": ~table["predicted"].isin(classes),
            # written so that NaN is refused too
            "has a probability outside 0..1": ~((p >= 0) & (p <= 1)).all(axis=1),
            "has probabilities that do not sum to 1": ~(np.abs(p.sum(axis=1) - 1) <= SUM_TOLERANCE),
            "needs a fold of 0 or more in 'validation' and -1 elsewhere": (table["fold"] >= 0) != out_of_fold,
            "repeats an image of the same model and set": table.duplicated(["model", "set", "path"]),
        }
        for complaint, bad in complaints.items():
            if bad.any():
                row = table[bad].iloc[0]
                raise DataError(
                    f"predictions: {int(bad.sum())} row(s) to mend, the first, {row['path']!r} of model "
                    f"{row['model']!r} in set {row['set']!r}, {complaint}"
                )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of their probability columns."""
        return tuple(column.removeprefix(PROB) for column in self.table.columns[len(COLUMNS) :])

    @property
    def models(self) -> tuple[str, ...]:
        """Models, in order of appearance."""
        return tuple(self.table["model"].unique())

    @property
    def sets(self) -> tuple[str, ...]:
        """Sets: validation, then test, then external sets in order of appearance."""
        names = list(self.table["set"].unique())
        first = [name for name in (VALIDATION, HELD_OUT) if name in names]
        return (*first, *(name for name in names if name not in first))

    @property
    def labelled(self) -> pd.DataFrame:
        """Rows that can be scored."""
        return self.table[self.table["label"] != ""]

    def probabilities(self, rows: pd.DataFrame | None = None) -> np.ndarray:
        """Return the (n, n_classes) float64 probabilities of some rows of the table, or of all."""
        rows = self.table if rows is None else rows
        return rows[[PROB + name for name in self.classes]].to_numpy()

    def write(self, path: Path) -> Path:
        """Write the table as CSV, whole or not at all; floats come back exactly.

        Raises
        ------
        featex.errors.StoreError
            The file cannot be written.
        """
        path = Path(path)
        with born_whole(path) as beside:
            # text in quotes: else a carriage return inside a path would end its row
            self.table.to_csv(beside, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Return the predictions of a CSV file.

        Raises
        ------
        DataError
            The file cannot be read, is no CSV, or does not hold what `Predictions` asks for.
        """
        try:
            # as text: "NA" is a fine class name, and text to float64 is exact in every version of pandas
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read predictions from {str(path)!r}: {error}") from error
        return cls(table)

    @classmethod
    def concat(cls, parts: Iterable["Predictions"]) -> "Predictions":
        """Return the rows of all `parts` as one table, classes in the order of the first.

        Raises
        ------
        DataError
            There is nothing to join, the classes differ, or a row comes twice.
        """
        parts = list(parts)
        if not parts:
            raise DataError("no predictions to join; predict with one model at least")
        for part in parts:
            if set(part.classes) != set(parts[0].classes):
                raise DataError(
                    f"the classes of {', '.join(part.models)} are {list(part.classes)}, those of "
                    f"{', '.join(parts[0].models)} {list(parts[0].classes)}; compare models of the same classes"
                )
        return cls(pd.concat([part.table for part in parts], ignore_index=True))

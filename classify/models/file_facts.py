"""File metadata that may reveal a class without a look at any pixel, as a table and as a matrix."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction import FeatureHasher

from featex.errors import InputError, unknown
from featex.images.facts import FACTS

FAMILIES = {
    "format": ("format", "mode", "progressive"),
    "size": ("width", "height", "aspect", "width_divisible_by", "height_divisible_by"),
    "compression": ("bytes_per_pixel", "jpeg_quality", "jpeg_sampling", "jpeg_tables"),
    "metadata": ("metadata", "exif", "values"),
    "structure": ("segments", "trailing"),
    "profile": ("profile",),
}
"""Families of properties. None of them is content."""

LISTS = ("metadata", "exif", "values", "segments")  # each holds any number of names, joined by commas
N_HASHED = 256
_NUMBERS = ("width", "height", "aspect", "width_divisible_by", "height_divisible_by")
_NUMBERS += ("bytes_per_pixel", "jpeg_quality", "trailing")


def properties(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the properties in `FAMILIES`, one row for each row of a set.

    Numbers are float64 (NaN if a file has none), all else is str. `bytes_per_pixel`, `aspect` (width / height) and the
    divisors of the sides are computed here.

    Raises
    ------
    InputError
        If the set holds no file metadata.
    """
    if not set(rows).issuperset(FACTS):
        raise InputError("this set holds no file metadata; run featex extract again")
    table = rows[list(FACTS)].assign(
        aspect=rows["width"] / rows["height"],
        bytes_per_pixel=rows["size"] / rows["width"] / rows["height"],
        width_divisible_by=_power_of_two(rows["width"]),
        height_divisible_by=_power_of_two(rows["height"]),
    )
    table = table[[name for names in FAMILIES.values() for name in names]]
    return table.astype({**dict.fromkeys(table, "str"), **dict.fromkeys(_NUMBERS, "float64")})


def _power_of_two(sides: pd.Series) -> pd.Series:
    """Return the greatest power of two, up to 64, that divides each side: generators make sides of whole multiples."""
    sides = sides.astype("int64")
    return (sides & -sides).clip(upper=64)


def fact_matrix(rows: pd.DataFrame, families: Sequence[str] = tuple(FAMILIES)) -> np.ndarray:
    """Return the properties of some families as a matrix (n_samples, n_columns), float32.

    A number is a column (0 for none). Texts are hashed to columns that are 1 if a file has them (Weinberger et al.
    2009, "Feature hashing for large scale multitask learning"). Nothing is learnt, so a row depends on no other row.

    Raises
    ------
    InputError
        If a family is unknown, or the set holds no file metadata.
    """
    for family in families:
        if family not in FAMILIES:
            raise unknown("family of properties", family, FAMILIES)
    table = properties(rows)[[name for family in families for name in FAMILIES[family]]]
    numbers = table.select_dtypes("number")
    texts = table.drop(columns=numbers.columns)
    words = [list(_words(row, texts.columns)) for row in texts.itertuples(index=False)]
    hashed = FeatureHasher(N_HASHED, input_type="string", alternate_sign=False).transform(words).toarray()
    return np.hstack([numbers.fillna(0).to_numpy(), hashed]).astype(np.float32)


def _words(row: tuple, names: Sequence[str]):
    for name, value in zip(names, row, strict=True):
        yield from (f"{name}={part}" for part in (value.split(",") if name in LISTS else [value]))

"""Which images belong on one side of every split, and the name by which that side is decided."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from featex.errors import unknown
from featex.images.duplicates import joined, near_groups
from featex.store.thumbnails import ThumbnailCache
from featex.system.progress import Progress

COLUMNS = ("near", "anchor")
NEAR_DUPLICATES = ("group", "keep")
"""What becomes of near-duplicates: each group stays on one side of every split, or all count as different."""


def independent_units(rows: pd.DataFrame) -> np.ndarray:
    """Return a number for each row; rows that belong on one side of every split have the same.

    These share a `group`, a content `key`, or `near` (near-duplicates; a table may lack it), also by a chain.
    """
    names = [rows["key"].radd("key ")]
    for column in ("group", "near"):
        if column in rows:
            names.append(rows[column].radd(f"{column} ").where(rows[column] != "", names[0]))
    # A graph of rows and names: what is connected belongs together.
    n = len(rows)
    codes, _ = pd.factorize(pd.concat(names, ignore_index=True))
    size = n + codes.max(initial=-1) + 1
    return joined(size, np.tile(np.arange(n), len(names)), n + codes)[:n]


def with_units(
    rows: pd.DataFrame,
    thumbnails: ThumbnailCache,
    before: Sequence[pd.DataFrame] = (),
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the rows of a set with `COLUMNS`.

    ``near`` is the same for near-duplicates, and "" for images that have none. ``anchor`` is the name whose hash
    decides whether an image is held out: that of the image of its unit that was known first. So an image that is added
    joins the side of its unit, and moves no other. Where an added image links images whose sides differ, each of these
    stays where it was.

    Parameters
    ----------
    before : sequence of DataFrame
        Rows of the same set as earlier runs wrote them, the set's own table first.
    """
    near = _near(rows, thumbnails, before[0] if before else None, progress or Progress())
    rows = rows.assign(near=rows["key"].map(near))
    return rows.assign(anchor=_anchors(rows, before))


def without_near_duplicates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with only groups and equal files kept together; ``kept_near`` still tells near-duplicates."""
    return rows.drop(columns="anchor", errors="ignore").rename(columns={"near": "kept_near"})


def rows_as_in(rows: pd.DataFrame, near_duplicates: str) -> pd.DataFrame:
    """Return the rows as they are for "group", or `without_near_duplicates` for "keep"."""
    if near_duplicates not in NEAR_DUPLICATES:
        raise unknown("way with near-duplicates", near_duplicates, NEAR_DUPLICATES)
    return rows if near_duplicates == "group" else without_near_duplicates(rows)


def near_sentence(n: int) -> str:
    """Return what a user must know of `n` images that are near-duplicates, without its full stop."""
    subject = "1 image is a near-duplicate" if n == 1 else f"{n:,} images are near-duplicates"
    return f"{subject} of another; each such group stays on one side of every split"


def _near(
    rows: pd.DataFrame, thumbnails: ThumbnailCache, before: pd.DataFrame | None, progress: Progress
) -> dict[str, str]:
    """Return a name for each content key: the least key of its near-duplicates, or "" where it has none."""
    keys, groups = rows["key"].drop_duplicates(), None
    if before is not None and before["key"].isin(keys).all():  # where an image has gone, a chain may be broken
        known = before.drop_duplicates("key")
        groups, _ = pd.factorize(known["near"].where(known["near"] != "", known["key"].radd("key ")))
        keys = pd.concat([known["key"], keys[~keys.isin(known["key"])]])
    if groups is None or len(groups) < len(keys):
        groups = near_groups(thumbnails.get(keys), groups, progress=progress)
    table = pd.DataFrame({"key": keys.to_numpy(dtype=str), "group": groups})
    least, n = (table.groupby("group")["key"].transform(how) for how in ("min", "size"))
    return dict(zip(table["key"], least.where(n > 1, ""), strict=True))


def _anchors(rows: pd.DataFrame, before: Sequence[pd.DataFrame]) -> pd.Series:
    """Return the name that each row's side is decided by; a row is known where its content and its group are."""
    units = independent_units(rows)
    known = pd.concat([table[["key", "group", "anchor"]] for table in before]) if before else rows[:0].assign(anchor="")
    known = known.drop_duplicates(["key", "group"])
    recorded = rows[["key", "group"]].merge(known, on=["key", "group"], how="left")["anchor"].set_axis(rows.index)
    first = recorded.groupby(units).transform("min")  # of the unit's images that were known, if any was
    name = rows["group"].where(rows["group"] != "", rows["key"]).groupby(units).transform("min")
    return recorded.fillna(first).fillna(name)

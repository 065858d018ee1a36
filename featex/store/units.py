"""Units: images that must stay on the same side of every split, and the name that decides the side."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from featex.errors import unknown
from featex.images.duplicates import joined, near_groups
from featex.store.thumbnails import ThumbnailCache
from featex.system.progress import Progress

COLUMNS = ("near", "anchor")
NEAR_DUPLICATES = ("group", "keep")
"""How near-duplicates are treated: a group stays on one side of every split, or all count as different images."""


def independent_units(rows: pd.DataFrame) -> np.ndarray:
    """Return a unit number for each row; rows of one unit stay on the same side of every split.

    Rows that share a `group`, a content `key` or a `near` name (if the table has that column) form a unit, also through
    other rows.
    """
    names = [rows["key"].radd("key ")]
    for column in ("group", "near"):
        if column in rows:
            names.append(rows[column].radd(f"{column} ").where(rows[column] != "", names[0]))
    # Connected components of a graph of rows and names.
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
    """Return the rows of a set with the columns `COLUMNS`.

    ``near`` is the same for near-duplicates, and "" for images without any. ``anchor`` is the name whose hash decides
    whether an image is held out: the name of the first known image of its unit. So a new image joins the side of its
    unit, and no other image moves. If a new image links images on different sides, each of them stays on its side.

    Parameters
    ----------
    before : sequence of DataFrame
        Rows of the same set from earlier runs, the table of this set first.
    """
    near = _near(rows, thumbnails, before[0] if before else None, progress or Progress())
    rows = rows.assign(near=rows["key"].map(near))
    return rows.assign(anchor=_anchors(rows, before))


def without_near_duplicates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in which near-duplicates count as different images; ``kept_near`` keeps their names."""
    return rows.drop(columns="anchor", errors="ignore").rename(columns={"near": "kept_near"})


def rows_as_in(rows: pd.DataFrame, near_duplicates: str) -> pd.DataFrame:
    """Return the rows unchanged for "group", or `without_near_duplicates` for "keep"."""
    if near_duplicates not in NEAR_DUPLICATES:
        raise unknown("treatment of near-duplicates", near_duplicates, NEAR_DUPLICATES)
    return rows if near_duplicates == "group" else without_near_duplicates(rows)


def near_sentence(n: int) -> str:
    """Return a sentence, without its full stop, that counts `n` near-duplicates and says how they are treated."""
    subject = "1 image is a near-duplicate" if n == 1 else f"{n:,} images are near-duplicates"
    return f"{subject} of another; each such group stays on one side of every split"


def _near(
    rows: pd.DataFrame, thumbnails: ThumbnailCache, before: pd.DataFrame | None, progress: Progress
) -> dict[str, str]:
    """Return for each content key the least key among its near-duplicates, or "" if it has none."""
    keys, groups = rows["key"].drop_duplicates(), None
    if before is not None and before["key"].isin(keys).all():  # a removed image may have linked others
        known = before.drop_duplicates("key")
        groups, _ = pd.factorize(known["near"].where(known["near"] != "", known["key"].radd("key ")))
        keys = pd.concat([known["key"], keys[~keys.isin(known["key"])]])
    if groups is None or len(groups) < len(keys):
        groups = near_groups(thumbnails.get(keys), groups, progress=progress)
    table = pd.DataFrame({"key": keys.to_numpy(dtype=str), "group": groups})
    least, n = (table.groupby("group")["key"].transform(how) for how in ("min", "size"))
    return dict(zip(table["key"], least.where(n > 1, ""), strict=True))


def _anchors(rows: pd.DataFrame, before: Sequence[pd.DataFrame]) -> pd.Series:
    """Return for each row the name that decides its side; a row is known if its content and group are known."""
    units = independent_units(rows)
    known = pd.concat([table[["key", "group", "anchor"]] for table in before]) if before else rows[:0].assign(anchor="")
    known = known.drop_duplicates(["key", "group"])
    recorded = rows[["key", "group"]].merge(known, on=["key", "group"], how="left")["anchor"].set_axis(rows.index)
    first = recorded.groupby(units).transform("min")  # of the known images of the unit
    name = rows["group"].where(rows["group"] != "", rows["key"]).groupby(units).transform("min")
    return recorded.fillna(first).fillna(name)

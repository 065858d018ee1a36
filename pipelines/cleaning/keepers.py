"""Which of several copies of an image is kept, and which copies are for a person to judge."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from featex.images.duplicates import Duplicates


@dataclass(frozen=True, eq=False)
class Choice:
    """What becomes of copies; numbers are those of rows.

    Parameters
    ----------
    dropped : DataFrame
        ``image`` that goes, ``other`` that is kept in its place, ``kind`` and ``distance`` as in `Duplicates.pairs`;
        both are of one class and set.
    disputed : DataFrame
        The same columns for copies that are both kept, because their classes or sets differ: which of two labels is
        right, and which set shall have the image, cannot be seen from the pixels.
    """

    dropped: pd.DataFrame
    disputed: pd.DataFrame


def choose(images: pd.DataFrame, duplicates: Duplicates) -> Choice:
    """Return which copies are dropped and which disputed.

    Of copies in one class and set, the one of most pixels is kept, then of most bytes, then the first by path. An
    image is dropped only if it is itself a copy of one that is kept: of a chain A, B, C whose ends are no copies of
    each other both may stay.

    Parameters
    ----------
    images : DataFrame
        ``path, label, split``, and ``pixels`` and ``bytes`` to prefer by; row i is image i of `duplicates`.
    """
    content, near = _copies(len(images), duplicates.pairs)
    places = list(zip(images["split"], images["label"], strict=True))
    order = np.lexsort((images["path"], -images["bytes"].to_numpy(), -images["pixels"].to_numpy()))
    kept: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)  # content -> place -> image
    dropped, disputed = [], []
    for i in order.tolist():
        found = [
            (distance, kind, other)
            for same, kind, distance in ((content[i], "exact", 0), *near[content[i]])
            for other in kept.get(same, {}).values()
        ]
        here = [copy for copy in found if places[copy[-1]] == places[i]]
        if here:
            distance, kind, other = min(here)
            dropped.append((i, other, kind, distance))
        else:
            kept[content[i]][places[i]] = i
            disputed += [(max(i, other), min(i, other), kind, distance) for distance, kind, other in found]
    columns = {"image": int, "other": int, "kind": str, "distance": float}
    return Choice(*(pd.DataFrame(sorted(rows), columns=list(columns)).astype(columns) for rows in (dropped, disputed)))


def _copies(n: int, pairs: pd.DataFrame) -> tuple[list[int], dict[int, list[tuple[int, str, int]]]]:
    """Return the first image of equal pixels for each, and the copies of first images: (image, "near", distance)."""
    content = np.arange(n)
    exact, close = pairs[pairs["kind"] == "exact"], pairs[pairs["kind"] == "near"]
    content[exact["second"].to_numpy(dtype=int)] = exact["first"]
    near = defaultdict(list)
    for pair in close.itertuples():
        near[pair.first].append((pair.second, "near", pair.distance))
        near[pair.second].append((pair.first, "near", pair.distance))
    return content.tolist(), near

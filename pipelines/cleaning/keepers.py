"""Which of several copies of an image to keep, and which copies a person should judge."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from featex.images.duplicates import Duplicates


@dataclass(frozen=True, eq=False)
class Choice:
    """What to do with copies; images are row numbers.

    Parameters
    ----------
    dropped : DataFrame
        ``image`` to drop, ``other`` to keep in its place, ``kind`` and ``distance`` as in `Duplicates.pairs`; both
        have the same class and set.
    disputed : DataFrame
        The same columns for copies that are both kept, because their classes or sets differ: pixels do not show which
        of two labels is right, or to which set the image belongs.
    """

    dropped: pd.DataFrame
    disputed: pd.DataFrame


def choose(images: pd.DataFrame, duplicates: Duplicates) -> Choice:
    """Return which copies to drop and which are disputed.

    Of copies in one class and set, the one with most pixels is kept, then the one with most bytes, then the first by
    path. An image is dropped only if it is a copy of a kept one: of a chain A, B, C, both ends may stay if they are no
    copies of each other.

    Parameters
    ----------
    images : DataFrame
        ``path, label, split``, and ``pixels`` and ``bytes`` to choose by; row i is image i of `duplicates`.
    """
    content, near = _copies(len(images), duplicates.pairs)
    places = list(zip(images["split"], images["label"], strict=True))
    order = np.lexsort((images["path"], -images["bytes"].to_numpy(), -images["pixels"].to_numpy()))
    kept: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)  # content -> place -> image
    dropped, disputed = [], []
    for i in order.tolist():
        copies = [
            (distance, kind, other)
            for same, kind, distance in ((content[i], "exact", 0), *near[content[i]])
            for other in kept.get(same, {}).values()
        ]
        same_place = [copy for copy in copies if places[copy[-1]] == places[i]]
        if same_place:
            distance, kind, other = min(same_place)
            dropped.append((i, other, kind, distance))
        else:
            kept[content[i]][places[i]] = i
            disputed += [(max(i, other), min(i, other), kind, distance) for distance, kind, other in copies]
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

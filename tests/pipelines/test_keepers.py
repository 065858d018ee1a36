"""Of copies in one class and set the best stays; copies in two are never dropped."""

import numpy as np
import pandas as pd

from pipelines.duplicates import Duplicates
from pipelines.keepers import choose


def images(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["path", "label", "split", "pixels", "bytes"])


def copies(*pairs) -> Duplicates:
    rows = [(first, second, "near" if distance else "exact", distance) for first, second, distance in pairs]
    return Duplicates(pd.DataFrame(rows, columns=["first", "second", "kind", "distance"]), np.zeros(9, dtype=int))


def rows(table: pd.DataFrame) -> list[tuple]:
    return list(table.itertuples(index=False, name=None))


def test_most_pixels_stay_then_most_bytes_then_the_first_path():
    found = images(("b", "x", "", 10, 5), ("a", "x", "", 10, 5), ("c", "x", "", 10, 6), ("d", "x", "", 11, 1))
    pairs = [(i, j, 3) for i in range(4) for j in range(i + 1, 4)]
    assert rows(choose(found, copies(*pairs)).dropped) == [(0, 3, 3), (1, 3, 3), (2, 3, 3)]
    assert rows(choose(found[:3], copies(*pairs[:2], pairs[3])).dropped) == [(0, 2, 3), (1, 2, 3)]
    assert rows(choose(found[:2], copies(pairs[0])).dropped) == [(0, 1, 3)]


def test_copies_in_two_classes_or_sets_stay_and_are_disputed():
    found = images(("a", "x", "train", 9, 9), ("b", "y", "train", 9, 9), ("c", "x", "test", 9, 9))
    choice = choose(found, copies((0, 1, 0), (0, 2, 0)))
    assert rows(choice.dropped) == []
    assert rows(choice.disputed) == [(1, 0, 0), (2, 0, 0), (2, 1, 0)]


def test_equal_images_share_the_near_ones_of_the_first():
    """Duplicates pairs only the first of equal images with near ones."""
    found = images(("a", "x", "train", 9, 9), ("b", "x", "test", 9, 9), ("c", "x", "test", 8, 9))
    choice = choose(found, copies((0, 1, 0), (0, 2, 4)))
    assert rows(choice.dropped) == [(2, 1, 4)]
    assert rows(choice.disputed) == [(1, 0, 0)]


def test_only_a_copy_of_what_is_kept_is_dropped():
    found = images(("a", "x", "", 9, 9), ("b", "x", "", 8, 9), ("c", "x", "", 7, 9))
    choice = choose(found, copies((0, 1, 5), (1, 2, 5)))
    assert rows(choice.dropped) == [(1, 0, 5)]
    assert rows(choice.disputed) == []


def test_the_nearest_of_those_kept_is_named():
    found = images(("a", "x", "", 9, 9), ("b", "x", "", 8, 9), ("c", "x", "", 7, 9))
    assert rows(choose(found, copies((0, 2, 7), (1, 2, 5))).dropped) == [(2, 1, 5)]


def test_no_copies_leave_all():
    choice = choose(images(("a", "x", "", 9, 9)), copies())
    assert len(choice.dropped) == len(choice.disputed) == 0

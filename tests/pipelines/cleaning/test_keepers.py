"""Of copies in one class and set the best stays; copies in two are never dropped."""

import numpy as np
import pandas as pd

from featex.images.duplicates import Duplicates
from pipelines.cleaning.keepers import choose


def images(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["path", "label", "split", "pixels", "bytes"])


def exact(first, second) -> tuple:
    return first, second, "exact", 0


def near(first, second, distance) -> tuple:
    return first, second, "near", distance


def copies(*pairs) -> Duplicates:
    return Duplicates(pd.DataFrame(pairs, columns=["first", "second", "kind", "distance"]), np.zeros(9, dtype=int))


def rows(table: pd.DataFrame) -> list[tuple]:
    return list(table.itertuples(index=False, name=None))


def test_most_pixels_stay_then_most_bytes_then_the_first_path():
    found = images(("b", "x", "", 10, 5), ("a", "x", "", 10, 5), ("c", "x", "", 10, 6), ("d", "x", "", 11, 1))
    pairs = [near(i, j, 3) for i in range(4) for j in range(i + 1, 4)]
    assert rows(choose(found, copies(*pairs)).dropped) == [near(0, 3, 3), near(1, 3, 3), near(2, 3, 3)]
    assert rows(choose(found[:3], copies(*pairs[:2], pairs[3])).dropped) == [near(0, 2, 3), near(1, 2, 3)]
    assert rows(choose(found[:2], copies(pairs[0])).dropped) == [near(0, 1, 3)]


def test_copies_in_two_classes_or_sets_stay_and_are_disputed():
    found = images(("a", "x", "train", 9, 9), ("b", "y", "train", 9, 9), ("c", "x", "test", 9, 9))
    choice = choose(found, copies(exact(0, 1), exact(0, 2)))
    assert rows(choice.dropped) == []
    assert rows(choice.disputed) == [exact(1, 0), exact(2, 0), exact(2, 1)]


def test_equal_images_share_the_near_ones_of_the_first():
    """Duplicates pairs only the first of equal images with near ones."""
    found = images(("a", "x", "train", 9, 9), ("b", "x", "test", 9, 9), ("c", "x", "test", 8, 9))
    choice = choose(found, copies(exact(0, 1), near(0, 2, 4)))
    assert rows(choice.dropped) == [near(2, 1, 4)]
    assert rows(choice.disputed) == [exact(1, 0)]


def test_only_a_copy_of_what_is_kept_is_dropped():
    found = images(("a", "x", "", 9, 9), ("b", "x", "", 8, 9), ("c", "x", "", 7, 9))
    choice = choose(found, copies(near(0, 1, 5), near(1, 2, 5)))
    assert rows(choice.dropped) == [near(1, 0, 5)]
    assert rows(choice.disputed) == []


def test_the_nearest_of_those_kept_is_named():
    found = images(("a", "x", "", 9, 9), ("b", "x", "", 8, 9), ("c", "x", "", 7, 9))
    assert rows(choose(found, copies(near(0, 2, 7), near(1, 2, 5))).dropped) == [near(2, 1, 5)]


def test_equal_pixels_come_before_an_equal_hash():
    found = images(("a", "x", "", 9, 9), ("b", "x", "", 9, 8), ("c", "x", "", 9, 8))
    choice = choose(found, copies(near(0, 1, 0), exact(1, 2)))
    assert rows(choice.dropped) == [near(1, 0, 0), near(2, 0, 0)]
    found["split"] = ["one", "two", "two"]
    choice = choose(found, copies(near(0, 1, 0), exact(1, 2)))
    assert (rows(choice.dropped), rows(choice.disputed)) == ([exact(2, 1)], [near(1, 0, 0)])


def test_no_copies_leave_all():
    choice = choose(images(("a", "x", "", 9, 9)), copies())
    assert len(choice.dropped) == len(choice.disputed) == 0

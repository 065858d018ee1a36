import hashlib

import numpy as np
import pandas as pd
import pytest

from classify.splits.partition import partition
from featex.errors import InputError
from featex.store.thumbnails import ThumbnailCache
from featex.store.units import independent_units, rows_as_in, with_units, without_near_duplicates


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def held_out(name: str) -> bool:
    return int(key_of(name)[:12], 16) / 16**12 < 0.2


@pytest.fixture
def thumbnails(tmp_path):
    """A store in which "a", "a again" and "a mirrored" look alike, as do "b" and "b again"; "bridge" is like both."""
    store = ThumbnailCache(tmp_path)
    a, b, c = np.random.default_rng(0).integers(40, 216, (3, 16, 16))
    pictures = {"a": a, "a again": a + 3, "a mirrored": a[:, ::-1], "b": b, "b again": b - 2, "c": c}
    for name, pixels in pictures.items():
        store.add(key_of(name), pixels.astype(np.uint8))
    for number in range(300):
        one = np.random.default_rng(number + 1).integers(40, 216, (16, 16))
        store.add(key_of(f"{number}"), one.astype(np.uint8))
        store.add(key_of(f"{number} copy"), (one + 2).astype(np.uint8))
    return store


def rows_of(names, group=None, label=None) -> pd.DataFrame:
    rows = pd.DataFrame({"path": names, "key": [key_of(name) for name in names]}, dtype=str)
    return rows.assign(group=group or "", label=label or "", split="", source="")


def test_rows_that_share_a_group_a_content_or_a_near_duplicate_are_one_unit_also_by_a_chain():
    rows = pd.DataFrame(
        {"key": list("112345"), "group": ["", "g", "", "g", "", ""], "near": ["", "", "n", "n", "", ""]}
    )
    assert independent_units(rows).tolist() == [0, 0, 0, 0, 1, 2]


def test_near_duplicates_also_mirrored_share_a_name_and_others_have_none(thumbnails):
    near = with_units(rows_of(["a", "c", "b", "a mirrored", "b again", "a again"]), thumbnails)["near"].tolist()
    assert near[0] == near[3] == near[5] != ""
    assert near[2] == near[4] != ""
    assert near[1] == ""
    assert near[0] != near[2]


def test_a_copy_added_later_joins_the_side_of_the_image_that_was_there_and_moves_none(thumbnails):
    first = [f"{number}" for number in range(100)]
    before = with_units(rows_of(first, label=["x", "y"] * 50), thumbnails)
    held_out = set(before["path"].iloc[partition(before).tests["test"]])
    later = [name for number in range(100) for name in (f"{number}", f"{number} copy")]
    after = with_units(rows_of(later, label=["x", "x", "y", "y"] * 50), thumbnails, [before])
    now = set(after["path"].iloc[partition(after).tests["test"]])
    assert now == held_out | {f"{name} copy" for name in held_out}
    afresh = with_units(rows_of(later, label=["x", "x", "y", "y"] * 50), thumbnails)  # without what was recorded
    assert set(afresh["path"].iloc[partition(afresh).tests["test"]]) != now


def test_the_side_stays_where_the_first_image_is_taken_away(thumbnails):
    before = with_units(rows_of(["a"]), thumbnails)
    both = with_units(rows_of(["a", "a again"]), thumbnails, [before])
    left = with_units(rows_of(["a again"]), thumbnails, [both])
    assert left["anchor"].tolist() == [key_of("a")]
    assert left["near"].tolist() == [""]


def test_an_image_that_links_two_sides_moves_neither_and_the_training_image_is_left_out(thumbnails):
    others = [f"{number}" for number in range(40)]
    before = with_units(rows_of([*others, "a", "b"], label=["x", "y"] * 21), thumbnails)
    inside = next(name for name in map(str, range(50)) if held_out(name))
    outside = next(name for name in map(str, range(50)) if not held_out(name))
    before["anchor"] = before["anchor"].mask(before["path"] == "a", inside).mask(before["path"] == "b", outside)
    after = with_units(rows_of([*others, "a", "b", "c"], label=[*["x", "y"] * 21, "x"]), thumbnails, [before])
    after["near"] = after["near"].mask(after["path"].isin(["a", "b", "c"]), "linked")
    parts = partition(after)
    test, train = (set(after["path"].iloc[rows]) for rows in (parts.tests["test"], parts.train))
    assert "a" in test
    assert "b" not in test | train


def test_another_table_of_the_same_images_decides_alike(thumbnails):
    recorded = with_units(rows_of(["a"]), thumbnails)
    own = rows_of([])
    again = with_units(rows_of(["a", "a again"]), thumbnails, [recorded])
    other = with_units(rows_of(["a", "a again"]), thumbnails, [with_units(own, thumbnails), recorded])
    assert again["anchor"].tolist() == other["anchor"].tolist() == [key_of("a")] * 2


def test_a_group_that_is_named_later_is_decided_anew(thumbnails):
    before = with_units(rows_of(["a", "b"]), thumbnails)
    after = with_units(rows_of(["a", "b"], group=["g", "g"]), thumbnails, [before])
    assert after["anchor"].tolist() == ["g", "g"]


def test_kept_near_duplicates_are_units_of_their_own_and_still_known(thumbnails):
    rows = with_units(rows_of(["a", "a again", "b"]), thumbnails)
    kept = rows_as_in(rows, "keep")
    assert len(set(independent_units(rows).tolist())) == 2
    assert len(set(independent_units(kept).tolist())) == 3
    assert (kept["kept_near"] != "").tolist() == [True, True, False]
    assert rows_as_in(rows, "group") is rows
    assert without_near_duplicates(kept).columns.tolist() == kept.columns.tolist()
    with pytest.raises(InputError, match="group, keep"):
        rows_as_in(rows, "drop")


def test_where_an_image_has_gone_a_chain_is_looked_at_anew(thumbnails):
    before = with_units(rows_of(["a", "a again", "a mirrored"]), thumbnails)
    assert with_units(rows_of(["a"]), thumbnails, [before])["near"].tolist() == [""]

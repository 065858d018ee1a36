import pandas as pd
import pytest

from classify.errors import DataError
from classify.splits.folds import folds
from classify.splits.partition import partition
from featex.store.units import independent_units


def rows_of(**columns):
    n = len(next(iter(columns.values())))
    empty, names = [""] * n, [f"{i}.jpg" for i in range(n)]
    defaults = {"path": names, "label": ["a", "b"] * (n // 2), "split": empty, "group": empty, "key": names}
    return pd.DataFrame({**defaults, **columns})


def blank(n):
    return {"split": [""] * n, "group": [""] * n}


def many_and(rare):
    keys = [f"key {i}" for i in range(60)] + [rare]
    return rows_of(label=["a", "b"] * 30 + ["rare"], path=keys, key=keys, **blank(61))


def many(n=400, **columns):
    return rows_of(key=[f"key {i}" for i in range(n)], **columns)


def test_a_group_called_as_a_key_is_no_copy_of_it():
    assert len(set(independent_units(rows_of(group=["1.jpg", ""])))) == 2


def test_sets_are_taken_as_they_are_and_val_joins_train():
    rows = rows_of(split=["train", "train", "val", "val", "test", "test", "wild", "wild"])
    parts = partition(rows)
    assert parts.train.tolist() == [0, 1, 2, 3]
    assert {name: index.tolist() for name, index in parts.tests.items()} == {"test": [4, 5], "wild": [6, 7]}
    assert parts.notes == ()


def test_without_a_test_set_about_a_fifth_of_each_class_is_held_out():
    rows = many()
    parts = partition(rows)
    assert 55 <= len(parts.tests["test"]) <= 105
    assert abs((rows["label"].iloc[parts.tests["test"]] == "a").mean() - 0.5) < 0.12
    assert sorted([*parts.train, *parts.tests["test"]]) == list(range(400))
    assert "no test set" in parts.notes[0]


@pytest.mark.parametrize("n_rare", [1, 2, 3, 5])
def test_the_hash_leaves_half_of_every_class_and_two_units_to_train(n_rare):
    for first in range(40):
        keys = [f"key {i}" for i in range(60)] + [f"rare {first + i}" for i in range(n_rare)]
        rows = rows_of(label=["a", "b"] * 30 + ["rare"] * n_rare, path=keys, key=keys, **blank(60 + n_rare))
        parts = partition(rows)
        trained = (parts.train >= 60).sum()
        assert trained >= max(n_rare / 2, min(2, n_rare))
        assert trained == n_rare or (parts.tests["test"] >= 60).sum() == n_rare - trained
        assert len(parts.tests["test"]) >= 8  # the other classes are held out as ever


def test_a_class_that_the_hash_would_take_whole_is_named_in_a_note():
    taken = next(key for key in map(str, range(100)) if len(partition(many_and(key)).notes) > 1)
    parts = partition(many_and(taken))
    assert parts.train[-1] == 60
    assert "'rare'" in parts.notes[1]
    assert "1 of 1 image" in parts.notes[1]


def test_a_group_of_two_classes_trains_where_one_of_them_is_small():
    keys = [f"key {i}" for i in range(60)]
    for name in map(str, range(30)):
        rows = rows_of(label=["a", "b"] * 29 + ["b", "rare"], key=keys, path=keys, split=[""] * 60)
        rows["group"] = [""] * 58 + [name, name]
        assert {58, 59} <= set(partition(rows).train.tolist())


def test_a_class_whose_other_images_are_in_a_custom_set_is_not_blamed_on_a_set_called_test():
    for first in range(0, 400, 4):
        keys = [f"key {i}" for i in range(60)] + [f"rare {first + i}" for i in range(4)]
        rows = rows_of(label=["a", "b"] * 30 + ["rare"] * 4, path=keys, key=keys, group=[""] * 64, split=["train"] * 64)
        taken = [i for i in partition(rows).tests["test"] if i >= 60]
        if len(taken) == 1:
            break
    others = rows.loc[[i for i in range(60, 64) if i not in taken]].assign(split="wild")
    with pytest.raises(DataError) as refusal:
        partition(pd.concat([rows, others], ignore_index=True))
    assert "hash" in str(refusal.value)
    assert "rename" not in str(refusal.value)
    assert "'rare'" in str(refusal.value)


def test_adding_images_moves_none_between_train_and_held_out():
    few, more = partition(many(200)), partition(many(400))
    assert [i for i in more.tests["test"] if i < 200] == few.tests["test"].tolist()


def test_groups_and_copies_are_held_out_whole():
    rows = many(group=[f"g{i // 4}" for i in range(400)])
    units = independent_units(rows)
    parts = partition(rows)
    assert not set(units[parts.train]) & set(units[parts.tests["test"]])


def test_custom_sets_do_not_make_a_held_out_set():
    parts = partition(many(split=["train"] * 300 + ["wild"] * 100))
    assert set(parts.tests) == {"test", "wild"}
    assert parts.tests["wild"].tolist() == list(range(300, 400))


def test_training_rows_that_are_also_in_a_test_set_are_left_out_and_said():
    split = ["train"] * 6 + ["test"] * 2 + ["wild"] * 2
    rows = rows_of(
        split=split, key=["0", "1", "2", "3", "4", "5", "0", "7", "8", "9"], group=["", "g"] + [""] * 7 + ["g"]
    )
    parts = partition(rows)
    assert parts.train.tolist() == [2, 3, 4, 5]
    assert "2 images: in a test set too" in parts.notes[0]


def test_rows_without_a_label_are_predicted_and_never_trained_on():
    rows = rows_of(label=["a", "b", "", "a", "b", ""], split=["train"] * 3 + ["wild"] * 3)
    rows = pd.concat([rows, rows_of(label=["a", "b"], split=["test"] * 2, key=["x", "y"])], ignore_index=True)
    parts = partition(rows)
    assert parts.train.tolist() == [0, 1]
    assert parts.tests["wild"].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"label": ["a"] * 4, "split": ["train"] * 3 + ["test"]}, r"one class only \('a'\)"),
        ({"label": [""] * 4}, "no labelled images to train on"),
        ({"label": ["a", "b", "a", "b"], "split": ["test"] * 2 + ["wild"] * 2}, "no labelled images to train on"),
        (
            {"label": ["a", "b", "a", "c"], "split": ["train"] * 2 + ["test"] * 2},
            r"set 'test' has 1 image of class 'c', which train lacks \(it has a, b\)",
        ),
        (
            {"label": ["as", "bs", "a", "b"], "split": ["train"] * 2 + ["val"] * 2},
            r"set 'val' has 1 image of class 'a', which train lacks \(it has as, bs\)",
        ),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_in_a_sentence(columns, sentence):
    with pytest.raises(DataError, match=sentence):
        partition(rows_of(**columns))


def test_rows_of_one_unit_have_one_name_for_people():
    rows = rows_of(
        split=["train"] * 2 + ["test"] * 4, key=["a", "b", "c", "c", "d", "e"], group=["", "", "", "", "g", "g"]
    )
    assert partition(rows).groups.tolist() == ["", "", "copies of 2.jpg", "copies of 2.jpg", "g", "g"]


def test_equal_files_of_two_classes_or_two_test_sets_are_said():
    rows = rows_of(split=["train"] * 4 + ["test"] * 2 + ["wild"] * 2, key=["a", "a", "b", "c", "d", "e", "d", "f"])
    notes = partition(rows).notes
    assert "2 files" in notes[0]
    assert "labels" in notes[0]
    assert "'wild' shares 1 image" in notes[1]
    assert len(notes) == 2


def test_near_duplicates_stand_on_one_side_of_the_hash_and_of_every_fold_and_are_said():
    rows = many(near=[f"n{i // 2}" for i in range(400)], label=["a", "a", "b", "b"] * 100)
    parts = partition(rows)
    assert not set(parts.units[parts.train]) & set(parts.units[parts.tests["test"]])
    units, y = parts.units[parts.train], rows["label"].to_numpy()[parts.train]
    for fit, judged in folds(y, units, 3, 0):
        assert not set(units[fit]) & set(units[judged])
    assert parts.near == 400
    assert not any("near-duplicate" in note for note in parts.notes)  # no warning, for nothing is wrong
    assert parts.groups[0] == parts.groups[1] == "near-duplicates of 0.jpg"
    assert parts.copies == {}


def test_the_recorded_name_decides_which_side_an_image_is_on():
    rows = many(anchor=["key 0"] * 200 + ["key 1"] * 200)
    sides = [set(partition(many()).tests["test"].tolist()) & {i} for i in (0, 1)]
    held = [set(partition(rows).tests.get("test", ())) & set(part) for part in (range(200), range(200, 400))]
    assert [len(part) for part in held] == [200 * len(side) for side in sides]


def test_training_images_that_are_near_duplicates_of_a_test_set_are_left_out_and_counted_apart():
    split = ["train"] * 8 + ["test"] * 4 + ["wild"] * 4
    near = ["n"] + [""] * 6 + ["m"] + ["n", "", "", ""] + ["m", "", "", ""]
    rows = rows_of(split=split, near=near, key=[*"01234567", "8", "1", *"abcdef"])
    parts = partition(rows)
    assert parts.train.tolist() == [2, 3, 4, 5, 6]
    assert any("1 image: in a test set too (equal" in note for note in parts.notes)
    assert any("2 images: near-duplicates" in note for note in parts.notes)
    assert parts.copies == {}


def test_a_custom_set_of_copies_of_training_images_takes_none_of_them_and_is_called_so():
    split = ["train"] * 6 + ["test"] * 2 + ["augmented"] * 6 + ["wild"] * 4
    near = [f"n{i}" for i in range(6)] + ["", ""] + [f"n{i}" for i in range(5)] + [""] + ["n5", "", "", ""]
    parts = partition(rows_of(split=split, near=near))
    assert parts.train.tolist() == [0, 1, 2, 3, 4]
    assert parts.copies == {"augmented": 5}
    assert any("5 of the 6 images of external set “augmented” are copies" in note for note in parts.notes)


def test_a_test_set_that_copies_a_whole_class_is_refused():
    near = ["n0", "", "n2", ""]
    rows = rows_of(split=["train"] * 4 + ["test"] * 4, near=near * 2, label=["a", "b"] * 4)
    with pytest.raises(DataError, match="all 2 training images of class 'a' are also in a test set"):
        partition(rows)


def test_kept_near_duplicates_train_and_are_counted_beside_the_score():
    split, near = ["train"] * 4 + ["test"] * 4, ["n", "", "m", "", "n", "m", "", ""]
    parts = partition(rows_of(split=split, near=near).rename(columns={"near": "kept_near"}))
    assert parts.train.tolist() == [0, 1, 2, 3]
    assert parts.copies == {"test": 2}
    assert set(parts.groups) == {""}


def test_near_duplicates_in_two_test_sets_are_named():
    split, near = ["train"] * 2 + ["test"] * 2 + ["wild"] * 2, ["", "", "n", "", "n", ""]
    assert any(
        "'wild' shares" in note and "set 'test'" in note for note in partition(rows_of(split=split, near=near)).notes
    )

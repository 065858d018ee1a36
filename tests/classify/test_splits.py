import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from classify.splits import (
    folds,
    folds_by_content,
    folds_by_source,
    inner_split,
    judged_once,
    partition,
)
from featex.units import independent_units


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


def test_rows_that_share_a_group_or_a_content_also_by_a_chain_are_one_unit():
    rows = rows_of(group=["g", "g", "", "", "h", ""], key=["1", "2", "2", "3", "3", "4"])
    units = independent_units(rows)
    assert units[0] == units[1] == units[2]  # g, and the copy of its second image
    assert units[3] == units[4]
    assert len(set(units)) == 3


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
    assert notes[1].startswith("Set 'wild' shares 1 image with set 'test'")
    assert len(notes) == 2


def test_folds_cover_every_row_once_and_never_part_a_unit():
    y = np.array(["a", "b"] * 50)
    units = np.arange(100) // 4
    pairs = folds(y, units, 5, seed=0)
    assert sorted(np.concatenate([validation for _, validation in pairs])) == list(range(100))
    for train, validation in pairs:
        assert not set(units[train]) & set(units[validation])
        assert not set(train) & set(validation)


def test_folds_are_stratified_and_a_function_of_the_seed():
    y = np.array(["a"] * 80 + ["b"] * 20)
    first, again, other = (folds(y, np.arange(100), 5, seed) for seed in (0, 0, 1))
    assert all((y[validation] == "b").sum() == 4 for _, validation in first)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))


def test_fewer_images_than_folds_are_refused_with_the_number_that_would_do():
    with pytest.raises(DataError, match=r"class 'b' has 3 images, fewer than the 5 folds; .* --folds 3"):
        folds(np.array(["a"] * 9 + ["b"] * 3), np.arange(12), 5, 0)
    with pytest.raises(DataError, match="class 'b' has 2 independent groups of images"):
        folds(np.array(["a"] * 9 + ["b"] * 6), np.array([*range(9), 9, 9, 9, 10, 10, 10]), 5, 0)


def test_inner_split_is_stratified_and_holds_each_row_once():
    codes = np.array([0] * 140 + [1] * 70)
    fit, valid = inner_split(codes, None, 0.15, 0)
    assert sorted([*fit, *valid]) == list(range(210))
    assert np.bincount(codes[valid]).tolist() == [20, 10]


def test_inner_split_never_parts_a_group():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 300)
    fit, valid = inner_split(groups % 2, groups, 0.15, 0)
    assert not set(groups[fit]) & set(groups[valid])
    assert 0.1 < len(valid) / 300 < 0.2


def test_inner_split_leaves_a_giant_group_to_training():
    groups = np.array([0] * 200 + list(range(1, 101)))
    codes = np.arange(300) % 2
    _, valid = inner_split(codes, groups, 0.15, 0)
    assert len(valid) < 60


def test_inner_split_keeps_the_only_image_of_a_class_for_training(recwarn):
    codes = np.array([0] * 30 + [1] * 30 + [2])
    for seed in range(10):
        fit, _ = inner_split(codes, None, 0.15, seed)
        assert 60 in fit
    assert not recwarn.list


def test_few_large_groups_give_one_of_them_to_validation():
    groups = np.arange(80) // 20
    fit, valid = inner_split(np.arange(80) % 2, groups, 0.15, 0)
    assert len(set(groups[valid])) == 1
    assert not set(groups[fit]) & set(groups[valid])


@pytest.mark.parametrize(
    ("codes", "groups"),
    [
        (np.array([0, 1, 0, 1]), None),
        (np.arange(40) % 2, np.arange(40) % 2),  # one group a class
        (np.arange(40) % 2, np.arange(40) // 20),  # two groups
    ],
)
def test_inner_split_is_none_where_there_is_too_little(codes, groups):
    assert inner_split(codes, groups, 0.15, 0) is None


def test_every_source_is_held_out_once_and_trains_for_the_others():
    y = np.array((["ai"] * 30) + (["real"] * 30))
    sources = np.repeat(["a", "b", "c", "x", "y", "z"], 10)
    pairs = folds_by_source(y, np.arange(60), sources, seed=0)
    assert [sorted(set(sources[judged])) for _, judged in pairs] == [["a", "x"], ["b", "y"], ["c", "z"]]
    for train, judged in pairs:
        assert not set(sources[train]) & set(sources[judged])
        assert set(y[train]) == {"ai", "real"}


def test_classes_of_unequally_many_sources_have_each_row_judged_once_and_all_classes_in_every_fold():
    y = np.array((["ai"] * 100) + (["real"] * 50) + (["render"] * 30))
    sources = np.array(["a"] * 50 + ["b"] * 20 + ["c"] * 20 + ["d"] * 10 + ["x"] * 30 + ["y"] * 20 + ["one"] * 30)
    pairs = folds_by_source(y, np.arange(180), sources, seed=0)
    assert len(pairs) == 2  # as many as the class with the fewest sources has, of those with several
    assert sorted(np.concatenate([judged for _, judged in pairs])) == list(range(180))
    for train, judged in pairs:
        assert set(y[train]) == set(y[judged]) == {"ai", "real", "render"}
        assert set(sources[train]) & set(sources[judged]) == {"one"}
    assert [(y[judged] == "ai").sum() for _, judged in pairs] == [50, 50]  # whole sources, parts of like size


def test_a_source_that_classes_share_is_held_out_of_all_of_them():
    y = np.array(["ai"] * 70 + ["real"] * 60)
    sources = np.array(["cat"] * 10 + ["dog"] * 20 + ["car"] * 30 + ["own"] * 10 + ["car"] * 10 + ["cat"] * 50)
    pairs = folds_by_source(y, np.arange(130), sources, seed=0)
    assert len(pairs) == 2
    for train, judged in pairs:
        assert not set(sources[train]) & set(sources[judged])
        assert set(y[train]) == set(y[judged]) == {"ai", "real"}


def test_folds_that_judge_a_row_twice_or_part_a_unit_are_a_bug_and_a_fold_that_lacks_a_class_is_refused():
    y, alone = np.array(["a", "b"] * 4), np.arange(8)
    halves = [(alone[4:], alone[:4]), (alone[:4], alone[4:])]
    assert judged_once(halves, y, alone) is halves
    with pytest.raises(AssertionError, match="several"):
        judged_once([*halves, halves[0]], y, alone)
    with pytest.raises(AssertionError, match="unit"):
        judged_once(halves, y, np.array([0, 1, 2, 3, 3, 5, 6, 7]))
    with pytest.raises(DataError, match="fold 1 of 2 lacks class 'a'"):
        judged_once([(alone[::2], alone[1::2]), (alone[1::2], alone[::2])], y, alone)


def test_groups_are_dealt_again_until_every_fold_has_every_class():
    counts = [(10, 8), (3, 3), (0, 2), (0, 3), (10, 0)]  # of each group's images, by class
    y = np.concatenate([np.repeat(["a", "b"], pair) for pair in counts])
    units = np.repeat(np.arange(5), [sum(pair) for pair in counts])
    for train, judged in folds(y, units, 3, seed=0):
        assert set(y[train]) == set(y[judged]) == {"a", "b"}


def test_a_class_of_one_source_is_parted_by_its_units():
    y = np.array((["ai"] * 20) + (["real"] * 20))
    sources = np.array((["a"] * 10) + (["b"] * 10) + (["camera"] * 20))
    units = np.concatenate([np.arange(20), 100 + np.arange(20) // 2])
    pairs = folds_by_source(y, units, sources, seed=0)
    judged = np.concatenate([rows for _, rows in pairs])
    assert sorted(judged) == list(range(40))
    for train, rows in pairs:
        assert not set(units[train]) & set(units[rows])
        assert (y[rows] == "real").sum() == 10


def test_a_group_in_two_sources_trains_for_neither():
    y = np.array(["ai", "real"] * 10)
    sources = np.array((["a"] * 10) + (["b"] * 10))
    units = np.arange(20)
    units[[0, 18]] = 99
    for train, judged in folds_by_source(y, units, sources, seed=0):
        assert not set(units[train]) & set(units[judged])
        assert len(train) == 9


def test_sources_that_cannot_be_held_out_are_an_error_with_a_way_out():
    y = np.array(["ai", "real"] * 5)
    with pytest.raises(DataError, match="--folds content"):
        folds_by_source(y, np.arange(10), y, seed=0)


def content(n=120, seed=0):
    """Twelve kinds of pictures, as many as three folds have clusters, each in both classes."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 12
    return kind, np.eye(12)[kind] * 30 + rng.normal(size=(n, 12)), np.array(["ai", "real"])[rng.integers(0, 2, n)]


def test_content_that_is_judged_was_not_trained_on():
    kind, X, y = content()
    pairs = folds_by_content(y, np.arange(120), X, 3, seed=0)
    assert sorted(np.concatenate([judged for _, judged in pairs])) == list(range(120))
    assert [len(set(kind[train]) & set(kind[judged])) for train, judged in pairs] == [0, 0, 0]
    assert all(len(set(kind[judged])) == 12 for _, judged in folds(y, np.arange(120), 3, seed=0))


def test_groups_are_not_parted_by_content():
    _, X, y = content()
    units = np.arange(120) // 2
    for train, judged in folds_by_content(y, units, X, 3, seed=0):
        assert not set(units[train]) & set(units[judged])


def test_few_images_and_content_that_is_the_class_are_refused():
    _, X, y = content(n=12)
    with pytest.raises(DataError, match="too few"):
        folds_by_content(y, np.arange(12), X, 3, seed=0)
    y = np.repeat(["ai", "real"], 60)
    apart = np.where(y == "ai", 50.0, -50.0)[:, None] + np.random.default_rng(0).normal(size=(120, 4))
    for train, judged in folds_by_content(y, np.arange(120), apart, 3, seed=0):  # clusters of one class, well mixed
        assert set(y[train]) == set(y[judged]) == {"ai", "real"}


def test_near_duplicates_stand_on_one_side_of_the_hash_and_of_every_fold_and_are_said():
    rows = many(near=[f"n{i // 2}" for i in range(400)], label=["a", "a", "b", "b"] * 100)
    parts = partition(rows)
    assert not set(parts.units[parts.train]) & set(parts.units[parts.tests["test"]])
    units, y = parts.units[parts.train], rows["label"].to_numpy()[parts.train]
    for fit, judged in folds(y, units, 3, 0):
        assert not set(units[fit]) & set(units[judged])
    assert "400 images are near-duplicates" in parts.notes[0]
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
    assert any("5 of the 6 images of set 'augmented' are copies" in note for note in parts.notes)


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

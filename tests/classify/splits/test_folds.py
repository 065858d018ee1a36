import numpy as np
import pytest

from classify.errors import DataError
from classify.splits.folds import folds, folds_by_content, folds_by_source, inner_split, judged_once


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
    with pytest.raises(DataError, match="take 15 independent images or groups, and there are 12"):
        folds_by_content(y, np.arange(12), X, 3, seed=0)
    y = np.repeat(["ai", "real"], 60)
    apart = np.where(y == "ai", 50.0, -50.0)[:, None] + np.random.default_rng(0).normal(size=(120, 4))
    for train, judged in folds_by_content(y, np.arange(120), apart, 3, seed=0):  # clusters of one class, well mixed
        assert set(y[train]) == set(y[judged]) == {"ai", "real"}

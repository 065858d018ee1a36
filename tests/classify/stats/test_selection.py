import pandas as pd
import pytest

from classify.stats.selection import Validation, groups, ranked, selection_score


def validated(folds="random", n_folds=5, seed=0, scoring="accuracy", content=""):
    return Validation(folds, n_folds, seed, scoring, content)


@pytest.mark.parametrize(
    "other", [{"folds": "source"}, {"n_folds": 3}, {"seed": 1}, {"scoring": "roc_auc"}, {"content": "a"}]
)
def test_models_of_another_validation_stand_in_another_group(other):
    known = {"a": validated(), "b": validated(), "c": validated(**other)}
    assert [group.models for group in groups("abc", known)] == [("a", "b"), ("c",)]


def test_the_largest_group_is_chosen_from_and_of_equally_large_ones_the_hardest():
    known = {"a": validated(), "b": validated("content"), "c": validated("source"), "d": validated()}
    assert [group.models for group in groups("abcd", known)] == [("a", "d"), ("c",), ("b",)]
    assert groups("abcd", known, baselines="d")[0].models == ("c",)


def test_a_model_whose_validation_is_not_known_is_not_ranked_with_one_that_has():
    assert [group.models for group in groups("xya", {"a": validated()})] == [("x", "y"), ("a",)]


def test_of_held_out_sources_the_worst_fold_ranks_and_of_other_folds_the_mean():
    folds = pd.DataFrame({"model": ["a", "b"], "mean": [0.8, 0.75], "fold_0": [0.5, 0.7], "fold_1": [1.1, 0.8]})
    for kind, order in (("source", ["b", "a"]), ("content", ["a", "b"]), ("random", ["a", "b"])):
        (group,) = groups("ab", dict.fromkeys("ab", validated(kind)))
        assert ranked(folds, group)["model"].tolist() == order
        assert group.worst == (kind == "source")
    assert selection_score([0.5, 1.0], "source") == 0.5
    assert selection_score([0.5, 1.0], "random") == 0.75

import numpy as np
import pandas as pd
import pytest

from classify.report.differences import chosen_against_others, pair_sentence, pairs_of, swapped


def row(a="svm", b="cnn", accuracy_a=0.8, accuracy_b=0.72, **other) -> pd.Series:
    """A row of `paired`: 60 test images on which nothing can be told apart."""
    usual = {"set": "test", "model_a": a, "model_b": b, "n": 60, "units": 60, "only_class": ""}
    usual |= {"accuracy_a": accuracy_a, "accuracy_b": accuracy_b, "difference": accuracy_a - accuracy_b}
    usual |= {"difference_low": -0.07, "difference_high": 0.22, "only_a": 9, "only_b": 4, "design_effect": 1.0}
    usual |= {"p": 0.4, "p_holm": 1.0, "tests": 12, "apart": False, "needed": 476.0}
    usual |= {"auc_difference": 0.04, "auc_difference_low": -0.01, "auc_difference_high": 0.09}
    return pd.Series(usual | other)


APART = {"n": 300, "units": 300, "difference_low": 0.031, "difference_high": 0.102, "apart": True, "p": 3e-5}
APART |= {"p_holm": 4e-4, "only_a": 28, "only_b": 8}


def test_what_is_not_significant_is_said_with_how_many_images_it_would_take():
    sentence = pair_sentence(row())
    for fact in ("60 test images", "svm (80.0 %)", "cnn (72.0 %)", "p = 0.40", "about 480 images"):
        assert fact in sentence


def test_a_difference_is_said_with_its_interval_and_the_better_model_first():
    significant = row(accuracy_a=0.92, accuracy_b=0.853, **APART)
    sentence = pair_sentence(significant)
    assert sentence.startswith("svm is more accurate than cnn on 300 test images: 92.0 % against 85.3 %")
    assert "6.7 points (3.1–10.2), p = 0.0004 after correction for 12 comparisons" in sentence
    assert "correction" not in pair_sentence(significant.replace(12, 1))
    assert pair_sentence(swapped(significant)) == sentence


def test_a_p_that_correction_alone_lifts_is_said_with_it():
    assert "p = 0.24 after correction for 12 comparisons" in pair_sentence(row(p=0.03, p_holm=0.24))
    assert "correction" not in pair_sentence(row(p=0.05, p_holm=0.4))


def test_models_that_err_alike_or_equally_often_need_no_more_images():
    same = pair_sentence(row(accuracy_b=0.8, only_a=0, only_b=0, p=1.0, needed=np.nan))
    assert "the same 48 of 60 test images" in same
    assert pair_sentence(row(accuracy_b=0.8, only_a=4, only_b=4, p=1.0, needed=np.nan)).endswith("p = 1.00.")


@pytest.mark.parametrize(
    ("needed", "words"),
    [(12_643.0, "about 13,000 images"), (4e6, "over a million images"), (61.0, "about 61 images"), (60.0, "p = 0.40.")],
)
def test_numbers_of_images_are_round_and_more_than_there_are(needed, words):
    assert words in pair_sentence(row(needed=needed))


def test_groups_and_custom_sets_and_single_images_are_said():
    sentence = pair_sentence(row(set="wild", units=12))
    assert sentence.startswith("On 60 images of external set “wild” in 12 groups there is")
    assert "about 480 images in 95 such groups" in sentence
    assert "On 1 test image there is" in pair_sentence(row(n=1, units=1))


def test_of_one_class_the_only_class_is_named():
    sentence = pair_sentence(row(accuracy_a=0.92, accuracy_b=0.853, only_class="ai", **APART))
    assert "All of them are ai" in sentence


def test_the_chosen_model_is_compared_with_three_others_and_each_baseline():
    rows = pd.DataFrame(
        [
            *(row(b=b, p=p, needed=n) for b, p, n in (("b", 0.4, 500.0), ("c", 0.2, 300.0), ("d", 0.3, 400.0))),
            row(b="e"),
            row(b="metadata", accuracy_a=0.92, accuracy_b=0.6, **APART),
            row(a="b", b="c"),
            row(b="b", set="wild"),
        ]
    )
    held_out, baseline, wild = chosen_against_others(rows, "svm", {"metadata"})
    for fact in ("b (72.0 %), c (72.0 %) and d (72.0 %)", "p = 0.20 or more", "about 300 images or more"):
        assert fact in held_out
    assert baseline.startswith("svm is more accurate than metadata on 300 test images")
    assert wild.startswith(
        "On 60 images of external set “wild” there is no significant difference between svm (80.0 %) and b"
    )


def test_significant_differences_come_first_and_other_images_stay_apart():
    significant = row(b="c", accuracy_a=0.92, accuracy_b=0.853, **APART)
    first, *others = chosen_against_others(pd.DataFrame([row(b="b"), row(b="d", n=40, units=40), significant]), "svm")
    assert first.startswith("svm is more accurate than c")
    assert [sentence.split(" there")[0] for sentence in others] == ["On 60 test images", "On 40 test images"]


def test_alike_in_all_is_no_more_than_certain():
    same = {"accuracy_b": 0.8, "p": 1.0, "needed": np.nan, "only_a": 2, "only_b": 2}
    (sentence,) = chosen_against_others(pd.DataFrame([row(b="b", **same), row(b="c", **same)]), "svm")
    assert sentence.endswith("b (80.0 %) and c (80.0 %), p = 1.00.")


def test_the_chosen_model_comes_first_wherever_it_stands():
    (sentence,) = chosen_against_others(pd.DataFrame([row(a="best", accuracy_a=0.82, b="svm", accuracy_b=0.8)]), "svm")
    assert sentence.index("svm (80.0 %)") < sentence.index("best (82.0 %)")


@pytest.mark.parametrize("chosen", [None, "alone"])
def test_without_a_chosen_model_or_another_there_is_nothing_to_say(chosen):
    assert chosen_against_others(pd.DataFrame([row()]), chosen) == []
    assert chosen_against_others(pd.DataFrame([row()]).head(0), chosen) == []


def test_a_turned_row_is_the_same_difference_from_the_other_side():
    new = swapped(row())
    assert (new["model_a"], new["model_b"], new["only_a"], new["only_b"]) == ("cnn", "svm", 4, 9)
    assert (new["accuracy_a"], new["accuracy_b"]) == (0.72, 0.8)
    assert new["difference"] == pytest.approx(-0.08)
    assert (new["difference_low"], new["difference_high"]) == (-0.22, 0.07)
    assert (new["auc_difference"], new["auc_difference_low"], new["auc_difference_high"]) == (-0.04, -0.09, 0.01)
    pd.testing.assert_series_equal(swapped(new), row())
    assert not np.signbit(swapped(row(accuracy_b=0.8))["difference"])


def test_rows_seen_from_a_model_are_all_of_it():
    rows = pd.DataFrame([row(a="a", b="b"), row(a="b", b="c"), row(a="a", b="c")])
    seen = pairs_of(rows, "b")
    assert seen[["model_a", "model_b"]].to_numpy().tolist() == [["b", "a"], ["b", "c"]]

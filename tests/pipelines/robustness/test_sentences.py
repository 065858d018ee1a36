import pandas as pd
import pytest

from pipelines.robustness.sentences import MOST_BIASES, sentences
from pipelines.robustness.tables import bias_table, stress_table

LABELS = "a" * 50 + "r" * 50
AS_IS = "a" * 45 + "r" * 5 + "r" * 40 + "a" * 10
LEANING = "a" * 48 + "r" * 2 + "r" * 15 + "a" * 35  # real images look generated
LOST = "a" * 25 + "r" * 25 + "r" * 22 + "a" * 28


@pytest.fixture
def say(make_said):
    def say(under, **options):
        said = make_said(LABELS, AS_IS, under, **options)
        return sentences(stress_table(said, "a"), bias_table(said, "a"))

    return say


def test_it_says_where_a_model_falls_deepest_from_where_on_and_what_it_stands(say):
    under = {("jpeg", 95): AS_IS, ("jpeg", 50): LEANING, ("jpeg", 20): LOST, ("crop", 0.9): AS_IS}
    assert say(under)[0] == (
        "svm is right on 85.0 % (76.7–90.7) of the 100 held-out images as they are, and under JPEG at quality 20 on "
        "47.0 % (37.5–56.7), the worst of 4 conditions. The mildest under which a fall can be told from chance: "
        "jpeg 50. Under centre crop none can."
    )


def test_a_bias_is_said_with_shares_and_what_it_would_do_to_a_score(say):
    (_, said) = say({("jpeg", 50): LEANING})
    assert said.startswith(
        "JPEG at quality 50 makes r images look a to svm on held-out: 70.0 % of 50 r images are taken for a, 20.0 % as "
        "they are; 96.0 % of 50 a images are taken for a, 90.0 % as they are. A lean of 28.0 points ("
    )
    assert said.endswith(
        "with a images alone treated so its accuracy would be 88.0 %, with r ones alone 60.0 %, and it is 85.0 % as "
        "they are."
    )


def test_a_bias_to_the_other_class_is_said_from_its_side(say):
    turned = "a" * 15 + "r" * 35 + "r" * 44 + "a" * 6
    (_, said) = say({("blur", 2): turned})
    assert said.startswith(
        "Gaussian blur of 2 px makes a images look r to svm on held-out: 70.0 % of 50 a images are taken for r, 10.0 % "
        "as they are; 88.0 % of 50 r images are taken for r, 80.0 % as they are. A lean of 34.0 points ("
    )
    low, high = said.split("A lean of 34.0 points (")[1].split(")")[0].split("–")
    assert 0 < float(low) < 34 < float(high)


def test_what_is_chance_is_not_said(say):
    (said,) = say({("jpeg", 50): "a" * 44 + "r" * 6 + "r" * 41 + "a" * 9})
    assert said.endswith("as they are; under 1 condition no fall can be told from chance.")


def test_a_model_that_is_lost_is_not_called_biased(say):
    assert len(say({("jpeg", 50): "a" * 23 + "r" * 27 + "r" * 22 + "a" * 28})) == 1


def test_a_rise_is_said_too(say):
    assert say({("jpeg", 50): LABELS})[0].endswith("It does better under jpeg 50.")


def test_of_many_biases_the_strongest_of_each_transform_are_said(say):
    mild = "a" * 48 + "r" * 2 + "r" * 18 + "a" * 32
    under = {("jpeg", 50): mild, ("jpeg", 20): LEANING}
    (_, said) = say(under)
    assert said.startswith("JPEG at quality 20")
    many = dict.fromkeys((("jpeg", 50), ("webp", 50), ("blur", 2), ("noise", 8)), LEANING)
    assert len(say(many)) == 1 + MOST_BIASES


def test_each_model_and_set_has_its_own_sentences(make_said):
    parts = [
        make_said(LABELS, AS_IS, {("jpeg", 50): after}, model=model, set=name)
        for model, after in (("svm", LEANING), ("cnn", AS_IS))
        for name in ("test", "wild")
    ]
    said = pd.concat(parts)
    told = sentences(stress_table(said, "a"), bias_table(said, "a"))
    assert [line.split(" is right")[0] for line in told if "is right" in line] == ["svm", "svm", "cnn", "cnn"]
    assert ["wild" in line for line in told] == [False, False, True, True, False, True]


def test_three_classes_are_told_of_their_falls_alone(make_said):
    labels = "a" * 20 + "b" * 20 + "c" * 20
    said = make_said(labels, labels, {("jpeg", 50): "a" * 60}, classes="abc")
    (line,) = sentences(stress_table(said), bias_table(said))
    assert "under JPEG at quality 50 on 33.3 %" in line

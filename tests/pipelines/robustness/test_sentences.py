import re

import pandas as pd
import pytest

from pipelines.robustness.sentences import MOST_BIASES, findings
from pipelines.robustness.tables import bias_table, stress_table

LABELS = "a" * 50 + "r" * 50
AS_IS = "a" * 45 + "r" * 5 + "r" * 40 + "a" * 10
LEANING = "a" * 48 + "r" * 2 + "r" * 15 + "a" * 35  # real images look generated
LOST = "a" * 25 + "r" * 25 + "r" * 22 + "a" * 28


@pytest.fixture
def say(make_predictions):
    def say(under, **options):
        predictions = make_predictions(LABELS, AS_IS, under, **options)
        return [one.text for one in findings(stress_table(predictions, "a"), bias_table(predictions, "a"))]

    return say


def test_the_golden_sentences(say):
    under = {("jpeg", 95): AS_IS, ("jpeg", 50): LEANING, ("jpeg", 20): LOST, ("crop", 0.9): AS_IS}
    fragility, bias = say(under)
    assert fragility == (
        "svm is right on 85.0 % (76.7–90.7) of the 100 untreated test images, and under JPEG at quality 20 on "
        "47.0 % (37.5–56.7), the worst of 4 conditions. Its accuracy falls beyond chance from jpeg 50 on. No fall "
        "beyond chance under centre crop."
    )
    assert bias.startswith(
        "JPEG at quality 50 makes r images look a to svm on the test set: it takes 70.0 % of 50 r images for a, 20.0 % "
        "untreated; it takes 96.0 % of 50 a images for a, 90.0 % untreated. Bias of 28.0 points ("
    )
    assert bias.endswith(
        "accuracy is 88.0 % if only the a images are treated, 60.0 % if only the r images are, and 85.0 % untreated."
    )


def test_a_bias_to_the_other_class_is_stated_from_its_side(say):
    (_, bias) = say({("blur", 2): "a" * 15 + "r" * 35 + "r" * 44 + "a" * 6})
    shares = re.findall(r"([\d.]+) % of 50 (\w) images for r, ([\d.]+) %", bias)
    assert shares == [("70.0", "a", "10.0"), ("88.0", "r", "80.0")]
    low, high = bias.split("Bias of 34.0 points (")[1].split(")")[0].split("–")
    assert 0 < float(low) < 34 < float(high)


@pytest.mark.parametrize(
    ("under", "words"),
    [
        ("a" * 44 + "r" * 6 + "r" * 41 + "a" * 9, "no fall beyond chance"),
        ("a" * 23 + "r" * 27 + "r" * 22 + "a" * 28, "the worst of 1 condition"),  # lost, but not biased
        (LABELS, "rises beyond chance under jpeg 50."),
    ],
)
def test_only_what_is_beyond_chance_is_stated(say, under, words):
    (line,) = say({("jpeg", 50): under})
    assert words in line


def test_of_many_biases_the_strongest_of_each_transform_are_said(say):
    mild = "a" * 48 + "r" * 2 + "r" * 18 + "a" * 32
    under = {("jpeg", 50): mild, ("jpeg", 20): LEANING}
    (_, predictions) = say(under)
    assert predictions.startswith("JPEG at quality 20")
    many = dict.fromkeys((("jpeg", 50), ("webp", 50), ("blur", 2), ("noise", 8)), LEANING)
    assert len(say(many)) == 1 + MOST_BIASES


def test_each_model_and_set_has_its_own_sentences(make_predictions):
    parts = [
        make_predictions(LABELS, AS_IS, {("jpeg", 50): after}, model=model, set=name)
        for model, after in (("svm", LEANING), ("cnn", AS_IS))
        for name in ("test", "wild")
    ]
    predictions = pd.concat(parts)
    told = [one.text for one in findings(stress_table(predictions, "a"), bias_table(predictions, "a"))]
    assert [line.split(" is right")[0] for line in told if "is right" in line] == ["svm", "svm", "cnn", "cnn"]
    assert ["wild" in line for line in told] == [False, False, True, True, False, True]


def test_three_classes_are_told_of_their_falls_alone(make_predictions):
    labels = "a" * 20 + "b" * 20 + "c" * 20
    predictions = make_predictions(labels, labels, {("jpeg", 50): "a" * 60}, classes="abc")
    (line,) = [one.text for one in findings(stress_table(predictions), bias_table(predictions))]
    assert "under JPEG at quality 50 on 33.3 %" in line

from dataclasses import replace

import pandas as pd
import pytest

from classify.stats.abstention import Rule
from classify.trained.passport import Passport
from classify.trained.summary import answers_line, answers_record

RULE = Rule(0.05, 0.95, None, "image", 95, 95, 24, 24, 1, 610)


def predicted(n_ai, n_real, unsure, strange=0):
    n = n_ai + n_real
    answer = ["unsure"] * unsure + ["ai"] * (n - unsure)
    table = pd.DataFrame({"predicted": ["ai"] * n_ai + ["real"] * n_real, "answer": answer})
    return table.assign(out_of_distribution=[i < strange for i in range(n)])


def passport(**rule):
    return Passport("svm", classes=["ai", "real"], unsure=replace(RULE, **rule))


def test_the_reason_for_unsure_names_how_many_images_a_promise_takes():
    line = answers_line(predicted(8, 8, 16), passport())
    assert line.startswith("16 images: 8 ai, 8 real; 16 unsure: it takes about 610 training images to promise")
    assert "5 %" in line
    assert line.endswith("there were 95")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"unit": "group", "units": 12}, "about 610 groups of training images"),
        ({"needed": None}, "24 training images of which the model is surest, 4.17 % are wrong"),
        ({"needed": None, "tested": 0}, "one group holds too many"),
        ({"least": 0.91}, "a probability below 0.91"),
    ],
)
def test_each_reason_has_its_words(rule, words):
    assert words in answers_line(predicted(1, 1, 1), passport(**rule))


def test_images_out_of_distribution_are_counted_apart():
    line = answers_line(predicted(4, 0, 3, strange=1), passport(least=0.9))
    assert "3 unsure: 1 is out of distribution, and a probability below 0.9" in line
    line = answers_line(predicted(4, 0, 2, strange=2), passport(least=0.9))
    assert line.endswith("2 unsure: 2 are out of distribution")
    assert answers_line(predicted(1, 0, 0), passport(least=0.9)) == "1 image: 1 ai, 0 real; none unsure"
    assert answers_line(predicted(1, 0, 0).drop(columns="answer"), passport()) == "1 image: 1 ai, 0 real"


def test_the_record_holds_the_same_counts():
    record = answers_record(predicted(8, 8, 16, strange=1), passport())
    assert record["decided"] == {"ai": 8, "real": 8}
    assert (record["unsure"], record["units_needed"], record["units"]) == (16, 610, 95)
    assert record["out_of_distribution"] == 1

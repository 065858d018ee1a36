import numpy as np
import pandas as pd
import pytest

from classify.pages.words import listed, p_value, percent, plain, points, spread, with_interval, within


def test_numbers_are_said_as_people_say_them():
    assert (percent(0.92), percent(np.nan)) == ("92.0 %", "—")
    assert (plain(0.2134), plain(np.nan)) == ("0.213", "—")
    assert within(0.92, 0.874, 0.95) == "92.0 % (87.4–95.0)"
    assert within(0.2134, 0.19, 0.24, unit="") == "0.213 (0.190–0.240)"
    assert within(0.2134, np.nan, np.nan, unit="") == "0.213"
    assert within(np.nan, 0.1, 0.2) == "—"
    assert within(-0.24, -0.355, -0.114) == "-24.0 % (-35.5 to -11.4)"
    assert within(0.01, -0.02, 0.04, unit="") == "0.010 (-0.020 to 0.040)"
    assert (percent(-0.0004), plain(-0.0001)) == ("0.0 %", "0.000")  # never "-0.0"
    assert within(-0.0001, -0.0002, 0.1) == "0.0 % (0.0–10.0)"
    row = pd.Series({"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "mean": 0.9, "std": 0.02, "n": 1169})
    assert with_interval(row) == "90.0 % (80.0–95.0)"
    assert spread(row) == "90.0 ± 2.0 %"
    assert spread(row.replace(0.02, np.nan)) == "90.0 %"


def test_nothing_is_ever_less_than_nothing():
    assert (percent(-0.0001), plain(-0.0001), points(-0.0001)) == ("0.0 %", "0.000", "+0.0")
    assert within(-0.0001, -0.0002, 0.02) == "0.0 % (0.0–2.0)"
    assert spread(pd.Series({"mean": -0.0001, "std": 0.0})) == "0.0 ± 0.0 %"
    assert (points(-0.117), points(np.nan)) == ("-11.7", "—")


def test_an_interval_of_all_possible_shares_is_none():
    assert within(0.5, 0.0, 1.0) == "50.0 % (no interval)"
    assert within(0.1, -1.0, 1.0) == "10.0 % (no interval)"
    assert within(0.5, 0.0, 1.0, unit="") == "0.500 (0.000–1.000)"


@pytest.mark.parametrize(
    ("p", "text"), [(0.4, "p = 0.40"), (0.0421, "p = 0.042"), (0.00004, "p < 0.0001"), (1.0, "p = 1.00")]
)
def test_a_p_value_keeps_the_digits_that_matter(p, text):
    assert p_value(p) == text


def test_lists_end_in_and():
    assert [listed(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]

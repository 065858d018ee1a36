import pandas as pd
import pytest

from pipelines.robustness.page import headline, stress_section
from pipelines.robustness.tables import bias_table, stress_table

LABELS = "a" * 30 + "r" * 30
UNDER = {("jpeg", 95): LABELS, ("jpeg", 20): "a" * 30 + "r" * 8 + "a" * 22, ("crop", 0.9): LABELS}


@pytest.fixture
def predictions(make_predictions):
    return pd.concat([make_predictions(LABELS, LABELS, UNDER, set=name) for name in ("test", "NA")])


@pytest.fixture
def quickly(monkeypatch):
    """Without pictures, which take seconds."""
    monkeypatch.setattr("pipelines.robustness.page.pictures", lambda table, bias: [])


@pytest.mark.usefixtures("quickly")
def test_the_deepest_fall_and_the_strongest_bias_come_first(predictions):
    table, bias = stress_table(predictions, "a"), bias_table(predictions, "a")
    conditions, one_class = stress_section(table, bias).tables
    assert conditions.rows["condition"].tolist()[:2] == ["jpeg 20"] * 2
    first = conditions.rows.iloc[0]
    assert first["fall"] == pytest.approx(22 / 60)
    assert first["fall low"] < first["fall"] < first["fall high"]
    assert (first["right of r"], first["right of a"]) == pytest.approx((8 / 30, 1))
    assert first["beyond chance"] == "yes"
    assert len(conditions.rows) == 6
    first_bias = one_class.rows.iloc[0]
    assert (first_bias["condition"], first_bias["looks"]) == ("jpeg 20", "a")
    assert first_bias["bias to a"] == pytest.approx(11 / 30)
    assert (first_bias["shift of r"], first_bias["shift of a"]) == pytest.approx((22 / 30, 0))
    assert (first_bias["accuracy, only a treated"], first_bias["accuracy, only r treated"]) == pytest.approx(
        (1, 38 / 60)
    )
    assert one_class.rows.iloc[-1]["looks"] == "—"


def test_the_headline_is_of_the_best_model_on_the_first_set(make_predictions):
    worse = "r" * 6 + LABELS[6:]
    predictions = pd.concat(
        [make_predictions(LABELS, worse, UNDER, model="cnn"), make_predictions(LABELS, LABELS, UNDER)]
    )
    assert headline(stress_table(predictions, "a")) == (
        "svm is right on 100.0 % of untreated test images, and on 63.3 % under JPEG at quality 20."
    )
    calm = make_predictions(LABELS, LABELS, {("crop", 0.9): LABELS})
    assert headline(stress_table(calm, "a")).endswith("1 condition caused no fall beyond chance.")


@pytest.mark.usefixtures("quickly")
def test_a_set_without_bias_has_no_table_of_it(make_predictions):
    predictions = make_predictions("a" * 10, "a" * 10, {("jpeg", 50): "a" * 10})
    section = stress_section(stress_table(predictions, "a"), bias_table(predictions, "a"))
    assert [table.name for table in section.tables] == ["conditions"]

import pandas as pd
import pytest

from pipelines.auditing.findings import Finding
from pipelines.demo.expected import MARGIN, differences, expected, ranges_of
from pipelines.demo.outcome import Outcome

MODELS = {"svm": (0.9, 0.85, 0.95, 0.6), "lenet5": (0.55, 0.4, 0.7, 0.5), "cnn": (0.5, 0.4, 0.6, 0.5)}
MODELS |= {"metadata": (0.5, 0.4, 0.6, 0.5), "vote": (0.99, 0.9, 1.0, 0.9)}


@pytest.fixture
def result():
    scores = [
        {"model": model, "set": name, "accuracy": value, "accuracy_low": low, "accuracy_high": high}
        for model, (value, low, high, external) in MODELS.items()
        for name, value in (("test", value), ("custom", external))
    ]
    folds = [{"model": model, "scoring": "accuracy", "mean": values[0]} for model, values in MODELS.items()]
    before = Finding("FX101", "critical", "", 1.0, 0.9, 1.0)
    return Outcome(before, Finding("FX101", "ok", "", 0.5, 0.4, 0.6), pd.DataFrame(scores), pd.DataFrame(folds))


def test_the_best_model_is_one_on_features_and_no_ensemble(result):
    assert result.best == "svm"
    assert all(result.story.values())
    assert result.numbers["svm, external set"] == 0.6
    assert not any("vote" in name for name in result.numbers)


def test_the_table_has_the_baseline_before_and_after_the_best_model_and_the_small_nets(result):
    rows = [[cell.replace("\xa0", " ") for cell in row] for row in result.table().rows]
    assert [row[0].split(",")[0] for row in rows] == ["metadata only"] * 2 + ["svm on deep features", "lenet5", "cnn"]
    assert rows[0][1].startswith("100")
    assert rows[2][2] == "90.0 % (85.0–95.0)"


def test_what_differs_is_named_with_its_value_and_range(result):
    ranges = {name: (value - 0.01, value + 0.01) for name, value in result.numbers.items()}
    assert differences(result, ranges) == []
    ranges["svm, test set"] = (0.7, 0.8)
    (line,) = differences(result, ranges)
    assert line.startswith("svm, test set: 90.0")
    assert "70" in line
    assert "80" in line


def test_a_part_of_the_story_that_is_not_shown_is_named(result):
    result.scores.loc[result.scores["set"] == "custom", "accuracy"] = 0.95
    assert any("falls on the external set" in line for line in differences(result, {}))


def test_ranges_span_all_runs_and_a_margin():
    assert ranges_of([{"a": 0.5}, {"a": 0.6}]) == {"a": [0.5 - MARGIN, 0.6 + MARGIN]}
    assert ranges_of([{"a": 1.0}]) == {"a": [round(1 - MARGIN, 3), 1.0]}


def test_a_backbone_that_nobody_has_measured_has_no_ranges():
    assert expected("resnet50") == {}

from pipelines.demo.expected import MARGIN, differences, expected, ranges_of


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

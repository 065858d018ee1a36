from pathlib import Path

import pytest

from classify.predictions import VALIDATION
from classify.report.summary import Report
from classify.stats.evaluation import ModelFacts, evaluate


@pytest.fixture(scope="module")
def report(predicted):
    sets = {VALIDATION: (60, 0.7), "test": (60, 0.7), "wild": (60, 0.5)}
    better = sets | {VALIDATION: (60, 0.9)}
    evaluation = evaluate(
        predicted({"files": better, "cnn": sets, "svm": better}), {"files": ModelFacts(sees_images=False)}
    )
    kept = {name: f"{name}-toy" for name in ("files", "cnn", "svm")}
    return Report(Path("artifacts/reports/toy/index.html"), evaluation, kept)


def test_the_chosen_model_comes_first_and_the_baseline_last(report):
    table = report.table()
    assert [row[0] for row in table.rows] == ["svm (chosen)", "cnn", "files (metadata-only baseline)"]
    assert len(table.columns) == 4
    assert "optimistic" in table.columns[1]


def test_table_record_and_evaluation_hold_the_same_numbers(report):
    record, scores = report.record(), report.evaluation.scores.set_index(["model", "set"])
    assert (record["report"], record["chosen"], record["sets"]) == ("toy", "svm-toy", ["test", "wild"])
    for model, row in zip(record["models"], report.table().rows, strict=True):
        name = model["model"].removesuffix("-toy")
        for i, (set_name, score) in enumerate(model["scores"].items()):
            assert score["accuracy"] == scores.loc[(name, set_name), "accuracy"]
            assert row[2 + i].startswith(f"{100 * score['accuracy']:.1f} %")
        assert row[1].startswith(f"{100 * model['cross_validation']['accuracy']:.1f}")

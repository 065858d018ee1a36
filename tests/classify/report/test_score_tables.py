import pytest

from classify.predictions import VALIDATION, Predictions
from classify.report.score_tables import accuracy_table, other_scores, unknown, unscored
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.scores import SCORES, scores_for


@pytest.fixture(scope="module")
def two_models(predicted):
    sets = {VALIDATION: (60, 0.7), "test": (60, 0.7), "wild": (60, 0.5)}
    return lambda classes=("ai", "real"): predicted({"svm": sets, "cnn": sets}, classes)


def test_every_set_has_its_column_and_guessing_its_row(two_models):
    table = accuracy_table(evaluate(two_models(), {"cnn": ModelFacts(sees_images=False)}))
    assert table["accuracy"]["header"] == ["test set", "external set “wild”"]
    assert [(row["model"], row["baseline"], len(row["cells"])) for row in table["accuracy"]["rows"]] == [
        ("svm", False, 2), ("cnn", True, 2),
    ]  # fmt: skip
    assert table["guessing"] == ["50.0 %", "50.0 %"]


def test_all_scores_stand_in_two_tables_a_set_each_once(two_models):
    evaluation = evaluate(two_models())
    section = other_scores(evaluation)
    assert [table.title.split(":")[0] for table in section.tables] == [
        "test set",
        "test set",
        "external set “wild”",
        "external set “wild”",
    ]
    shown = [column for table in section.tables[:2] for column in table.rows]
    titles = [SCORES[name].title for name in scores_for(("ai", "real")) if name not in ("accuracy", "recall_macro")]
    assert [shown.count(title) for title in titles] == [1] * len(titles)
    assert {table.mark for table in section.tables} == {evaluation.chosen}
    assert set(section.tables[1].plain) == {"log loss", "Brier score"}
    assert "those of the class ai" in section.about


def test_three_classes_have_no_positive_one(two_models):
    section = other_scores(evaluate(two_models(("a", "b", "c"))))
    assert "precision" not in section.tables[0].rows
    assert "macro precision" in section.tables[0].rows
    assert "recall at" not in section.about


def test_sets_without_labels_are_named(two_models):
    table = two_models().table
    table.loc[table["set"] == "wild", "label"] = ""
    assert unscored(Predictions(table)) == ["wild"]


def test_what_has_no_interval_or_no_true_positive_rate_is_two_models_with_its_reason(two_models):
    predictions = two_models()
    few, many = unknown(evaluate(predictions).scores, "ai")
    assert "30" in few
    assert "recall at 1 % FPR needs 100" in few
    assert "wild" in many
    table = predictions.table.assign(group=[f"g{i // 20}" for i in range(len(predictions.table))])
    assert "form 3 groups" in unknown(evaluate(Predictions(table)).scores, None)[0]
    assert unknown(evaluate(two_models(("a", "b", "c"))).scores, None) == []

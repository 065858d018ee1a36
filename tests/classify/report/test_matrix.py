from classify.report.matrix import matrices
from classify.stats.evaluation import evaluate


def test_each_set_has_a_matrix_with_the_chosen_model_first(three_models):
    evaluation = evaluate(three_models)
    test, custom, folds = matrices(evaluation)
    assert [one.title for one in (test, custom, folds)] == ["test set", "external set “custom”", "cross-validation"]
    assert test.models == custom.models == ["svm", "logreg", "forest"]
    pairs = evaluation.pairs.set_index(["set", "model_a", "model_b"])
    row = pairs.loc[("custom", "svm", "logreg")]
    assert custom.rows[0][1] == (f"{100 * row['difference']:+.1f}", "worse")
    assert custom.rows[1][0] == (f"{-100 * row['difference']:+.1f}", "better")
    assert test.rows[0][1][1] == "alike"
    assert [test.rows[i][i] for i in range(3)] == [("", "")] * 3
    assert test.summary == "1 of 3 pairs of models differs significantly."
    assert "optimistic" in folds.summary


def test_one_model_has_no_differences(predicted):
    assert matrices(evaluate(predicted({"m": {"test": (40, 0.8)}}))) == []


def test_models_of_no_difference_are_none_with_a_plus(predicted):
    (one,) = matrices(evaluate(predicted({"a": {"test": (40, 0.8)}, "b": {"test": (40, 0.8)}})))
    assert one.rows[0][1] == one.rows[1][0] == ("+0.0", "alike")
    assert one.summary.startswith("None of 1 pair ")

import pandas as pd
import pytest

from classify.predictions import VALIDATION, Predictions
from classify.report.verdict import MOST_EXTERNAL, verdict
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.selection import Validation


def words(predictions, facts=None) -> str:
    shown = verdict(evaluate(predictions, facts))
    cells = [" ".join([cell.title, cell.value, cell.about, *cell.facts, cell.baseline]) for cell in shown.cells]
    return " ".join([shown.conclusion, *cells, shown.why])


def test_the_first_screen_holds_the_chosen_models_numbers_on_each_set(three_models):
    shown = verdict(evaluate(three_models))
    assert shown.conclusion.startswith("Trust svm on images from the same source")
    assert "the external set “custom”, svm is not shown to beat chance" in shown.conclusion
    folds, test, custom = shown.cells
    assert [cell.title for cell in shown.cells] == ["cross-validation", "test set", "external set “custom”"]
    assert (folds.value, test.value, custom.value) == ("90.0 %", "92.0 %", "48.0 %")
    assert "over 5 folds, n = " in folds.about
    assert (test.about, custom.about) == ("87.4–95.0, n = 200", "38.5–57.7, n = 100")
    assert test.facts == ("better than guessing (50.0 %)",)
    assert "44.0 points below the test set (33." in custom.facts[-1]
    assert {cell.baseline for cell in shown.cells} == {""}
    for fact in ("chose svm from 3 models", "90.0 ±", "logreg with 88.0 ±", "cross-validation score (optimistic)"):
        assert fact in shown.why


@pytest.mark.parametrize("share", [0, 0.2])
def test_a_reversed_model_is_called_so_with_its_area(predicted, share):
    sentences = words(predicted({"m": {"test": (100, share)}}))
    assert f"ROC AUC {100 * share:.1f} %" in sentences
    assert sentences.startswith("Do not use m")


def test_where_one_class_is_rare_a_cell_says_what_guessing_gets(predicted):
    table = predicted({"m": {"test": (200, 0.95)}}).table
    skewed = Predictions(table[(table["label"] == "real") | (table.index < 20)])
    (cell,) = verdict(evaluate(skewed)).cells
    assert "always guessing real: 90.9 %" in cell.facts


def test_a_change_is_said_with_its_direction(predicted):
    assert "+2.0 points (-12" in words(predicted({"m": {"test": (100, 0.8), "custom": (50, 0.82)}}))
    rises = words(predicted({"m": {"test": (100, 0.5), "custom": (100, 0.9)}}))
    assert "40.0 points above the test set" in rises
    assert rises.startswith("Do not trust m: on the test set it is not shown to beat chance.")
    lower = words(predicted({"m": {"test": (300, 0.95), "custom": (300, 0.8)}}))
    assert "does worse, but still beats chance" in lower
    assert "no external set" not in lower


def test_a_set_of_one_class_is_compared_with_nothing(predicted):
    _, fakes = verdict(evaluate(predicted({"m": {"test": (100, 0.9), "fakes": (50, 0.6)}}, only="fakes"))).cells
    assert (fakes.value, fakes.about) == ("60.0 %", "46.2–72.4, n = 50")
    assert len(fakes.facts) == 1
    assert "all of them are ai" in fakes.facts[0]


def test_what_is_missing_is_said(predicted):
    assert "no test set" in words(predicted({"m": {VALIDATION: (50, 0.9), "custom": (50, 0.6)}}))
    assert words(predicted({"m": {VALIDATION: (50, 0.9)}})).startswith("No result yet")
    assert "no external set" in words(predicted({"m": {"test": (300, 0.95)}}))
    assert "hindsight" in words(predicted({"a": {"test": (50, 0.9)}, "b": {"test": (50, 0.6)}}))


def test_sets_without_intervals_give_no_conclusion(predicted):
    table = predicted({"m": {"test": (40, 0.9), "custom": (40, 0.9)}}).table.assign(group="one scene")
    shown = verdict(evaluate(Predictions(table)))
    assert shown.conclusion.startswith("No conclusion on m: the test set and the external set “custom”")
    assert "form 1 group" in shown.cells[0].facts[0]
    assert shown.cells[0].about == "n = 40"


def test_sets_of_one_outcome_share_a_sentence(predicted):
    sets = {"test": (50, 0.9), **{f"c{i}": (50, 0.5) for i in range(6)}}
    shown = verdict(evaluate(predicted({"m": sets})))
    assert shown.conclusion.count("not shown to beat chance") == 1
    assert len(shown.cells) == 1 + MOST_EXTERNAL


def test_a_baseline_as_good_as_the_model_takes_the_trust_away(predicted):
    sets = {VALIDATION: (100, 0.95), "test": (200, 0.97), "custom": (100, 0.5)}
    predictions = predicted({"files": sets, "svm": {VALIDATION: (100, 0.9), "test": (200, 0.9), "custom": (100, 0.6)}})
    baseline = {"files": ModelFacts(sees_images=False)}
    shown = verdict(evaluate(predictions, baseline))
    assert shown.conclusion.startswith("Do not trust svm yet: files, which sees only file metadata")
    assert "from 2 models" not in shown.why  # there was no choice between two
    assert shown.cells[1].baseline == "97.0 % (93.6–98.6)"
    weak = predictions.table[(predictions.table["model"] != "files") | (predictions.table["set"] == VALIDATION)]
    blind = predicted({"files": {"test": (200, 0.5)}}).table
    assert "wrong on 30.0 % of the images" in words(predicted({"m": {"test": (200, 0.7)}}))
    shown = verdict(evaluate(Predictions(pd.concat([weak, blind])), baseline))
    assert shown.conclusion.startswith("Trust svm")
    assert verdict(evaluate(predicted({"files": sets}), baseline)).cells == []


def test_models_of_other_folds_are_named_and_a_worst_fold_is_shown(three_models):
    kinds = {"svm": "source", "logreg": "source", "forest": "random"}
    facts = {model: ModelFacts(Validation(kind, 5, None, "accuracy")) for model, kind in kinds.items()}
    evaluation = evaluate(three_models, facts)
    why = verdict(evaluation).why
    for selection in evaluation.ranking["selection"]:
        assert f"{100 * selection:.1f} %" in why
    assert "forest (5 random folds, tuned for accuracy)" in why


def test_a_model_without_folds_could_not_be_chosen(predicted):
    parts = [predicted({"a": {VALIDATION: (50, 0.9), "test": (50, 0.9)}}), predicted({"late": {"test": (50, 0.9)}})]
    assert "late has no cross-validation score" in words(Predictions(pd.concat([part.table for part in parts])))

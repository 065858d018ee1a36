import pandas as pd
import pytest

from classify.predictions import VALIDATION, Predictions
from classify.report.verdict import verdict
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.selection import Validation


def words(predictions, facts=None) -> str:
    opening = verdict(evaluate(predictions, facts))
    return " ".join([opening.headline, *opening.sentences, opening.why])


def test_the_headline_and_the_sentences_hold_the_chosen_models_numbers(three_models):
    opening = verdict(evaluate(three_models))
    assert (
        opening.headline
        == "svm is right on 92.0 % of 200 test images and 48.0 % of 100 images of external set “custom”."
    )
    held_out, custom, *changes = opening.sentences
    assert "92.0 % (87.4–95.0)" in held_out
    assert "48.0 % (38.5–57.7)" in custom
    assert ["44.0 points (33." in changes[0], "42.0 points (" in changes[1]] == [True, True]
    for fact in ("chose svm from 3 models", "90.0 ±", "logreg with 88.0 ±", "cross-validation score (optimistic)"):
        assert fact in opening.why


@pytest.mark.parametrize("share", [0, 0.2])
def test_a_reversed_model_is_called_so_with_its_area(predicted, share):
    sentences = words(predicted({"m": {"test": (100, share)}}))
    assert f"ROC AUC {100 * share:.1f} %" in sentences
    assert "reversed" in sentences


def test_where_one_class_is_rare_the_headline_says_what_guessing_gets(predicted):
    table = predicted({"m": {"test": (200, 0.95)}}).table
    skewed = Predictions(table[(table["label"] == "real") | (table.index < 20)])
    assert "always guessing real: 90.9 %" in verdict(evaluate(skewed)).headline


def test_one_image_is_one_image(predicted):
    assert "1 test image." in words(predicted({"m": {"test": (1, 1)}}))


def test_a_change_is_said_with_its_direction(predicted):
    assert "+2.0 points (-12" in words(predicted({"m": {"test": (100, 0.8), "custom": (50, 0.82)}}))
    assert "rises by 40.0 points" in words(predicted({"m": {"test": (100, 0.5), "custom": (100, 0.9)}}))


def test_a_set_of_one_class_is_compared_with_nothing(predicted):
    sentences = words(predicted({"m": {"test": (100, 0.9), "fakes": (50, 0.6)}}, only="fakes"))
    assert "60.0 % (46.2–72.4). All of them are ai" in sentences
    assert "From test set" not in sentences


def test_what_is_missing_is_said(predicted):
    assert "no test set" in words(predicted({"m": {VALIDATION: (50, 0.9), "custom": (50, 0.6)}}))
    assert words(predicted({"m": {VALIDATION: (50, 0.9)}})).startswith("No result yet")
    assert "hindsight" in words(predicted({"a": {"test": (50, 0.9)}, "b": {"test": (50, 0.6)}}))


def test_many_custom_sets_fit_a_headline(predicted):
    sets = {"test": (50, 0.9), **{f"c{i}": (20, 0.4 + i / 10) for i in range(4)}}
    headline = verdict(evaluate(predicted({"m": sets}))).headline
    assert "between 40.0 % and 70.0 % of the images of 4 external sets" in headline


def test_a_baseline_says_what_a_score_is_worth(predicted):
    sets = {VALIDATION: (100, 0.95), "test": (200, 0.97), "custom": (100, 0.5)}
    predictions = predicted({"files": sets, "svm": {VALIDATION: (100, 0.9), "test": (200, 0.9), "custom": (100, 0.6)}})
    baseline = {"files": ModelFacts(sees_images=False)}
    opening = verdict(evaluate(predictions, baseline))
    assert "from 2 models" not in opening.why  # there was no choice between two
    better, worse = (sentence for sentence in opening.sentences if sentence.startswith("files"))
    assert "97.0 % (93.6–98.6) on 200 test images" in better
    assert "`pipelines audit`" in better
    assert "50.0 % (40.4–59.6) on 100 images of external set “custom”" in worse
    assert "`pipelines audit`" not in words(predictions)
    assert verdict(evaluate(predicted({"files": sets}), baseline)).sentences == []


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

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.report.write import write_report
from classify.stats.abstention import UNSURE
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.scores import SCORES, Score
from classify.stats.selection import Validation
from classify.stats.tables import fold_scores, score_table


def random_folds(kind="random", scoring="accuracy", **facts) -> ModelFacts:
    return ModelFacts(Validation(kind, 5, 0, scoring), **facts)


def drawn(sets):
    """Predictions of one model: {set: (n real, n ai, mean score of real, of ai)}, decided at 0."""
    rng, parts = np.random.default_rng(0), []
    for name, (n_real, n_ai, real, ai) in sets.items():
        score = np.r_[rng.normal(real, 1, n_real), rng.normal(ai, 1, n_ai)]
        part = pd.DataFrame({"label": ["real"] * n_real + ["ai"] * n_ai, "set": name, "model": "m"})
        part["predicted"] = np.where(score > 0, "ai", "real")
        part["path"] = [f"{name}/{i}.jpg" for i in range(len(part))]
        part["prob_ai"] = 1 / (1 + np.exp(-score))
        parts.append(part.assign(prob_real=1 - part["prob_ai"], split=name, source="", group="", fold=-1))
    return Predictions(pd.concat(parts, ignore_index=True))


def test_every_number_of_a_report_is_computed_once(three_models, tmp_path, monkeypatch):
    sizes = []

    class Counting(Score):
        def of(self, sample):
            if len(set(sample.truth)) == 2:  # intervals of other shares have one class
                sizes.append(len(sample.truth))
            return super().of(sample)

    monkeypatch.setitem(SCORES, "accuracy", Counting(**vars(SCORES["accuracy"])))
    write_report(evaluate(three_models), tmp_path / "report", title="t")
    # three models; five folds of 20 images; for each set its value, which its interval asks for again
    assert Counter(sizes) == {20: 3 * 5, 200: 3 * 2, 100: 3 * 2}


def test_tables_are_those_of_the_functions_that_make_them(three_models):
    evaluation = evaluate(three_models, positive="real")
    by_name = [table.set_index(["model", "set"]) for table in (evaluation.scores, score_table(three_models, "real"))]
    assert by_name[0].equals(by_name[1].loc[by_name[0].index])
    assert evaluation.predictions.models == ("svm", "logreg", "forest")
    assert evaluation.folds["model"].unique().tolist() == ["svm", "logreg", "forest"]
    assert evaluation.ranking["selection"].tolist() == sorted(fold_scores(three_models)["mean"], reverse=True)
    assert (evaluation.positive, evaluation.sets, len(evaluation.pairs)) == ("real", ("test", "custom"), 6)


def test_cross_validation_chooses_and_unseen_sets_judge(three_models):
    evaluation = evaluate(three_models)
    assert evaluation.chosen == "svm"  # logreg is better on the held-out set
    assert evaluation.abilities["svm", "test"].kind == "better"
    assert evaluation.abilities["svm", "custom"].kind == "not shown"
    assert {key: change.kind for key, change in evaluation.changes.items()} == {
        ("test", "custom"): "falls",
        (VALIDATION, "custom"): "falls",
    }
    assert evaluation.changes["test", "custom"].value == pytest.approx(-0.44)
    assert evaluation.changes[VALIDATION, "custom"].value == pytest.approx(-0.42)
    assert evaluation.out_of_fold["balanced_accuracy"] == pytest.approx(0.9)


def test_the_score_that_models_were_tuned_for_chooses(three_models):
    table = three_models.table.copy()
    forest = (table["model"] == "forest") & (table["set"] == VALIDATION)
    table.loc[forest, "prob_ai"] = np.where(table.loc[forest, "label"] == "ai", 0.9, 0.1)
    table["prob_real"] = 1 - table["prob_ai"]
    facts = dict.fromkeys(three_models.models, random_folds(scoring="roc_auc"))
    evaluation = evaluate(Predictions(table), facts)
    assert (evaluation.scoring, evaluation.chosen) == ("roc_auc", "forest")
    assert set(evaluation.fold_pairs["scoring"]) == {"roc_auc"}


def test_no_model_is_chosen_by_hindsight(predicted):
    assert evaluate(predicted({"a": {"test": (50, 0.9)}, "b": {"test": (50, 0.6)}})).chosen is None
    assert evaluate(predicted({"a": {"test": (50, 0.9)}})).chosen == "a"


def test_a_baseline_that_sees_no_image_comes_last_and_is_never_chosen(three_models, predicted):
    baseline = ModelFacts(sees_images=False)
    evaluation = evaluate(three_models, {"svm": baseline})
    assert (evaluation.chosen, evaluation.predictions.models) == ("logreg", ("logreg", "forest", "svm"))
    assert (evaluation.baselines, len(evaluation.ranking)) == ({"svm"}, 2)
    assert evaluate(predicted({"files": {VALIDATION: (50, 0.9)}}), {"files": baseline}).chosen is None


def test_of_held_out_sources_the_worst_fold_chooses_and_other_folds_are_not_ranked(three_models):
    table = three_models.table
    bad = (table["model"] == "svm") & (table["set"] == VALIDATION) & (table["fold"] == 0)
    worse = Predictions(table.assign(predicted=table["predicted"].where(~bad, "ai")))
    facts = {"svm": random_folds("source"), "logreg": random_folds("source"), "forest": random_folds()}
    evaluation = evaluate(worse, facts)
    assert evaluation.chosen == "logreg"
    assert [group.models for group in evaluation.groups] == [("logreg", "svm"), ("forest",)]
    assert evaluation.fold_pairs[["model_a", "model_b"]].to_numpy().tolist() == [["logreg", "svm"]]


def test_a_model_that_finds_every_rare_image_is_better_than_guessing():
    evaluation = evaluate(drawn({"test": (190, 10, -1.5, 3)}))
    row = evaluation.scores.iloc[0]
    assert row["recall"] == 1
    assert row["accuracy_low"] < row["chance"]  # accuracy alone is no better than always "real"
    assert evaluation.abilities["m", "test"].kind == "better"


def test_a_model_of_one_answer_changes_nothing_where_the_mix_changes():
    evaluation = evaluate(drawn({"test": (50, 50, -9, -9), "custom": (90, 10, -9, -9)}))
    assert {(one.kind, one.only) for one in evaluation.abilities.values()} == {("one answer", "real")}
    assert evaluation.changes["test", "custom"].kind == "unclear"


def test_a_model_whose_threshold_is_off_still_ranks():
    assert evaluate(drawn({"test": (60, 60, -8, -6)})).abilities["m", "test"].kind == "ranks"


def test_three_classes_are_judged_against_a_third_and_have_no_curve(predicted):
    evaluation = evaluate(predicted({"m": {"test": (90, 0.6)}}, classes=("a", "b", "c")))
    ability = evaluation.abilities["m", "test"]
    assert (ability.kind, ability.guess, evaluation.positive) == ("better", 1 / 3, None)
    assert evaluation.roc.empty
    assert evaluation.hindsight.empty


def test_a_set_of_one_class_is_compared_with_nothing(predicted):
    evaluation = evaluate(predicted({"m": {"test": (100, 0.9), "fakes": (50, 0.6)}}, only="fakes"))
    assert (evaluation.abilities["m", "fakes"].kind, evaluation.changes) == ("one class", {})
    assert set(evaluation.roc["set"]) == {"test"}


def test_nothing_is_claimed_of_one_group(predicted):
    table = predicted({"m": {"test": (40, 0.8), "custom": (100, 0.8)}}).table
    evaluation = evaluate(Predictions(table.assign(group=np.where(table["set"] == "test", "scene", ""))))
    assert evaluation.abilities["m", "test"].kind == evaluation.changes["test", "custom"].kind == "unknown"


def test_curves_and_confusion_are_of_unseen_images_and_the_positive_class(three_models):
    for positive in ("ai", "real"):
        evaluation = evaluate(three_models, positive=positive)
        rows = evaluation.roc.query("model == 'svm' and set == 'test'")
        part = three_models.table.query("model == 'svm' and set == 'test'")
        assert rows["auc"].iloc[0] == pytest.approx(np.trapezoid(rows["tpr"], rows["fpr"]))
        assert rows["auc"].iloc[0] == pytest.approx(roc_auc_score(part["label"] == positive, part[f"prob_{positive}"]))
    confusion = evaluation.confusion
    assert confusion.groupby("set")["count"].sum().to_dict() == {"test": 600, "custom": 300}
    assert confusion.groupby(["model", "set", "truth"])["share"].sum().round(12).eq(1).all()
    wrong = confusion.query("model == 'svm' and set == 'test' and truth != predicted")
    assert wrong["count"].sum() == 16


def test_hindsight_stands_beside_the_threshold_that_was_fixed(three_models):
    evaluation = evaluate(three_models)
    by_set = evaluation.hindsight.set_index(["model", "set"])
    assert by_set["accuracy_fixed"].equals(
        evaluation.scores.set_index(["model", "set"])["accuracy"].rename("accuracy_fixed")
    )


def test_a_class_called_unsure_leaves_no_rule(predicted):
    evaluation = evaluate(predicted({"m": {VALIDATION: (100, 0.9), "test": (50, 0.9)}}, classes=("ai", UNSURE)))
    assert evaluation.rules.empty


def test_no_predictions_are_refused(three_models):
    with pytest.raises(DataError, match="no predictions"):
        evaluate(replace(three_models, table=three_models.table.head(0)))

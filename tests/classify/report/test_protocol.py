import numpy as np
import pandas as pd

from classify.predictions import VALIDATION, Predictions
from classify.report.protocol import differences, opening, protocol
from classify.stats.evaluation import evaluate


def nested(models, sets=((VALIDATION, 300), ("test", 200))):
    """models: {name: share right}; errors of one are errors of every weaker one."""
    rng, parts = np.random.default_rng(0), []
    for set_name, n in sets:
        luck, truth = rng.random(n), np.arange(n) % 2
        for model, share in models.items():
            decided = np.where(luck < share, truth, 1 - truth)
            top = np.where(luck < share, 0.95, 0.6) - luck / 100
            table = pd.DataFrame({"prob_ai": np.where(decided == 0, top, 1 - top)})
            table = table.assign(
                prob_real=1 - table["prob_ai"], model=model, set=set_name, path=[str(i) for i in range(n)]
            )
            table = table.assign(label=np.array(["ai", "real"])[truth], predicted=np.array(["ai", "real"])[decided])
            parts.append(table.assign(fold=np.arange(n) % 5 if set_name == VALIDATION else -1))
    return evaluate(Predictions(pd.concat(parts).assign(split="", source="", group="")))


def test_the_opening_is_about_one_model_alone():
    evaluation = nested({"good": 0.95, "same": 0.95, "bad": 0.6})
    words = " ".join(opening(evaluation, "good"))
    assert "good is more accurate than bad on 200 test images" in words
    assert "good and same are right on the same" in words
    assert "good answers" in words
    assert "same answers" not in words
    assert opening(evaluation, None) == []


def test_every_table_of_the_page_has_its_rows():
    evaluation = nested({"good": 0.95, "bad": 0.6})
    unsure, unlike, hindsight = protocol(evaluation)
    pairs, folds = differences(evaluation).tables
    (pair,) = pairs.rows.to_dict("records")
    assert (pair["model"], pair["other model"], pair["set"], pair["significant"]) == ("good", "bad", "test set", "yes")
    assert pair["difference low"] < pair["difference"] < pair["difference high"]
    assert pair["p"] == "< 0.0001"
    assert folds.rows["folds"].tolist() == [5]
    fixed = hindsight.tables[0].rows["accuracy fixed in advance"]
    assert fixed.tolist() == evaluation.scores["accuracy"].tolist()
    (answers,), (drift,) = unsure.tables, unlike.tables
    assert answers.rows["set"].tolist() == ["test set", "test set"]
    assert drift.rows["out of distribution"].isin(["yes", "no"]).all()


def test_what_has_no_meaning_is_left_out():
    evaluation = nested({"m": 0.9}, sets=(("test", 60),))
    unsure, unlike, _ = protocol(evaluation)
    assert list(differences(evaluation).tables) == list(unsure.tables) == list(unlike.tables) == []

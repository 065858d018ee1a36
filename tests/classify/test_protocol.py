import numpy as np
import pandas as pd

from classify.metrics import score_table
from classify.predictions import VALIDATION, Predictions
from classify.protocol import protocol
from classify.unsure import UNSURE


def said(models, classes=("ai", "real"), sets=((VALIDATION, 300), ("test", 200))):
    """models: {name: share right}; errors of one are errors of every weaker one."""
    rng, parts = np.random.default_rng(0), []
    for set_name, n in sets:
        luck = rng.random(n)
        for model, share in models.items():
            truth = np.arange(n) % 2
            decided = np.where(luck < share, truth, 1 - truth)
            top = np.where(luck < share, 0.95, 0.6) - luck / 100
            table = pd.DataFrame({f"prob_{classes[0]}": np.where(decided == 0, top, 1 - top)})
            table[f"prob_{classes[1]}"] = 1 - table[f"prob_{classes[0]}"]
            table = table.assign(label=np.array(classes)[truth], predicted=np.array(classes)[decided])
            fold = np.arange(n) % 5 if set_name == VALIDATION else -1
            parts.append(table.assign(model=model, set=set_name, path=[str(i) for i in range(n)], fold=fold))
    return Predictions(pd.concat(parts).assign(split="", source="", group=""))


def made(predictions):
    return protocol(predictions, score_table(predictions), None, "accuracy")


def test_the_opening_tells_of_the_chosen_model_alone():
    found = made(said({"good": 0.95, "same": 0.95, "bad": 0.6}))
    words = " ".join(found.opening("good"))
    assert "good is right more often than bad on 200 held-out images" in words
    assert "good and same are right on the same" in words
    assert "Asked to err in at most 5 % of its answers, good answers" in words
    assert "same answers" not in words
    assert found.opening(None) == []


def test_every_table_of_the_page_has_its_rows_and_people_s_words():
    found = made(said({"good": 0.95, "bad": 0.6}))
    differences, hindsight, unsure = found.sections("good")
    pairs, folds = differences.tables
    (pair,) = pairs.rows.to_dict("records")
    assert (pair["model"], pair["against"], pair["set"], pair["told apart"]) == ("good", "bad", "held-out", "yes")
    assert pair["difference low"] < pair["difference"] < pair["difference high"]
    assert pair["p"] == "< 0.0001"
    assert folds.rows["folds"].tolist() == [5]
    assert differences.sentences[0].startswith("good is right more often than bad")
    assert (
        hindsight.tables[0].rows["accuracy fixed in advance"].tolist()
        == score_table(said({"good": 0.95, "bad": 0.6}))["accuracy"].tolist()
    )
    answers, drift = unsure.tables
    assert answers.rows["set"].tolist() == ["held-out", "held-out"]
    assert drift.rows["unlike"].isin(["yes", "no"]).all()


def test_what_has_no_meaning_is_left_out():
    alone = made(said({"m": 0.9}, sets=(("test", 60),)))
    differences, _, unsure = alone.sections("m")
    assert list(differences.tables) == [] == list(unsure.tables)
    found = made(said({"m": 0.9, "n": 0.8}, classes=("ai", UNSURE)))
    assert found.rules.empty
    assert "Asked to err" not in " ".join(found.opening("m"))

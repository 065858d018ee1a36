import json

import pandas as pd
import pytest

from classify.predictions import VALIDATION, Predictions
from classify.report.browser.answers import answers, most_telling_first


@pytest.fixture
def two_models(rows_of):
    cnn = rows_of("cnn", right=range(1, 40, 4))
    return Predictions(pd.concat([rows_of(name=VALIDATION), rows_of(), rows_of(name="wild", n=8), cnn]))


def test_errors_of_the_chosen_model_come_first_then_those_of_others(two_models):
    paths = most_telling_first(two_models, "cnn")["path"].tolist()
    assert len(paths) == 48  # validation is left out
    assert paths[:10] == [f"test/{i}.jpg" for i in range(39, 0, -4)]  # the most confident first
    assert set(paths[10:14]) == {f"wild/{i}.jpg" for i in (1, 3, 5, 7)}  # all other models are wrong
    assert set(paths[14:24]) == {f"test/{i}.jpg" for i in range(1, 40, 4)}  # one of two is wrong


def test_each_answer_is_the_one_of_the_predictions(two_models):
    data = json.loads(json.dumps(answers(two_models, "svm")))
    assert (data["models"], data["chosen"], data["total"]) == (["svm", "cnn"], 0, 48)
    assert [one["n"] for one in data["sets"]] == [40, 8]
    expected = two_models.table.set_index(["model", "set", "path"])
    names = ["test", "wild"]
    for m, model in enumerate(data["models"]):
        for i, path in enumerate(data["path"]):
            name = names[data["set"][i]]
            if (model, name) == ("cnn", "wild"):
                assert (data["predicted"][m][i], data["sure"][m][i]) == (-1, None)
                continue
            row = expected.loc[(model, name, path)]
            assert data["classes"][data["label"][i]] == row["label"]
            assert data["classes"][data["predicted"][m][i]] == row["predicted"]
            assert data["sure"][m][i] == pytest.approx(row[f"prob_{row['predicted']}"], abs=1e-6)


def test_a_page_holds_no_more_answers_than_allowed(two_models):
    data = answers(two_models, "svm", most=20)
    assert (len(data["path"]), data["total"]) == (10, 48)
    assert all(len(part) == 10 for part in (data["set"], data["label"], *data["predicted"], *data["sure"]))
    assert data["path"] == most_telling_first(two_models, "svm")["path"].tolist()[:10]
    assert [one["n"] for one in data["sets"]] == [40, 8]

import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from classify.predictions import COLUMNS, Predictions
from featex.errors import StoreError

HOSTILE = ["a\rb.jpg", "c\nd.jpg", 'q"uote.jpg', "é,ñ/日本.jpg", "NA", " space ", "<b>%s.jpg", "100%.jpg"]


def table(n=8, classes=("ai", "real"), **columns):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(len(classes)), n)
    names = np.array(classes)
    rows = pd.DataFrame(
        {
            "model": "svm",
            "set": "test",
            "path": [f"{i}.jpg" for i in range(n)],
            "label": names[np.arange(n) % len(classes)],
            "predicted": names[p.argmax(1)],
            "split": "test",
            "source": "",
            "group": "",
            "fold": -1,
        }
    )
    return rows.assign(**{f"prob_{name}": p[:, i] for i, name in enumerate(classes)}, **columns)


def test_a_written_table_comes_back_exactly(tmp_path):
    said = Predictions(table(path=HOSTILE))
    back = Predictions.read(said.write(tmp_path / "new" / "p.csv"))
    pd.testing.assert_frame_equal(back.table, said.table, check_exact=True)
    assert list(tmp_path.rglob("*")) == [tmp_path / "new", tmp_path / "new" / "p.csv"]


def test_classes_called_na_or_with_markup_survive_the_disk(tmp_path):
    said = Predictions(table(classes=("NA", "<b>a,b</b>", "null")))
    assert Predictions.read(said.write(tmp_path / "p.csv")).classes == ("NA", "<b>a,b</b>", "null")


def test_columns_may_come_in_any_order_and_strange_ones_are_left_out():
    shuffled = table(note="hello").iloc[:, ::-1]
    assert tuple(Predictions(shuffled).table.columns) == (*COLUMNS, "prob_real", "prob_ai")


def test_missing_text_is_empty_text():
    assert (Predictions(table(group=None, source=np.nan)).table[["group", "source"]] == "").all(axis=None)


def test_the_callers_table_is_left_alone():
    given = table(group=None)
    Predictions(given)
    assert given["group"].isna().all()


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column):
    with pytest.raises(DataError, match=column):
        Predictions(table().drop(columns=column))


def test_probability_columns_are_asked_for():
    with pytest.raises(DataError, match="prob_<class>"):
        Predictions(table().drop(columns="prob_ai"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "cat"}, "label that is none"),
        ({"predicted": ""}, "predicted class that is none"),
        ({"prob_ai": 1.5}, "outside 0..1"),
        ({"prob_ai": np.nan}, "outside 0..1"),
        ({"prob_ai": 0.9, "prob_real": 0.9}, "sum to 1"),
        ({"prob_ai": "high"}, "'prob_ai' of the predictions holds no number"),
        ({"set": "validation"}, "fold of 0 or more"),
        ({"fold": 0}, "fold of 0 or more"),
        ({"path": "same.jpg"}, "repeats an image"),
        ({"model": ""}, "empty model"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason(change, words):
    with pytest.raises(DataError, match=words):
        Predictions(table().assign(**change))


def test_rows_without_a_label_are_kept_but_not_offered_for_scoring():
    said = Predictions(table(label=["", "ai", "real", "", "ai", "ai", "ai", "ai"]))
    assert (len(said.table), len(said.labelled)) == (8, 6)


def test_sets_come_in_the_order_a_report_shows_them():
    parts = [table(set="wild"), table(set="test"), table(set="validation", fold=0)]
    assert Predictions(pd.concat(parts)).sets == ("validation", "test", "wild")


def test_joining_lines_up_classes_by_name():
    one, other = Predictions(table()), Predictions(table(classes=("real", "ai"), model="logreg"))
    joined = Predictions.concat([one, other])
    assert joined.models == ("svm", "logreg")
    part = joined.table[joined.table["model"] == "logreg"]
    np.testing.assert_array_equal(part["prob_ai"], other.table["prob_ai"])


def test_models_of_other_classes_cannot_be_joined():
    with pytest.raises(DataError, match="compare models of the same classes"):
        Predictions.concat([Predictions(table()), Predictions(table(classes=("cat", "dog"), model="m"))])


def test_nothing_to_join_is_refused():
    with pytest.raises(DataError, match="no predictions"):
        Predictions.concat([])


def test_a_file_that_is_no_table_is_refused_by_name(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    for name in ("empty.csv", "absent.csv"):
        with pytest.raises(DataError, match=name):
            Predictions.read(tmp_path / name)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Predictions(table()).write(tmp_path / "file" / "p.csv")

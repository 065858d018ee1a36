from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from classify import cli
from classify.errors import DataError, ModelError
from classify.predictions import VALIDATION, Predictions
from classify.stats.tables import score_table
from classify.trained import persist
from classify.trained.ensemble import plan_ensemble
from classify.trained.imported import Scores, import_scores, keep_imported, read_scores
from classify.trained.pair import keep
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from classify.workspace import report_again
from featex.errors import InputError


@pytest.fixture
def tuned(make_features):
    return tune(plan("logreg", make_features(), trials=0, n_folds=3))


@pytest.fixture
def unseen(tuned):
    table = tuned.predictions.table
    return table[table["set"] != VALIDATION].reset_index(drop=True)


def bring(tuned, table, name="theirs", command="", **options):
    return import_scores(
        Scores(table, **options), [tuned.model.passport], tuned.predictions, name=name, command=command
    )


def test_scores_become_a_model_of_the_report(tuned, unseen):
    positive = tuned.model.passport.positive
    scores = np.where(unseen["label"] == positive, 0.9, 0.2)
    model, said, notes = bring(tuned, pd.DataFrame({"path": unseen["path"], "score": scores}))
    assert notes == []
    assert model.passport.report == tuned.model.passport.report
    assert said.models == ("theirs",)
    assert list(said.table["path"]) == list(unseen["path"])
    assert list(said.table["set"]) == list(unseen["set"])
    assert (score_table(said)["accuracy"] == 1).all()
    assert said.table[f"prob_{positive}"].tolist() == scores.tolist()
    assert np.allclose(said.probabilities().sum(axis=1), 1)


def test_the_class_and_the_threshold_are_the_detectors_own(tuned, unseen):
    positive = tuned.model.passport.positive
    other = next(label for label in tuned.predictions.classes if label != positive)
    table = pd.DataFrame({"path": unseen["path"], "score": np.linspace(0, 1, len(unseen))})
    for threshold in (0.3, 0.5, 0.8):
        _, said, _ = bring(tuned, table, positive=other, threshold=threshold)
        assert ((said.table["predicted"] == other) == (table["score"] >= threshold)).all()
        assert said.table[f"prob_{other}"].tolist() == table["score"].tolist()


def test_a_column_a_class_is_taken_as_it_stands(tuned, unseen):
    columns = {f"prob_{label}": i for i, label in enumerate(tuned.predictions.classes)}
    table = pd.DataFrame({"path": unseen["path"]} | {name: float(i) for name, i in columns.items()})
    _, said, _ = bring(tuned, table.astype(str))
    assert set(said.table["predicted"]) == {tuned.predictions.classes[1]}


def test_longer_paths_and_lone_names_find_their_image(tuned, unseen):
    path = unseen["path"].iloc[0]
    for given in (f"/anywhere/data/{path}", path.split("/")[-1], path.replace("/", "\\")):
        _, said, _ = bring(tuned, pd.DataFrame({"path": [given], "score": [0.7]}))
        assert said.table["path"].tolist() == [path]


def test_a_name_that_two_images_have_is_refused(tuned, unseen):
    twice = unseen.iloc[[0, 0]].assign(path=["test/a/same.jpg", "test/b/same.jpg"])
    predictions = Predictions(pd.concat([tuned.predictions.table, twice]))
    with pytest.raises(DataError, match=r"'same.jpg' may be one of several images"):
        bring(replace(tuned, predictions=predictions), pd.DataFrame({"path": ["same.jpg"], "score": [0.5]}))


def test_what_is_left_out_is_counted(tuned, unseen):
    train = tuned.predictions.table.query("set == @VALIDATION")["path"].iloc[:2]
    given = [*unseen["path"].iloc[1:], *train, "elsewhere/what.jpg"]
    _, said, notes = bring(tuned, pd.DataFrame({"path": given, "score": 0.5}))
    assert len(said.table) == len(unseen) - 1
    n = len(given)
    assert f"1 of {n} scores" in notes[0]
    assert "does not hold" in notes[0]
    assert f"2 of {n} scores" in notes[1]
    assert "training" in notes[1]
    assert "1 of" in notes[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "1.2"}, r"no probabilities in 0..1.*'1.2'"),
        ({"score": "nan"}, "no probabilities"),
        ({"score": "high"}, "no probabilities"),
        ({"path": "nowhere.jpg"}, r"none of .* paths .*'nowhere.jpg'"),
    ],
)
def test_bad_scores_are_refused_with_the_value(tuned, unseen, change, message):
    with pytest.raises(DataError, match=message):
        bring(tuned, pd.DataFrame({"path": unseen["path"], "score": "0.5"}).assign(**change))


def test_what_cannot_be_meant_is_refused(tuned, unseen):
    table = pd.DataFrame({"path": unseen["path"], "score": "0.5"})
    with pytest.raises(DataError, match="column 'path'"):
        bring(tuned, table.rename(columns={"path": "file"}))
    with pytest.raises(DataError, match="need the columns prob_"):
        bring(tuned, table.rename(columns={"score": "p"}))
    with pytest.raises(DataError, match="has two scores"):
        bring(tuned, pd.concat([table, table.iloc[[0]]]))
    with pytest.raises(InputError, match="unknown class 'cat'"):
        bring(tuned, table, positive="cat")
    with pytest.raises(DataError, match=r"not 1\.5"):
        bring(tuned, table, threshold=1.5)


def test_three_classes_have_no_threshold(make_features):
    tuned = tune(plan("logreg", make_features(classes=("ai", "edited", "real")), trials=0, n_folds=3))
    unseen = tuned.predictions.table.query("set != @VALIDATION")
    table = unseen[["path", "prob_ai", "prob_edited", "prob_real"]]
    with pytest.raises(DataError, match="leave out --threshold"):
        bring(tuned, table, threshold=0.9)
    model, said, _ = bring(tuned, table)
    assert (said.table["predicted"].to_numpy() == unseen["predicted"].to_numpy()).all()
    assert model.passport.thresholds == {}


@pytest.mark.parametrize("columns", [1, 2])
def test_scores_of_the_other_class_are_called_inverted_with_the_way_out(tuned, unseen, columns):
    noise = np.random.default_rng(0).normal(size=len(unseen))
    of_real = 1 / (1 + np.exp(-3 * np.where(unseen["label"] == "real", 1, -1) - noise))
    table = pd.DataFrame({"path": unseen["path"], "score": of_real})
    if columns == 2:
        table = table.rename(columns={"score": "prob_ai"}).assign(prob_real=1 - of_real)
    model, said, notes = bring(tuned, table)
    (note,) = [note for note in notes if "inverted" in note]
    assert note in model.passport.notes
    if columns == 1:
        assert "--positive real" in note
        _, said, notes = bring(tuned, table, positive="real")
        assert (score_table(said)["roc_auc"] > 0.9).all()
    else:
        assert "prob_ai" in note
        notes = bring(tuned, table.rename(columns={"prob_ai": "prob_real", "prob_real": "prob_ai"}))[2]
    assert not any("inverted" in note for note in notes)


def test_scores_that_are_noise_are_not_called_inverted(tuned, unseen):
    table = pd.DataFrame({"path": unseen["path"], "score": np.random.default_rng(1).random(len(unseen))})
    assert bring(tuned, table)[2] == []


def test_files_that_are_no_scores_are_refused(tmp_path):
    path = tmp_path / "scores.csv"
    with pytest.raises(DataError, match="cannot read scores"):
        read_scores(path)
    path.write_text("text\na, b, c\n\nmore, of, it, here\n")
    with pytest.raises(DataError, match="no CSV file"):
        read_scores(path)
    path.write_text("path,score\n")
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(path)
    path.write_bytes("\ufeffpath,score\na.jpg,0.5\n".encode())
    assert list(read_scores(path)) == ["path", "score"]


def test_an_imported_detector_stands_on_the_page_and_cannot_be_run_or_combined(
    tuned, unseen, tmp_path, run_command, artifacts
):
    models, predictions = tmp_path / "models", tmp_path / "predictions"
    keep(tuned, models, predictions)
    file = tmp_path / "theirs.csv"
    unseen[["path"]].assign(score=0.75).to_csv(file, index=False)
    places = ["--artifacts", tmp_path]
    code, out, err = run_command(cli, "import", file, "--name", "theirs", *places)
    assert (code, err.splitlines()[1:]) == (0, ["positive class: ai, as in the report; choose with --positive"])
    assert "classify report toy" in out
    page = report_again(artifacts, names=["logreg-toy"]).page.read_text()
    assert "its training data are not known here" in page
    assert page.count("theirs") > 5
    assert "Accuracy of logreg, the chosen model" in page  # what has no folds is not chosen
    code, out, _ = run_command(cli, "models", *places)
    assert (code, "\ntheirs" in out) == (0, True)
    with pytest.raises(ModelError, match="only scores are known"):
        persist.load(models / "theirs")
    with pytest.raises(ModelError, match="no folds to combine"):
        plan_ensemble("vote", persist.passports(models))


def test_a_model_that_was_trained_here_is_not_replaced(tuned, unseen, tmp_path):
    keep(tuned, tmp_path / "models", tmp_path / "predictions")
    model, said, _ = bring(tuned, unseen[["path"]].assign(score=0.5), name="logreg-toy")
    with pytest.raises(DataError, match="was trained here"):
        keep_imported(model, said, tmp_path / "models", tmp_path / "predictions")
    assert persist.load(tmp_path / "models/logreg-toy").estimator is not None

from functools import partial

import pytest

from pipelines import cli


@pytest.fixture
def pipelines(run_command, monkeypatch, weights_file):
    """Run `pipelines ...` in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.setenv("FEATEX_WEIGHTS", weights_file)
    return partial(run_command, cli)


def test_compare_says_where_the_report_is_and_the_report_how_it_was_made(pipelines, data, tmp_path):
    code, out, _ = pipelines("compare", data, "--only", "logreg", "--folds", 3, "--trials", 1)
    assert code == 0
    header, *rows = [line for line in out.splitlines() if line.startswith(("model ", "logreg", "metadata"))]
    assert ["cross-validation" in header, "wild" in header, len(rows)] == [True, True, 2]
    assert rows[0].startswith("logreg (chosen)")
    assert rows[1].startswith("metadata")
    assert "baseline)" in out
    assert "Report: artifacts/reports/images/index.html" in out
    assert "Next: classify predict logreg-images IMAGE..." in out
    page = (tmp_path / "artifacts/reports/images/index.html").read_text()
    assert "pipelines compare images --only logreg --folds 3 --trials 1" in page


@pytest.mark.parametrize(
    ("arguments", "expected", "sentence"),
    [
        (["compare"], 1, "Error: there is no folder data here; name a folder of images, or make a sample"),
        (["travel"], 1, "Error: there is no folder data here"),
        (["audit"], 1, "Error: there is no set of features in artifacts/features yet; make one: featex extract DIR"),
        (["transfer"], 1, "Error: there is no set of features in artifacts/features yet"),
        (["stress"], 1, "Error: there is no model in artifacts/models yet; make one: classify tune svm"),
        (["audit", "--only", "leak"], 2, "Error: unknown check 'leak'; did you mean 'leaks'?"),
        (["compare", "--only", "svm,smv"], 2, "Error: unknown model 'smv'; did you mean 'svm'?"),
        (["compare", "--study", "cifake"], 2, "Error: unknown study 'cifake'; did you mean 'cifake-cnn'?"),
        (
            ["compare", "--study", "cifake-cnn"],
            1,
            "Error: 'data/cifake' does not exist. The study cifake-cnn takes CIFAKE",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(pipelines, tmp_path, arguments, expected, sentence):
    code, out, err = pipelines(*arguments)
    assert (code, out) == (expected, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_study_is_run_again_by_its_name(pipelines, write_images, tmp_path):
    for name, n in (("train", 8), ("test", 3)):
        for i, label in enumerate(("REAL", "FAKE")):
            write_images(tmp_path / f"data/cifake/{name}/{label}", n, tint=120 * i, size=32)
    code, out, err = pipelines("compare", "--study", "cifake-cnn", "--folds", 2, "--epochs", 1, "--device", "cpu")
    assert code == 0, err
    assert "Report: artifacts/reports/cifake-cnn/index.html" in out
    page = (tmp_path / "artifacts/reports/cifake-cnn/index.html").read_text()
    for words in ("pipelines compare --study cifake-cnn --folds 2 --epochs 1", "91 %", "cnn3-cifake-cnn"):
        assert words in page


def test_studies_are_listed_with_models_and_whether_their_data_are_here(pipelines, tmp_path):
    (tmp_path / "data/cifake").mkdir(parents=True)
    code, out, _ = pipelines("studies")
    assert code == 0
    assert (
        "cifake-cnn: A CNN of three convolutions on CIFAKE\n  models: cnn3\n  data: CIFAKE; data/cifake is there" in out
    )
    assert "resnet18-svm: " in out
    assert "data/ai-vs-human is not there (where to get it: https://www.kaggle.com" in out

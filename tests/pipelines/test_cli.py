from functools import partial

import pytest

from pipelines import cli


@pytest.fixture
def pipelines(run_command, monkeypatch, weights_file):
    """Run `pipelines ...` in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.setenv("FEATEX_WEIGHTS", weights_file)
    return partial(run_command, cli)


def test_compare_says_where_the_report_is_and_the_report_how_it_was_made(pipelines, data, tmp_path):
    code, out, _ = pipelines("compare", data, "--only", "svm,logreg", "--folds", 3, "--trials", 1)
    assert (code, out) == (0, "Report: artifacts/reports/images/index.html\n")
    page = (tmp_path / "artifacts/reports/images/index.html").read_text()
    assert f"pipelines compare {data} --only svm,logreg --folds 3 --trials 1" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare"], "Error: 'data' does not exist"),
        (["compare", "--only", "svm,smv"], "Error: unknown model 'smv'; did you mean 'svm'?"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(pipelines, tmp_path, arguments, sentence):
    code, out, err = pipelines(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

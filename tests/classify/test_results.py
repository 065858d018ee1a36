import pytest

from classify.plan import plan
from classify.results import is_kept, keep, replaced, write_report_on
from classify.tuning import tune
from featex.errors import InputError


def run(tmp_path, job):
    tuned = tune(job)
    keep(tuned, tmp_path / "models", tmp_path / "predictions")
    return tuned


def test_what_is_kept_is_known_by_its_digest_and_trials(make_features, tmp_path):
    features = make_features()
    job = plan("svm", features, trials=2, n_folds=3)
    places = tmp_path / "models", tmp_path / "predictions"
    assert not is_kept(job, *places)
    run(tmp_path, job)
    assert is_kept(job, *places)
    assert is_kept(plan("svm", features, trials=1, n_folds=3), *places)
    assert not is_kept(plan("svm", features, trials=3, n_folds=3), *places)
    assert not is_kept(plan("svm", features, trials=2, n_folds=4), *places)
    (tmp_path / "predictions" / "svm-toy.csv").unlink()
    assert not is_kept(job, *places)


def test_a_report_is_on_the_models_of_the_newest_data(make_features, tmp_path):
    run(tmp_path, plan("forest", make_features(n=24), trials=1, n_folds=3))
    features = make_features()
    run(tmp_path, plan("svm", features, trials=1, n_folds=3))
    run(tmp_path, plan("logreg", features, trials=1, n_folds=3))
    path = write_report_on(None, tmp_path / "models", tmp_path / "predictions", tmp_path / "reports")
    page = path.read_text()
    assert path == tmp_path / "reports" / "toy" / "index.html"
    assert "svm-toy" in page
    assert "logreg-toy" in page
    assert "forest-toy" not in page


def test_a_report_says_first_what_spoils_it(make_features, tmp_path):
    features = make_features()
    features.extractor["trained"] = False
    features.rows["split"] = ""
    run(tmp_path, plan("svm", features, trials=1, n_folds=3))
    page = write_report_on("toy", tmp_path / "models", tmp_path / "predictions", tmp_path / "reports").read_text()
    assert page.index("UNTRAINED") < page.index("selection score")
    assert "held out by a hash" in page


def test_no_model_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no model in .* belongs to a report; there are: none yet"):
        write_report_on(None, tmp_path, tmp_path, tmp_path)


def test_a_model_that_would_be_replaced_is_named(make_features, tmp_path):
    features = make_features()
    job = plan("svm", features, trials=1, n_folds=3)
    run(tmp_path, job)
    assert replaced(job, tmp_path / "models") == ""
    assert "1 trials, 3 folds" in replaced(plan("svm", features, n_folds=4), tmp_path / "models")
    assert replaced(plan("logreg", features), tmp_path / "models") == ""


def test_predictions_that_have_gone_are_a_sentence(make_features, tmp_path):
    run(tmp_path, plan("svm", make_features(), trials=1, n_folds=3))
    (tmp_path / "predictions" / "svm-toy.csv").unlink()
    with pytest.raises(InputError, match=r"the predictions of svm-toy in .* have gone; tune it again"):
        write_report_on(None, tmp_path / "models", tmp_path / "predictions", tmp_path / "reports")

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from classify import write_report
from classify.stats.abstention import fit
from classify.stats.reliability import sureness
from classify.trained import persist
from classify.trained.ensemble import combine, plan_ensemble
from classify.trained.imported import Scores, import_scores, keep_imported
from classify.trained.pair import find_members, is_kept, keep, read_predictions, replaced
from classify.trained.predict import predict_set
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from classify.workspace import evaluate, report_again, report_target
from featex import extract
from featex.errors import InputError
from featex.layout import Artifacts
from featex.system.progress import Progress


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


def test_a_model_is_kept_with_the_rule_by_which_it_answers_unsure(make_features, tmp_path):
    features = make_features(n=200, shift=4.0)
    tuned = run(tmp_path, plan("logreg", features, trials=0, n_folds=3))
    model = persist.load(tmp_path / "models/logreg-toy")
    rule = model.passport.unsure
    assert rule == fit(tuned.predictions)
    assert rule.least is not None
    table = predict_set(model, features)
    probabilities = table[[f"prob_{label}" for label in model.classes]].to_numpy()
    answered = (sureness(probabilities, table["predicted"], model.classes) >= rule.least) & ~table[
        "out_of_distribution"
    ]
    assert (table["answer"] == table["predicted"].where(answered, "unsure")).all()


def test_a_report_is_on_the_models_of_the_newest_data(make_features, tmp_path, artifacts):
    run(tmp_path, plan("forest", make_features(n=24), trials=1, n_folds=3))
    features = make_features()
    run(tmp_path, plan("svm", features, trials=1, n_folds=3))
    run(tmp_path, plan("logreg", features, trials=1, n_folds=3))
    path = report_again(artifacts).page
    page = path.read_text()
    assert path == tmp_path / "reports" / "toy" / "index.html"
    assert "svm-toy" in page
    assert "logreg-toy" in page
    assert "forest-toy" not in pd.read_csv(path.with_name("scores.csv"))["model"].tolist()
    assert "Left out of this report: forest-toy" in page
    other = report_again(artifacts, "forest-toy").page
    assert other == tmp_path / "reports" / "forest-toy" / "index.html"
    assert set(pd.read_csv(other.with_name("scores.csv"))["model"]) == {"forest"}
    evaluation = evaluate(artifacts=artifacts)
    scores = pd.read_csv(path.with_name("scores.csv"))
    pd.testing.assert_frame_equal(evaluation.scores, scores, check_dtype=False, check_exact=True)
    assert evaluate(evaluation.predictions).scores.equals(evaluation.scores)
    write_report(evaluation, tmp_path / "page")
    assert (tmp_path / "page" / "scores.csv").read_bytes() == path.with_name("scores.csv").read_bytes()


def test_a_report_says_first_what_spoils_it(make_features, tmp_path, artifacts):
    features = make_features()
    features.extractor["trained"] = False
    features.rows["split"] = ""
    run(tmp_path, plan("svm", features, trials=1, n_folds=3))
    page = report_again(artifacts, "toy").page.read_text()
    assert page.index("UNTRAINED") < page.index("cross-validation score")
    assert "chosen by a hash of their content" in page


def test_a_net_that_started_from_random_weights_is_said_first(make_features, tmp_path, artifacts):
    tuned = tune(plan("svm", make_features(), trials=1, n_folds=3))
    places = [tmp_path / place for place in ("models", "predictions", "reports")]
    for weights in ("resnet18.pth", "random"):
        passport = replace(tuned.model.passport, settings={"weights": weights})
        keep(replace(tuned, model=replace(tuned.model, passport=passport)), *places[:2])
        page = report_again(artifacts, "toy").page.read_text()
        assert ("svm started from UNTRAINED (random) weights" in page) == (weights == "random")


def test_a_study_that_is_run_again_gives_the_page_its_title(make_features, tmp_path, artifacts):
    features = make_features()
    study = {"study": "first", "title": "The first study", "source": "a journal", "notes": [], "scores": []}
    run(tmp_path, plan("svm", features, trials=1, n_folds=3, published=study))
    run(tmp_path, plan("logreg", features, trials=1, n_folds=3))
    page = report_again(artifacts, "toy").page.read_text()
    assert "<h1>The first study: run again</h1>" in page


def test_a_recipe_is_another_model_than_the_best_of_a_search(make_features):
    features = make_features()
    recipe, one, two = (plan("svm", features, trials=n).digest for n in (0, 1, 2))
    assert recipe != one == two


def test_no_model_is_a_sentence(tmp_path, artifacts):
    with pytest.raises(InputError, match=r"no model in .* yet; make one: classify tune svm"):
        report_again(artifacts)


def test_a_model_that_would_be_replaced_is_named(make_features, tmp_path):
    features = make_features()
    job = plan("svm", features, trials=1, n_folds=3)
    run(tmp_path, job)
    assert replaced(job, tmp_path / "models") == ""
    assert "(1 trial, 3 folds;" in replaced(plan("svm", features, n_folds=4), tmp_path / "models")
    assert replaced(plan("logreg", features), tmp_path / "models") == ""


def test_an_imported_detector_that_would_be_replaced_is_named(make_features, tmp_path):
    features = make_features()
    job = plan("svm", features, trials=1, n_folds=3)
    tuned = run(tmp_path, job)
    unseen = tuned.predictions.table.query("set == 'test'")
    table = pd.DataFrame({"path": unseen["path"], "score": unseen["prob_ai"]})
    places = tmp_path / "models", tmp_path / "predictions"
    model, said, _ = import_scores(Scores(table), [tuned.model.passport], tuned.predictions, name="elsewhere")
    keep_imported(model, said, *places)
    sentence = replaced(plan("svm", features, trials=1, name="elsewhere"), tmp_path / "models")
    assert "elsewhere" in sentence
    assert model.passport.created in sentence


def test_predictions_that_have_gone_are_a_sentence(make_features, tmp_path, artifacts):
    run(tmp_path, plan("svm", make_features(), trials=1, n_folds=3))
    (tmp_path / "predictions" / "svm-toy.csv").unlink()
    with pytest.raises(InputError, match=r"the predictions of svm-toy are missing in .*; make the model again"):
        report_again(artifacts)


def test_an_ensemble_is_kept_and_reported_on_beside_its_members_and_known_again(make_features, tmp_path, artifacts):
    features = make_features()
    places = tmp_path / "models", tmp_path / "predictions"

    def job():
        return plan_ensemble("stack", find_members(["svm-toy", "logreg-toy"], tmp_path / "models"))

    for model in ("svm", "logreg"):
        run(tmp_path, plan(model, features, trials=1, n_folds=3))
    assert not is_kept(job(), *places)
    keep(combine(job(), read_predictions(job().passports, tmp_path / "predictions")), *places)
    assert is_kept(job(), *places)
    assert replaced(job(), tmp_path / "models") == ""
    page = report_again(artifacts).page.read_text()
    for sentence in ("from 3 models", "members svm-toy, logreg-toy", "<dd>members</dd>"):
        assert sentence in page
    run(tmp_path, plan("svm", features, trials=1, n_folds=3))
    assert is_kept(job(), *places)  # the same member once more
    run(tmp_path, plan("svm", features, trials=1, n_folds=3, seed=1))
    assert not is_kept(job(), *places)
    assert "This replaces the model stack-toy" in replaced(job(), tmp_path / "models")


def test_members_are_found_in_the_order_they_are_named_or_named_back(make_features, tmp_path):
    with pytest.raises(InputError, match=r"no model 'svm-toy' in .*; there are: none yet"):
        find_members(["svm-toy"], tmp_path)
    for model in ("svm", "logreg"):
        run(tmp_path, plan(model, make_features(), trials=1, n_folds=3))
    names = ["logreg-toy", "svm-toy"]
    for wanted in (names, names[::-1]):
        assert [passport.name for passport in find_members(wanted, tmp_path / "models")] == wanted
    with pytest.raises(InputError, match=r"unknown model 'smv-toy'; did you mean 'svm-toy'\? available: "):
        find_members(["logreg-toy", "smv-toy"], tmp_path / "models")


def test_a_report_is_written_again_without_torch_and_images_and_its_tables_are_equal(
    make_features, tmp_path, artifacts
):
    features = make_features()
    run(tmp_path, plan("logreg", features, trials=0, n_folds=3))
    run(tmp_path, plan("forest", features, trials=1, n_folds=3))
    path = report_again(artifacts).page
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix in (".csv", ".html")}
    code = f"""
import sys
class NoTorch:
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoTorch)
from pathlib import Path
from classify.workspace import evaluate, report_again, report_target
from classify.report import write
write.FIGURES = dict([*write.FIGURES.items()][:1])
from featex.layout import Artifacts
from featex.system.progress import Progress
report_again(Artifacts(Path({str(tmp_path)!r})))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {name: (path.parent / name).read_bytes() for name in before} == before


def test_a_notebook_tunes_loads_and_predicts_by_three_names(data, with_vectors, tmp_path, weights_file):
    from classify import evaluate, load_model, predict, tune

    artifacts = Artifacts(tmp_path / "artifacts")
    with_vectors(artifacts.features)
    extract(data, artifacts.features, weights=weights_file, device="cpu")
    tuned = tune("logreg", "images", artifacts=str(artifacts.root), trials=1, n_folds=2)
    assert tuned.model.name == "logreg-images"
    assert tuned.model.passport.cv.n_folds == 2
    assert set(evaluate(tuned.predictions).scores["set"]) == {"test", "wild"}
    model = load_model("logreg-images", artifacts, "cpu")
    options = {"artifacts": artifacts, "weights": weights_file, "device": "cpu"}
    (data / "wild/broken.jpg").write_bytes(b"broken")
    table = predict(model, [data / "wild"], **options)
    assert len(table) == 6
    assert [Path(path).name for path, _ in table.attrs["failed"]] == ["broken.jpg"]
    alone = predict(model, data / "wild", **options | {"artifacts": str(artifacts.root)})
    pd.testing.assert_frame_equal(alone, table)
    of_set = predict(model, "images", **options).query("split == 'wild'")
    assert table["prob_ai"].tolist() == pytest.approx(of_set["prob_ai"].tolist(), abs=1e-6)


def test_the_report_of_the_newest_model_is_taken_and_said(make_features, tmp_path, artifacts):
    class Heard(Progress):
        def say(self, line):
            lines.append(line)

    lines: list[str] = []
    with pytest.raises(InputError, match="make one: classify tune svm"):
        report_target(None, artifacts, Heard())
    run(tmp_path, plan("svm", make_features(), trials=0, n_folds=3))
    assert report_target(None, artifacts, Heard()) == "toy"
    assert lines == ["toy (the report of the newest model)"]

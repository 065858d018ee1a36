import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.errors import DataError, ModelError
from classify.pages.sections import read_section
from classify.predictions import Predictions
from classify.trained import persist
from classify.trained.ensemble import combine, plan_ensemble
from classify.trained.imported import Scores, import_scores, keep_imported
from classify.trained.pair import keep, keep_pair, read_predictions
from classify.trained.predict import predict_images
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError
from featex.extraction.extract import extract
from featex.layout import Artifacts
from featex.store.cache import FeatureCache
from featex.store.features import StoredSet, load_features
from pipelines.robustness import predict, readers
from pipelines.robustness import stress as module
from pipelines.robustness.conditions import CONDITIONS, Condition
from pipelines.robustness.stress import StressTest

SEEING = ["svm-images", "lenet5-images", "vote-images"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, write_images, weights_file):
    """A project with a set (train 2 x 12, test 2 x 4, wild 2 x 3), an SVM, a net, their vote, and two blind models."""
    project = tmp_path_factory.mktemp("project")
    for number, (split, n) in enumerate({"train": 12, "test": 4, "wild": 3}.items()):
        for tint, label in ((0, "ai"), (120, "real")):
            write_images(project / "images" / split / label, n, tint=tint, seed=number)
    artifacts = project / "artifacts"
    features = extract(
        project / "images", artifacts / "features", weights=weights_file, device="cpu", name="images"
    ).load()
    places = artifacts / "models", artifacts / "predictions"
    for model, wishes in {"svm": {}, "lenet5": {"max_epochs": 2, "device": "cpu"}, "metadata": {}}.items():
        trials = 0 if model == "lenet5" else 1
        keep(tune(plan(model, features, n_folds=2, trials=trials, **wishes)), *places)
    passports = [one for one in persist.passports(places[0]) if one.name in SEEING]
    job = plan_ensemble("vote", passports)
    keep(combine(job, read_predictions(passports, places[1])), *places)
    known = read_predictions(passports, places[1])[0]
    scores = known.table.loc[known.table["set"] == "test", ["path"]].assign(score="0.4")
    keep_imported(*import_scores(Scores(scores), passports, known, name="elsewhere")[:2], *places)
    return project


@pytest.fixture(scope="module")
def stressed(made):
    """The same project after a first run, and what that found."""
    test = StressTest(transforms=["jpeg"], grades="quick")
    artifacts = Artifacts(made / "artifacts")
    return module.stress(test=test, artifacts=artifacts, device="cpu", command="pipelines stress images")


@pytest.fixture
def project(made, stressed, tmp_path):
    shutil.copytree(made / "artifacts", tmp_path / "artifacts")
    return tmp_path


@pytest.fixture
def stress(project, monkeypatch):
    monkeypatch.setattr("pipelines.robustness.page.pictures", lambda table, bias: [])  # seconds, and looked at once

    def stress(report=None, weights=None, **options):
        test = StressTest(**{"transforms": ["jpeg"], "grades": "quick", **options})
        artifacts = Artifacts(project / "artifacts")
        return module.stress(report, test, weights=weights, artifacts=artifacts, device="cpu")

    return stress


@pytest.fixture
def nothing(monkeypatch):
    """A transform that does nothing, in the place of all."""
    for name, transform in CONDITIONS.items():
        same = replace(transform, apply=lambda image, grade, seed: image.copy())
        monkeypatch.setitem(CONDITIONS, name, same)


def test_a_condition_that_does_nothing_changes_nothing_for_any_model(stress, nothing, project):
    done = stress(transforms=["webp"])
    assert list(done.table["model"].unique()) == SEEING
    assert list(done.table["set"].unique()) == ["test", "wild"]
    index = ["model", "set", "path"]
    as_is, same = (
        done.predictions[done.predictions["transform"] == name].drop_duplicates(index).set_index(index).sort_index()
        for name in ("", "webp")
    )
    assert len(as_is) == 3 * 14
    assert (as_is["predicted"].astype(str) == same["predicted"].astype(str)).all()
    assert same["prob_ai"].to_numpy() == pytest.approx(as_is["prob_ai"].to_numpy(), abs=1e-5)
    assert same["prob_ai"].nunique() > 10
    assert (done.table["difference"].dropna() == 0).all()
    assert done.bias["looks"].eq("").all()


def test_images_as_they_are_stand_as_the_models_own_predictions_say(stressed, project):
    done = stressed
    for model in SEEING:
        own = Predictions.read(project / f"artifacts/predictions/{model}.csv").table
        own = own[own["set"] != "validation"].reset_index(drop=True)
        here = done.predictions[
            (done.predictions["model"] == model) & (done.predictions["transform"] == "")
        ].reset_index(drop=True)
        for name in ("set", "path", "label", "predicted", "source", "group"):
            assert here[name].astype(str).tolist() == own[name].tolist()
        assert (here[["prob_ai", "prob_real"]].to_numpy() == own[["prob_ai", "prob_real"]].to_numpy()).all()


def test_what_is_said_under_a_condition_is_said_of_such_files(stress, project, made):
    """An image under a condition, written to a file without loss, and through the door that everyone uses."""
    done = stress(transforms=["blur"])
    rows = load_features(project / "artifacts/features", "images").rows.set_index("path")
    path = "test/real/002.jpg"
    condition = Condition("blur", CONDITIONS["blur"].quick[1])
    pixels = condition(np.array(Image.open(made / "images" / path)), rows.loc[path, "key"])
    Image.fromarray(pixels).save(project / "blurred.png")
    for name in SEEING:
        model = persist.load(project / "artifacts/models" / name, "cpu")
        told, _ = predict_images(model, [project / "blurred.png"], cache=project / "other", device="cpu")
        said = done.predictions[(done.predictions["model"] == name) & (done.predictions["path"] == path)]
        said = said[said["grade"] == condition.grade].iloc[0]
        assert said["predicted"] == told.loc[0, "predicted"]
        assert said["prob_ai"] == pytest.approx(told.loc[0, "prob_ai"], abs=1e-5)


def test_models_that_see_no_pixel_are_left_out_with_a_line(stressed, stress):
    lines = stressed.lines()
    assert {line.split()[0] for line in lines if "left out" in line} == {"metadata-images", "elsewhere"}
    with pytest.raises(ModelError, match="metadata-images is left out"):
        stress(models=["metadata-images"])


def test_a_second_run_computes_nothing_and_needs_no_weights(stressed, stress, monkeypatch):
    monkeypatch.setattr(predict, "decode", pytest.fail)
    monkeypatch.setattr(readers.FeatureReader, "extractor", property(pytest.fail))
    monkeypatch.setattr("classify.nets.classifier.NetClassifier.predict_proba", pytest.fail)
    again = stress()
    pd.testing.assert_frame_equal(again.predictions, stressed.predictions)
    pd.testing.assert_frame_equal(again.table, stressed.table)


def test_further_conditions_are_all_that_is_computed(stress, monkeypatch):
    computed, add = [], FeatureCache.add
    monkeypatch.setattr(FeatureCache, "add", lambda self, keys, X: computed.extend(keys) or add(self, keys, X))
    stress(transforms=["jpeg", "crop"])
    assert len(computed) == 2 * 14 * 2  # readers, images, grades


def test_a_page_and_a_table_are_written_for_the_report_of_the_same_images(stressed, made):
    done, html = stressed, stressed.page.read_text()
    assert done.page == made / "artifacts/stress/images/index.html"
    for told in ("pipelines stress images", "Where the models of images break", "jpeg 85, jpeg 50"):
        assert told in html
    assert "8 of test; 6 of wild" in html
    assert len(list(done.page.parent.glob("*.svg"))) == 6
    assert len(pd.read_csv(done.page.with_name("stress.csv"))) == len(done.table)
    passport = next(p for p in persist.passports(made / "artifacts/models") if p.name == "svm-images")
    assert read_section(done.page.parent, passport.data.images).name == "stress"
    kept = pd.read_parquet(done.page.with_name("predictions.parquet"))
    assert len(kept) == 14 * 3 * 3
    assert set(kept) == {
        *("model", "set", "path", "label", "predicted", "transform", "grade", "source", "group", "prob_ai", "prob_real")
    }


def test_a_limit_draws_at_random_of_each_class_by_its_share(stress):
    done = stress(limit=3, models=["svm-images"])
    drawn = (
        done.predictions[done.predictions["transform"] == ""]
        .groupby(["set", "label"], observed=True)["path"]
        .apply(set)
    )
    sizes = drawn.map(len).unstack()
    assert (sizes.sum(axis=1) == 3).all()
    assert sizes.to_numpy().min() == 1
    assert any("3 images" in line for line in done.lines())
    again, other = (stress(limit=3, models=["svm-images"], seed=seed).predictions for seed in (0, 5))
    pd.testing.assert_frame_equal(again, done.predictions)
    assert set(other["path"]) != set(done.predictions["path"])
    assert not any("drawn" in line for line in stress(limit=8, models=["svm-images"]).lines())
    with pytest.raises(InputError, match="not 0"):
        stress(limit=0)


def test_an_image_that_has_changed_is_left_out_of_all_numbers_and_listed(stress, project, made, write_images):
    shutil.copytree(made / "images", project / "moved")
    path = project / "moved/test/ai/001.jpg"
    write_images(path.parent, 2, tint=77, seed=9)
    stored = StoredSet(next((project / "artifacts/features").glob("*/sets/images.parquet")))
    stored.write(stored.read()[0], project / "moved")
    shutil.rmtree(project / "artifacts/net_scores")  # what was seen of it before is otherwise as good as ever
    done = stress(models=["lenet5-images"])
    assert done.failed["path"].tolist() == ["test/ai/000.jpg", "test/ai/001.jpg"]
    assert done.failed["reason"].str.contains("has changed").all()
    assert set(done.table.loc[done.table["set"] == "test", "n"]) == {6}
    assert not set(done.failed["path"]) & set(done.predictions["path"])
    assert any(line.startswith("2 images could not be read") for line in done.lines())
    assert done.page.with_name("failed.csv").is_file()
    shutil.rmtree(project / "moved")
    shutil.rmtree(project / "artifacts/net_scores")
    with pytest.raises(DataError, match=r"none of 14 images can be used .cannot be read"):
        stress(models=["lenet5-images"])


def test_names_that_are_unknown_are_refused(stress):
    with pytest.raises(InputError, match="unknown model 'svm-image'; did you mean 'svm-images'"):
        stress(models=["svm-image"])
    with pytest.raises(InputError, match="unknown report 'imagse'; did you mean 'images'"):
        stress(report="imagse")
    with pytest.raises(InputError, match="unknown transform"):
        stress(transforms=["jpg"])


def test_a_newer_set_of_that_name_and_other_images_does_not_hide_the_reports_own(stress, project):
    path = next((project / "artifacts/features").glob("*/sets/images.parquet"))
    rows, root = StoredSet(path).read()
    other = path.parent.parent.with_name("other-1")
    shutil.copytree(path.parent.parent, other)
    StoredSet(other / "sets" / path.name).write(rows.iloc[2:].reset_index(drop=True), root)
    assert stress(models=["svm-images"], transforms=["webp"]).page.is_file()


def test_a_set_that_was_extracted_anew_from_other_images_is_refused(stress, project):
    stored = StoredSet(next((project / "artifacts/features").glob("*/sets/images.parquet")))
    rows, root = stored.read()
    stored.write(rows.assign(label=rows["label"].replace("ai", "fake")), root)
    with pytest.raises(InputError, match="from other images"):
        stress()


def test_other_weights_than_those_a_model_knows_are_refused(stress, tmp_path):
    webp = {"models": ["svm-images"], "transforms": ["webp"]}
    with pytest.raises(ModelError, match=r"svm-images was trained on features of resnet18-.*--weights"):
        stress(**webp, weights="random")
    with pytest.raises(ModelError, match="svm-images needs the weights it was trained with"):
        stress(**webp, weights=str(tmp_path / "gone.safetensors"))


def test_there_must_be_an_unseen_image_with_a_label(stress, project):
    path = project / "artifacts/predictions/svm-images.csv"
    said = Predictions.read(path)
    model = persist.load(project / "artifacts/models/svm-images")
    rest = Predictions(said.table[said.table["set"] == "validation"])
    keep_pair(model, rest, project / "artifacts/models", project / "artifacts/predictions")
    with pytest.raises(DataError, match="no unseen image with a label"):
        stress(models=["svm-images"])

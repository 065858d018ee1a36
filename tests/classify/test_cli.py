import json
import subprocess
import sys
from functools import partial

import pandas as pd
import pytest

from classify import cli
from classify.trained import persist
from featex import extract
from featex.extraction.recipes import FeatureRecipe
from featex.network.views import View
from featex.store.cache import FeatureCache
from featex.store.features import StoredSet
from featex.system.disk import write_json


@pytest.fixture
def classify(run_command):
    """Run `classify ...` in an empty folder; return exit code, standard output and standard error."""
    return partial(run_command, cli)


@pytest.fixture
def extracted(data, tmp_path, weights_file, with_vectors):
    done = extract(data, with_vectors(tmp_path / "artifacts/features"), weights=weights_file, device="cpu")
    assert done.computed == 0  # else `with_vectors` spares nobody anything
    return done


def test_tune_tells_the_selection_score_from_results(classify, extracted, tmp_path):
    code, out, err = classify("tune", "--model", "svm", "--trials", 2, "--folds", 3)
    assert code == 0
    assert "svm on images: 24 training images, 3 random folds, 2 trials" in err
    rows = [line.split("  ")[0] for line in out.splitlines()]
    assert rows[2:5] == [
        "cross-validation score (optimistic), accuracy",
        "test set, accuracy",
        "external set “wild”, accuracy",
    ]
    assert "Next: classify predict svm-images IMAGES\n      classify report images\n" in out
    record = json.loads(classify("tune", "SVM", "--trials", 2, "--folds", 3, "--json")[1])
    assert [(row["set"], row["n"]) for row in record["scores"]] == [("test", 8), ("wild", 6)]
    assert record["model"] == "svm-images"
    assert (tmp_path / "artifacts/models/svm-images/passport.json").exists()
    assert (tmp_path / "artifacts/predictions/svm-images.csv").exists()
    assert (tmp_path / "artifacts/studies/svm-images.journal").exists()


def test_tune_says_that_there_is_no_result_where_no_unseen_image_has_a_label(classify, extracted):
    rows, root = extracted.stored.read()
    extracted.stored.write(rows.assign(label=rows["label"].where(rows["split"] == "train", "")), root)
    code, out, _ = classify("tune", "--model", "logreg", "--trials", 1, "--folds", 2)
    assert code == 0
    assert "There is no result" in out
    assert "test set" not in out.split("There is no result")[0]


def test_what_is_sent_on_names_no_home_folder_and_no_password(classify, extracted, data, tmp_path, monkeypatch):
    home = tmp_path.parent
    monkeypatch.setenv("HOME", str(home))
    storage = f"sqlite:///{tmp_path}/s.db?timeout=9"
    options = ["--storage", storage, "--artifacts", tmp_path / "artifacts"]
    assert classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3, *options)[0] == 0
    assert classify("report")[0] == 0
    assert classify("explain", "logreg-images", data / "wild/ai/000.jpg", "--no-occlusion", "--out", "why")[0] == 0
    places = (tmp_path / "artifacts/models", tmp_path / "artifacts/predictions", tmp_path / "artifacts/reports")
    texts = [
        path.read_text(encoding="utf-8")
        for place in (*places, tmp_path / "why")
        for path in place.rglob("*")
        if path.suffix in (".json", ".html", ".md", ".csv", ".svg")
    ]
    assert len(texts) > 15
    for secret in (f"{home}/", "timeout=9"):
        assert [text for text in texts if secret in text] == []
    commands = persist.passports(places[0])[0].command, persist.passports(places[0])[0].data.root
    assert commands[0].endswith("--artifacts artifacts")
    assert commands[1] == f"~/{tmp_path.name}/images"
    code, _, err = classify("tune", "--model", "svm", "--storage", "nosuch://bob:secret@host/x?key=1")
    assert code == 1
    assert "nosuch://host/x" in err
    assert "secret" not in err
    assert "key=1" not in err


def test_predict_writes_csv_and_json_of_images_and_of_a_set(classify, extracted, data, tmp_path):
    classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3)
    code, out, _ = classify("predict", "logreg-images", data / "wild")
    assert code == 0
    assert out.splitlines()[0] == "path,predicted,prob_ai,prob_real,threshold_ai,answer"
    assert len(out.splitlines()) == 7
    name = f"{extracted.stored.extractor_dir.name}/images"  # "images" alone is the folder beside it
    code, out, err = classify("predict", "logreg-images", name, "--out", "all.json")
    assert (code, out.splitlines()[1]) == (0, "Predictions: all.json")
    assert out.startswith("38 images: ")
    assert "38 unsure: it takes about 59 training images to promise" in out
    rows = json.loads((tmp_path / "all.json").read_text())
    assert rows[0].keys() == {"path", "predicted", "prob_ai", "prob_real", "threshold_ai", "answer", "split"}
    assert all((row["prob_ai"] > row["threshold_ai"]) == (row["predicted"] == "ai") for row in rows)
    assert "logreg-images calls an image ai where" in err
    assert "was trained on images of this set" in err


def test_predict_lists_what_it_left_out(classify, extracted, data):
    classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3)
    (data / "wild/ai/000.jpg").write_bytes(b"no image")
    code, out, err = classify("predict", "logreg-images", data / "wild", "--out", "wild.csv")
    assert (code, out.split(":")[0]) == (0, "5 images")
    assert "Left out: " in err
    assert "000.jpg: not an image" in err
    assert len(pd.read_csv("wild.csv")) == 5


def test_models_lists_what_can_be_and_what_was_trained(classify, extracted):
    _, out, _ = classify("models")
    assert "No model trained yet" in out
    classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3)
    _, out, _ = classify("models")
    assert "lenet5" in out
    assert "logreg-images  logreg  images      24  accuracy" in out


def test_an_ensemble_is_made_listed_predicted_with_and_reported_on(classify, extracted, data, tmp_path):
    for model in ("svm", "logreg"):
        classify("tune", "--model", model, "--trials", 1, "--folds", 3)
    code, out, err = classify("ensemble", "svm-images", "logreg-images", "--method", "stack")
    assert (code, err) == (0, "")
    assert out.startswith("Stack of svm-images, logreg-images\n")
    assert "external set “wild”, accuracy" in out
    assert "Model: artifacts/models/stack-images\n" in out
    trained = json.loads(classify("models", "--json")[1])["trained"]
    assert {one["name"] for one in trained} == {"svm-images", "logreg-images", "stack-images"}
    code, out, _ = classify("predict", "stack-images", data / "wild")
    assert (code, len(out.splitlines())) == (0, 7)
    code, out, _ = classify("report")
    page = (tmp_path / "artifacts/reports/images/index.html").read_text()
    assert "classify ensemble svm-images logreg-images --method stack" in page
    classify("tune", "--model", "svm", "--trials", 1, "--folds", 2)
    code, out, err = classify("predict", "stack-images", data / "wild")
    assert (code, out) == (1, "")
    assert "svm-images was made again after stack-images had combined it" in err
    code, _, err = classify("ensemble", "svm-images", "logreg-images")
    assert code == 0
    code, _, err = classify("ensemble", "logreg-images", "svm-images")
    assert (code, err[:38]) == (0, "This replaces the model vote-images of")


def test_what_cannot_be_an_ensemble_is_one_sentence_and_leaves_nothing(classify, extracted, tmp_path):
    classify("tune", "--model", "svm", "--trials", 1, "--folds", 3)
    for arguments, expected, sentence in (
        (["svm-images"], 2, "an ensemble needs two models or more, not 1"),
        (["svm-images", "smv-images"], 2, "unknown model 'smv-images'; did you mean 'svm-images'?"),
        (["svm-images", "svm-images", "--method", "stock"], 2, "unknown method 'stock'; did you mean 'stack'?"),
    ):
        code, out, err = classify("ensemble", *arguments)
        assert (code, out) == (expected, ""), arguments
        assert sentence in err
        assert len(err.splitlines()) == 1
    assert [path.name for path in (tmp_path / "artifacts/models").iterdir()] == ["svm-images"]


def test_report_is_written_from_what_is_kept_alone(classify, extracted, data, tmp_path):
    import shutil

    classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3)
    shutil.rmtree(data)
    shutil.rmtree(tmp_path / "artifacts/features")
    code, out, _ = classify("report")
    assert code == 0
    assert "logreg (chosen)  100.0 ± 0.0 %" in out
    assert out.endswith("Report: artifacts/reports/images/index.html\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["tune"], 2, "name the model to tune, such as: classify tune svm; available: svm, logreg, "),
        (["tune", "--model", "svm"], 1, "no set of features in artifacts/features yet; make one: featex extract DIR"),
        (
            ["predict", "svm", "x.jpg"],
            2,
            "no model 'svm' in artifacts/models; there are none yet; train one: classify tune svm",
        ),
        (["ensemble", "a", "b"], 1, "no model 'a' in artifacts/models; there are: none yet"),
        (["report"], 1, "there is no model in artifacts/models yet; make one: classify tune svm"),
    ],
)
def test_without_what_it_needs_it_says_how_to_get_it(classify, tmp_path, arguments, code, sentence):
    found, out, err = classify(*arguments)
    assert (found, out) == (code, "")
    assert sentence in err
    assert list(tmp_path.iterdir()) == []


def test_bad_choices_are_one_sentence_and_leave_nothing(classify, extracted, tmp_path):
    for arguments, expected, sentence in (
        (["--model", "smv"], 2, "unknown model 'smv'; did you mean 'svm'?"),
        (["--model", "svm", "--features", "nope"], 2, "no set 'nope' in artifacts/features; there are: images"),
        (["--model", "svm", "--scoring", "acc"], 2, "unknown scoring 'acc'"),
        (["--model", "svm", "--folds", "13"], 1, "class 'ai' has 12 images, fewer than the 13 folds"),
        (["--model", "svm", "--image-size", "64"], 2, "svm takes no image_size; that is for models that read pixels"),
        (["--model", "cnn", "--image-size", "50"], 2, "image size 50 does not fit cnn; take a multiple of 16"),
        (["--model", "svm", "--storage", "foo://bar"], 1, "cannot open the study in 'foo://bar'"),
    ):
        code, out, err = classify("tune", *arguments)
        assert (code, out) == (expected, ""), arguments
        assert sentence in err
        assert "Traceback" not in err
        assert not list(tmp_path.glob("artifacts/models/*")), arguments


def test_models_tells_the_recipe_of_one(classify):
    code, out, _ = classify("models", "--model", "resnet18")
    assert code == 0
    assert out.startswith("resnet18 reads pixels: ResNet-18, fine-tuned")
    assert "  lr: 0.001\n" in out
    assert "  weights: auto\n" in out
    assert classify("models", "--model", "svm")[1].count("\n") == 1


def test_a_net_is_trained_by_its_recipe_with_the_choices_made(classify, extracted, weights_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FEATEX_WEIGHTS", weights_file)
    choices = ["--train", "last:1", "--epochs", 2, "--image-size", 32, "--set", "head=linear", "--set", "lr=0.01"]
    code, out, err = classify("tune", "--model", "resnet18", "--folds", 2, "-v", *choices)
    assert code == 0
    assert "resnet18 on images: 24 training images, 2 random folds, with its recipe's settings" in err
    assert "images/s, at most" in err  # the line of an epoch
    assert out.startswith("Trained with its recipe's settings in ")
    passport = persist.passports(tmp_path / "artifacts/models")[0]
    told = {"train": "last:1", "head": "linear", "lr": 0.01, "weights": weights_file, "max_epochs": 2}
    assert {name: passport.settings[name] for name in told} == told
    assert [(fit["fit"], len(fit["epochs"])) for fit in passport.training] == [
        ("fold 1", 2), ("fold 2", 2), ("all", 2),
    ]  # fmt: skip
    assert list((tmp_path / "artifacts/studies").glob("*.training")) == []  # done with
    code, _, err = classify("tune", "--model", "resnet18", "--set", "lr=0.01", "--trials", 2)
    assert code == 2
    assert err.endswith("Error: lr is searched for in 2 trials; leave it out, or take 0 trials\n")


def test_sets_are_joined_and_tuned_on_folds_that_hold_out_content(classify, extracted, data, tmp_path, weights_file):
    view = View("crop", inputs=("spectrum",))
    signals = extract(
        data,
        tmp_path / "artifacts/features",
        recipe=FeatureRecipe("signals", (view,), copies=1),
        weights=weights_file,
        device="cpu",
    )
    names = [f"{done.stored.extractor_dir.name}/images" for done in (extracted, signals)]
    options = ["--features", names[0], "--features", names[1], "--weigh", "content", "--folds", "2", "--trials", 1]
    code, out, _ = classify("tune", "--model", "svm", *options, "--name", "both")
    assert code == 0, out
    (passport,) = persist.passports(tmp_path / "artifacts/models")
    assert passport.extractor["n_features"] == 512 + 289
    assert passport.settings["blocks"] == [512, 289]
    assert passport.weigh == "content"
    code, out, _ = classify("predict", "both", data / "wild", "--share", "0.5", "--weights", weights_file)
    assert code == 0
    assert [line.split(",")[1] for line in out.splitlines()[1:]].count("ai") == 3
    code, _, err = classify("tune", "--model", "svm", "--folds", "sauce")
    assert code == 2
    assert "source" in err


def test_aligning_takes_a_model_on_features_that_are_still_there(classify, extracted, data, tmp_path):
    classify("tune", "--model", "logreg", "--trials", 1, "--folds", 3)
    code, _, err = classify("predict", "logreg-images", data / "wild", "--align", "mean")
    assert (code, "6 images are too few" in err) == (1, True)
    code, out, _ = classify("predict", "logreg-images", data / "train", "--align", "coral")
    assert code == 0
    assert len(out.splitlines()) == 25


def test_an_svm_is_tuned_without_torch(tmp_path, make_features):
    features = make_features()
    directory = tmp_path / "features" / "toy-1"
    cache = FeatureCache(directory / "vectors", 8)
    cache.add(list(features.rows["key"]), features.X)
    cache.flush()
    write_json(directory / "extractor.json", features.extractor)
    StoredSet(directory / "sets" / "toy.parquet").write(features.rows.assign(size=1), tmp_path)
    code = (
        "import sys\n"
        "from classify.cli import main\n"
        "sys.argv = 'classify tune --model svm --trials 2 --folds 3 --artifacts .'.split()\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Best of 2 trials" in done.stdout


@pytest.mark.parametrize("package", ["featex", "classify", "pipelines"])
def test_help_imports_nothing_but_click_and_the_standard_library(package):
    code = f"import sys, {package}.cli; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {"torch", "numpy", "pandas", "sklearn", "optuna", "PIL", "joblib", "tqdm", "matplotlib"}

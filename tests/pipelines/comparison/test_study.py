import re
from pathlib import Path

import pytest
from safetensors.torch import save_file

from classify.models.registry import get_model
from classify.trained import persist
from classify.tuning.plan import settled
from classify.workspace import report_again
from featex.errors import InputError
from featex.network.backbones import BACKBONES
from pipelines.comparison.compare import BASELINE, Comparison, compare
from pipelines.comparison.study_files import load_study, study_names

SETS = {"train": 12, "test": 6, "own": 5}
FOLDERS = {  # of each study's layout: folder -> number of images
    "ai-artbench": {
        f"{name}/{label}": n
        for name, n in (("train", 8), ("test", 3))
        for label in ("AI_LD_baroque", "AI_SD_ukiyo-e", "baroque")
    },
    "cifake-cnn": {f"{name}/{label}": n for name, n in (("train", 12), ("test", 6)) for label in ("REAL", "FAKE")},
    "paired-shutterstock": {"train_data": 30},
    "resnet18-svm": {f"{name}/{label}": n for name, n in SETS.items() for label in ("real", "fake")},
    "transfer-nets": {"photographs": 20, "generated": 20},
}
CLASSES = {
    "ai-artbench": {"ai", "human"},
    "cifake-cnn": {"REAL", "FAKE"},
    "paired-shutterstock": {"ai", "human"},
    "resnet18-svm": {"ai", "real"},
    "transfer-nets": {"photographs", "generated"},
}
# The nets that are quick to train, and pixels a side that suit them. One study is enough for make test, which checks
# every setting of every study too.
CHEAP = {
    "ai-artbench": (["efficientnet_b0"], 32),
    "cifake-cnn": (["cnn3"], 32),
    "paired-shutterstock": (["swin_t"], 32),
    "resnet18-svm": (["svm", "cnn", "lenet5"], 32),
    "transfer-nets": (["cnn"], 32),
}


@pytest.fixture(scope="session")
def weights_folder(weights_file, tmp_path_factory):
    """A folder with a file of untrained weights for each backbone that is tried here."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "resnet18.safetensors").symlink_to(weights_file)
    for name in ("efficientnet_b0", "swin_t"):
        save_file(BACKBONES[name].build().state_dict(), folder / f"{name}.safetensors")
    return str(folder)


@pytest.fixture
def laid_out(tmp_path, write_images, monkeypatch):
    """Return a function that lays out images as a study wants them, below data/: name -> folder."""
    monkeypatch.chdir(tmp_path)

    def lay_out(name: str) -> Path:
        root = Path("data") / load_study(name).directory
        paths = []
        for i, (folder, n) in enumerate(FOLDERS[name].items()):
            paths += write_images(root / folder, n, tint=120 * (i % 2), size=48, seed=i)
        if labels := load_study(name).options.get("labels"):
            rows = [f"{i},{path.relative_to(root)},{i % 2}" for i, path in enumerate(paths)]
            (root / labels).write_text("\n".join([",file_name,label", *rows]) + "\n")
        return root

    return lay_out


def test_every_study_is_tried_here():
    assert set(study_names()) == set(FOLDERS) == set(CHEAP) == set(CLASSES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "cifake-cnn" else [pytest.mark.long]) for name in study_names()]
)
def test_a_study_runs_from_its_folder_to_a_page_with_its_numbers_beside_ours(
    name, laid_out, weights_folder, tmp_path, artifacts
):
    root = laid_out(name)
    models, image_size = CHEAP[name]
    few = {"n_folds": 2, "max_epochs": 1, "image_size": image_size, "quick": True, "audited": False}
    comparison = Comparison(name, models, **few)
    path = compare(comparison=comparison, artifacts=artifacts, weights=weights_folder, device="cpu").page
    assert path == tmp_path / f"artifacts/reports/{name}-quick/index.html"
    study, page = load_study(name), path.read_text(encoding="utf-8")
    kept = {p.model: p for p in persist.passports(tmp_path / "artifacts/models")}
    assert set(kept) == {*models, BASELINE}
    for model, passport in kept.items():
        assert passport.data.root == str(root.resolve())
        assert set(passport.classes) == CLASSES[name]
        for wish, value in study.models.get(model, {}).items():
            if wish not in ("trials", "max_epochs", "image_size"):
                assert passport.settings[wish] == value
    assert f"{study.title}: run again" in page
    for row in study.published:
        assert (f"{row['value']:g} %" in page) or row["model"] not in models
    assert ("No numbers were published" in page) == (not study.published)


@pytest.mark.parametrize("name", study_names())
def test_every_setting_of_every_model_can_be_had(name):
    for model, wishes in load_study(name).models.items():
        weights = {"weights": "random"} if "weights" in get_model(model).wishes else {}
        settings = settled(get_model(model), device="cpu", **wishes, **weights)
        assert settings.items() >= {key: value for key, value in wishes.items() if key != "trials"}.items()


@pytest.mark.parametrize("name", study_names())
def test_absent_data_are_named_with_their_layout_and_place_before_any_work(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = load_study(name)
    with pytest.raises(InputError) as error:
        compare(comparison=Comparison(name), weights="random")
    for words in (f"data/{study.directory}", "does not exist", study.data_name, study.layout):
        assert words in str(error.value)
    assert study.where in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_data_of_another_layout_are_refused_before_any_work(study_file, data, tmp_path, artifacts):
    def complaint(*change):
        with pytest.raises(InputError) as error:
            compare(data, Comparison(study_file(*change)), artifacts=artifacts, weights="random")
        assert "laid out as train/ai, train/real (where to get it: https://example.org)" in str(error.value)
        return str(error.value)

    assert "has no set own and no set other." in complaint('"test"]', '"own", "other"]')
    assert "has the classes ai, real, not fake and real." in complaint('["ai", "real"]', '["real", "fake"]')
    assert "there is no table of labels" in complaint("[models.svm]", '[options]\nlabels = "list.csv"\n[models.svm]')
    assert "no class pattern matches 'real'" in complaint("[models.svm]", '[options.classes]\nai = "ai"\n[models.svm]')
    assert not (tmp_path / "artifacts").exists()


@pytest.fixture
def run(data, tmp_path, weights_file, with_vectors, artifacts):
    """Return a function that runs a study on `data` and returns the page and each model's passport."""
    with_vectors(tmp_path / "artifacts/features")

    def run(study, **options):
        comparison = Comparison(study, audited=False, **options)
        page = compare(data, comparison, weights=weights_file, device="cpu", artifacts=artifacts)
        page = page.page.read_text(encoding="utf-8")
        return page, {p.model: p for p in persist.passports(tmp_path / "artifacts/models")}

    return run


def test_a_setting_that_cannot_be_is_refused_before_any_work(study_file, run, tmp_path):
    study = study_file("lr = 0.002", 'schedule = "cosin"')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="unknown schedule 'cosin'; did you mean 'cosine'"):
        run(study, only=["lenet5"])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_of_ones_own_gives_models_settings_folds_and_name(study_file, run, artifacts):
    page, kept = run(study_file())
    assert set(kept) == {"svm", "lenet5", BASELINE}
    assert {p.report for p in kept.values()} == {"small"}
    assert {p.cv.n_folds for p in kept.values()} == {2}
    assert (kept["lenet5"].settings["lr"], kept["lenet5"].settings["max_epochs"]) == (0.002, 1)
    assert kept["svm"].trials == 1
    assert kept["svm"].published == {
        "study": "small",
        "title": "A study",
        "source": "a journal",
        "notes": ["Mind the gap."],
        "scores": [{"set": "test", "called": "test", "value": 80, "n": 60}],
    }
    assert kept["lenet5"].published["scores"] == []
    assert re.search(r"80 % \(68\.2–88\.2\)<small>n += 60", page)
    assert report_again(artifacts, "small").page.read_text(encoding="utf-8") == page


def test_what_is_asked_for_goes_before_what_the_study_says(study_file, run):
    page, kept = run(study_file(), only=["lenet5"], n_folds=3, max_epochs=2, image_size=16, name="mine")
    assert set(kept) == {"lenet5", BASELINE}
    assert kept["lenet5"].name == "lenet5-mine"
    assert kept["lenet5"].cv.n_folds == 3
    settings = kept["lenet5"].settings
    assert (settings["max_epochs"], settings["image_size"], settings["lr"]) == (2, 16, 0.002)
    assert "80 % (68.2" not in page


def test_a_search_varies_what_the_study_set_and_a_quick_look_takes_no_more_than_the_study(study_file):
    study = load_study(study_file())
    assert Comparison(only=["lenet5"], trials=1).wishes(study, "auto")["lenet5"] == {"max_epochs": 1, "trials": 1}
    quick = Comparison(quick=True).wishes(study, "auto")
    assert quick == {"svm": {"trials": 1}, "lenet5": {"lr": 0.002, "max_epochs": 1}, BASELINE: {}}


def test_own_options_of_the_table_go_before_the_studys(study_file):
    study = load_study(study_file("[models.svm]", '[options]\nlabels = "a.csv"\ngroup_rows = 2\n[models.svm]'))
    root = Path("there")
    assert study.dataset_options(root, {"labels": None, "classes": []}) == {"labels": root / "a.csv", "group_rows": 2}
    assert study.dataset_options(root, {"labels": "b.csv", "group_column": "pair"}) == {
        "labels": "b.csv",
        "group_column": "pair",
    }


def test_a_model_that_is_not_the_studys_is_refused_with_the_nearest_name(study_file, data):
    with pytest.raises(InputError, match=r"unknown model of the study small 'smv'; did you mean 'svm'\?"):
        compare(data, Comparison(study_file(), only=["smv"]))
    with pytest.raises(InputError, match=r"unknown model of the study small 'forest'"):
        compare(data, Comparison(study_file(), only=["forest"]))

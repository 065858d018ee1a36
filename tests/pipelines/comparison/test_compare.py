import pytest
from PIL import Image

from classify import workspace
from classify.errors import DataError
from classify.models.registry import MODELS
from classify.predictions import Predictions
from classify.trained import persist
from classify.tuning.plan import settled
from classify.workspace import report_again
from featex.errors import InputError, WeightsError
from featex.network.choice import FIRST, SECOND
from featex.store.features import find_set
from featex.system.progress import Progress
from pipelines.comparison.compare import QUICK, QUICK_NET, USUAL, Comparison, compare, with_network


class Listener(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def run(data, tmp_path, weights_file, with_vectors, artifacts):
    with_vectors(tmp_path / "artifacts/features")

    def run(directory=data, only=("svm", "logreg"), **options):
        listener = Listener()
        weights, command = options.pop("weights", weights_file), options.pop("command", "")
        comparison = Comparison(only=only, **{"n_folds": 3, "trials": 1, "audited": False, **options})
        where = {"weights": weights, "device": "cpu", "artifacts": artifacts, "command": command}
        return compare(directory, comparison, progress=listener, **where).page, listener.lines

    return run


def test_every_model_has_a_quick_form():
    assert set(QUICK) <= set(MODELS)
    assert set(USUAL) <= set(QUICK)
    for name, spec in MODELS.items():
        weights = {"weights": "random"} if "weights" in spec.wishes else {}
        settled(spec, device="cpu", **QUICK.get(name, QUICK_NET), **weights)


def test_the_net_of_the_features_stands_in_for_resnet18_among_the_usual_models_only():
    usual = Comparison().wishes(None, "auto")
    packaged, resnet = {"backbone": SECOND, "weights": "imagenet"}, {"backbone": FIRST, "weights": "random"}
    changed = with_network(usual, packaged, usual=True)
    assert list(changed) == [SECOND if name == FIRST else name for name in usual]
    assert changed[SECOND]["weights"] == "imagenet"
    assert with_network(usual, resnet, usual=True)[FIRST]["weights"] == "random"
    named = Comparison(only=(FIRST,)).wishes(None, "auto")
    assert with_network(named, packaged, usual=False) == named


def test_it_goes_from_images_to_a_report_with_every_set(run, tmp_path):
    path, _ = run(only=("svm", "lenet5"), max_epochs=2)
    assert path == tmp_path / "artifacts/reports/images/index.html"
    assert {"accuracy.png", "scores.csv"} <= {file.name for file in path.parent.iterdir()}
    predictions = Predictions.read(tmp_path / "artifacts/predictions/svm-images.csv")
    assert predictions.table["set"].value_counts().to_dict() == {"validation": 24, "test": 8, "wild": 6}
    page = path.read_text()
    for word in ("svm-images", "lenet5-images", "test set", "wild", "cross-validation score (optimistic)"):
        assert word in page


def test_a_quick_look_is_called_one_and_leaves_the_full_models_alone(run, tmp_path):
    full, _ = run(only=("svm",), n_folds=4)
    quick, _ = run(only=("svm",), quick=True, n_folds=None)
    assert full.parent.name == "images"
    assert quick.parent.name == "images-quick"
    assert "quick look" in quick.read_text()
    folds = {p.name: p.cv.n_folds for p in persist.passports(tmp_path / "artifacts/models")}
    assert (folds["svm-images"], folds["svm-images-quick"]) == (4, 3)


def test_the_report_written_again_says_all_that_the_first_said(run, data, artifacts):
    (data / "train/ai/000.jpg").write_bytes(b"no image")
    path, _ = run(only=("svm",), quick=True, weights="random", command="pipelines compare images --quick")
    first = path.read_text()
    assert report_again(artifacts, "images-quick").page.read_text() == first
    for word in ("quick look", "1 file cannot be used", "UNTRAINED", "pipelines compare images --quick"):
        assert word in first


def test_what_is_wrong_with_a_wish_is_said_before_any_work(run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="unknown model 'smv'"):
        run(only=("smv",))
    with pytest.raises(WeightsError, match="no weights file"):
        run(only=("svm", "resnet18"), weights="gone.pth")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_done_is_skipped_and_two_models_are_also_compared_as_a_vote_and_a_stack(run, tmp_path, monkeypatch):
    run(only=("svm",))
    tuned = []
    original = workspace.tune_job
    monkeypatch.setattr(
        workspace, "tune_job", lambda job, **options: tuned.append(job.name) or original(job, **options)
    )
    page, lines = run(only=("svm", "logreg"))
    assert tuned == ["logreg-images"]  # nor the model that sees no picture
    assert "svm-images: done before" in lines
    names = {passport.name for passport in persist.passports(tmp_path / "artifacts/models")}
    assert names == {"svm-images", "logreg-images", "metadata-images", "vote-images", "stack-images"}
    assert all(name in page.read_text() for name in names)
    _, lines = run(only=("svm", "logreg"))
    assert {"vote-images: done before", "stack-images: done before"} <= set(lines)
    page, _ = run(only=("svm",), seed=1)
    assert tuned == ["logreg-images", "svm-images", "metadata-images"]
    assert "metadata-images" in page.read_text()
    assert "stack-images" not in page.read_text()


def test_choices_for_nets_reach_nets_alone(run, tmp_path, weights_file):
    settings = {"train": "last:1", "augment": "none", "head": "linear"}
    run(only=("svm", "resnet18"), max_epochs=1, image_size=32, n_folds=2, settings=settings)
    passports = {p.model: p for p in persist.passports(tmp_path / "artifacts/models")}
    of_net = passports["resnet18"].settings
    assert {key: of_net[key] for key in (*settings, "weights")} == {**settings, "weights": weights_file}
    assert passports["svm"].settings == {}


def test_what_files_give_away_stands_in_every_comparison_and_in_no_ensemble(run, data, tmp_path):
    for path in [*data.glob("*/ai/*.jpg")]:
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    path, _ = run(only=("svm", "logreg"))
    page = path.read_text()
    assert "metadata-only baseline" in page
    passports = {p.model: p for p in persist.passports(tmp_path / "artifacts/models")}
    assert passports["metadata"].cv.mean == 1
    assert [member.name for member in passports["vote"].members] == ["svm-images", "logreg-images"]


def test_the_folder_data_that_cannot_be_cut_into_folds_is_refused_before_the_audit(
    data, tmp_path, artifacts, run, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.comparison.compare.audit", lambda *args, **options: pytest.fail("the audit began"))
    data.rename(tmp_path / "data")
    with pytest.raises(DataError, match="fewer than the 40 folds"):
        run(None, only=["logreg"], n_folds=40, audited=True)
    assert find_set(artifacts.features).name == "data"

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify.errors import ModelError
from classify.models.combine import METHODS
from classify.models.registry import MODELS
from classify.trained import persist
from classify.trained.ensemble import combine, plan_ensemble
from classify.trained.passport import Member
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError, StoreError


@pytest.fixture
def model(make_features):
    return tune(plan("svm", make_features(), trials=1, n_folds=3)).model


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.reads == "features"])
def test_a_model_read_back_says_the_same_to_the_last_digit(make_features, tmp_path, name):
    features = make_features()
    model = tune(plan(name, features, trials=1, n_folds=3)).model
    again = persist.load(persist.save(model, tmp_path))
    for ours, theirs in zip(model.predict(features.X), again.predict(features.X), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.passport == model.passport


@pytest.mark.parametrize(("name", "choices"), [("lenet5", {}), ("resnet18", {"weights": "random", "train": "last:1"})])
def test_a_net_read_back_says_the_same(make_features, data, tmp_path, name, choices):
    from classify.trained.inputs import read_inputs
    from featex.datasets.dataset import find_images
    from featex.system.progress import Progress

    table = find_images(data).table.assign(key=lambda table: table["path"])
    features = replace(make_features(), rows=table, root=data, X=np.zeros((len(table), 1), np.float32))
    job = plan(name, features, n_folds=2, image_size=32, max_epochs=1, device="cpu", **choices)
    model = tune(job).model
    again = persist.load(persist.save(model, tmp_path / "models"), device="cpu")
    X = read_inputs(name, features, job.settings, Progress())
    np.testing.assert_allclose(again.predict(X)[0], model.predict(X)[0], atol=1e-5)


@pytest.fixture
def ensemble(make_features, tmp_path):
    """Return a function that keeps svm-toy, logreg-toy and an ensemble of them in a folder, and returns the latter."""

    def make(method):
        members = [tune(plan(name, make_features(), trials=1, n_folds=3)) for name in ("svm", "logreg")]
        for member in members:
            persist.save(member.model, tmp_path)
        job = plan_ensemble(method, [member.model.passport for member in members])
        model = combine(job, [member.predictions for member in members]).model
        persist.save(model, tmp_path)
        return model

    return make


@pytest.mark.parametrize("method", METHODS)
def test_an_ensemble_read_back_says_the_same_and_brings_its_members(ensemble, make_features, tmp_path, method):
    model = ensemble(method)
    again = persist.load(tmp_path / model.name)
    X = make_features().X
    assert [member.name for member in again.members] == ["svm-toy", "logreg-toy"]
    said = np.stack([member.predict(X)[0] for member in again.members], axis=1)
    for ours, theirs in zip(model.predict(said), again.predict(said), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.passport == model.passport
    assert sorted(path.name for path in (tmp_path / model.name).iterdir()) == ["estimator.json", "passport.json"]


def test_an_ensemble_asks_for_a_member_that_has_gone(ensemble, tmp_path):
    ensemble("vote")
    (tmp_path / "logreg-toy").rename(tmp_path / "elsewhere")
    sentence = (
        r"vote-toy combines logreg-toy, which is not in .*; tune it again, then: "
        "classify ensemble svm-toy logreg-toy --method vote --name vote-toy"
    )
    with pytest.raises(InputError, match=sentence):
        persist.load(tmp_path / "vote-toy")


def test_an_ensemble_refuses_a_member_that_was_made_again_to_another_end(ensemble, make_features, tmp_path):
    ensemble("vote")
    persist.save(tune(plan("logreg", make_features(), trials=1, n_folds=3)).model, tmp_path)
    assert len(persist.load(tmp_path / "vote-toy").members) == 2  # the same once more
    persist.save(tune(plan("logreg", make_features(), trials=1, n_folds=3, seed=1)).model, tmp_path)
    sentence = r"logreg-toy was made again after vote-toy .*: classify ensemble svm-toy logreg-toy --method vote --name"
    with pytest.raises(ModelError, match=sentence):
        persist.load(tmp_path / "vote-toy")


def test_an_ensemble_is_no_member_of_itself(ensemble, tmp_path):
    model = ensemble("stack")
    members = [Member(model.name, model.passport.fingerprint), *model.passport.members[1:]]
    persist.save(replace(model, passport=replace(model.passport, members=members)), tmp_path)
    with pytest.raises(ModelError, match="stack-toy was made again after stack-toy"):
        persist.load(tmp_path / model.name)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("estimator.json", {"C": 1, "coef": [[1.0]], "intercept": [0.0]}),
        ("passport.json", {"model": "toast"}),
        ("passport.json", {"toast": 1}),
        ("passport.json", {"cv": {"toast": 1}}),
    ],
)
def test_an_ensemble_of_other_numbers_or_method_is_refused(ensemble, tmp_path, file, damage):
    path = tmp_path / ensemble("stack").name / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(StoreError, match="is damaged"):
        persist.load(path.parent)


def test_a_model_takes_the_place_of_an_older_one_whole(model, tmp_path):
    first = persist.save(model, tmp_path)
    (first / "left-over").write_text("")
    assert sorted(path.name for path in persist.save(model, tmp_path).iterdir()) == ["estimator.skops", "passport.json"]
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


def test_what_a_killed_save_left_behind_is_no_model(model, tmp_path):
    path = persist.save(model, tmp_path)
    path.rename(path.with_name(f".{path.name}.x1"))
    assert persist.passports(tmp_path) == []
    persist.save(model, tmp_path)
    assert [passport.name for passport in persist.passports(tmp_path)] == [model.name]


@pytest.mark.parametrize("name", ["estimator.skops", "passport.json"])
def test_a_cut_file_is_refused(model, tmp_path, name):
    path = persist.save(model, tmp_path)
    (path / name).write_bytes((path / name).read_bytes()[:50])
    with pytest.raises(StoreError):
        persist.load(path)


def test_a_passport_of_another_format_is_refused_with_the_command_that_makes_the_model_again(model, tmp_path):
    path = persist.save(replace(model, passport=replace(model.passport, command="classify tune --model svm")), tmp_path)
    record = json.loads((path / "passport.json").read_text())
    (path / "passport.json").write_text(json.dumps({**record, "format": 2}))
    for read in (lambda: persist.load(path), lambda: persist.passports(tmp_path)):
        with pytest.raises(StoreError, match=r"has format 2, .* reads 3; delete it.*: classify tune --model svm$"):
            read()


def test_an_absent_model_names_those_there_are(model, tmp_path):
    with pytest.raises(InputError, match="there are none yet"):
        persist.find_model(tmp_path, "svm")
    persist.save(model, tmp_path)
    with pytest.raises(InputError, match=r"no model 'svm' in .*there are: svm-toy"):
        persist.find_model(tmp_path, "svm")
    assert persist.find_model(tmp_path, "svm-toy") == persist.find_model(tmp_path, str(tmp_path / "svm-toy"))


def test_a_place_that_cannot_be_written_is_a_sentence(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        persist.save(model, tmp_path / "file")


def test_a_model_whose_replacement_was_killed_is_found_again(model, tmp_path, monkeypatch):
    path, rename = persist.save(model, tmp_path), Path.rename

    def die(old, new):
        if new == path:
            raise KeyboardInterrupt
        return rename(old, new)

    def killed():
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", die)
            with pytest.raises(KeyboardInterrupt):
                persist.save(model, tmp_path)

    for again in (
        lambda: persist.load(path).passport,
        lambda: persist.passports(tmp_path)[0],
        lambda: persist.load(persist.find_model(tmp_path, model.name)).passport,
    ):
        killed()
        assert again().name == model.name
        assert [folder.name for folder in tmp_path.iterdir()] == [model.name]

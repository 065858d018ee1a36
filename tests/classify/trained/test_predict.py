from dataclasses import replace

import numpy as np
import pytest

from classify import cli
from classify.errors import ModelError
from classify.nets import pixels
from classify.trained import persist
from classify.trained.ensemble import combine, plan_ensemble
from classify.trained.predict import predict_images, predict_set
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex import extract
from featex.errors import InputError
from featex.network.backbones import FallbackWeights


@pytest.fixture
def features(data, tmp_path, weights_file, with_vectors):
    return extract(data, with_vectors(tmp_path / "features"), weights=weights_file, device="cpu").load()


@pytest.fixture
def model(features):
    return tune(plan("logreg", features, trials=1, n_folds=3)).model


def test_images_are_seen_as_their_feature_rows_are(model, features, data, tmp_path):
    by_set = predict_set(model, features).set_index("path")
    by_image, failed = predict_images(model, [data / "wild", data / "test/ai/000.jpg"], cache=tmp_path / "features")
    assert len(by_image) == 7
    assert failed.empty
    for row in by_image.itertuples():
        assert row.prob_ai == by_set.loc[row.path, "prob_ai"]
        assert row.predicted == by_set.loc[row.path, "predicted"]


def test_images_that_were_never_extracted_are(model, features, data, tmp_path):
    table, _ = predict_images(model, [data / "wild"], cache=tmp_path / "elsewhere")
    by_set = predict_set(model, features).set_index("path").loc[table["path"]]
    np.testing.assert_allclose(table["prob_ai"], by_set["prob_ai"], atol=1e-6)


def test_a_file_that_cannot_be_used_is_listed_and_the_others_are_predicted(model, data, tmp_path):
    (data / "wild/ai/000.jpg").write_bytes(b"no image")
    table, failed = predict_images(model, [data / "wild"], cache=tmp_path / "features")
    assert len(table) == 5
    assert failed["path"].tolist() == [str(data / "wild/ai/000.jpg")]
    assert "not an image" in failed["reason"][0]


def test_when_none_can_be_used_it_is_an_error(model, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"the only image cannot be used \(.*a\.jpg: not an image"):
        predict_images(model, [tmp_path / "a.jpg"], cache=tmp_path / "features")


def test_a_path_that_is_not_there_is_an_error(model, tmp_path):
    with pytest.raises(InputError, match="no image, folder or set"):
        predict_images(model, [tmp_path / "a.jpg"], cache=tmp_path / "features")


def test_features_of_another_extractor_are_refused(model, features):
    other = replace(features, extractor={**features.extractor, "fingerprint": "other", "name": "resnet18-other"})
    with pytest.raises(ModelError, match=r"was trained on features of resnet18-.* holds those of resnet18-other"):
        predict_set(model, other)


def test_weights_other_than_the_models_are_refused(model, data, tmp_path):
    with pytest.raises(ModelError, match="name the right file with --weights"):
        predict_images(model, [data / "wild"], cache=tmp_path / "features", weights="random")


def test_a_net_predicts_images_and_sets_alike_and_lists_what_it_cannot_read(features, data, tmp_path):
    net = tune(plan("lenet5", features, n_folds=2, max_epochs=1, device="cpu")).model
    (data / "wild/ai/zzz.jpg").write_bytes(b"no image")
    table, failed = predict_images(net, [data / "wild"], cache=tmp_path / "features")
    by_set = predict_set(net, features).set_index("path").loc[table["path"]]
    np.testing.assert_allclose(table["prob_ai"], by_set["prob_ai"], atol=1e-6)
    assert len(table) == 6
    assert failed["path"].tolist() == [str(data / "wild/ai/zzz.jpg")]


def test_a_net_refuses_images_that_changed_since_extraction(features, data):
    (data / "train/ai/000.jpg").write_bytes((data / "test/ai/000.jpg").read_bytes())
    with pytest.raises(InputError, match=r"train/ai/000\.jpg has changed .*run featex extract again"):
        tune(plan("lenet5", features, n_folds=2, max_epochs=1, device="cpu"))
    (data / "train/ai/000.jpg").unlink()
    with pytest.raises(InputError, match=r"train/ai/000\.jpg is missing"):
        tune(plan("lenet5", features, n_folds=2, max_epochs=1, device="cpu"))


def test_weights_that_have_gone_are_asked_for(features, data, tmp_path, weights_file):
    import shutil

    moved = shutil.copy(weights_file, tmp_path / "moved.safetensors")
    model = tune(plan("logreg", features, trials=1, n_folds=3)).model
    model.passport.extractor["weights"] = str(tmp_path / "gone.safetensors")
    with pytest.raises(ModelError, match="name them with --weights"):
        predict_images(model, [data / "wild"], cache=tmp_path / "features")
    assert len(predict_images(model, [data / "wild"], cache=tmp_path / "features", weights=str(moved))[0]) == 6


def test_weights_of_the_environment_are_taken_only_where_they_are_the_models(features, data, tmp_path, weights_file):
    import shutil

    moved = shutil.copy(weights_file, tmp_path / "moved.safetensors")
    (tmp_path / "other.safetensors").write_bytes(b"other weights")
    model = tune(plan("logreg", features, trials=1, n_folds=3)).model
    others = FallbackWeights(tmp_path / "other.safetensors")
    assert len(predict_images(model, [data / "wild"], cache=tmp_path / "features", weights=others)[0]) == 6
    model.passport.extractor["weights"] = str(tmp_path / "gone.safetensors")
    assert (
        len(predict_images(model, [data / "wild"], cache=tmp_path / "features", weights=FallbackWeights(moved))[0]) == 6
    )
    with pytest.raises(ModelError, match="name them with --weights"):
        predict_images(model, [data / "wild"], cache=tmp_path / "features", weights=others)


def test_the_command_line_takes_weights_from_the_environment(monkeypatch):
    monkeypatch.setenv("FEATEX_WEIGHTS", "spare.pth")
    for command, arguments in (("predict", ["m", "a.png"]), ("explain", ["m", "a.png", "--out", "o"])):
        spare, given = (
            cli.cli.commands[command].make_context(command, [*arguments, *more]).params["weights"]
            for more in ([], ["--weights", "given.pth"])
        )
        assert isinstance(spare, FallbackWeights)
        assert not isinstance(given, FallbackWeights)


@pytest.fixture
def ensemble(features, tmp_path):
    """Return a function that keeps models and a vote of them in a folder, and returns the vote as it is loaded."""

    def make(*members):
        for member in members:
            persist.save(member.model, tmp_path / "models")
        job = plan_ensemble("vote", [member.model.passport for member in members])
        combined = combine(job, [member.predictions for member in members])
        return persist.load(persist.save(combined.model, tmp_path / "models"), device="cpu"), combined

    return make


def tuned(name, features, **choices):
    return tune(plan(name, features, **{"n_folds": 2, **choices}))


def test_an_ensemble_says_of_images_and_sets_what_it_was_judged_on(ensemble, features, data, tmp_path, monkeypatch):
    from featex.extraction import embed as embedding

    members = [tuned("svm", features, trials=1), tuned("logreg", features, trials=1)]
    vote, combined = ensemble(*members, tuned("lenet5", features, max_epochs=1, device="cpu"))
    calls, embed = [], embedding.embed
    monkeypatch.setattr(embedding, "embed", lambda *args, **options: calls.append(args) or embed(*args, **options))
    by_image, failed = predict_images(vote, [data / "wild"], cache=tmp_path / "features", device="cpu")
    by_set = predict_set(vote, features).set_index("path")
    judged = combined.predictions.table.query("set == 'wild'")
    judged = judged.assign(path=[str(data / path) for path in judged["path"]]).set_index("path")
    assert failed.empty
    assert len(by_image) == len(judged) == 6
    for table in (by_image.set_index("path"), by_set):
        np.testing.assert_allclose(table.loc[judged.index, "prob_ai"], judged["prob_ai"], atol=1e-6)
        assert (table.loc[judged.index, "predicted"] == judged["predicted"]).all()
    assert len(calls) == 1  # both members that read features read the same


@pytest.fixture
def two_bad_images(data, monkeypatch):
    """Return a function that makes an image of the wild set unreadable, and one more for nets."""

    def spoil():
        def read(files, *args, **options):
            X, reasons = load_readable(files, *args, **options)
            return X[1:], {0: "too dark for a net", **reasons}

        monkeypatch.setattr(pixels, "load_readable", read)
        (data / "wild/real/001.jpg").write_bytes(b"no image")

    load_readable = pixels.load_readable
    return spoil


def test_an_image_that_one_member_cannot_read_is_left_out_and_listed(
    ensemble, features, data, tmp_path, two_bad_images
):
    vote, _ = ensemble(tuned("logreg", features, trials=1), tuned("lenet5", features, max_epochs=1, device="cpu"))
    whole = predict_images(vote, [data / "wild"], cache=tmp_path / "features", device="cpu")[0].set_index("path")
    two_bad_images()
    table, failed = predict_images(vote, [data / "wild"], cache=tmp_path / "features", device="cpu")
    assert failed["path"].tolist() == [str(data / "wild/ai/000.jpg"), str(data / "wild/real/001.jpg")]
    assert failed["reason"][0] == "too dark for a net"
    assert "not an image" in failed["reason"][1]
    assert sorted([*table["path"], *failed["path"]]) == sorted(whole.index)
    np.testing.assert_allclose(table["prob_ai"], whole.loc[table["path"], "prob_ai"], atol=1e-6)


def test_an_ensemble_tells_unlike_images_by_their_own_rows_where_others_are_left_out(
    ensemble, features, data, tmp_path, two_bad_images
):
    vote, _ = ensemble(tuned("svm", features, trials=1), tuned("lenet5", features, max_epochs=1, device="cpu"))
    svm, net = vote.members
    first = features.X[:, 0]
    middle = np.median(first[[str(path).startswith(str(data / "wild")) for path in features.paths]])
    picky = type("Picky", (), {"unlike": lambda self, X: X[:, 0] > middle})()
    vote = replace(vote, members=(replace(svm, novelty=picky), net))
    two_bad_images()
    table, failed = predict_images(vote, [data / "wild"], cache=tmp_path / "features", device="cpu")
    assert len(failed) == 2
    unlike = dict(zip(map(str, features.paths), first > middle, strict=True))
    assert table["out_of_distribution"].tolist() == [unlike[path] for path in table["path"]]
    assert 0 < table["out_of_distribution"].mean() < 1


def test_when_no_image_can_be_used_by_all_members_it_is_an_error(ensemble, features, tmp_path):
    vote, _ = ensemble(tuned("logreg", features, trials=1), tuned("svm", features, trials=1))
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"the only image cannot be used \(.*a\.jpg: not an image"):
        predict_images(vote, [tmp_path / "a.jpg"], cache=tmp_path / "features")


def test_an_ensemble_refuses_features_of_another_extractor_than_its_members(ensemble, features):
    vote, _ = ensemble(tuned("logreg", features, trials=1), tuned("svm", features, trials=1))
    other = replace(features, extractor={**features.extractor, "fingerprint": "other", "name": "resnet18-other"})
    with pytest.raises(ModelError, match=r"logreg-images was trained on features of resnet18-.* of resnet18-other"):
        predict_set(vote, other)


def test_an_ensemble_without_its_members_says_how_to_get_them(ensemble, features, data, tmp_path):
    _, combined = ensemble(tuned("logreg", features, trials=1), tuned("svm", features, trials=1))
    for use in (
        lambda: predict_set(combined.model, features),
        lambda: predict_images(combined.model, [data / "wild"], cache=tmp_path / "features"),
    ):
        with pytest.raises(ModelError, match=r"vote-images has none of its members with it"):
            use()

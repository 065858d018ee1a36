import numpy as np
import pytest

from classify.errors import ModelError
from classify.trained.model import TrainedModel
from classify.trained.passport import FoldFacts, Passport
from featex.layout import Artifacts
from featex.network.views import View
from pipelines.robustness.readers import FeatureReader, NetReader, reader_name, readers_of, why_not_tested


def model(name, *, reads="features", members=(), net="lenet5", settings=None, extractor="one", digest=""):
    record = {"name": f"resnet18-{extractor}", "fingerprint": extractor, "backbone": "resnet18", "n_features": 512}
    record |= {"weights": "random", "weights_sha256": "0" * 64, "view": View().facts}
    passport = Passport(
        name,
        reads=reads,
        classes=["a", "r"],
        extractor=record if reads == "features" else None,
        model=net,
        settings=settings or {},
        digest=digest or name,
        cv=FoldFacts(),
    )
    return TrainedModel(None, passport, members)


def test_models_on_features_of_one_extractor_share_a_reader_and_each_net_has_its_own(tmp_path):
    net, other = (model(name, reads="pixels") for name in ("lenet5", "cnn"))
    vote = model("vote", reads="members", members=(model("svm"), net))
    readers = readers_of(
        [model("svm"), model("logreg"), model("forest", extractor="two"), net, other, vote], Artifacts(tmp_path)
    )
    assert {name: type(reader) for name, reader in readers.items()} == {
        "one": FeatureReader,
        "two": FeatureReader,
        reader_name(net): NetReader,
        reader_name(other): NetReader,
    }


def test_a_net_that_was_trained_again_has_a_cache_of_its_own(tmp_path):
    first, again = (NetReader(model("lenet5", reads="pixels", digest=digest), Artifacts(tmp_path)) for digest in "xy")
    assert first.cache.directory.parent == again.cache.directory.parent == tmp_path / "net_scores"
    assert first.cache.directory != again.cache.directory
    assert first.cache.directory.name == first.model.passport.fingerprint[:32]
    assert first.cache.n_features == 2


def test_a_net_reads_an_image_at_the_size_and_in_the_way_it_was_trained_with(tmp_path):
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 66:] = 255
    squashed = NetReader(model("lenet5", reads="pixels", settings={"image_size": 20}), Artifacts(tmp_path)).preprocess(
        image
    )
    assert squashed.shape == (3, 20, 20)
    assert squashed[0, 0].max() == 255
    settings = {"image_size": 20, "view": "crop"}
    assert (
        NetReader(model("lenet5", reads="pixels", settings=settings), Artifacts(tmp_path)).preprocess(image).max() == 0
    )  # the middle


def test_weights_are_not_looked_for_before_something_is_missing(tmp_path):
    reader = FeatureReader(model("svm").passport.extractor, Artifacts(tmp_path), "svm", device="cpu")
    assert len(reader.cache) == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError, match=r"svm was trained on features of resnet18-one .* make resnet18-"):
        _ = reader.batch_size


def test_a_model_on_file_metadata_is_not_tested_nor_an_ensemble_with_it():
    metadata = model("metadata", reads="files")
    assert why_not_tested(model("svm")) == ""
    assert "no pixels" in why_not_tested(metadata)
    told = why_not_tested(model("vote", members=(model("svm"), metadata), reads="members"))
    assert "metadata" in told

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from classify.stats.calibration import Calibration
from classify.trained.passport import FoldFacts, Passport
from featex.store.cache import FeatureCache, content_key
from featex.system import cores
from pipelines.robustness import predict as room
from pipelines.robustness.conditions import Condition
from pipelines.robustness.predict import predict_all, read_images
from pipelines.robustness.readers import reader_name

TRIED = [Condition("jpeg", 50), Condition("blur", 2), Condition("noise", 8)]


class FakeReader:
    """Sees the mean colour of an image; counts what it is shown."""

    batch_size = 4

    def __init__(self, directory, spoil=()):
        self.cache, self.spoil = FeatureCache(directory, 3), spoil
        self.seen, self.batches = 0, []
        self._lock = threading.Lock()

    def preprocess(self, image):
        with self._lock:
            self.seen += 1
        return image.reshape(-1, 3).mean(axis=0)

    def read(self, batch):
        self.batches.append(len(batch))
        values = np.stack(batch).astype(np.float32)
        values[np.isin(np.arange(len(batch)), self.spoil)] = np.nan
        return values


@pytest.fixture
def images(tmp_path, write_images):
    return {content_key(path.read_bytes()): path for path in write_images(tmp_path / "files", 5)}


@pytest.fixture
def reader(tmp_path):
    return FakeReader(tmp_path / "a")


def test_each_reader_keeps_what_it_reads_of_every_image_under_every_condition(images, reader, tmp_path):
    other = FakeReader(tmp_path / "b")
    other.batch_size = 2
    assert read_images(images, TRIED, [reader, other]) == {}
    for key, path in images.items():
        pixels = np.array(Image.open(path))
        for condition in TRIED:
            mean = condition(pixels, key).reshape(-1, 3).mean(axis=0)
            for one in (reader, other):
                assert one.cache.get([condition.key(key)])[0] == pytest.approx(mean, rel=1e-5)
    assert len(reader.cache) == 15
    assert reader.batches == [4, 4, 4, 3]  # several conditions in a batch
    assert other.batches == [2] * 7 + [1]


def test_a_file_is_decoded_once_for_all_readers_and_conditions(images, reader, tmp_path, monkeypatch):
    decoded = []
    original = room.decode
    monkeypatch.setattr(room, "decode", lambda data: decoded.append(1) or original(data))
    read_images(images, TRIED, [reader, FakeReader(tmp_path / "b")])
    assert len(decoded) == 5


def test_what_is_kept_is_not_made_again(images, reader, tmp_path, monkeypatch):
    read_images(images, TRIED[:2], [reader])
    again = FakeReader(tmp_path / "a")
    read_images(images, TRIED, [again])
    assert again.seen == 5  # the third condition alone
    monkeypatch.setattr(room, "decode", pytest.fail)
    third = FakeReader(tmp_path / "a")
    assert read_images(dict.fromkeys(images, tmp_path / "gone"), TRIED, [third]) == {}
    assert third.seen == 0


def test_a_run_that_is_stopped_keeps_what_it_had(images, reader, tmp_path):
    class StopError(Exception):
        pass

    def read(batch, original=reader.read):
        if len(reader.batches) == 2:
            raise StopError
        return original(batch)

    reader.read = read
    with pytest.raises(StopError):
        read_images(images, TRIED, [reader], workers=1)
    assert len(FakeReader(tmp_path / "a").cache) == 8


def test_files_that_cannot_be_used_are_told_with_their_reason_and_spare_the_others(images, reader, tmp_path):
    keys = list(images)
    images[keys[0]] = tmp_path / "gone.jpg"
    images[keys[1]] = images[keys[2]]
    long = tmp_path / "long.png"
    Image.new("RGB", (66_000, 1)).save(long)
    images[content_key(long.read_bytes())] = long
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    images[content_key(b"no image")] = text
    reasons = read_images(images, TRIED, [reader])
    assert {key: reason[:30] for key, reason in reasons.items()} == {
        keys[0]: "cannot be read: No such file o",
        keys[1]: "has changed since its features",
        content_key(long.read_bytes()): "66,000 x 1 pixels cannot be st",
        content_key(b"no image"): "not an image that can be read ",
    }
    assert len(reader.cache) == 9


def test_what_is_not_finite_is_not_kept_and_told(images, tmp_path):
    reader = FakeReader(tmp_path / "a", spoil=[1])
    reasons = read_images(images, TRIED, [reader], workers=1)
    assert reasons[next(iter(images))] == "what a model reads of it under blur 2 px is not finite"
    assert len(reader.cache) == 11
    assert np.isfinite(
        reader.cache.get([key.key(k) for k in images for key in TRIED if key.key(k) in reader.cache])
    ).all()


def test_memory_does_not_grow_with_the_images(images, reader, monkeypatch):
    asked = []
    original = cores.in_order
    monkeypatch.setattr(cores, "in_order", lambda *arguments: asked.append(arguments[3]) or original(*arguments))
    read_images(images, TRIED, [reader], workers=2)
    reader.batch_size = 60
    read_images(images, [Condition("crop", 0.9), *TRIED], [reader], workers=2)
    assert asked[1::2] == [2 + 1, 2 + 15]  # images that wait: one a worker, and as many as make a batch
    assert asked[::2] == [2 + 2] * 2  # batches


def model(name, classes=("a", "r"), *, reads="features", members=(), sign=1.0, extractor="one"):
    """A model that says its first class where the first value is negative."""

    def predict(X):
        z = X.reshape(len(X), -1)[:, 0] * sign
        p = np.column_stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))])
        return p, np.array(classes)[p.argmax(axis=1)]

    told = {"fingerprint": extractor} if reads == "features" else None
    passport = Passport(name, reads=reads, extractor=told, digest=name, cv=FoldFacts(), classes=list(classes))
    return SimpleNamespace(
        name=name, classes=list(classes), members=members, passport=passport, predict=predict,
        calibration=Calibration(1.0),
    )  # fmt: skip


def filled(tmp_path, name, values):
    """An reader whose cache holds values (n_images, n_conditions, n_columns) of images "00.." and so on."""
    keys = [f"{i:064x}" for i in range(len(values))]
    cache = FeatureCache(tmp_path / name, values.shape[2])
    cache.add([c.key(k) for k in keys for c in TRIED], values.reshape(-1, values.shape[2]).astype(np.float32))
    return SimpleNamespace(cache=cache), keys


@pytest.mark.parametrize("chunk", [1, 9, 4096])
def test_what_is_said_is_of_its_own_image_and_condition(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(room, "CHUNK", chunk)
    values = np.random.default_rng(0).normal(size=(7, 3, 2))
    reader, keys = filled(tmp_path, "one", values)
    p, decided = predict_all([model("svm")], keys, TRIED, {"one": reader})["svm"]
    assert p.shape == (3, 7, 2)
    assert p[:, :, 1] == pytest.approx(1 / (1 + np.exp(-values[:, :, 0].T)), rel=1e-5)
    assert (decided == np.where(values[:, :, 0].T < 0, "a", "r")).all()


def test_an_ensemble_hears_its_members_with_classes_in_its_own_order(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 3, 2))
    reader, keys = filled(tmp_path, "one", values)
    members = (model("m1"), model("m2", classes=("r", "a"), sign=-1.0))
    heard = {}

    def predict(X):
        heard["X"] = X
        return X.mean(axis=1), np.array(["a", "r"])[X.mean(axis=1).argmax(axis=1)]

    both = model("vote", members=members, reads="members")
    both.predict = predict
    p, _ = predict_all([both], keys, TRIED, {"one": reader})["vote"]
    assert heard["X"].shape == (12, 2, 2)
    assert heard["X"][:, 0] == pytest.approx(heard["X"][:, 1])
    assert p[:, :, 1] == pytest.approx(1 / (1 + np.exp(-values[:, :, 0].T)), rel=1e-5)


def test_a_net_says_what_its_kept_scores_say(tmp_path):
    net = model("lenet5", reads="pixels")
    net.calibration = Calibration(2.0)
    values = np.random.default_rng(0).normal(size=(4, 3, 2))
    reader, keys = filled(tmp_path, "net", values)
    p, decided = predict_all([net], keys, TRIED, {reader_name(net): reader})["lenet5"]
    margin = 2 * (values[:, :, 1] - values[:, :, 0]).T
    assert p[:, :, 1] == pytest.approx(1 / (1 + np.exp(-margin)), rel=1e-5)
    assert (decided == np.where(margin < 0, "a", "r")).all()

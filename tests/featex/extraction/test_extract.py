import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage import data as photographs

from featex import extract, load_features
from featex.errors import InputError, StoreError, WeightsError
from featex.extraction.recipes import choose_recipe
from featex.images.decode import decode
from featex.images.variants import copy_keys, varied
from featex.store.cache import content_key
from featex.store.features import find_set, verify
from featex.system.stopping import Stopped

module = sys.modules["featex.extraction.extract"]


class FakeExtractor:
    """The mean colour of an image; counts the images it decodes and computes."""

    name, fingerprint, batch_size = "fake-1", "1", 4
    device = torch.device("cpu")
    passport: ClassVar = {"name": "fake-1", "fingerprint": "1", "n_features": 3, "backbone": "fake", "weights": "none"}

    n_features = 3
    least_side = None

    def __init__(self, *args, **options):
        FakeExtractor.decoded = FakeExtractor.computed = 0

    def build(self):
        pass

    def undecoded(self, data):
        return None

    def preprocess(self, image):
        FakeExtractor.decoded += 1
        return torch.from_numpy(image.mean(axis=(0, 1)))

    def __call__(self, batch):
        FakeExtractor.computed += len(batch)
        return torch.stack(batch).numpy().astype(np.float32)


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(module, "extractor_for", FakeExtractor)
    return FakeExtractor


def run(root, tmp_path, copies=0, **options):
    return extract(root, tmp_path / "features", recipe=choose_recipe(copies=copies), **options)


def means(features):
    return np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in features.paths])


def test_row_i_of_x_is_the_image_of_row_i(data, tmp_path):
    done = run(data, tmp_path)
    features = done.load()
    assert (done.n_images, done.cached, done.computed, done.failed) == (38, 0, 38, 0)
    np.testing.assert_allclose(features.X, means(features), rtol=1e-6)
    assert set(features.y) == {"ai", "real"}
    assert features.rows["split"].value_counts().to_dict() == {"train": 24, "test": 8, "wild": 6}


def test_rows_do_not_slip_where_files_cannot_be_used(data, tmp_path):
    bad = {
        "train/ai/000.jpg": b"I am no image",
        "train/real/005.jpg": (data / "train/real/005.jpg").read_bytes()[:-400],
        "wild/real/002.jpg": b"",
    }
    for name, content in bad.items():
        (data / name).write_bytes(content)
    done = run(data, tmp_path)
    features = done.load()
    assert (done.computed, done.failed) == (35, 3)
    np.testing.assert_allclose(features.X, means(features), rtol=1e-6)
    failed = pd.read_csv(done.stored.failed_path)
    assert list(failed["path"]) == sorted(bad)
    assert failed["reason"].str.len().gt(5).all()


def test_same_image_twice_is_computed_once(data, tmp_path, fake):
    for name in ("copy.jpg", "test.jpg"):
        shutil.copy(data / "train/ai/003.jpg", data / "train/real" / name)
    done = run(data, tmp_path)
    assert fake.decoded == fake.computed == done.computed == 38
    features = done.load()
    np.testing.assert_allclose(features.X, means(features), rtol=1e-6)
    assert len(features.X) == 40


def test_an_unchanged_second_run_reads_no_image(data, tmp_path, monkeypatch):
    (data / "train/ai/000.jpg").write_bytes(b"I am no image")
    run(data, tmp_path)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail(f"{path} was read"))
    done = run(data, tmp_path)
    assert (done.n_images, done.cached, done.computed, done.failed) == (38, 37, 0, 1)
    assert done.stored.failed_path.exists()


def test_every_training_image_has_its_varied_copies_and_no_other_image_has(data, tmp_path, fake):
    done = run(data, tmp_path, copies=2)
    features = done.load()
    assert fake.decoded == 38 + 2 * 24
    assert (done.computed, done.computed_copies, done.cached) == (38, 48, 0)
    assert features.copies.shape == (38, 2, 3)
    train = (features.rows["split"] == "train").to_numpy()
    assert np.isnan(features.copies[~train]).all()
    for row in np.flatnonzero(train):
        keys = copy_keys(features.rows["key"][row], 2)
        expected = [varied(np.array(Image.open(features.paths[row])), key).mean(axis=(0, 1)) for key in keys]
        np.testing.assert_allclose(features.copies[row], expected, rtol=1e-6)


def test_copies_that_are_there_are_not_made_again_and_more_are_added(data, tmp_path, fake):
    run(data, tmp_path, copies=1)
    done = run(data, tmp_path, copies=1)
    assert (done.computed, done.computed_copies, fake.decoded) == (0, 0, 0)
    done = run(data, tmp_path, copies=3)
    assert (done.computed, done.computed_copies) == (0, 48)
    assert done.load().copies.shape == (38, 3, 3)
    assert run(data, tmp_path).load().copies is None


def test_a_lost_copy_is_found_by_verify(data, tmp_path):
    done = run(data, tmp_path, copies=1)
    assert not list(verify(tmp_path / "features"))
    rows, root = done.stored.read()
    done.stored.write(rows, root, 2)  # as if a second copy had been made
    assert len(list(verify(tmp_path / "features"))) == 24


def test_an_image_whose_copy_cannot_be_used_is_listed(data, tmp_path, monkeypatch):
    compute = FakeExtractor.__call__
    key = copy_keys(content_key((data / "train/ai/003.jpg").read_bytes()), 1)[0]
    bad = varied(np.array(Image.open(data / "train/ai/003.jpg")), key).mean(axis=(0, 1))

    def spoil(self, batch):
        vectors = compute(self, batch)
        vectors[np.isclose(vectors, bad).all(axis=1)] = np.nan
        return vectors

    monkeypatch.setattr(FakeExtractor, "__call__", spoil)
    done = run(data, tmp_path, copies=1)
    assert (done.failed, len(done.load().X)) == (1, 37)
    assert pd.read_csv(done.stored.failed_path)["path"].tolist() == ["train/ai/003.jpg"]


def test_a_renamed_copy_of_the_folder_is_not_computed(data, tmp_path, fake):
    run(data, tmp_path)
    shutil.copytree(data, tmp_path / "other")
    done = run(tmp_path / "other", tmp_path)
    assert (done.cached, done.computed) == (38, 0)
    assert fake.decoded == 0
    assert done.stored.name == "other"


def test_a_changed_file_is_read_again_and_a_mended_one_comes_in(data, tmp_path):
    path = data / "train/ai/000.jpg"
    good = path.read_bytes()
    path.write_bytes(b"I am no image")
    assert run(data, tmp_path).failed == 1
    path.write_bytes(good)
    done = run(data, tmp_path)
    assert (done.cached, done.computed, done.failed) == (37, 1, 0)
    assert not done.stored.failed_path.exists()


def test_what_was_computed_before_a_stop_is_not_computed_again(data, tmp_path, monkeypatch, fake):
    def stop_after_8(self, batch):
        if fake.computed >= 8:
            raise KeyboardInterrupt
        return original(self, batch)

    original = FakeExtractor.__call__
    monkeypatch.setattr(FakeExtractor, "__call__", stop_after_8)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path)
    monkeypatch.setattr(FakeExtractor, "__call__", original)
    assert run(data, tmp_path).computed == 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_once_all_that_was_computed_is_stored(data, tmp_path, monkeypatch, fake, number):
    def signal_once(self, batch):
        if fake.computed >= 8 and waiting:
            os.kill(os.getpid(), waiting.pop())
        return original(self, batch)

    original, waiting = FakeExtractor.__call__, [number]
    monkeypatch.setattr(FakeExtractor, "__call__", signal_once)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped) as stopped:
        run(data, tmp_path, workers=2)
    assert stopped.value.number == number
    assert f"{fake.computed} of 38 images" in str(stopped.value)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    stored = fake.computed
    assert 8 <= stored < 38
    assert run(data, tmp_path).computed == 38 - stored


def test_features_that_are_not_finite_are_a_failure_of_their_row(data, tmp_path, monkeypatch):
    original = FakeExtractor.__call__

    def spoil_one(self, batch):
        vectors = original(self, batch)
        vectors[0] = np.nan if fake_batches.pop() else vectors[0]
        return vectors

    fake_batches = [False] * 20 + [True]
    monkeypatch.setattr(FakeExtractor, "__call__", spoil_one)
    done = run(data, tmp_path)
    assert (done.computed, done.failed) == (37, 1)
    assert np.isfinite(done.load().X).all()
    assert "not finite" in pd.read_csv(done.stored.failed_path)["reason"][0]


def test_a_file_that_a_table_names_and_is_not_there_is_listed(data, tmp_path):
    (tmp_path / "images.csv").write_text("path,label\ntrain/ai/000.jpg,ai\ntrain/ai/gone.jpg,ai\n")
    done = run(data, tmp_path, labels=tmp_path / "images.csv")
    assert (done.computed, done.failed) == (1, 1)
    assert pd.read_csv(done.stored.failed_path)["reason"].tolist() == ["no such file"]


def test_copies_of_a_refused_file_are_all_listed(data, tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (data / "test/ai" / name).write_bytes(b"I am no image")
    assert run(data, tmp_path).failed == 3


def test_images_that_cannot_be_read_are_named_by_suffix_and_class_and_by_their_true_reason(data, tmp_path):
    for number in range(4):
        (data / f"train/real/IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    (data / "train/ai/camera.dng").write_bytes((data / "train/ai/000.jpg").read_bytes())
    os.rename(data / "train/ai/001.jpg", os.fsencode(data / "train/ai") + b"/caf\xe9.jpg")
    done = run(data, tmp_path)
    assert any("4 .heic of class real (4 of its" in kind for kind in done.failed_kinds)
    reasons = pd.read_csv(done.stored.failed_path).set_index("path")["reason"]
    assert len(reasons) == done.failed == 6
    assert "raw file" in reasons["train/ai/camera.dng"]
    assert "UTF-8" in reasons["train/ai/caf\\xe9.jpg"]


def test_images_in_the_low_bits_of_sixteen_are_noted_in_every_run(data, tmp_path):
    for number in range(3):
        pixels = np.arange(number, number + 4000, dtype=np.uint16).reshape(50, 80)
        Image.fromarray(pixels).save(data / f"train/ai/scan{number}.png")
    for _ in range(2):
        notes = run(data, tmp_path).notes
        assert len(notes) == 1
        assert "3 images use the lowest 12 of 16 bits" in notes[0]
        assert "3 .png of class ai" in notes[0]


def test_heic_files_are_tried_again_once_they_can_be_read(data, tmp_path, monkeypatch):
    (data / "train/real/1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    for file in ("images.decode", "extraction.extract"):
        monkeypatch.setattr(f"featex.{file}.reads_heif", lambda: False)
    assert "'.[heif]'" in pd.read_csv(run(data, tmp_path).stored.failed_path)["reason"].iloc[0]
    read = []
    monkeypatch.setattr("featex.extraction.extract.reads_heif", lambda: True)
    monkeypatch.setattr("featex.extraction.embed.file_facts", lambda data: read.append(data) or {})
    run(data, tmp_path)
    assert len(read) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_may_not_be_read_is_listed_and_tried_again(data, tmp_path):
    (data / "test/ai/000.jpg").chmod(0)
    assert run(data, tmp_path).failed == 1
    (data / "test/ai/000.jpg").chmod(0o644)
    assert run(data, tmp_path).failed == 0


def test_all_failing_is_an_error_and_leaves_no_set(tmp_path):
    (tmp_path / "images" / "a").mkdir(parents=True)
    for i in range(3):
        (tmp_path / "images" / "a" / f"{i}.jpg").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"none of 3 images below .* can be used \(a/0\.jpg: "):
        run(tmp_path / "images", tmp_path)
    assert not list(tmp_path.glob("features/*/sets/*"))


def test_a_set_of_the_same_name_from_another_folder_is_not_overwritten(data, tmp_path, write_images):
    run(data, tmp_path)
    other = tmp_path / "elsewhere" / "images"
    write_images(other / "a", 2)
    with pytest.raises(StoreError, match="choose another name with --name"):
        run(other, tmp_path)
    assert run(other, tmp_path, name="mine").stored.name == "mine"


def test_a_place_that_cannot_be_written_is_said_before_work_begins(data, tmp_path, fake):
    (tmp_path / "features").write_text("a file is in the way")
    with pytest.raises(StoreError, match="cannot write"):
        run(data, tmp_path)
    assert fake.decoded == 0


def test_a_row_without_a_vector_is_found_by_verify_and_made_again(data, tmp_path):
    done = run(data, tmp_path)
    assert list(verify(tmp_path / "features")) == []
    shutil.rmtree(done.stored.extractor_dir / "vectors")
    assert len(list(verify(tmp_path / "features"))) == 38
    assert run(data, tmp_path).computed == 38


def test_a_notebook_needs_no_further_argument(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = extract(data)
    assert done.stored.path == Path("artifacts/features/fake-1/sets/images.parquet")
    np.testing.assert_array_equal(load_features().X, done.load().X)


def test_the_newest_set_is_the_default(data, tmp_path):
    run(data, tmp_path, name="first")
    run(data, tmp_path, name="second")
    os.utime(find_set(tmp_path / "features", "first").path, ns=(0, 0))
    assert load_features(tmp_path / "features").name == "second"
    assert load_features(tmp_path / "features", "fake-1/first").name == "first"
    with pytest.raises(InputError, match=r"no set 'third' in .*; there are: first, second"):
        load_features(tmp_path / "features", "third")


def test_weights_that_do_not_fit_leave_nothing_behind(data, tmp_path, monkeypatch):
    def refuse(self):
        raise WeightsError("do not fit")

    monkeypatch.setattr(FakeExtractor, "build", refuse)
    with pytest.raises(WeightsError):
        run(data, tmp_path)
    assert not (tmp_path / "features").exists()


def test_facts_of_files_stand_in_the_rows_and_cost_no_second_read(data, tmp_path, monkeypatch):
    Image.open(data / "wild/ai/000.jpg").save(data / "wild/ai/000.png")
    rows = run(data, tmp_path).load().rows.set_index("path")
    assert rows.loc["wild/ai/000.png", "format"] == "PNG"
    assert (rows["format"] == "JPEG").sum() == 38
    assert (rows.loc["wild/ai/000.jpg", ["width", "height", "jpeg_quality"]] == [48, 48, 95]).all()
    Image.new("RGB", (9, 7)).save(data / "wild/ai/new.png")
    (data / "wild/ai/001.jpg").rename(data / "wild/ai/moved.jpg")
    read = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or path.open("rb").read())
    again = run(data, tmp_path).load().rows.set_index("path")
    assert sorted(name for name in read if name.endswith(("jpg", "png"))) == ["moved.jpg", "new.png"]
    assert (again.loc["wild/ai/new.png", ["width", "height"]] == [9, 7]).all()
    assert again.loc["wild/ai/moved.jpg", "jpeg_quality"] == 95
    kept = rows.index.intersection(again.index)
    pd.testing.assert_frame_equal(again.loc[kept], rows.loc[kept])


def _photographs(folder: Path) -> Path:
    """Five photographs, and one of them again, smaller and compressed."""
    folder.mkdir(parents=True)
    for name in ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field"):
        Image.fromarray(getattr(photographs, name)()[::3, ::3]).save(folder / f"{name}.png")
    Image.open(folder / "coffee.png").resize((120, 80)).save(folder / "again.jpg", quality=70)
    return folder


def test_near_duplicates_are_found_and_a_second_run_opens_no_image(tmp_path, monkeypatch):
    images = _photographs(tmp_path / "photographs")
    done = extract(images, tmp_path / "features")
    rows = done.stored.read()[0].set_index("path")
    assert done.near == 2
    assert rows["near"]["again.jpg"] == rows["near"]["coffee.png"] != ""
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was opened"))
    again = extract(images, tmp_path / "features")
    assert again.stored.read()[0].set_index("path").equals(rows)


def test_an_image_is_decoded_once_and_once_more_only_for_a_thumbnail_that_has_gone(tmp_path, monkeypatch):
    images, decoded = _photographs(tmp_path / "photographs"), []
    monkeypatch.setattr(
        "featex.extraction.embed.decode", lambda data, side=None: decoded.append(data) or decode(data, side)
    )
    run_once = partial(extract, images, tmp_path / "features")
    run_once()
    assert len(decoded) == 6
    shutil.rmtree(tmp_path / "features/thumbnails")
    assert (run_once().computed, len(decoded)) == (0, 12)
    assert (run_once().near, len(decoded)) == (2, 12)


def test_another_extractor_of_the_same_set_takes_over_what_was_recorded(tmp_path, monkeypatch, fake):
    images = _photographs(tmp_path / "photographs")
    first = extract(images, tmp_path / "features")
    rows, root = first.stored.read()
    first.stored.write(rows.assign(anchor="recorded"), root)
    monkeypatch.setattr(fake, "name", "fake-2")
    other = extract(images, tmp_path / "features")
    assert other.stored.extractor_dir != first.stored.extractor_dir
    assert set(other.stored.read()[0]["anchor"]) == {"recorded"}

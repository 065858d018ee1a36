import hashlib
import json
import socket
from functools import partial
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from featex.errors import FeatexError, InputError
from pipelines.sample import make as sample
from pipelines.sample.make import make_sample

TINY = {"n_train": 6, "n_test": 2, "n_custom": 2, "image_size": 32, "steps": 2}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """These images are too small to share: two threads take longer than one."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "made" / "here"
    return out, make_sample(out, **TINY)


def hashes(out):
    return {
        str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in [*out.rglob("*.jpg"), *out.rglob("*.png")]
    }


def test_every_row_is_a_file_and_every_image_a_row_of_the_table_on_disk(tiny):
    out, table = tiny
    assert list(table.columns) == ["file_name", "label", "split", "source", "group"]
    assert sorted(table["file_name"]) == sorted(
        str(p.relative_to(out)) for p in [*out.rglob("*.jpg"), *out.rglob("*.png")]
    )
    counts = table.groupby(["split", "label"]).size().to_dict()
    wanted = {"train": 6, "test": 2, "custom": 2}
    assert counts == {(split, label): n for split, n in wanted.items() for label in ("real", "ai")}
    assert (table["file_name"].str.split("/").str[:2].str.join("/") == table["split"] + "/" + table["label"]).all()
    pd.testing.assert_frame_equal(pd.read_csv(out / "metadata.csv", dtype=str), table)


def test_no_region_is_in_two_sets_and_both_classes_show_each_equally_often(tiny):
    _, table = tiny
    assert (table.groupby("group")["split"].nunique() == 1).all()
    of_real, of_ai = (table[table["label"] == label].groupby("group").size() for label in ("real", "ai"))
    pd.testing.assert_series_equal(of_real, of_ai)
    photographs = table["group"].str.split("-").str[0].groupby(table["split"]).unique().map(set)
    assert photographs["custom"] <= set(sample.OUTER)
    assert photographs["train"] <= set(sample.INNER)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_unseen_sets_have_15_regions_and_more_that_share_no_pixel(monkeypatch, seed):
    def numbered(load):  # each pixel says where it is
        height, width, _ = load().shape
        place = np.arange(height * width).reshape(height, width)
        return np.stack([place >> 16, place >> 8, place], axis=-1).astype(np.uint8)

    monkeypatch.setattr(sample, "DETAIL", -1)
    for name in ("INNER", "OUTER"):
        loads = getattr(sample, name)
        monkeypatch.setattr(sample, name, {key: partial(numbered, load) for key, load in loads.items()})
    sets = sample._regions(np.random.default_rng(seed))
    assert min(map(len, sets.values())) >= 15
    seen = set()
    for regions in sets.values():
        for name, region in regions.items():
            pixels = {(name.split("-")[0], *pixel) for pixel in region.get_flattened_data()}
            assert len(pixels) == region.width * region.height
            assert not seen & pixels
            seen |= pixels


def test_custom_comes_from_another_generator_than_train_and_test(tiny):
    _, table = tiny
    ai = table[table["label"] == "ai"].groupby("split")["source"].unique().map(list).to_dict()
    assert ai == {"train": ["autoencoder"], "test": ["autoencoder"], "custom": ["diffusion"]}


def test_the_planted_shortcut_is_the_format_of_files_in_train_and_test_and_is_written_down(tiny):
    out, table = tiny
    kinds = table.assign(kind=table["file_name"].str[-3:]).groupby(["split", "label"])["kind"].unique().map(list)
    planted = {("train", "ai"), ("test", "ai")}
    assert kinds.to_dict() == {key: ["png" if key in planted else "jpg"] for key in kinds.index}
    for name in table["file_name"]:
        with Image.open(out / name) as image:
            assert (image.format, image.mode, image.size) == (
                "PNG" if name.endswith("png") else "JPEG",
                "RGB",
                (32, 32),
            )
    assert len({(out / name).read_bytes() for name in table["file_name"]}) == len(table)
    assert "PNG" in json.loads((out / "sample.json").read_text())["planted_shortcut"]


def test_pixels_of_both_classes_come_out_of_jpeg_of_one_quality(tiny):
    """Saved again at that quality, they hardly change, as pixels that never were a JPEG would."""
    out, table = tiny
    changes = []
    for name in table["file_name"]:
        with Image.open(out / name) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        again = np.asarray(Image.open(BytesIO(sample._as_jpeg(pixels.astype(np.uint8))))).astype(int)
        changes.append(np.abs(again - pixels).mean())
    assert np.mean(changes) < 1


def test_of_the_crops_the_one_nearest_in_bytes_is_taken():
    noise = np.random.default_rng(0).integers(256, size=(256, 256, 3), dtype=np.uint8)
    noise[:, :128] = 128
    region = Image.fromarray(noise)
    grey = np.full((64, 64, 3), 128, np.uint8)
    busy = noise[:64, 128:192]
    few, many = (
        np.mean([len(sample._as_jpeg(sample._pairs_of_region("r", [image], region, rng)[0][2])) for _ in range(5)])
        for image, rng in ((grey, np.random.default_rng(1)), (busy, np.random.default_rng(1)))
    )
    assert few < 0.9 * many


def test_same_settings_give_the_same_files_and_another_seed_others(tiny, tmp_path):
    out, _ = tiny
    make_sample(tmp_path / "again", **TINY)
    assert hashes(tmp_path / "again") == hashes(out)
    make_sample(tmp_path / "other", **TINY, seed=1)
    assert not hashes(tmp_path / "other").items() & hashes(out).items()


def test_an_empty_folder_is_filled_and_the_callers_random_state_is_left_alone(tmp_path):
    before = torch.get_rng_state()
    make_sample(tmp_path, **TINY)
    assert (torch.get_rng_state() == before).all()
    assert (tmp_path / "metadata.csv").exists()


def test_same_sample_is_kept_without_work(tiny):
    out, table = tiny
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    pd.testing.assert_frame_equal(make_sample(out, **TINY), table)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_other_settings_and_a_missing_image_are_refused_and_nothing_is_touched(tmp_path):
    table = make_sample(tmp_path / "out", **TINY)
    before = hashes(tmp_path / "out")
    with pytest.raises(InputError, match="other settings"):
        make_sample(tmp_path / "out", **TINY | {"n_test": 3})
    assert hashes(tmp_path / "out") == before
    (tmp_path / "out" / table["file_name"][3]).unlink()
    with pytest.raises(InputError, match="missing"):
        make_sample(tmp_path / "out", **TINY)


@pytest.mark.parametrize("content", ["notes.txt", "metadata.csv", "sample.json"])
def test_folder_of_somebody_else_is_refused_and_kept(tmp_path, content):
    (tmp_path / content).write_text(json.dumps({}))
    with pytest.raises(InputError, match="delete it or choose another folder"):
        make_sample(tmp_path, **TINY)
    assert [p.name for p in tmp_path.iterdir()] == [content]


@pytest.mark.parametrize("out", ["file", "file/out"])
def test_a_file_in_the_way_is_refused(tmp_path, out):
    (tmp_path / "file").write_text("")
    with pytest.raises(FeatexError, match=r"choose another|cannot write"):
        make_sample(tmp_path / out, **TINY)


def test_stopped_half_way_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "generate", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "out", **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"n_test": 0}, {"steps": 0}, {"image_size": 100}, {"image_size": 16}, {"seed": -1}])
def test_setting_out_of_range_is_named_with_its_value(tmp_path, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(InputError, match=f"{name} is {value}"):
        make_sample(tmp_path / "out", **TINY | wrong)


def test_photographs_need_no_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *args, **kwargs: pytest.fail("network used"))
    for load in (sample.INNER | sample.OUTER).values():
        assert load().shape[2] == 3

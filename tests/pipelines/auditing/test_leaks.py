import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featex.datasets.dataset import find_images
from featex.errors import InputError
from featex.images.decode import decode
from featex.images.duplicates import find_duplicates, thumbnail
from featex.store.cache import content_key
from pipelines.auditing import leaks as room
from pipelines.auditing.appearance import LOOK
from pipelines.auditing.findings import LEVELS
from pipelines.auditing.leaks import leaks, nearest_copies, sides_of


def made(pictures) -> np.ndarray:
    """Thumbnails of images named by numbers: equal numbers are alike, 7.1 is nearly 7, others are strangers."""
    thumbnails = np.zeros((len(pictures), 16, 16), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        rng = np.random.default_rng(int(picture))
        pixels, other = rng.normal(0, 30, (2, 16, 16))
        thumbnails[i] = np.clip(128 + pixels + 0.5 * (picture % 1) * other, 0, 255)
    return thumbnails


def subject(*images, **columns):
    """images: "set/class number", with "=" behind for files that are equal; two images of one number are copies."""
    rows, pictures = [], []
    for i, words in enumerate(images):
        place, number = words.rstrip("=").split()
        split, label = place.split("/")
        pictures.append(float(number))
        key = number if words.endswith("=") else f"key {i}"
        rows.append({"path": f"{place}/{i}.jpg", "split": split, "label": label, "key": key})
    rows = pd.DataFrame(rows).assign(**({"group": "", "prompt": "", "source": ""} | columns))
    looks = np.zeros(len(rows), LOOK)
    return SimpleNamespace(rows=rows, looks=looks, features=SimpleNamespace(thumbnails=made(pictures)))


def usual(n: int = 20) -> list[str]:
    """Images of two sets and two classes that have nothing in common."""
    places = ("train/ai", "train/real", "test/ai", "test/real")
    return [f"{places[i % 4]} {1000 + i}" for i in range(4 * n)]


IDS = {
    "test": "FX201",
    "tests": "FX202",
    "classes": "FX203",
    "train": "FX204",
    "groups": "FX205",
    "prompts": "FX206",
    "training": "FX207",
    "copies": "FX208",
}


def of(findings, name: str, set: str = ""):
    """The one finding with this id, on this set."""
    (found,) = [one for one in findings if (one.id, one.of) == (IDS[name], set)]
    return found


def test_a_set_without_leaks_is_fine_and_says_how_sure_that_is():
    findings = leaks(subject(*usual()))
    assert {one.level for one in findings} == {"ok"}
    found = of(findings, "test", "test")
    assert (found.value, found.low, round(found.high, 3)) == (0, 0, 0.088)


def test_copies_of_train_are_found_in_each_test_set_and_told_by_kind():
    images = [*usual(), "train/ai 1", "train/ai 2", "train/real 3", "train/real 4="]
    images += ["test/ai 1", "test/ai 2.1", "wild/real 3.1", "wild/real 9", "test/real 4="]
    findings = leaks(subject(*images))
    found = of(findings, "test", "test")
    assert "(1 identical, 2 nearly identical)" in found.sentence
    assert (found.level, found.value) == ("warning", 3 / 43)
    assert found.low < 3 / 43 < found.high
    (table,) = found.tables
    assert set(table.rows[["first", "second", "kind"]].itertuples(index=False, name=None)) == {
        ("train/ai/80.jpg", "test/ai/84.jpg", "near"),
        ("train/ai/81.jpg", "test/ai/85.jpg", "near"),
        ("train/real/83.jpg", "test/real/88.jpg", "exact"),
    }
    assert table.rows["distance"].is_monotonic_decreasing
    assert found.warning.startswith("2 of the 43 test images have")
    assert (table.rows["set of first"] == "train").all()
    assert (table.rows["set of second"] == "test").all()
    assert table.rows["kind"].iloc[0] == "near"  # what needs eyes comes first
    assert of(findings, "test", "wild").value == 1 / 2


def test_equal_files_are_said_to_be_left_out_of_training_and_near_ones_not():
    caught = leaks(subject(*usual(), "train/ai 1=", "test/ai 1="))
    found = of(caught, "test", "test")
    assert found.level == "ok"
    assert found.warning == ""
    assert found.tables[0].rows["training"].tolist() == ["leaves it out"]
    known = of(leaks(subject(*usual(), "train/ai 1", "test/ai 1")), "test", "test")
    assert known.tables[0].rows["training"].tolist() == ["uses it"]
    assert known.warning.startswith("1 of the 41 test images has")
    assert known.level == "warning"


def test_an_equal_file_does_not_hide_a_near_copy_that_is_trained_on():
    found = of(leaks(subject(*usual(), "train/ai 1=", "train/ai 1.1", "test/ai 1=")), "test", "test")
    assert found.tables[0].rows[["first", "training"]].to_numpy().tolist() == [["train/ai/81.jpg", "uses it"]]
    assert found.level == "warning"


def test_copies_behind_an_equal_image_of_another_set_are_found():
    # pairs name only the first of equal images, here one of "wild": the test image and train's meet through it alone
    found = leaks(subject(*usual(), "wild/ai 1", "train/ai 1", "test/ai 1.2", "test/ai 1"))
    assert of(found, "test", "test").value == 2 / 42
    assert of(found, "tests").value == 3 / 43


def test_a_chain_of_copies_is_no_copy():
    pixels, other = np.random.default_rng(0).normal(0, 30, (2, 16, 16))
    chain = np.stack([128 + pixels + 0.3 * step * other for step in range(3)]).clip(0, 255).astype(np.uint8)
    found, each = find_duplicates(chain, ["0", "1", "2"]), np.arange(3)
    assert len(np.unique(found.groups)) == 1
    met = nearest_copies(found, each == 0, each == 2, each)
    assert met.empty
    assert nearest_copies(found, each == 0, each > 0, each)["copy"].tolist() == [1]


def test_nearest_copies_are_those_of_every_pair_looked_at():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 12, 60) + rng.choice([0, 0.1, 0.3, 0.6], 60)
    contents, values = pictures.astype(str), rng.integers(0, 3, 60)
    sought, among = rng.random(60) < 0.7, rng.random(60) < 0.6
    found = find_duplicates(made(pictures), contents)
    met = nearest_copies(found, sought, among, values).set_index("image")
    for i in np.flatnonzero(sought):
        away = np.where(pictures.astype(int) == int(pictures[i]), np.abs(pictures - pictures[i]), 99)
        away[~among | (values == values[i])] = 99
        if away.min() == 99:
            assert i not in met.index
        else:
            assert met.loc[i, "copy"] == away.argmin()
            assert met.loc[i, "kind"] == ("exact" if away.min() == 0 else "near")
            assert (met.loc[i, "distance"] == 0) == (away.min() == 0)
    assert len(met) > 20


def test_images_under_two_classes_are_called_out_wherever_they_stand():
    found = of(leaks(subject(*usual(), "train/ai 1", "train/real 1.1", "train/ai 2", "test/real 2")), "classes")
    assert (found.value, found.level) == (4 / 84, "warning")
    assert len(found.tables[0].rows) == 2  # each pair once, not from both ends
    assert set(found.tables[0].rows["class of first"]) == {"ai"}
    unlabelled = subject(*usual(), "train/ai 1", "wild/ 1")
    assert of(leaks(unlabelled), "classes").level == "ok"


def test_copies_within_train_are_counted_by_what_folds_do_about_them():
    found = of(leaks(subject(*usual(), "train/ai 1=", "train/ai 1=", "val/ai 2", "train/ai 2.1")), "train")
    assert (found.value, found.level) == (4 / 44, "warning")
    assert "2 identical, 2 nearly identical" in found.sentence
    rows = found.tables[0].rows
    assert rows[["kind", "folds"]].to_numpy().tolist() == [["near", "may part them"], ["exact", "keep them together"]]
    kept = of(leaks(subject(*usual(), "train/ai 1=", "train/ai 1=")), "train")
    assert kept.level == "ok"


def test_groups_that_straddle_sets_are_named_with_their_images():
    images = subject(*usual(2))
    images.rows["group"] = ["a", "b", "a", "", *[""] * 3, "c"]
    found = of(leaks(images), "groups")
    assert (found.value, found.level) == (1 / 3, "warning")
    assert found.tables[0].rows.to_dict("records") == [{"group": "a", "train": 1, "test": 1}]
    images.rows["group"] = ["a", "a", "", "", "", "", "", "c"]
    assert (of(leaks(images), "groups").level, of(leaks(images), "groups").value) == ("ok", 0)


def test_prompts_that_train_and_test_share_are_counted_whatever_their_case():
    images = subject(*usual(2))
    images.rows["prompt"] = ["A cat", "", "a CAT", "", "a dog", "", "a bird", ""]
    found = of(leaks(images), "prompts", "test")
    assert (found.value, found.level) == (1 / 4, "warning")
    assert found.tables[0].rows[["first", "second", "prompt"]].to_numpy().tolist() == [
        ["train/ai/0.jpg", "test/ai/2.jpg", "a CAT"]
    ]
    images.rows["prompt"] = ["A cat", "", "", "", "", "", "a bird", ""]
    assert of(leaks(images), "prompts", "test").level == "ok"


def test_without_a_test_set_a_part_of_train_is_held_out_and_looked_at():
    images = [f"/{'ai' if i % 2 else 'real'} {i}" for i in range(60)]
    sides = sides_of(subject(*images).rows)
    held_out = np.flatnonzero(sides.names == "test")
    assert 0 < len(held_out) < 30
    assert not (sides.trained[held_out] | sides.offered[held_out]).any()
    copied = next(i for i in range(60) if sides.trained[i] and i % 2 == held_out[0] % 2)
    images[copied] = f"{images[held_out[0]]}.1"
    assert of(leaks(subject(*images)), "test", "test").value == 1 / len(held_out)


def test_each_pair_is_to_be_seen_side_by_side(monkeypatch):
    seen = []
    monkeypatch.setattr(room, "contact_sheet", lambda images, captions: seen.append((images, captions)) or b"sheet")
    pairs = [f"{place} {i}" for i in range(30) for place in ("train/ai", "test/ai")]
    images = subject(*usual(), *pairs)
    images.looks["tile"][:, 0, 0, 0] = np.arange(len(images.rows))
    found = of(leaks(images), "test", "test")
    assert [picture.data for picture in found.pictures] == [b"sheet"]
    assert "the first 24 of 30 pairs" in found.pictures[0].caption
    tiles, captions = seen[0]
    assert [int(tile[0, 0, 0]) for tile in tiles] == list(range(80, 128))
    assert captions[:3] == ["1  train/ai/80.jpg", "1  test/ai/81.jpg", "2  train/ai/82.jpg"]
    assert len(found.tables[0].rows) == 30


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (["train/ai 1", "train/ai 1.1", "test/ai 1"] * 4, "one class only"),
        (["/ 1", "/ 1.1", "/ 2"] * 4, "no labelled images to train on"),
        (["test/ai 1", "test/real 1", "wild/ai 1"] * 4, "no labelled images to train on"),
        (["train/ai 1", "train/real 2", "test/other 1"] * 4, "which train lacks"),
        (["/ai 1=", "/real 3="], "There is no test set"),
    ],
)
def test_sets_that_cannot_be_judged_by_are_looked_at_all_the_same(images, says):
    findings = leaks(subject(*images))
    assert of(findings, "training").level == "warning"
    assert says in of(findings, "training").sentence
    assert {one.check for one in findings} == {"leaks"}
    assert {one.level for one in findings} <= set(LEVELS)


def test_leaks_are_found_where_nothing_can_be_trained_yet():
    images = subject("train/ai 1=", "train/ai 2", "test/ai 1=", group=["a", "", "a"])
    findings = leaks(images)
    found = of(findings, "test", "test")
    assert (found.value, found.level) == (1, "critical")
    assert found.tables[0].rows["training"].tolist() == ["uses it"]  # for nothing is left out yet


def test_three_classes_are_compared_each_with_each():
    images = [f"{split}/{label} {n}" for n, split in enumerate(("train", "test") * 3) for label in "abc"]
    assert of(leaks(subject(*images)), "classes").value == 1


def test_a_film_of_images_is_said_to_be_one(monkeypatch):
    def too_many(thumbnails, contents):
        raise InputError("more than 5 pairs of images look alike")

    monkeypatch.setattr(room, "find_duplicates", too_many)
    findings = leaks(subject(*usual()))
    assert of(findings, "copies").level == "warning"
    assert of(findings, "prompts").level == "ok"


@pytest.fixture(scope="module")
def planted(real_data, tmp_path_factory):
    """Real images with 3 x 20 copies of train in test; rows, looks, and the original of each copy by kind."""
    root, rng = real_data / "ai-vs-real", np.random.default_rng(0)
    rows = find_images(root).table.query("split in ('train', 'test')").reset_index(drop=True)
    train = rows.index[rows["split"] == "train"].to_numpy()
    originals = rng.choice(train, 60, replace=False)
    folder, copies = tmp_path_factory.mktemp("planted"), []
    for i, row in enumerate(originals):
        data = (root / rows["path"][row]).read_bytes()
        image = Image.open(io.BytesIO(data)).convert("RGB")
        if i >= 40:
            factor = rng.uniform(0.4, 1.6)
            image = image.resize((round(image.width * factor), round(image.height * factor)))
        if i >= 20:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=95 if i >= 40 else int(rng.integers(50, 91)))
            data = file.getvalue()
        copies.append(folder / f"{i}.jpg")
        copies[-1].write_bytes(data)
    paths = [*(root / path for path in rows["path"]), *copies]
    more = rows.loc[originals].assign(path=[f"planted/{i}.jpg" for i in range(60)], split="test")
    rows = pd.concat([rows, more], ignore_index=True)
    rows = rows.assign(prompt="", key=[content_key(path.read_bytes()) for path in paths])
    looks = np.zeros(len(rows), LOOK)
    thumbnails = np.stack([thumbnail(decode(path.read_bytes())) for path in paths])
    return SimpleNamespace(rows=rows, looks=looks, features=SimpleNamespace(thumbnails=thumbnails)), originals


def test_planted_leaks_of_real_images_are_found_and_no_others(planted):
    images, originals = planted
    pairs = of(leaks(images), "test", "test").tables[0].rows.set_index("second")["first"]
    right = [pairs.get(f"planted/{i}.jpg") == images.rows["path"][row] for i, row in enumerate(originals)]
    assert sum(right[:20]) == 20
    assert sum(right[20:40]) >= 19
    assert sum(right[40:]) >= 18
    assert len(pairs) - sum(right) <= 5

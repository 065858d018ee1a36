"""A cleaned copy holds what it should, and every file of the source is accounted for."""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featex.datasets.dataset import find_images
from featex.errors import InputError, StoreError
from featex.images.decode import decode
from featex.images.duplicates import MIN_CORRELATION
from pipelines.cleaning import prepare as room
from pipelines.cleaning.judgement import SURE, Judgement
from pipelines.cleaning.prepare import prepare
from pipelines.cleaning.rules import RULES, Rule
from pipelines.sample.make import INNER, OUTER

SIDE = 96
RED, GREEN, BLUE, GREY = (250, 0, 0), (0, 250, 0), (0, 0, 250), (120, 120, 120)


def picture(seed: int, corner=None, width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Return a smooth coloured picture, its first 16 pixels of a colour that a made-up rule looks for."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    if corner:
        image.paste(corner, (0, 0, 16, 1))
    return image


def saved(path: Path, image: Image.Image, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def by_corner(colour, action: str, confidence: float, boxes):
    def find(image: np.ndarray) -> Judgement | None:
        height, width, _ = image.shape
        if np.abs(image[0, 8].astype(int) - colour).max() > 40:
            return None
        return Judgement(action, f"{action} because of its corner", confidence, boxes(width, height))

    return find


def quarters(width: int, height: int):
    x, y = width // 2, height // 2
    return (0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)


@pytest.fixture
def rules(monkeypatch):
    """Rules that act on the colour of a corner: red drops, green splits, blue crops the last 8 rows, grey is unsure."""
    rules = {
        "red": Rule("red dropped", by_corner(RED, "drop", 0.95, lambda width, height: ())),
        "grey": Rule("grey dropped", by_corner(GREY, "drop", 0.5, lambda width, height: ())),
        "green": Rule("green split", by_corner(GREEN, "split", 0.9, quarters)),
        "blue": Rule("blue cropped", by_corner(BLUE, "crop", 1.0, lambda width, height: ((0, 0, width, height - 8),))),
        "duplicates": RULES["duplicates"],
    }
    monkeypatch.setattr(room, "RULES", rules)
    return rules


@pytest.fixture
def mixed(tmp_path, rules):
    """A folder of sets with something for every made-up rule."""
    root = tmp_path / "raw"
    for number, (split, label) in enumerate((s, c) for s in ("train", "test", "wild") for c in ("ai", "real")):
        for i in range(2):
            saved(root / split / label / f"{i}.jpg", picture(10 * number + i), quality=92, comment=b"kept")
    saved(root / "train" / "ai" / "red.png", picture(100, RED))
    saved(root / "train" / "ai" / "grey.png", picture(101, GREY))
    saved(root / "train" / "ai" / "sheet.png", picture(102, GREEN))
    saved(root / "test" / "real" / "blue.jpg", picture(103, BLUE), quality=95, subsampling=0)
    (root / "train" / "ai" / "broken.jpg").write_bytes(b"no image")
    (root / "train" / "notes.txt").write_text("notes")
    return root


def row(table: pd.DataFrame, path: str) -> pd.Series:
    return table.set_index("path").loc[path]


def test_what_needs_no_change_is_copied_byte_for_byte_and_the_source_left_alone(mixed, tmp_path):
    before = contents(mixed)
    done = prepare(mixed, tmp_path / "new", workers=3)
    assert contents(mixed) == before
    written = contents(tmp_path / "new")
    kept = done.table[done.table["action"].isin(["kept", "review"])]
    assert len(kept) == 13
    assert {path: written[path] for path in kept["path"]} == {path: before[path] for path in kept["path"]}
    assert (kept["written"] == kept["path"]).all()
    assert (kept["saved"] == "").all()
    assert done.folder == tmp_path / "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "new-prepared", "raw"]


def test_every_file_is_accounted_for(mixed, tmp_path):
    done = prepare(mixed, tmp_path / "new")
    assert done.counts == {"kept": 12, "review": 1, "cropped": 1, "split": 1, "dropped": 1, "refused": 1}
    table = done.table
    red = row(table, "train/ai/red.png")
    assert (red["action"], red["rule"], red["confidence"], red["written"]) == ("dropped", "red", 0.95, "")
    assert red["why"] == "drop because of its corner"
    assert row(table, "train/ai/broken.jpg")["action"] == "refused"
    assert "not an image" in row(table, "train/ai/broken.jpg")["why"]
    blue = row(table, "test/real/blue.jpg")
    assert (blue["action"], blue["rule"], blue["written"]) == ("cropped", "blue", "test/real/blue.jpg")
    assert blue["saved"] == "as JPEG with its own tables"
    sheet = row(table, "train/ai/sheet.png")
    assert (sheet["action"], sheet["confidence"]) == ("split", 0.9)
    assert sheet["written"] == ";".join(f"train/ai/sheet_{i}.png" for i in (1, 2, 3, 4))
    assert (row(table, "train/ai/0.jpg")[["rule", "why"]] == "").all()
    stored = pd.read_csv(done.report / "prepared.csv", keep_default_na=False, na_values={"confidence": ""})
    pd.testing.assert_frame_equal(stored, table, check_dtype=False)
    written = find_images(tmp_path / "new").table["path"]
    assert sorted(written) == sorted(name for names in table["written"] if names for name in names.split(";"))
    assert done.n_written == len(written) == 18


def test_what_is_unsure_stays_and_is_put_up_for_review(mixed, tmp_path):
    done = prepare(mixed, tmp_path / "new")
    grey = row(done.table, "train/ai/grey.png")
    assert (grey["action"], grey["rule"], grey["confidence"]) == ("review", "grey", 0.5)
    assert done.review[["path", "rule", "would", "confidence"]].values.tolist() == [
        ["train/ai/grey.png", "grey", "drop", 0.5]
    ]
    assert Image.open(done.report / "review_grey.jpg").format == "JPEG"
    assert sorted(path.name for path in done.report.glob("acted_*")) == [
        "acted_blue.jpg",
        "acted_green.jpg",
        "acted_red.jpg",
    ]


def test_parts_and_crops_are_cut_to_the_pixel(mixed, tmp_path):
    prepare(mixed, tmp_path / "new")
    old = decode((mixed / "train/ai/sheet.png").read_bytes())
    for number, (left, top, right, bottom) in enumerate(quarters(SIDE, SIDE), 1):
        part = decode((tmp_path / f"new/train/ai/sheet_{number}.png").read_bytes())
        np.testing.assert_array_equal(part, old[top:bottom, left:right])
    assert decode((tmp_path / "new/test/real/blue.jpg").read_bytes()).shape == (SIDE - 8, SIDE, 3)


def test_the_copy_is_read_as_the_source_is_and_parts_share_a_group(mixed, tmp_path):
    prepare(mixed, tmp_path / "new")
    old, new = (find_images(root).table.set_index("path") for root in (mixed, tmp_path / "new"))
    for path, image in new.iterrows():
        origin = "train/ai/sheet.png" if "sheet_" in path else path
        assert image[["label", "split", "source"]].tolist() == old.loc[origin, ["label", "split", "source"]].tolist()
        assert image["group"] == ("parts of train/ai/sheet.png" if "sheet_" in path else "")


def test_equal_and_near_copies_in_one_class_and_set_are_dropped(mixed, tmp_path):
    shutil.copy(mixed / "train/real/0.jpg", mixed / "train/real/again.jpg")
    picture(21).resize((60, 60)).save(mixed / "test/ai/small.png")
    done = prepare(mixed, tmp_path / "new")
    again, small = row(done.table, "train/real/again.jpg"), row(done.table, "test/ai/small.png")
    assert (again["action"], again["rule"], again["confidence"]) == ("dropped", "duplicates", 1.0)
    assert again["why"] == "train/real/again.jpg: the same pixels as train/real/0.jpg"
    assert (small["action"], small["rule"]) == ("dropped", "duplicates")
    said = re.fullmatch(
        r"test/ai/small.png: nearly the same \(correlation (0\.9\d\d|1\.000)\) as test/ai/1.jpg", small["why"]
    )
    assert small["confidence"] == pytest.approx(room.confidence_of(1 - float(said[1])), abs=0.002)
    assert not (tmp_path / "new/train/real/again.jpg").exists()
    assert (done.report / "acted_duplicates.jpg").exists()


def test_copies_across_classes_and_sets_stay_are_reported_and_share_a_group(mixed, tmp_path):
    shutil.copy(mixed / "train/real/0.jpg", mixed / "train/ai/other_class.jpg")
    shutil.copy(mixed / "train/ai/0.jpg", mixed / "test/ai/other_set.jpg")
    done = prepare(mixed, tmp_path / "new")
    copies = done.review[done.review["rule"] == "duplicates"]
    expected = {
        ("train/real/0.jpg", "train/ai/other_class.jpg"),
        ("train/ai/0.jpg", "test/ai/other_set.jpg"),
    }
    assert set(zip(copies["path"], copies["other"], strict=True)) == expected | {pair[::-1] for pair in expected}
    assert set(copies["would"]) == {"report"}
    groups = find_images(tmp_path / "new").table.set_index("path")["group"]
    for first, second in expected:
        assert row(done.table, first)["action"] == row(done.table, second)["action"] == "review"
        assert groups[first] == groups[second] == row(done.table, first)["group"] != ""
    assert "which is test ai" in row(done.table, "train/ai/0.jpg")["why"]
    assert groups["train/ai/1.jpg"] == ""
    assert len(set(groups)) == 4


def test_a_part_of_a_sheet_that_is_a_copy_is_dropped(mixed, tmp_path):
    sheet = Image.open(mixed / "train/ai/sheet.png")
    part = picture(9, width=48, height=48)  # with more to tell it by than a part of the sheet has
    sheet.paste(part, (48, 48))
    sheet.save(mixed / "train/ai/sheet.png")
    part.resize((96, 96)).save(mixed / "train/ai/single.png")
    done = prepare(mixed, tmp_path / "new")
    found = row(done.table, "train/ai/sheet.png")
    assert (found["action"], found["rule"]) == ("split", "green;duplicates")
    assert found["written"] == ";".join(f"train/ai/sheet_{i}.png" for i in (1, 2, 3))
    assert not (tmp_path / "new/train/ai/sheet_4.png").exists()
    assert (tmp_path / "new/train/ai/single.png").exists()


def test_a_dry_run_says_the_same_and_writes_only_the_report(mixed, tmp_path):
    dry = prepare(mixed, tmp_path / "new", dry_run=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-prepared", "raw"]
    wet = prepare(mixed, tmp_path / "new")
    assert dry.folder is None
    assert "would be written" in dry.lines()[0]
    pd.testing.assert_frame_equal(dry.table.drop(columns="saved"), wet.table.drop(columns="saved"))
    pd.testing.assert_frame_equal(dry.review, wet.review)


def test_the_number_of_workers_changes_nothing(mixed, tmp_path):
    one, many = (prepare(mixed, tmp_path / str(n), workers=n) for n in (1, 5))
    pd.testing.assert_frame_equal(one.table, many.table)
    assert contents(one.folder) == contents(many.folder)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_switched_off(mixed, tmp_path, monkeypatch, name):
    called = []
    monkeypatch.setattr(
        room,
        "RULES",
        {key: Rule("", rule.find and (lambda image, key=key: called.append(key))) for key, rule in RULES.items()},
    )
    monkeypatch.setattr(
        room, "thumbnail", lambda image, made=room.thumbnail: called.append("duplicates") or made(image)
    )
    done = prepare(mixed, tmp_path / "new", skip=[name])
    assert set(called) == set(RULES) - {name}
    assert set(done.rules) == set(RULES) - {name}


def test_an_unknown_rule_is_refused_with_the_nearest(mixed, tmp_path):
    with pytest.raises(InputError, match="unknown rule 'duplicate'; did you mean 'duplicates'"):
        prepare(mixed, tmp_path / "new", skip=["duplicate"])


def test_every_file_is_decoded_once_to_be_judged(mixed, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(room, "decode", lambda data: calls.append(len(data)) or decode(data))
    done = prepare(mixed, tmp_path / "new")
    assert len(calls) == len(done.table)


def test_a_target_that_cannot_be_used_is_refused_before_any_image_is_read(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "decode", lambda data: pytest.fail("an image was read"))
    saved(tmp_path / "full" / "a.png", picture(0))
    for target in (tmp_path / "full", mixed / "new", mixed, tmp_path / "full" / "a.png"):
        with pytest.raises(InputError):
            prepare(mixed, target)
    with pytest.raises(InputError, match="must not change"):
        prepare(mixed, mixed / "new", dry_run=True)
    shutil.move(mixed, tmp_path / "new-prepared")
    with pytest.raises(InputError, match="must not change"):
        prepare(tmp_path / "new-prepared", tmp_path / "new")


def test_where_no_file_can_be_read_the_run_fails_and_leaves_nothing(tmp_path, rules):
    for name in ("a.jpg", "b.png"):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"no image below .* can be used \(a.jpg: not an image"):
        prepare(tmp_path / "raw", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_where_nothing_is_left_the_report_says_why(tmp_path, rules):
    saved(tmp_path / "raw" / "a.png", picture(0, RED))
    with pytest.raises(InputError, match=r"drop every image below .*new-prepared"):
        prepare(tmp_path / "raw", tmp_path / "new")
    assert "drop because of its corner" in (tmp_path / "new-prepared" / "prepared.csv").read_text()
    assert not (tmp_path / "new").exists()


def test_a_file_that_changes_or_goes_meanwhile_is_refused(mixed, tmp_path, monkeypatch):
    def meanwhile(*arguments, find=room.find_duplicates, **options):
        saved(mixed / "train/ai/0.jpg", picture(999))
        (mixed / "train/ai/sheet.png").unlink()
        return find(*arguments, **options)

    monkeypatch.setattr(room, "find_duplicates", meanwhile)
    done = prepare(mixed, tmp_path / "new")
    changed, gone = row(done.table, "train/ai/0.jpg"), row(done.table, "train/ai/sheet.png")
    assert (changed["action"], changed["written"]) == ("refused", "")
    assert "changed" in changed["why"]
    assert (gone["action"], gone["written"]) == ("refused", "")
    assert set(find_images(tmp_path / "new").table["path"]).isdisjoint(["train/ai/0.jpg", "train/ai/sheet_1.png"])
    assert done.n_written == 13


def test_a_full_disk_ends_the_run_and_leaves_no_half_a_folder(mixed, tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left"):
        prepare(mixed, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_what_a_table_says_goes_on_in_the_table_of_the_copy(tmp_path, rules):
    root = tmp_path / "raw"
    saved(root / "a.jpg", picture(1))
    saved(root / "deep" / "b.png", picture(2, GREEN))
    saved(tmp_path / "elsewhere" / "c.png", picture(3))
    (tmp_path / "labels.csv").write_text(
        "file,kind,part,who\na.jpg,Real,train,x\ndeep/b.png,Fake,train,x\n../elsewhere/c.png,Fake,wild,\n"
        "absent.png,Real,train,\n"
    )
    done = prepare(
        *(root, tmp_path / "new"),
        **{"labels": tmp_path / "labels.csv", "label_column": "kind", "set_column": "part", "group_column": "who"},
        classes=[("ai", "Fake"), ("real", "Real")],
    )
    assert row(done.table, "absent.png")[["action", "why"]].tolist() == ["refused", "no such file"]
    table = find_images(tmp_path / "new").table
    assert table[["path", "label", "split", "group"]].values.tolist() == [
        ["a.jpg", "real", "train", "x"],
        *[[f"deep/b_{i}.png", "ai", "train", "x"] for i in (1, 2, 3, 4)],
        ["elsewhere/c.png", "ai", "wild", ""],
    ]
    assert (table["size"] > 0).all()


def test_all_that_is_dropped_as_a_copy_is_sure():
    confidences = [room.confidence_of(distance) for distance in np.linspace(0, 1 - MIN_CORRELATION, 11)]
    assert confidences == sorted(confidences, reverse=True)
    assert (confidences[0], confidences[-1]) == (0.99, SURE)


def test_the_rules_themselves_clean_what_is_to_be_cleaned(tmp_path):
    photographs = [Image.fromarray((INNER | OUTER)[name]()) for name in ("astronaut", "cat", "china", "motorcycle")]
    squares = [image.crop((0, 0, 300, 300)).resize((256, 256)) for image in photographs]
    sheet = Image.new("RGB", (512, 512))
    for square, (left, top, _, _) in zip(squares, quarters(512, 512), strict=True):
        sheet.paste(square, (left, top))
    signed = Image.fromarray(INNER["coffee"]()).resize((512, 512))
    for number, colour in enumerate(("#FFFF66", "#42FFFF", "#51DA4C", "#FF6E3C", "#3C46FF")):
        signed.paste(colour, (472 + 8 * number, 504, 480 + 8 * number, 512))
    root = tmp_path / "raw"
    saved(root / "ai" / "sheet.jpg", sheet, quality=90)
    saved(root / "ai" / "signed.png", signed)
    saved(root / "ai" / "blank.png", Image.new("RGB", (300, 300), "#EEEEEE"))
    saved(root / "real" / "plain.jpg", Image.fromarray(INNER["rocket"]()), quality=90)
    saved(root / "real" / "cat.jpg", squares[1], quality=80)
    done = prepare(root, tmp_path / "new")
    actions = done.table.set_index("path")["action"].to_dict()
    assert actions == {
        **{"ai/blank.png": "dropped", "ai/sheet.jpg": "split", "ai/signed.png": "cropped"},
        **{"real/plain.jpg": "kept", "real/cat.jpg": "review"},
    }
    table = find_images(tmp_path / "new").table.set_index("path")
    assert len(table) == 7
    assert table["group"]["real/cat.jpg"] == table["group"]["ai/sheet_2.jpg"] == table["group"]["ai/sheet_1.jpg"] != ""
    assert decode((tmp_path / "new/ai/signed.png").read_bytes()).shape == (504, 512, 3)
    np.testing.assert_array_equal(decode((tmp_path / "new/ai/signed.png").read_bytes()), np.asarray(signed)[:504])
    assert [Image.open(tmp_path / f"new/ai/sheet_{i}.jpg").size for i in (1, 2, 3, 4)] == 4 * [(256, 256)]


def test_real_downloads_come_out_clean(real_data, tmp_path):
    if not (real_data / "cleaning").is_dir():
        pytest.skip("FEATEX_TEST_DATA holds no cleaning/")
    before = contents(real_data / "cleaning")
    done = prepare(real_data / "cleaning", tmp_path / "new")
    actions = done.table.groupby("label")["action"].agg(set).to_dict()
    assert actions == {
        **{"dalle_colour_bar": {"cropped"}, "dalle_no_bar": {"kept"}, "gemini_sparkle": {"review"}},
        **{"grid_2x2_ai": {"kept"}, "ui_screenshots": {"dropped"}},
    }
    for path in done.table.loc[done.table["action"] == "cropped", "path"]:
        old, new = (decode((folder / path).read_bytes()) for folder in (real_data / "cleaning", done.folder))
        assert len(old) - len(new) == 16
        np.testing.assert_array_equal(new, old[:-16])
    assert len(find_images(done.folder).table) == done.n_written == 14
    assert contents(real_data / "cleaning") == before

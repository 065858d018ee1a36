import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from featex.datasets.dataset import find_images
from featex.errors import InputError
from featex.images.decode import decode
from featex.images.facts import file_facts
from featex.system.progress import Progress
from pipelines.cleaning.normalise import SHIFT, Form, common_size, normalise, square


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a smooth coloured picture with some grain, as photographs have."""
    rng = np.random.default_rng([seed, width, height])
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray((pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8))


def saved(path: Path, image: Image.Image, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def telling(tmp_path):
    """A folder in which everything but the picture tells the class."""
    root = tmp_path / "telling"
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, Steps: 20")
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    for i in range(6):
        saved(root / "train" / "ai" / f"{i}.png", picture(300, 300, i), pnginfo=text)
        where = root / "train" / "real" / f"{i}.jpg"
        saved(where, picture(400, 280, i), quality=80, subsampling="4:4:4", exif=exif, comment=b"hello", dpi=(300, 300))
    saved(root / "wild" / "ai" / "alpha.webp", picture(300, 320).convert("RGBA"))
    saved(root / "wild" / "real" / "grey.jpg", picture(500, 300).convert("L"), progressive=True, quality=70)
    return root


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_every_file_says_the_same_of_itself(telling, tmp_path, format):
    before = contents(telling)
    done = normalise(telling, tmp_path / "new", Form(format, 90, "4:2:2", 128), workers=2)
    facts = pd.DataFrame([file_facts((done.folder / name).read_bytes()) for name in done.table["written"]])
    assert len(facts) == 14
    assert all(facts.nunique(dropna=False) == 1), facts.nunique(dropna=False)
    expected = {"format": format.upper(), "mode": "RGB", "width": 128, "height": 128, "exif": "", "profile": ""}
    expected |= {
        "jpeg": {"metadata": "jfif", "jpeg_quality": 90, "jpeg_sampling": "4:2:2"},
        "png": {"metadata": "", "jpeg_sampling": ""},
    }[format]
    assert facts.loc[0, list(expected)].to_dict() == expected
    assert contents(telling) == before


def test_the_copy_is_read_as_the_source_is(telling, tmp_path):
    normalise(telling, tmp_path / "new", Form(size=64))
    old, new = (find_images(root).table for root in (telling, tmp_path / "new"))
    columns = ["label", "split", "source", "group"]
    pd.testing.assert_frame_equal(new[columns], old[columns])
    assert [Path(path).with_suffix(".jpg").as_posix() for path in old["path"]] == new["path"].tolist()
    assert not list((tmp_path / "new").rglob("*.csv"))


def test_what_a_table_says_is_kept_with_the_new_names(tmp_path):
    root = tmp_path / "pairs"
    for name in ("a.png", "a.jpg", "c.png"):
        saved(root / "x" / name, picture(64, 64))
    saved(tmp_path / "elsewhere" / "d.png", picture(64, 64))
    rows = ["id,kind,pair,part", "x/a.png,AI_1,7,train", "x/a.jpg,human,7,train", "x/c.png,human,8,wild"]
    (root / "rows.csv").write_text("\n".join([*rows, "../elsewhere/d.png,AI_2,8,wild"]))
    options = {"labels": root / "rows.csv", "label_column": "kind", "set_column": "part", "group_column": "pair"}
    normalise(root, tmp_path / "new", Form(size=32), classes=[("ai", "AI_*"), ("real", "*")], **options)
    rows = find_images(tmp_path / "new").table.set_index("path")[["label", "split", "group"]]
    assert rows.apply(tuple, axis=1).to_dict() == {
        "x/a_png.jpg": ("ai", "train", "7"),
        "x/a.jpg": ("real", "train", "7"),
        "x/c.jpg": ("real", "wild", "8"),
        "elsewhere/d.jpg": ("ai", "wild", "8"),
    }


def test_a_file_that_cannot_be_used_is_listed_and_the_rest_is_written(telling, tmp_path):
    (telling / "train" / "ai" / "1.png").write_bytes(b"no image")
    saved(telling / "train" / "real" / "small.jpg", picture(200, 90))
    (telling / "train" / "real" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    done = normalise(telling, tmp_path / "new", Form(size=100))
    assert done.lines()[0] == "13 of 16 images written, JPEG of 100 x 100 pixels"
    record = pd.read_csv(tmp_path / "new-normalised" / "normalised.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(record, done.table, check_dtype=False)
    rows = record.set_index("path")
    assert rows.loc["train/real/0.jpg"].to_dict() == {
        **{"label": "real", "split": "train", "written": "train/real/0.jpg", "reason": ""},
        **{"width_before": 400, "height_before": 280, "width": 100, "height": 100, "side": 265},
        **{name: rows.loc["train/real/0.jpg", name] for name in ("left", "top")},
    }
    assert "not an image" in rows.loc["train/ai/1.png", "reason"]
    assert rows.loc["train/real/gone.jpg", "reason"] == "no such file"
    small = rows.loc["train/real/small.jpg"]
    assert small["reason"] == "200 x 90 pixels, too small for 100 x 100; enlarge it or choose a smaller size"
    assert (small["written"], small["width_before"], small["height_before"], small["width"]) == ("", 200, 90, 0)
    assert sorted(rows["written"][rows["written"] != ""]) == sorted(contents(tmp_path / "new"))
    assert "3 left out (train ai 1, train real 2)" in done.lines()[1]


def test_squares_are_moved_by_what_images_show_and_not_by_their_class(tmp_path):
    for i in range(40):
        saved(tmp_path / "old" / "train" / ("ai", "real")[i % 2] / f"{i}.png", picture(180, 170, i))
    done, again = (normalise(tmp_path / "old", tmp_path / name, Form(size=80)) for name in ("new", "again"))
    columns = ["left", "top", "side"]
    assert done.table[columns].equals(again.table[columns])
    assert (done.table["side"] == 170 - SHIFT).all()
    moved = done.table.assign(left=done.table["left"] - 5)  # the middle square begins at 5
    for _, part in moved.groupby("label"):
        assert part["left"].between(0, SHIFT).all()
        assert part["top"].between(0, SHIFT).all()
        assert min(part["left"].nunique(), part["top"].nunique()) > 6
    assert "ai 0.52 (0.52-0.52); real 0.52 (0.52-0.52)" in done.lines()[1]
    assert len(done.lines()) == 2
    less = normalise(tmp_path / "old", tmp_path / "less", Form(size=112))
    assert "ai 0.72" in less.lines()[1]
    assert "--size 64 " in less.lines()[2]


def test_a_square_of_the_wanted_size_is_not_moved():
    assert square((40, 60), 40, b"content") == (10, 0, 40)
    assert square((40, 60), 48, b"content") == (10, 0, 40)  # to be enlarged
    left, top, side = square((42, 60), 40, b"content")
    assert (side, 9 <= left <= 11, 0 <= top <= 2) == (40, True, True)


def test_small_images_are_enlarged_only_when_asked(tmp_path):
    saved(tmp_path / "old" / "ai" / "a.png", picture(40, 120))
    saved(tmp_path / "old" / "real" / "b.png", picture(100, 64))
    done = normalise(tmp_path / "old", tmp_path / "new", Form(size=64, enlarge=True))
    assert "enlarged, which leaves traces: 1 (ai 1)" in done.lines()
    assert Image.open(tmp_path / "new" / "ai" / "a.jpg").size == (64, 64)
    left_out = normalise(tmp_path / "old", tmp_path / "strict", Form(size=64)).table
    assert (left_out["reason"] == "").tolist() == [False, True]


def test_sizes_that_are_kept_are_warned_of(telling, tmp_path):
    done = normalise(telling, tmp_path / "new", Form(size="keep"))
    assert Image.open(tmp_path / "new" / "train" / "real" / "0.jpg").size == (400, 280)
    before, after = done.table[["width_before", "height_before"]], done.table[["width", "height"]]
    assert after.to_numpy().tolist() == before.to_numpy().tolist()
    assert done.lines()[-1] == "sizes were kept and can predict the class; --size auto makes them equal"
    assert done.table["width"].nunique() == 3


def test_the_middle_is_taken_upright_over_white(tmp_path):
    pixels = np.zeros((40, 120, 4), dtype=np.uint8)
    pixels[:, 40:80] = (200, 100, 50, 255)
    pixels[:, 60:80, 3] = 0
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    saved(tmp_path / "old" / "a.png", Image.fromarray(pixels), exif=exif)
    normalise(tmp_path / "old", tmp_path / "new", Form(size=20, format="png"))
    new = decode((tmp_path / "new" / "a.png").read_bytes())
    # moved by 7 pixels at most, of a square of 33; the filter rings a little
    assert np.abs(new[:7].astype(int) - (200, 100, 50)).max() < 25
    assert new[14:].min() > 230


def test_auto_measures_all_images_and_says_what_it_chose(tmp_path, telling):
    class Heard(Progress):
        def say(self, line):
            lines.append(line)

    lines = []
    done = normalise(telling, tmp_path / "new", progress=Heard())
    assert done.form.size == 224
    chosen = "every image becomes 224 x 224 pixels: nearly all images have 280 or more in the smallest class"
    assert lines[1:] == [f"{chosen} (train real)"]


def table(**sides):
    return pd.concat([pd.DataFrame({"split": "train", "label": label, "side": s}) for label, s in sides.items()])


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ({"ai": [512] * 30, "real": [1000] * 30}, 256),
        ({"ai": [700] * 30, "real": [1000] * 30}, 336),  # 350, less what is no whole block
        ({"ai": [2000] * 30, "real": [3000] * 30}, 512),
        ({"ai": [384] * 30, "real": [512] * 30}, 224),
        ({"ai": [200] * 30, "real": [512] * 30}, 192),
        ({"ai": [32] * 30, "real": [32] * 30}, 32),
        ({"ai": [9] * 30, "real": [32] * 30}, 9),
        ({"ai": [32] + [512] * 30, "real": [512] * 30}, 256),  # one in twenty may be smaller
        ({"ai": [32] * 3 + [512] * 30, "real": [512] * 30}, 32),
        ({"ai": [0] * 10 + [512] * 30, "real": [512] * 30}, 256),  # files that cannot be read have no say
        ({"ai": [32] * 5, "real": [512] * 30}, 256),  # nor have a few
        ({"ai": [600] * 5, "real": [512] * 5}, 256),  # unless there are no more
    ],
)
def test_the_common_size_is_half_of_what_nearly_all_reach(sides, size):
    assert common_size(table(**sides))[0] == size


def test_every_format_of_a_picture_becomes_the_same_bytes(tmp_path):
    image = picture(96, 64)
    for name in ("a.png", "b.bmp", "c.webp", "d.tif"):
        saved(tmp_path / "old" / name, image, **({"lossless": True} if name == "c.webp" else {}))
    normalise(tmp_path / "old", tmp_path / "new", Form(size=32))
    assert len(set(contents(tmp_path / "new").values())) == 1


def test_all_images_are_resampled_by_lanczos_in_one_step(tmp_path):
    saved(tmp_path / "old" / "a.png", picture(90, 61))
    done = normalise(tmp_path / "old", tmp_path / "new", Form("png", size=30))
    left, top, side = done.table.loc[0, ["left", "top", "side"]]
    cut = picture(90, 61).crop((left, top, left + side, top + side))
    expected = cut.resize((30, 30), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(decode((tmp_path / "new" / "a.png").read_bytes()), np.asarray(expected))


def test_nothing_is_left_where_nothing_can_be_used(tmp_path):
    saved(tmp_path / "old" / "ai" / "a.png", picture(20, 20))
    (tmp_path / "old" / "real").mkdir()
    (tmp_path / "old" / "real" / "b.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"no image below .*ai/a.png: 20 x 20 pixels, too small for 30 x 30"):
        normalise(tmp_path / "old", tmp_path / "new", Form(size=30))
    (tmp_path / "old" / "ai" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="no image below"):
        normalise(tmp_path / "old", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_picture_that_the_format_cannot_hold_is_refused_alone(tmp_path):
    saved(tmp_path / "old" / "a.png", Image.new("RGB", (66_000, 1)))
    saved(tmp_path / "old" / "b.png", picture(20, 20))
    done = normalise(tmp_path / "old", tmp_path / "new", Form(size="keep"))
    assert done.table["reason"].str.startswith("cannot be saved as JPEG").tolist() == [True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "jpg"}, "unknown format 'jpg'; did you mean"),
        ({"subsampling": "4:2:1"}, "unknown subsampling '4:2:1'"),
        ({"quality": 0}, "quality must be 1 to 100; it is 0"),
        ({"quality": 101}, "quality must be 1 to 100; it is 101"),
        ({"size": 0}, "size must be auto, keep or a number of pixels of 1 or more; it is 0"),
        ({"size": "²"}, "size must be auto, keep .*; it is '²'"),
        ({"size": "big"}, "size must be auto, keep .*; it is 'big'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Form(**options)


def test_neither_copy_nor_record_is_written_into_the_source(telling, tmp_path):
    with pytest.raises(InputError, match="must not change"):
        normalise(telling, telling / "new")
    with pytest.raises(InputError, match="not empty"):
        normalise(telling, "/")
    telling.rename(tmp_path / "new-normalised")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="must not change"):
        normalise(tmp_path / "new-normalised", tmp_path / "new")
    assert contents(tmp_path) == before

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.errors import DataError
from pipelines import cli
from pipelines.cleaning.before_after import BeforeAfter, before_and_after


def test_what_files_told_before_stands_beside_what_they_tell_after(data, tmp_path, write_images):
    for path in data.glob("*/ai/*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    (data / "train/ai/broken.png").write_bytes(b"no image")
    after = tmp_path / "after"
    for tint, label in ((0, "ai"), (120, "real")):
        write_images(after / "train" / label, 12, tint=tint)
    told = before_and_after(data, after).words.query("of == 'files'").set_index("family")[["before", "after"]]
    assert told.loc["format"].tolist() == ["100.0 % (65.8–100.0)", "50.0 %"]
    assert told.loc["all families together", "before"].startswith("100.0 % (")


def test_options_say_what_is_before_and_the_folder_what_is_after(data, tmp_path):
    lines = [f"{path.relative_to(data)},same" for path in data.glob("train/*/*.jpg")]
    (tmp_path / "labels.csv").write_text("\n".join(["file_name,label", *lines]) + "\n")
    before_and_after(data, data)
    with pytest.raises(DataError, match="two classes"):
        before_and_after(data, data, labels=tmp_path / "labels.csv")


def test_the_command_normalises_and_shows_both(data, run_command, tmp_path):
    for path in data.glob("*/ai/*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    code, out, _ = run_command(cli, "normalise", data, "even", "--size", "24")
    assert code == 0
    assert "38 of 38 images written" in out
    assert "scale of sides, median (range): ai 0.59 (0.59-0.59); real 0.59 (0.59-0.59)" in out
    line = next(line for line in out.splitlines() if line.split()[:2] == ["files", "format"])
    assert line.split()[2:4] == ["100.0", "%"]
    assert line.split()[-2:] == ["50.0", "%"]
    assert len(list((tmp_path / "even").rglob("*.jpg"))) == 38
    code, _, err = run_command(cli, "normalise", data, "even")
    assert code == 2
    assert "not empty" in err


def test_an_image_that_is_damaged_behind_its_header_is_left_out(data):
    path = data / "train/ai/000.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    assert before_and_after(data, data).n_classes == 2


@pytest.mark.parametrize("names", [("ai",), ("",)])
def test_a_copy_of_one_class_or_of_none_is_written_and_nothing_is_measured(tmp_path, write_images, run_command, names):
    for name in names:
        write_images(tmp_path / "raw" / name, 4)
    code, out, _ = run_command(cli, "normalise", tmp_path / "raw", "even", "--size", "24")
    assert code == 0
    assert "4 of 4 images written" in out
    assert "it takes two classes" in out


def test_a_bar_that_was_cropped_tells_the_class_before_and_not_after(tmp_path, write_images):
    barred, cropped = tmp_path / "barred", tmp_path / "cropped"
    for label in ("ai", "real"):
        write_images(cropped / "train" / label, 24)
    for path in cropped.glob("train/*/*.jpg"):
        pixels = np.array(Image.open(path).convert("RGB"))
        if path.parent.name == "ai":
            pixels[:4] = pixels[-4:] = 0
        (barred / path.relative_to(cropped)).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(barred / path.relative_to(cropped), quality=95)
    both = before_and_after(barred, cropped)
    border = both.table.query("of == 'pixels'").set_index("family").loc["the border"]
    assert (border["before"], border["after"] < 0.75) == (1, True)
    assert "the border" not in both.left["family"].tolist()


def test_families_of_pixels_that_stay_are_named_the_strongest_first():
    limits = {"after_low": [np.nan, np.nan, 0.9, 0.49, 0.7], "after_high": [np.nan, np.nan, 0.99, 0.69, 0.8]}
    table = pd.DataFrame(
        {
            "of": ["files", "pixels", "pixels", "pixels", "pixels"],
            "family": ["format", "border", "corners", "bits", "tone"],
            **{"before": 1.0, "before_low": np.nan, "before_high": np.nan},
            "after": [1.0, 0.5, 0.95, 0.6, 0.75],
            **limits,
        }
    )
    both = BeforeAfter(table, 2)
    assert both.left["family"].tolist() == ["corners", "tone"]  # no claim of what reaches down to guessing
    assert "corners (95.0 %, before 100.0 %) and tone (75.0 %" in both.sentence
    assert "chance is 50.0 %" in both.sentence
    assert "no family" in BeforeAfter(table.iloc[:2], 2).sentence

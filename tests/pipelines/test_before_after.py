import pytest
from PIL import Image

from classify.errors import DataError
from pipelines import cli
from pipelines.before_after import before_and_after


def test_what_files_told_before_stands_beside_what_they_tell_after(data, tmp_path, write_images):
    for path in data.glob("*/ai/*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    (data / "train/ai/broken.png").write_bytes(b"no image")
    after = tmp_path / "after"
    for tint, label in ((0, "ai"), (120, "real")):
        write_images(after / "train" / label, 12, tint=tint)
    told = before_and_after(data, after).set_index("family")
    assert told.loc["format"].tolist() == ["100.0 % (86.3–100.0)", "50.0 %"]
    assert told.loc["all of these together", "before"].startswith("100.0 % (")


def test_options_say_what_is_before_and_the_folder_what_is_after(data, tmp_path):
    lines = [f"{path.relative_to(data)},same" for path in data.glob("train/*/*.jpg")]
    (tmp_path / "labels.csv").write_text("\n".join(["file_name,label", *lines]) + "\n")
    before_and_after(data, data)
    with pytest.raises(DataError, match="one class only"):
        before_and_after(data, data, labels=tmp_path / "labels.csv")


def test_the_command_normalises_and_shows_both(data, run_command, tmp_path):
    for path in data.glob("*/ai/*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    code, out, _ = run_command(cli, "normalise", data, "even", "--size", "24")
    assert code == 0
    assert "38 of 38 images written" in out
    line = next(line for line in out.splitlines() if line.strip().startswith("format"))
    assert line.split()[1:3] == ["100.0", "%"]
    assert line.split()[-2:] == ["50.0", "%"]
    assert len(list((tmp_path / "even").rglob("*.jpg"))) == 38
    code, _, err = run_command(cli, "normalise", data, "even")
    assert code == 1
    assert "not empty" in err

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.pages.sections import FileNames, Picture, Section, Table, read_section, shown, write_section


def png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, "PNG")
    return file.getvalue()


ROWS = pd.DataFrame(
    {
        "model": ["svm", "NA"],
        "share": [0.5, np.nan],
        "AUC": [0.9, 0.8],
        "AUC low": [0.8, np.nan],
        "AUC high": [1, np.nan],
    }
)
TABLE = Table("t", "A table", ROWS, percent=("share",), mark="svm", about="Read on.")
LOSSES = Table("losses", "Losses", ROWS[["model", "AUC", "AUC low", "AUC high"]], plain=("AUC",), most=1)
SVG = b'<svg viewBox="0 0 72 36"/>'
PICTURE = Picture("curve.png", "What to see.", png(), {"curve.svg": SVG, "curve.csv": b"x,y"})
SECTION = Section("stress", "Where it breaks", ["It falls."], (TABLE, LOSSES), (PICTURE,), "At grades.")


def test_tables_are_shown_with_their_intervals_and_written_whole(tmp_path):
    variables = shown(SECTION, tmp_path, FileNames())
    first, second = variables["tables"]
    assert first["header"] == ["model", "share", "AUC"]
    assert first["rows"] == [("svm", "50.0 %", "90.0 % (80.0–100.0)"), ("NA", "—", "80.0 %")]
    assert (first["mark"], first["about"], first["cut"]) == ("svm", "Read on.", "")
    assert second["rows"] == [("svm", "0.900 (0.800–1.000)")]
    assert second["cut"] == "the first 1 of 2 rows"
    assert pd.read_csv(tmp_path / second["file"]["name"], keep_default_na=False)["model"].tolist() == ["svm", "NA"]
    assert [variables[key] for key in ("name", "title", "sentences", "about")] == [
        "stress", "Where it breaks", ["It falls."], "At grades.",
    ]  # fmt: skip


def test_cells_are_shown_as_people_read_them(tmp_path):
    rows = {"flag": [True, False], "images": [1, 20_000], "x": [0.123456, 12345.678], "what": ["<b>", None]}
    (table,) = shown(Section("s", "S", tables=(Table("t", "T", pd.DataFrame(rows)),)), tmp_path, FileNames())["tables"]
    assert table["rows"] == [("yes", "1", "0.123", "<b>"), ("no", "20,000", "12,346", "—")]


def test_pictures_are_written_with_what_stands_beside_them(tmp_path):
    (figure,) = shown(SECTION, tmp_path, FileNames())["figures"]
    assert [file["name"] for file in figure["files"]] == ["curve.png", "curve.svg", "curve.csv"]
    assert (tmp_path / "curve.png").read_bytes() == PICTURE.data
    assert 'aria-label="What to see."' in figure["drawing"]
    assert (tmp_path / "curve.svg").read_bytes() == SVG


@pytest.mark.parametrize(
    ("wish", "name"), [("../up", "up.csv"), ("a b/c", "a-b-c.csv"), ("テスト", "テスト.csv"), ("?", "unnamed.csv")]
)
def test_names_of_files_are_safe(wish, name):
    assert FileNames().new(wish, ".csv") == name


def test_no_two_files_share_a_name():
    names = FileNames("scores.csv")
    assert [names.new(wish, ".csv") for wish in ("scores", "Scores", "other")] == [
        "scores-2.csv", "Scores-3.csv", "other.csv",
    ]  # fmt: skip


def test_names_that_read_as_numbers_or_as_nothing_come_back_as_they_were(tmp_path):
    rows = pd.DataFrame({"class": ["00000", "00001"], "other": ["nan", ""], "n": [1, 2]})
    write_section(Section("classes", "Classes", tables=(Table("classes", "Classes", rows),)), tmp_path, "a1")
    pd.testing.assert_frame_equal(read_section(tmp_path, "a1").tables[0].rows, rows, check_dtype=False)


def test_a_section_is_read_back_for_the_same_images_alone(tmp_path):
    write_section(SECTION, tmp_path, "a1")
    again = read_section(tmp_path, "a1")
    assert (again.name, again.title, again.sentences, again.about) == (
        SECTION.name, SECTION.title, SECTION.sentences, SECTION.about,
    )  # fmt: skip
    assert shown(again, tmp_path, FileNames()) == shown(SECTION, tmp_path, FileNames())
    assert again.pictures[0] == PICTURE
    assert read_section(tmp_path, "b2") is None
    assert read_section(tmp_path / "nowhere", "a1") is None


def test_a_warning_is_kept_with_its_section(tmp_path):
    write_section(Section("audit", "The audit", warning="7 of 60 images are known."), tmp_path, "a1")
    assert read_section(tmp_path, "a1").warning == "7 of 60 images are known."

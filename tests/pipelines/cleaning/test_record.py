"""What a run of prepare did is recorded for each file, in tables, on sheets and in a few lines."""

import math
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from pipelines.cleaning import record as room
from pipelines.cleaning.record import ACTIONS, Prepared, tabulate, write_report


def found(image, rule, would, acted, confidence=0.95, other="") -> dict:
    return {
        **{"image": image, "rule": rule, "would": would, "confidence": confidence, "why": f"{rule} {would}"},
        **{"acted": acted, "other": other},
    }


PATHS = ["cropped", "dropped", "kept", "refused", "review", "split"]
TABLE = pd.DataFrame({"path": [f"{name}.png" for name in PATHS], "label": ["ai", "real"] * 3, "split": "train"})
PARTS = pd.DataFrame(
    [
        (0, "cropped.png", ""),
        (2, "kept.png", "g"),
        (4, "review.png", ""),
        (5, "split_1.png", "s"),
        (5, "split_3.png", "s"),
    ],
    columns=["image", "path", "group"],
)
EVENTS = [
    found(0, "bar", "crop", True),
    found(0, "marks", "report", False, 0.5),
    found(1, "blank", "drop", True),
    found(3, "bar", "crop", True),
    found(4, "marks", "report", False, 0.7),
    found(4, "duplicates", "report", False, 0.98, "split.png"),
    found(5, "sheets", "split", True, 0.99),
    found(5, "duplicates", "drop", True, 0.93, "cropped.png"),
    found(5, "duplicates", "report", False, 0.98, "review.png"),
]


@pytest.fixture
def prepared(tmp_path) -> Prepared:
    tables = tabulate(TABLE, PARTS, EVENTS, {3: "no such file"}, {0: "again", 5: "again"})
    titles = {"bar": "bars cropped", "marks": "marks", "blank": "blank dropped", "sheets": "s", "duplicates": "copies"}
    return Prepared(tmp_path / "new", tmp_path / "new-prepared", *tables, titles, len(PARTS))


def test_every_file_has_its_row(prepared):
    table = prepared.table.set_index("path")
    assert [table["action"][f"{name}.png"] for name in PATHS] == PATHS
    assert table["rule"].tolist() == ["bar", "blank", "", "", "marks;duplicates", "sheets;duplicates"]
    assert table["confidence"].fillna(-1).tolist() == [0.95, 0.95, -1, -1, 0.7, 0.93]
    assert table["written"].tolist() == ["cropped.png", "", "kept.png", "", "review.png", "split_1.png;split_3.png"]
    assert table["saved"].tolist() == ["again", "", "", "", "", "again"]
    assert table["group"].tolist() == ["", "", "g", "", "", "s"]
    assert table["why"]["refused.png"] == "no such file"
    assert table["why"]["split.png"] == "sheets split; duplicates drop"
    assert math.isnan(table["confidence"]["kept.png"])
    assert prepared.counts == dict.fromkeys(ACTIONS, 1)


def test_the_review_list_holds_all_that_was_not_acted_on_and_nothing_of_what_was_refused(prepared):
    assert prepared.review[["path", "rule", "other"]].values.tolist() == [
        ["cropped.png", "marks", ""],
        ["review.png", "marks", ""],
        ["review.png", "duplicates", "split.png"],
        ["split.png", "duplicates", "review.png"],
    ]
    assert prepared.acted["path"].tolist() == ["cropped.png", "dropped.png", "split.png", "split.png"]
    columns = ["path", "label", "split", "rule", "would", "confidence", "why", "other"]
    assert prepared.review.columns.tolist() == prepared.acted.columns.tolist() == columns


def test_lines_count_files_by_rule_set_and_class(prepared):
    lines = prepared.lines()
    assert lines[0] == "5 images written from 6 files"
    assert "bar: bars cropped: 1 (train ai 1)" in lines
    assert "marks: marks: none; 2 for review (train ai 2)" in lines
    assert "duplicates: copies: 1 (train real 1); 2 for review (train ai 1, train real 1)" in lines
    assert "refused, cannot be used: 1 (train real 1)" in lines
    assert str(prepared.report) in lines[-1]


def test_a_file_counts_once_for_a_rule_however_often_it_was_found_in_it(tmp_path):
    events = [found(5, rule, would, would == "crop") for rule, would in 4 * [("bar", "crop"), ("marks", "report")]]
    tables = tabulate(TABLE, PARTS, events, {}, {})
    lines = Prepared(None, tmp_path, *tables, {"bar": "cropped", "marks": "marks"}, 9).lines()
    assert lines[0] == "9 images would be written from 6 files"
    assert lines[1:3] == ["bar: cropped: 1 (train real 1)", "marks: marks: none; 1 for review (train real 1)"]


def test_sheets_show_the_surest_first_and_each_pair_once(prepared, tmp_path, monkeypatch):
    shown = {}

    def sheet(images, captions):
        shown[len(shown)] = [
            (path.name, caption.split("\n")[1]) for path, caption in zip(images, captions, strict=True)
        ]
        return b"sheet"

    monkeypatch.setattr(room, "contact_sheet", sheet)
    write_report(prepared, Path("source"))
    files = sorted(path.name for path in prepared.report.iterdir())
    assert files == [
        *("acted_bar.jpg", "acted_blank.jpg", "acted_duplicates.jpg", "acted_sheets.jpg"),
        *("prepared.csv", "review.csv", "review_duplicates.jpg", "review_marks.jpg"),
    ]
    assert [("split.png", "drop, 0.93"), ("cropped.png", "stays")] in shown.values()
    assert [("review.png", "report, 0.98"), ("split.png", "its copy")] in shown.values()
    assert [("review.png", "report, 0.70"), ("cropped.png", "report, 0.50")] in shown.values()


def test_a_report_takes_the_place_of_an_older_one_and_touches_nothing_else(prepared, tmp_path):
    prepared.report.mkdir()
    for name in ("acted_old.jpg", "review_old.jpg", "notes.jpg"):
        (prepared.report / name).write_text("old")
    write_report(prepared, tmp_path)  # where no image is, sheets say so
    names = {path.name for path in prepared.report.iterdir()}
    assert "notes.jpg" in names
    assert not {"acted_old.jpg", "review_old.jpg"} & names
    assert Image.open(prepared.report / "acted_bar.jpg").format == "JPEG"
    assert pd.read_csv(prepared.report / "prepared.csv")["path"].tolist() == TABLE["path"].tolist()
    assert len(pd.read_csv(prepared.report / "review.csv")) == 4


def test_a_sheet_is_no_longer_than_can_be_looked_at(tmp_path):
    n = 150
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(n)], "label": "", "split": ""})
    tables = tabulate(table, PARTS[:0], [found(i, "blank", "drop", True) for i in range(n)], {}, {})
    write_report(Prepared(None, tmp_path / "report", *tables, {"blank": "dropped"}, 0), tmp_path)
    sheet = Image.open(BytesIO((tmp_path / "report" / "acted_blank.jpg").read_bytes()))
    assert sheet.height < room.SHOWN / 8 * 180
    assert len(pd.read_csv(tmp_path / "report" / "prepared.csv")) == n


def test_where_nothing_was_found_there_are_tables_and_no_sheets(tmp_path):
    tables = tabulate(TABLE[:1], PARTS[:1], [], {}, {})
    done = Prepared(tmp_path / "new", tmp_path / "report", *tables, {"bar": "bars cropped"}, 1)
    write_report(done, tmp_path)
    assert sorted(path.name for path in done.report.iterdir()) == ["prepared.csv", "review.csv"]
    assert pd.read_csv(done.report / "review.csv").empty
    assert done.lines()[:2] == ["1 image written from 1 file", "bar: bars cropped: none"]

import gzip

import pytest

from featex.datasets.table_files import columns_of, read_rows
from featex.errors import InputError


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "path;label\n1;2\n", ["path", "label"]),
        ("a.tsv", "path\t label \n1\t2\n", ["path", "label"]),
        ("a.csv", '"a, b";c\n1;2\n', ["a, b", "c"]),
        ("a.jsonl", '{"x": 1, "y": null}\n', ["x", "y"]),
        ("a.csv", "", []),
        ("a.jsonl", "not json", []),
        ("a.parquet", "not parquet", []),
    ],
)
def test_columns_are_known_from_the_first_line_and_none_where_it_cannot_be_read(tmp_path, name, text, columns):
    (tmp_path / name).write_text(text)
    assert columns_of(tmp_path / name) == columns
    if columns:
        assert list(read_rows(tmp_path / name)) == columns


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet"])
def test_what_cannot_be_read_is_a_sentence_with_the_files_name(tmp_path, name):
    (tmp_path / name).write_text("" if name == "a.csv" else "[1]")
    with pytest.raises(InputError, match=f"cannot read .*{name}"):
        read_rows(tmp_path / name)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match="there is no table"):
        read_rows(tmp_path / name)


TEXT = "path,label\na.jpg,caf\u00e9\nb.jpg,th\u00e9\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252"])
def test_encodings_are_known_with_and_without_a_mark(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(TEXT.encode(encoding))
    rows = read_rows(tmp_path / "a.csv")
    assert rows["label"].tolist() == ["caf\u00e9", "th\u00e9"]
    assert columns_of(tmp_path / "a.csv") == ["path", "label"]
    assert ("not UTF-8" in rows.attrs.get("note", "")) == (encoding == "cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "# by me\n# version 2\n" + TEXT,
        "\n\n" + TEXT,
        TEXT.replace("\n", ",\n"),
        TEXT.replace("\n", ",\n").replace("label,", "label"),
        TEXT.replace("caf\u00e9", '"caf\u00e9"'),
    ],
    ids=["comments", "empty lines first", "a comma at each end", "a comma at the end of rows", "quotes"],
)
def test_odd_lines_shift_no_cell(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    rows = read_rows(tmp_path / "a.csv")
    assert (rows["path"].tolist(), rows["label"].tolist()) == (["a.jpg", "b.jpg"], ["caf\u00e9", "th\u00e9"])


def test_a_packed_table_is_unpacked(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert read_rows(tmp_path / "a.csv.gz")["path"].tolist() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"path": ["a.jpg", "b.jpg"], "label": ["x", "y"]}'),
        ("a.json", '{"path": {"0": "a.jpg", "1": "b.jpg"}, "label": {"0": "x", "1": "y"}}'),
        ("a.jsonl", '{"path": {"path": "a.jpg"}, "label": "x"}\n{"path": {"path": "b.jpg"}, "label": "y"}\n'),
    ],
)
def test_json_of_columns_and_of_images_with_paths_is_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    rows = read_rows(tmp_path / name)
    assert (rows["path"].tolist(), rows["label"].tolist()) == (["a.jpg", "b.jpg"], ["x", "y"])
    assert columns_of(tmp_path / name) == ["path", "label"]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", b"PK\x03\x04rest", "Excel workbook"),
        ("a.csv", b"<!DOCTYPE html><html>", "web page"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"path,label\na.jpg,x\nb.jpg,y,z\n", "row 3 has 3 cells and the header has 2"),
        ("a.csv", b"path,label\na.jpg,x,z\nb.jpg,y,z\n", "more cells than its header"),
        ("a.csv", b'path,label\na.jpg,"x\n', "never closed"),
        ("a.json", b'{"images": [{"id": 1}], "annotations": [], "info": {}}', "'images', 'annotations'"),
    ],
)
def test_what_is_no_table_is_named_as_what_it_is(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_rows(tmp_path / name)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_rows(tmp_path)

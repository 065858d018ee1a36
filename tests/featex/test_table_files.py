import pytest

from featex.errors import InputError
from featex.table_files import columns_of, read_rows


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

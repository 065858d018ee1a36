import base64
import gzip
import random

import pytest

from classify.pages.attached import MOST_BYTES, MOST_PACKED, attached


def content(href: str) -> bytes:
    return base64.b64decode(href.partition(",")[2])


def test_a_small_table_is_in_the_page_itself(tmp_path):
    (tmp_path / "scores.csv").write_bytes(b"x\n1\n")
    file = attached(tmp_path, "scores.csv")
    assert (file["name"], file["download"]) == ("scores.csv", "scores.csv")
    assert file["href"].startswith("data:text/csv;base64,")
    assert content(file["href"]) == b"x\n1\n"


def test_a_larger_table_is_compressed_and_is_the_same_each_time(tmp_path):
    data = b"0123456789\n" * (MOST_BYTES // 10)
    (tmp_path / "roc.csv").write_bytes(data)
    file = attached(tmp_path, "roc.csv")
    assert (file["name"], file["download"]) == ("roc.csv", "roc.csv.gz")
    assert gzip.decompress(content(file["href"])) == data
    assert attached(tmp_path, "roc.csv") == file


@pytest.mark.parametrize(("name", "size"), [("sheet.jpg", 10), ("scores.parquet", 10), ("long.csv", 2 * MOST_PACKED)])
def test_pictures_and_large_tables_stay_beside_the_page(tmp_path, name, size):
    (tmp_path / name).write_bytes(random.Random(0).randbytes(size))
    assert attached(tmp_path, name) == {"name": name, "download": name, "href": ""}

import json

import pandas as pd
import pytest

from featex.errors import UsageError
from featex.system.table_file import check_suffix, write_table

TABLE = pd.DataFrame({"path": ["a/ü.jpg", "b.jpg"], "score": [0.25, None]})


def test_the_name_decides_what_is_written(tmp_path):
    for name in ("t.csv", "t.json", "t.parquet"):
        write_table(TABLE, tmp_path / name)
    assert (tmp_path / "t.csv").read_bytes() == "path,score\na/ü.jpg,0.25\nb.jpg,\n".encode()
    text = (tmp_path / "t.json").read_text(encoding="utf-8")
    assert '"a/ü.jpg"' in text
    assert json.loads(text) == [{"path": "a/ü.jpg", "score": 0.25}, {"path": "b.jpg", "score": None}]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), TABLE)
    with pytest.raises(UsageError, match=r"'t\.xlsx'.*\.csv, \.json or \.parquet"):
        write_table(TABLE, tmp_path / "t.xlsx")
    check_suffix("t.npz", (".npz", ".csv"))

"""Tables as people write them (CSV with any separator, JSON lines, Parquet), all cells as text."""

import csv
import io
import json
import re
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from featex.errors import InputError

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
FIRST = 65_536
"""Bytes that are looked at for a table's first line."""
_SEPARATORS = ",;\t|"
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_rows(file: Path) -> pd.DataFrame:
    """Return the rows of a table; column names have no blanks around them, and every cell is text ("" for none).

    A CSV's separator is the one of comma, semicolon, tab and bar that divides its first line most; its encoding is
    UTF-8, UTF-16 with a byte order mark, or else Windows' Western European.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read as its suffix says.
    """
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            rows = _from_parquet(file)
        elif kind in (".jsonl", ".ndjson", ".json"):
            rows = _from_json(file)
        else:
            rows = _from_csv(file)
    except FileNotFoundError as error:
        raise InputError(f"there is no table of labels {str(file)!r}") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        what = {".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON lines", ".ndjson": "JSON lines"}
        raise InputError(
            f"cannot read {str(file)!r} as {what.get(kind, 'comma-separated values')}: {str(error).strip()}"
        ) from error
    rows.columns = [str(name).strip() for name in rows.columns]
    return rows


def columns_of(file: Path) -> list[str]:
    """Return the names of a table's columns, by its first line; none where that cannot be read."""
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            return [name.strip() for name in pq.read_schema(file).names]
        with file.open("rb") as opened:
            lines = _decoded(opened.read(FIRST)).splitlines()
        if kind in (".jsonl", ".ndjson"):
            return list(json.loads(lines[0]))
        if kind == ".json":
            return []
        first = lines[0] if not lines[0].startswith("sep=") else lines[1]
        return [name.strip() for name in next(csv.reader([first], delimiter=_separator(first)), [])]
    except (OSError, ValueError, IndexError, TypeError, csv.Error, pa.ArrowException):
        return []


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _from_csv(file: Path) -> pd.DataFrame:
    lines = _decoded(file.read_bytes())
    if re.match(r"sep=.\r?\n", lines):  # Excel's own first line
        lines = lines.partition("\n")[2]
    first = next((line for line in lines.splitlines() if line.strip()), "")
    separator = _separator(first)
    spaced = bool(re.search(rf"{re.escape(separator)} +", first)) or bool(
        re.search(rf'{re.escape(separator)} +"', "\n".join(islice(lines.splitlines(), 100)))
    )
    rows = pd.read_csv(io.StringIO(lines), dtype=str, na_filter=False, sep=separator, skipinitialspace=spaced)
    if not isinstance(rows.index, pd.RangeIndex):  # pandas would take the first column for an index and shift the rest
        raise InputError(f"{str(file)!r} has rows with more cells than its header has columns; mend its first line")
    return rows


def _decoded(data: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode(encoding if encoding == "utf-16" else "cp1252", errors="replace")


def _from_json(file: Path) -> pd.DataFrame:
    text = _decoded(file.read_bytes())
    if file.suffix.lower() == ".json":
        found = json.loads(text)
        if isinstance(found, dict):  # {"a.jpg": "real"}, or {"a.jpg": {"label": "real"}}
            found = [
                {"file_name": name, **(row if isinstance(row, dict) else {"label": row})} for name, row in found.items()
            ]
    else:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError("it holds no rows with names")
    return _as_text(pd.DataFrame([{str(name): cell for name, cell in row.items()} for row in found], dtype=object))


def _from_parquet(file: Path) -> pd.DataFrame:
    table = pq.read_table(file)
    plain = [
        field.name for field in table.schema if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
    ]
    rows = {name: pd.Series(table.column(name).to_pylist(), dtype=object) for name in plain}
    return _as_text(pd.DataFrame(rows))


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    def text(cell: object) -> str:
        if cell is None or cell != cell:  # NaN
            return ""
        return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

    return rows.map(text) if len(rows) else rows

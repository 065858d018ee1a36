"""Read tables of any usual kind (CSV with any separator, JSON, JSON lines, Parquet), with all cells as text."""

import csv
import gzip
import io
import json
import re
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from featex.errors import InputError, UsageError

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
FIRST = 65_536
"""Number of bytes that are read for the first line of a table."""
MOST_JSON = 50_000_000
"""Size in bytes of the largest JSON file that is read only for its columns."""
_SEPARATORS = ",;\t|"
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NO_TABLES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file; fetch the file with git lfs pull"),
    (b"%PDF", "a PDF; write a CSV with one row per image"),
    (b"SQLite format", "an SQLite database; export the table as CSV"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
)


def read_rows(file: Path) -> pd.DataFrame:
    """Return the rows of a table with every cell as text ("" for none); names of columns have no surrounding blanks.

    The separator of a CSV file is the one of comma, semicolon, tab and bar that gives the first line most cells;
    comment lines (``#``) before it are skipped. The encoding is UTF-8, UTF-16 or UTF-32, or else Windows-1252, which
    ``attrs["note"]`` of the result then reports. A file with an additional suffix ``.gz`` is decompressed.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read as the kind of table that its suffix names.
    """
    kind = _kind(file)
    if file.is_dir():
        raise UsageError(f"{str(file)!r} is a folder; name the table itself")
    try:
        if kind == ".parquet":
            rows = _from_parquet(file)
        else:
            data = _bytes(file)
            text, guessed = _decoded(data)
            rows = _from_json(text, kind) if kind in (".jsonl", ".ndjson", ".json") else _from_csv(text)
            if guessed:
                rows.attrs["note"] = (
                    f"{file.name} is not UTF-8 and was read as Windows-1252; save it as UTF-8 if names look wrong"
                )
    except FileNotFoundError as error:
        raise UsageError(f"there is no table of labels {str(file)!r}") from error
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        what = {".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON lines", ".ndjson": "JSON lines"}
        raise InputError(
            f"cannot read {str(file)!r} as {what.get(kind, 'comma-separated values')}: {_plainly(error)}"
        ) from error
    rows.columns = [str(name).strip() for name in rows.columns]
    return rows


def _kind(file: Path) -> str:
    name = file.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def _bytes(file: Path) -> bytes:
    """Return the bytes of a text file, decompressed."""
    data = file.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    if not data.strip():
        raise ValueError("it is empty")
    for start, what in _NO_TABLES:
        if data.startswith(start):
            raise ValueError(f"it is {what}")
    if data[:FIRST].lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError("it is a web page or XML; if you downloaded it, download it again while signed in")
    return data


def _plainly(error: Exception) -> str:
    text = str(error).strip()
    ragged = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text)
    if ragged:
        wanted, line, cells = (f"{int(number):,}" for number in ragged.groups())
        return (
            f"row {line} has {cells} cells and the header has {wanted}; put a cell that contains the separator into "
            'quotes ("), or correct the row'
        )
    if "EOF inside string" in text:
        return 'a quote (") is opened and never closed; correct the row'
    return text


def columns_of(file: Path) -> list[str]:
    """Return the names of a table's columns from its first line; [] if it cannot be read."""
    kind = _kind(file)
    try:
        if kind == ".parquet":
            return [name.strip() for name in pq.read_schema(file).names]
        if kind == ".json":
            return list(read_rows(file)) if file.stat().st_size < MOST_JSON else []
        with file.open("rb") as opened:
            text = _decoded(opened.read(FIRST))[0]
        if kind in (".jsonl", ".ndjson"):
            return list(json.loads(text.splitlines()[0]))
        first, _ = _first_line(text)
        return [name.strip() for name in next(csv.reader([first], delimiter=_separator(first)), [])]
    except (OSError, ValueError, IndexError, TypeError, InputError, csv.Error, pa.ArrowException):
        return []


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _first_line(text: str) -> tuple[str, str]:
    """Return the header of a CSV and the text from there on, without Excel's "sep=" line, comments and empty lines."""
    if re.match(r"sep=.\r?\n", text):
        text = text.partition("\n")[2]
    while True:
        line, _, rest = text.partition("\n")
        following = next((other for other in islice(rest.splitlines(), 100) if other[:1] not in ("#", "")), "")
        comment = line.startswith("#") and _cells(following) > _cells(line)
        if not rest or not (comment or not line.strip()):
            return line.rstrip("\r"), text
        text = rest


def _cells(line: str) -> int:
    return max(line.count(mark) for mark in _SEPARATORS)


def _from_csv(text: str) -> pd.DataFrame:
    first, lines = _first_line(text)
    separator = _separator(first)
    spaced = bool(re.search(rf"{re.escape(separator)} +", first)) or bool(
        re.search(rf'{re.escape(separator)} +"', "\n".join(islice(lines.splitlines(), 100)))
    )
    rows = pd.read_csv(io.StringIO(lines), dtype=str, na_filter=False, sep=separator, skipinitialspace=spaced)
    if not isinstance(rows.index, pd.RangeIndex):  # more cells than columns: pandas used the first as an index
        names, rows = list(rows), rows.reset_index()
        if not (rows.iloc[:, len(names) :] == "").all(axis=None):
            raise ValueError("its rows have more cells than its header has columns; correct its first line")
        rows = rows.iloc[:, : len(names)].set_axis(names, axis=1)  # a separator at the end of each row
    return rows


def _decoded(data: bytes) -> tuple[str, bool]:
    """Return the text and whether its encoding was guessed."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    start = data[:1000]
    if encoding == "utf-8" and start.count(0) > len(start) // 4:  # in UTF-16, every other byte of Western text is 0
        encoding = "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        return data.decode(encoding), False
    except UnicodeDecodeError as error:
        cut = len(data) == FIRST and error.start >= len(data) - 3
        if encoding == "utf-8" and not cut:
            return data.decode("cp1252", errors="replace"), True
        return data.decode(encoding, errors="replace"), False


def _from_json(text: str, kind: str) -> pd.DataFrame:
    """Return the rows of JSON lines, or of a JSON list of rows, table of columns, or table of rows by file name."""
    if kind != ".json":
        content = [json.loads(line) for line in text.splitlines() if line.strip()]
    elif isinstance(content := json.loads(text), dict):
        cells = list(content.values())
        columns = all(isinstance(cell, list) for cell in cells) or (
            all(isinstance(cell, dict) for cell in cells) and all(name.isdigit() for cell in cells for name in cell)
        )
        if any(isinstance(cell, list) for cell in cells) and len({*map(_length, cells)}) > 1:
            raise ValueError(
                f"it holds {', '.join(map(repr, list(content)[:4]))} and no rows of one kind; write a table with one "
                "row per image: its path and its label"
            )
        if columns:  # {"path": ["a.jpg"], "label": ["real"]}, or pandas' {"path": {"0": "a.jpg"}, ...}
            content = pd.DataFrame(content).to_dict("records")
        else:  # {"a.jpg": "real"}, or {"a.jpg": {"label": "real"}}
            content = [
                {"file_name": name, **(row if isinstance(row, dict) else {"label": row})}
                for name, row in content.items()
            ]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError("it holds no rows with names")
    return _as_text(pd.DataFrame([{str(name): cell for name, cell in row.items()} for row in content], dtype=object))


def _length(cell: object) -> int:
    return len(cell) if isinstance(cell, list) else -1


def _from_parquet(file: Path) -> pd.DataFrame:
    table = pq.read_table(file)
    plain = [
        field.name for field in table.schema if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
    ]
    rows = {name: pd.Series(table.column(name).to_pylist(), dtype=object) for name in plain}
    return _as_text(pd.DataFrame(rows))


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    def text(cell: object) -> str:
        if isinstance(cell, dict) and isinstance(cell.get("path"), str):  # an image of Hugging Face's datasets
            return cell["path"]
        if cell is None or cell != cell:  # NaN
            return ""
        return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

    return rows.map(text) if len(rows) else rows

"""What a command hands over at its end: a record for machines, lines and tables for people, and the next commands.

A table is as wide as the terminal allows: columns that may be missing go first, then long texts are wrapped.
"""

import json
import math
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from featex.system.terminal import bold, hyperlink, red, width_of

GATE = 3
_NUMBER = re.compile(r"[-+−±]?[\d.,]+( ?%)?|[-–]?")
LEAST_WIDTH = 10


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of rows
        A cell for each column; columns of numbers are aligned to the right.
    optional : sequence of str
        Columns that are left out, in this order, where the table is too wide.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    optional: Sequence[str] = ()

    def lines(self, width: int) -> list[str]:
        """Return the lines of the table, header first, at most `width` characters wide if that can be."""
        columns = [[name, *("" if row[i] is None else str(row[i]) for row in self.rows)]
                   for i, name in enumerate(self.columns)]  # fmt: skip
        dropped = list(self.optional)
        while dropped and _total(columns) > width:
            columns = [column for column in columns if column[0] != dropped[0]]
            dropped.pop(0)
        widths = _squeezed([max(map(len, column)) for column in columns], width)
        right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
        lines = []
        for cells in zip(*columns, strict=True):
            parts = [textwrap.wrap(cell, size) or [""] for cell, size in zip(cells, widths, strict=True)]
            for row in zip_longest(*parts, fillvalue=""):
                aligned = [text.rjust(size) if numeric else text.ljust(size)
                           for text, size, numeric in zip(row, widths, right, strict=True)]  # fmt: skip
                lines.append("  ".join(aligned).rstrip())
        return lines


def _total(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) for column in columns) + 2 * (len(columns) - 1)


def _squeezed(widths: list[int], most: int) -> list[int]:
    """Return widths that sum to `most` with two blanks between, the widest column narrowed first, none to nothing."""
    widths = list(widths)
    while sum(widths) + 2 * (len(widths) - 1) > most and max(widths) > LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


@dataclass(frozen=True)
class Saved:
    """A file or folder that was written: a line such as "Report: artifacts/reports/sample/index.html"."""

    label: str
    path: str | Path


@dataclass(frozen=True)
class Result:
    """What a command hands over.

    Parameters
    ----------
    record : mapping
        What --json prints: texts, numbers, lists and mappings; paths, numpy numbers and pandas tables are converted.
    lines : sequence of str, Table or Saved
        What people read.
    hints : sequence of str
        Commands that a user may want next; not shown with -q.
    text : str, optional
        A file's content that the command writes to standard output; `lines` then go to standard error.
    failed : str
        Why a gate failed: an error line, and exit code 3.
    """

    record: Mapping[str, object]
    lines: Sequence[str | Table | Saved] = ()
    hints: Sequence[str] = ()
    text: str | None = None
    failed: str = field(default="")


def show_result(result: Result, *, quiet: bool = False, as_json: bool = False) -> int:
    """Write a result to the standard streams, and return the exit code of its command."""
    people = sys.stderr if as_json or result.text is not None else sys.stdout
    if not (quiet and people is sys.stderr):
        for line in shown_lines(result.lines, people):
            people.write(line + "\n")
        if result.hints and not quiet:
            people.write(f"Next: {result.hints[0]}\n" + "".join(f"      {hint}\n" for hint in result.hints[1:]))
        people.flush()
    code = GATE if result.failed else 0
    if as_json:
        failure = {"failed": result.failed, "exit_code": code} if result.failed else {}
        sys.stdout.write(as_text({**result.record, **failure}))
    elif result.text is not None:
        sys.stdout.write(result.text)
    sys.stdout.flush()
    if result.failed:
        sys.stderr.write(f"{red('Error:', sys.stderr)} {result.failed}\n")
    return code


def show_error(message: str, code: int, *, as_json: bool = False, said: bool = False) -> None:
    """Write an error as one line on standard error unless that was said; with `as_json` also as a JSON object."""
    if not said:
        sys.stderr.write(f"{red('Error:', sys.stderr)} {message}\n")
    if as_json:
        sys.stdout.write(as_text({"error": message, "exit_code": code}))
        sys.stdout.flush()


def shown_lines(lines: Sequence[str | Table | Saved], stream) -> list[str]:
    """Return lines as a stream can show them: tables as wide as it is, headers in bold, paths that can be clicked."""
    shown = []
    for line in lines:
        if isinstance(line, Table):
            header, *rows = line.lines(width_of(stream))
            shown += [bold(header, stream), *rows]
        elif isinstance(line, Saved):
            shown.append(f"{line.label}: {hyperlink(line.path, stream)}")
        else:
            shown.append(line)
    return shown


def as_text(record: Mapping[str, object]) -> str:
    """Return a record as indented JSON; a number that JSON does not know, such as NaN, is null."""
    return json.dumps(plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: object) -> object:
    """Return a value as JSON holds it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a pandas table
        return [plain(row) for row in value.to_dict("records")]
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)

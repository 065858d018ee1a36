"""Write a table to the kind of file that the end of its name says."""

from collections.abc import Sequence
from pathlib import Path

from featex.errors import UsageError
from featex.system.disk import born_whole
from featex.system.output import as_text, plain

SUFFIXES = (".csv", ".json", ".parquet")


def check_suffix(path: str | Path, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise UsageError unless the name of `path` ends in one of `suffixes`; ask before any work."""
    if Path(path).suffix not in suffixes:
        *most, last = suffixes
        raise UsageError(f"cannot write {Path(path).name!r}: the name must end in {', '.join(most)} or {last}")


def write_table(table, path: str | Path) -> None:
    """Write a pandas table as CSV, as a JSON list of rows, or as Parquet.

    Raises
    ------
    UsageError
        If the name of `path` says none of these.
    StoreError
        If the file cannot be written.
    """
    check_suffix(path)
    with born_whole(Path(path)) as temporary:
        if Path(path).suffix == ".csv":
            temporary.write_text(table.to_csv(index=False), encoding="utf-8", errors="backslashreplace", newline="")
        elif Path(path).suffix == ".json":
            temporary.write_text(as_text(plain(table)), encoding="utf-8", errors="backslashreplace")
        else:
            table.to_parquet(temporary, index=False)

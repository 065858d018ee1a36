"""DatasetOptions: how the images below a folder are read."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetOptions:
    """How the images below a folder are read.

    Parameters
    ----------
    layout : str, optional
        The meaning of each level of folders, such as "set/source/class"; see `featex.datasets.folders.by_layout`.
    classes : sequence of (name, pattern)
        Each label is replaced by the first name whose pattern (as in `fnmatch.fnmatchcase`) matches the label.
    labels : path, optional
        A table with one row per image; see `table_files`. Its paths are absolute, or relative to the folder of the
        images or of the table. By default, metadata tables in the folder are used; see `tables.own_tables`.
    path_column, label_column, set_column, group_column : str, optional
        Columns of the table; by default the first of the usual names in `featex.datasets.table_columns`.
    group_rows : int, optional
        Every so many successive rows of the table form a group.
    """

    layout: str | None = None
    classes: Sequence[tuple[str, str]] = ()
    labels: str | os.PathLike | None = None
    path_column: str | None = None
    label_column: str | None = None
    set_column: str | None = None
    group_column: str | None = None
    group_rows: int | None = None

    @property
    def of_tables(self) -> bool:
        """Whether an option is set that needs a table."""
        columns = (self.path_column, self.label_column, self.set_column, self.group_column)
        return any(columns) or self.group_rows is not None

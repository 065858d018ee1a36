"""Parts of a page: sentences, tables and pictures, each also a file beside it.

A part is stored too, so that the findings of an audit or a stress run join the report of the same images.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import pandas as pd

from classify.pages.attached import attached
from classify.pages.codes import Notice
from classify.pages.html import figure
from classify.pages.words import percent, within
from featex.system.disk import read_json, write_json
from featex.system.shown import shown_table, shown_value

MOST_ROWS = 20  # of a table on the page; its CSV holds all
FOLDER, SECTION = "section", "section.json"
FORMAT = 3
_OPTIONS = ("name", "title", "percent", "plain", "most", "about", "mark")  # the fields of a table other than its rows
_SHOWN = ("name", "title", "sentences", "findings", "about", "folded", "summary", "group")  # what a template shows


@dataclass(frozen=True, eq=False)
class Table:
    """Rows to show and to write as ``<name>.csv``.

    Parameters
    ----------
    name, title : str
    rows : DataFrame
        A column with companions ``<column> low`` and ``<column> high`` is shown with that interval in one cell.
    percent : tuple of str
        Columns of shares, shown as percentages.
    plain : tuple of str
        Columns with an interval that are not shares.
    most : int
        Number of rows on the page; the file holds all.
    about : str
        An introduction.
    mark : str
        The first cell of the row to mark, if any.
    """

    name: str
    title: str
    rows: pd.DataFrame
    percent: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    most: int = MOST_ROWS
    about: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Picture:
    """An image file (PNG or JPEG) to show and to write as ``<name>``, with a caption.

    `beside` holds further files by name, such as the same figure as SVG and its numbers as CSV.
    """

    name: str
    caption: str
    data: bytes = field(repr=False)
    beside: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page under one heading; `name` is its anchor, `about` an introduction.

    `warning` is a sentence for the beginning of each report that shows the part, or "". A `folded` part shows its title
    and its `summary`, one sentence, until a reader opens it. The contents list it under its `group`, if any. These
    three are a page's choice, so `write_section` does not store them.
    """

    name: str
    title: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    about: str = ""
    warning: str = ""
    findings: Sequence[Notice] = ()
    folded: bool = False
    summary: str = ""
    group: str = ""


class FileNames:
    """Unique file names that are safe on any disk."""

    def __init__(self, *taken: str):
        self.taken = {"index.html", *taken}

    def new(self, wish: str, suffix: str) -> str:
        """Return `wish` with all but letters, digits, "-" and "_" replaced, and numbered where it is taken."""
        stem = re.sub(r"[^\w-]+", "-", wish).strip("-") or "unnamed"
        name, number = stem, 1
        while f"{name}{suffix}".casefold() in self.taken:
            number += 1
            name = f"{stem}-{number}"
        self.taken.add(f"{name}{suffix}".casefold())
        return f"{name}{suffix}"


def shown(part, folder: Path, names: FileNames) -> dict:
    """Write the tables and pictures of a part into `folder`, and return what ``section.html`` shows of it.

    Parameters
    ----------
    part : Section, or anything with `tables` and `pictures`
    """
    return {
        "tables": [_table(table, folder, names) for table in part.tables],
        "figures": [_picture(picture, folder, names) for picture in part.pictures],
        **{key: getattr(part, key) for key in _SHOWN if isinstance(part, Section)},
    }


def _written(part: Table | Picture, folder: Path, names: FileNames) -> dict[str, str]:
    """Write the files of a part, and return the name of each in `folder` by the name that the part gives it."""
    if isinstance(part, Table):
        data = {f"{part.name}.csv": shown_table(part.rows).to_csv(index=False).encode()}
    else:
        data = {part.name: part.data, **part.beside}
    files = {}
    for name, content in data.items():
        stem, dot, suffix = name.rpartition(".")
        files[name] = names.new(stem, dot + suffix)
        (folder / files[name]).write_bytes(content)
    return files


def _picture(picture: Picture, folder: Path, names: FileNames) -> dict:
    name, *beside = _written(picture, folder, names).values()
    svg = next((data for file, data in picture.beside.items() if file.endswith(".svg")), None)
    files = [attached(folder, file) for file in (name, *beside)]
    return {**figure(name, picture.caption, picture.data, svg), "files": files}


def _table(table: Table, folder: Path, names: FileNames) -> dict:
    (name,), n = _written(table, folder, names).values(), len(table.rows)
    part = table.rows
    if table.mark:  # its rows first
        part = part.iloc[np.argsort(part.iloc[:, 0].astype(str).to_numpy() != table.mark, kind="stable")]
    part = part.head(table.most)
    limits = {f"{column} {end}" for column in part for end in ("low", "high") if f"{column} low" in part}
    columns = [column for column in part if column not in limits]
    cells = [_column(part, column, table) for column in columns]
    return {
        "title": table.title,
        "about": table.about,
        "mark": table.mark,
        "file": attached(folder, name),
        "header": [str(column) for column in columns],
        "rows": list(zip(*cells, strict=True)),
        "cut": f"the first {table.most} of {n:,} rows" if n > table.most else "",
    }


def _column(part: pd.DataFrame, column: str, table: Table) -> list[str]:
    """Return a column as texts, each with its interval where the table has columns for its ends."""
    if f"{column} low" in part:
        unit = "" if column in table.plain else "%"
        ends = zip(part[column], part[f"{column} low"], part[f"{column} high"], strict=True)
        return [within(*values, unit=unit) for values in ends]
    return [_text(value, column in table.percent) for value in part[column]]


def _text(value, as_percent: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        return "—" if value is None else str(value)
    if as_percent or isnan(value):
        return percent(value)
    if isinstance(value, Integral) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value + 0.0:.3g}"  # never "-0"


def write_section(section: Section, folder: Path, images: str) -> None:
    """Write a section into ``folder/section``, for the reports on the same images.

    Parameters
    ----------
    folder : Path
        The folder of a page, without ``section`` so far.
    images : str
        `classify.splits.partition.images_digest` of the images that the section is about.
    """
    folder = Path(folder) / FOLDER
    folder.mkdir()
    tables, pictures, names = [], [], FileNames(SECTION)
    for table in section.tables:
        (file,) = _written(table, folder, names).values()
        texts = [str(column) for column in table.rows if pd.api.types.infer_dtype(table.rows[column]) == "string"]
        tables.append({"file": file, "texts": texts} | {key: getattr(table, key) for key in _OPTIONS})
    for picture in section.pictures:
        files = _written(picture, folder, names)
        pictures.append({"files": files, "name": picture.name, "caption": picture.caption})
    kept = {"format": FORMAT, "images": images, "name": section.name, "title": section.title}
    kept |= {
        "sentences": list(section.sentences),
        "findings": [vars(one) for one in section.findings],
        "about": section.about,
        "warning": section.warning,
        "tables": tables,
        "pictures": pictures,
    }
    write_json(folder / SECTION, shown_value(kept))


def read_section(folder: Path, images: str) -> Section | None:
    """Return the section that `write_section` wrote into `folder`; None if there is none about these images."""
    path = Path(folder) / FOLDER / SECTION
    if not path.is_file():
        return None
    kept = read_json(path)
    if kept.get("format") != FORMAT or kept.get("images") != images:
        return None
    tables = []
    for facts in kept["tables"]:
        file, texts = path.with_name(facts.pop("file")), dict.fromkeys(facts.pop("texts"), str)
        rows = pd.read_csv(file, dtype=texts, keep_default_na=False, na_values=[""])
        rows[list(texts)] = rows[list(texts)].fillna("")
        facts = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
        tables.append(Table(rows=rows, **facts))
    pictures = []
    for facts in kept["pictures"]:
        files = {wish: path.with_name(file).read_bytes() for wish, file in facts["files"].items()}
        pictures.append(Picture(facts["name"], facts["caption"], files.pop(facts["name"]), files))
    findings = tuple(Notice(**facts) for facts in kept["findings"])
    return Section(
        kept["name"], kept["title"], kept["sentences"], tables, pictures, kept["about"], kept["warning"], findings
    )

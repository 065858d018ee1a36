"""The page of a flow that measures a set of images: one layout for stress, transfer and travel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from classify.pages.attached import attached
from classify.pages.codes import Notice, explained, texts
from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Section, shown, write_section
from featex.system.shown import shown_table
from featex.system.words import count

MOST = 3  # findings on the first screen; a fold has the others


@dataclass(frozen=True, eq=False)
class ResultPage:
    """What the page of a flow shows.

    Parameters
    ----------
    flow : str
        The command, such as "stress". A page replaces an older page of the same flow and nothing else.
    title, headline : str
    section : Section
        Sentences, tables and figures. Reports on the same images show it too.
    caption : str
        How to read the sentences.
    facts : mapping of str to str
        What was measured and how: terms and their text.
    images : str
        `classify.splits.partition.images_digest` of the images.
    notes : sequence of str
        How the measurement was made, a sentence each.
    notices : sequence of Notice
        What a reader must know first.
    files : mapping of str to DataFrame
        Further tables to write, by file name; the ending decides between CSV and Parquet.
    command : str
        The command that makes the page again.
    """

    flow: str
    title: str
    headline: str
    section: Section
    caption: str
    facts: Mapping[str, str]
    images: str
    notes: Sequence[str] = ()
    notices: Sequence[Notice] = ()
    files: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    command: str = ""

    def write(self, out: Path) -> Path:
        """Write the folder `out` with a self-contained ``index.html``, its tables and its figures; return the page.

        The folder appears whole or not at all, and takes the place of an older one.

        Raises
        ------
        classify.errors.DataError
            If `out` holds a file that is no part of such a page.
        featex.errors.StoreError
            If `out` cannot be written.
        """
        mark = f'<meta name="generator" content="pipelines {self.flow}">'
        with page_folder(out, own_files(out / "index.html", mark)) as folder:
            for name, table in self.files.items():
                if name.endswith(".parquet"):
                    table.to_parquet(folder / name, index=False)
                else:
                    shown_table(table).to_csv(folder / name, index=False)
            page = {**vars(self), "mark": Markup(mark), **self._parts(folder)}
            page |= {"files": [attached(folder, name) for name in self.files], "folder": out.name}
            text = render(Path(__file__).with_name("result.html"), page)
            (folder / "index.html").write_text(text, encoding="utf-8")
            write_section(self.section, folder, self.images)
        return out / "index.html"

    def _parts(self, folder: Path) -> dict:
        """Write the tables and figures into `folder`; return the findings and the first figure for the first screen,
        and a part for each table and for the other figures."""
        section, names = self.section, FileNames(*self.files)
        figures = shown(Section("", "", pictures=section.pictures), folder, names)["figures"]
        parts = [
            shown(Section(table.name, table.title, tables=[table]), folder, names) | {"summary": table.about}
            for table in section.tables
        ]
        if figures[1:]:
            parts.append(
                {
                    "name": "figures",
                    "title": "More figures",
                    "summary": count(len(figures) - 1, "figure"),
                    "tables": [],
                    "figures": figures[1:],
                }
            )
        worst_first = sorted(section.findings, key=lambda one: one.level == "ok")
        first, rest = worst_first[:MOST], worst_first[MOST:]
        return {
            "sentences": section.sentences,
            "findings": _with_commands(first),
            "main": figures[:1],
            "parts": parts,
            "rest": rest,
            "rest_summary": count(len(rest), "more finding"),
            "codes": explained([one.id for one in (*self.notices, *section.findings)]),
        }


def _with_commands(findings: Sequence[Notice]) -> list[Notice]:
    """Return findings with the next command at the last warning of each id."""
    last = {one.id: number for number, one in enumerate(findings) if one.level != "ok"}
    return [
        replace(one, command=texts()[one.id].command if last.get(one.id) == number else "")
        for number, one in enumerate(findings)
    ]

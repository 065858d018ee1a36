"""The page of a flow that measures a set of images: one layout for stress, transfer and travel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from classify.pages.attached import attached
from classify.pages.codes import Notice, explained
from classify.pages.html import own_files, page_folder, render
from classify.pages.sections import FileNames, Section, shown, write_section
from featex.system.shown import shown_table


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
            page = {**vars(self), "mark": Markup(mark), "part": shown(self.section, folder, FileNames(*self.files))}
            page |= {"files": [attached(folder, name) for name in self.files], "folder": out.name}
            page["codes"] = explained([one.id for one in (*self.notices, *self.section.findings)])
            text = render(Path(__file__).with_name("result.html"), page)
            (folder / "index.html").write_text(text, encoding="utf-8")
            write_section(self.section, folder, self.images)
        return out / "index.html"

import re

import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from classify.pages.codes import Notice
from classify.pages.sections import Picture, Section, Table, read_section
from pipelines.result_page import ResultPage

SCORES = pd.DataFrame({"source": ["NA", "b"], "n": [3, 4], "accuracy": [0.1 + 0.2, np.nan], "apart": [True, False]})


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a page with changed fields and returns its path."""

    def write(**fields):
        section = Section("stress", "Where it breaks", ["svm falls to 63.3 %."], [Table("falls", "Falls", SCORES)])
        page = {"title": "A title", "headline": "In short", "section": section, "caption": "How to read it"}
        page |= {"facts": {"seed": "0"}, "images": "digest", "files": {"scores.csv": SCORES, "answers.parquet": SCORES}}
        return ResultPage("stress", **page | fields).write(tmp_path / "page")

    return write


def test_a_page_shows_what_it_was_given_and_names_its_own_files(write):
    notices = [Notice("FX703", "Mind the gap.")]
    page = write(notes=["One source is left out."], notices=notices, command="pipelines stress images")
    html = page.read_text()
    text = re.sub(r"<[^>]+>", "", html)
    for words in ("A title", "In short", "svm falls to 63.3 %.", "One source is left out.", "Mind the gap.", "seed"):
        assert words in text
    assert "pipelines stress images" in text
    names = set(re.findall(r'data-file="([^"]+)"', html))
    assert names == {"scores.csv", "answers.parquet", "falls.csv"}
    assert all((page.parent / name).is_file() for name in names)
    assert all(link.startswith(("data:", "#")) for link in re.findall(r' href="([^"]+)"', html))
    assert 'id="FX703"' in html


def test_tables_come_back_as_they_were_even_with_a_source_called_na(write):
    page = write()
    blanks = dict.fromkeys(SCORES.select_dtypes("number"), "")  # in texts, "NA" is a name
    again = pd.read_csv(page.with_name("scores.csv"), keep_default_na=False, na_values=blanks)
    pd.testing.assert_frame_equal(again, SCORES, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_parquet(page.with_name("answers.parquet")), SCORES)


def test_reports_on_the_same_images_can_show_it(write):
    page = write()
    section = read_section(page.parent, "digest")
    assert (section.name, list(section.sentences)) == ("stress", ["svm falls to 63.3 %."])
    assert read_section(page.parent, "other images") is None


def test_a_page_takes_the_place_of_an_older_one_and_of_nothing_else(write):
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001e221bc33"
        "0000000049454e44ae426082"
    )
    picture = Picture("falls.png", "Falls", png, {"falls.svg": b'<svg viewBox="0 0 72 36"/>'})
    page = write(section=Section("stress", "Where it breaks", pictures=[picture]), files={"failed.csv": SCORES})
    assert page.with_name("falls.svg").exists()
    write()
    assert not page.with_name("falls.png").exists()
    assert not page.with_name("failed.csv").exists()
    page.with_name("mine.txt").write_text("dear to me")
    with pytest.raises(DataError, match=r"mine\.txt"):
        write()
    assert page.with_name("mine.txt").exists()

import re

import pandas as pd
import pytest

from classify.errors import DataError
from classify.sections import read_section
from pipelines.stress import bias_table, stress_table
from pipelines.stress_page import headline, stress_section, write_stress
from pipelines.stress_words import sentences

LABELS = "a" * 30 + "r" * 30
UNDER = {("jpeg", 95): LABELS, ("jpeg", 20): "a" * 30 + "r" * 8 + "a" * 22, ("crop", 0.9): LABELS}


@pytest.fixture
def said(make_said):
    return pd.concat([make_said(LABELS, LABELS, UNDER, set=name) for name in ("test", "NA")])


@pytest.fixture
def quickly(monkeypatch):
    """Without pictures, which take seconds."""
    monkeypatch.setattr("pipelines.stress_page.pictures", lambda table, bias: [])


@pytest.fixture
def write(said, tmp_path):
    def write(said=said, out="page", **options):
        found = stress_table(said, "a"), bias_table(said, "a")
        options = {"title": "Where it breaks", "facts": {"seed": "0"}, "images": "d", "command": "make it", **options}
        return write_stress(said, *found, tmp_path / out, **options), found

    return write


def test_the_page_holds_what_was_found_and_links_to_its_own_files(write, said):
    page, found = write(notes=["shortcut is left out."])
    html = page.read_text()
    text = re.sub(r"\W+", " ", re.sub(r"<[^>]+>", "", html))
    for line in (*sentences(*found), headline(found[0]), "shortcut is left out.", "make it"):
        assert re.sub(r"\W+", " ", line) in text
    links = set(re.findall(r'href="([^"]+)"', html))
    assert {"stress.csv", "bias.csv", "predictions.parquet", "conditions.csv", "one-class.csv"} <= links
    for link in links:
        assert (page.parent / link).is_file(), link
    assert "failed.csv" not in links
    assert {f"stress-{name}.{kind}" for name in ("test", "NA") for kind in ("png", "svg")} <= {
        path.name for path in page.parent.iterdir()
    }
    pd.testing.assert_frame_equal(pd.read_parquet(page.with_name("predictions.parquet")), said.reset_index(drop=True))


@pytest.mark.usefixtures("quickly")
def test_images_that_were_left_out_are_listed(write):
    failed = pd.DataFrame({"set": ["test"], "path": ["x.jpg"], "reason": ["has changed"]})
    page, _ = write(failed=failed)
    assert 'href="failed.csv"' in page.read_text()
    assert pd.read_csv(page.with_name("failed.csv")).equals(failed)


def test_reports_on_the_same_images_can_show_it(write):
    page, found = write()
    section = read_section(page.parent, "d")
    assert list(section.sentences) == sentences(*found)
    assert [table.name for table in section.tables] == ["conditions", "one-class"]
    assert len(section.pictures) == 6
    assert read_section(page.parent, "other images") is None


@pytest.mark.usefixtures("quickly")
def test_the_table_comes_back_as_it_was_even_of_a_set_called_na(write):
    page, (table, _) = write()
    blanks = dict.fromkeys(table.select_dtypes("number"), "")  # in texts, "NA" is a name
    again = pd.read_csv(page.with_name("stress.csv"), keep_default_na=False, na_values=blanks)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert again["apart"].dtype == bool


def test_a_page_takes_the_place_of_an_older_one_and_of_nothing_else(write, monkeypatch):
    page, _ = write(failed=pd.DataFrame({"set": ["test"], "path": ["x"], "reason": ["y"]}))
    monkeypatch.setattr("pipelines.stress_page.pictures", lambda table, bias: [])
    write()
    assert not page.with_name("stress-NA.png").exists()
    assert not page.with_name("failed.csv").exists()
    page.with_name("mine.txt").write_text("dear to me")
    with pytest.raises(DataError, match="in the way"):
        write()
    assert page.with_name("mine.txt").exists()


@pytest.mark.usefixtures("quickly")
def test_the_deepest_fall_and_the_strongest_lean_come_first(said):
    table, bias = stress_table(said, "a"), bias_table(said, "a")
    conditions, one_class = stress_section(table, bias).tables
    assert conditions.rows["condition"].tolist()[:2] == ["jpeg 20"] * 2
    first = conditions.rows.iloc[0]
    assert first["fall"] == pytest.approx(22 / 60)
    assert first["fall low"] < first["fall"] < first["fall high"]
    assert (first["right of r"], first["right of a"]) == pytest.approx((8 / 30, 1))
    assert first["beyond chance"] == "yes"
    assert len(conditions.rows) == 6
    lean = one_class.rows.iloc[0]
    assert (lean["condition"], lean["looks"]) == ("jpeg 20", "a")
    assert lean["lean to a"] == pytest.approx(11 / 30)
    assert (lean["shift of r"], lean["shift of a"]) == pytest.approx((22 / 30, 0))
    assert (lean["accuracy, a alone"], lean["accuracy, r alone"]) == pytest.approx((1, 38 / 60))
    assert one_class.rows.iloc[-1]["looks"] == "—"


def test_the_headline_is_of_the_best_model_on_the_first_set(make_said):
    worse = "r" * 6 + LABELS[6:]
    said = pd.concat([make_said(LABELS, worse, UNDER, model="cnn"), make_said(LABELS, LABELS, UNDER)])
    assert headline(stress_table(said, "a")) == (
        "svm is right on 100.0 % of held-out images as they are, and on 63.3 % under JPEG at quality 20."
    )
    calm = make_said(LABELS, LABELS, {("crop", 0.9): LABELS})
    assert headline(stress_table(calm, "a")).endswith("under 1 condition no fall can be told from chance.")


@pytest.mark.usefixtures("quickly")
def test_a_set_without_bias_has_no_table_of_it(make_said):
    said = make_said("a" * 10, "a" * 10, {("jpeg", 50): "a" * 10})
    section = stress_section(stress_table(said, "a"), bias_table(said, "a"))
    assert [table.name for table in section.tables] == ["conditions"]

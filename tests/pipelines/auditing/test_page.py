import re
from html import unescape
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.pages.codes import Notice
from classify.pages.sections import Picture, Table, read_section
from pipelines.auditing.findings import Check, Finding
from pipelines.auditing.page import headline, verdict_lines, write_page

CHECKS = {
    "shortcuts": Check("Short cuts", "what needs no content", None),
    "leaks": Check("Leaky sets", "what training has seen", None),
    "balance": Check("Even classes", "how many there are", None),
}


def picture(name="sheet.jpg", kind="JPEG") -> Picture:
    file = BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, kind)
    return Picture(name, f"What to see in {name}.", file.getvalue())


def table(name="pairs", n=3, **columns) -> Table:
    rows = pd.DataFrame({"path": [f"{name}/{i}.jpg" for i in range(n)], "share": np.arange(n) / 8, **columns})
    return Table(name, f"The table {name}", rows, ("share",))


FINDINGS = [
    Finding("FX201", "warning", "Some 12.5 % (9.9–15.1) of images leak.", tables=(table(),), pictures=(picture(),)),
    Finding("FX101", "ok", "No format tells."),
    Finding("FX101", "ok", "No size tells."),
    Finding("FX201", "critical", "Most images leak."),
    Finding("FX201", "warning", "A third leak."),
    Finding("FX301", "warning", "One class is small.", tables=(table("classes", 50),)),
]


def page(tmp_path, findings=FINDINGS, checks=CHECKS, **options):
    """Write a page; return its text, and the names of its tags, its links and its ids."""
    options = {"title": "A title", "facts": {"images": "1,169"}, **options}
    html = write_page(findings, checks, tmp_path / "audit", **options).read_text(encoding="utf-8")
    html = re.sub(r"<style.*?</style>|<script>.*?</script>", "", html, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", "", html)))
    links = re.findall(r' (?:src|href|action|data)="([^"]*)"', html)
    return SimpleNamespace(
        text=text,
        tags=set(re.findall(r"<(\w+)", html)),
        links=links,
        files=re.findall(r' data-file="([^"]*)"', html),
        ids=set(re.findall(r' id="([^"]*)"', html)),
    )


def test_worst_comes_first_and_each_sentence_is_said_once(tmp_path):
    text = page(tmp_path).text
    said = ["1 critical, 3 warnings", "Most images leak.", "A third leak.", "One class is small.", "No format tells."]
    places = [text.index(words) for words in said]
    assert places == sorted(places)
    assert "Nothing to fix: Short cuts." in text
    assert text.count("Most images leak.") == text.count("No format tells.") == 1


def test_each_check_has_its_part_in_the_order_of_the_registry(tmp_path):
    found = page(tmp_path)
    assert set(CHECKS) <= found.ids
    below = found.text[found.text.index("Nothing to fix") :]
    places = [below.rindex(check.about) for check in CHECKS.values()]
    assert places == sorted(places)
    assert "what training has seen: 1 critical, 2 warnings" in found.text


def test_a_finding_ends_with_the_command_that_one_types_next(tmp_path):
    text = page(tmp_path, names={"DIR": "data/sample"}).text
    assert "Next: pipelines prepare data/sample data/sample-prepared" in text
    assert text.count("Next: pipelines prepare") == 1  # of three findings with one id


def test_of_many_sets_with_one_finding_three_have_a_sentence_and_the_rest_a_name(tmp_path):
    many = [Finding("FX104", "warning", f"Set {i} differs.", 0.9, of=f"s{i}") for i in range(6)]
    text = page(tmp_path, many, CHECKS).text
    assert text.count(" differs.") == 3
    assert "The same holds for “s3” (90.0 %), “s4” (90.0 %) and “s5” (90.0 %)." in text


def test_level_is_said_in_a_word_and_not_by_colour_alone(tmp_path):
    text = page(tmp_path).text.replace(" ", "")
    for words in ("criticalFX201Mostimagesleak.", "warningFX201Athirdleak.", "okFX101Noformattells."):
        assert words in text


def test_folder_holds_the_page_its_tables_and_pictures_and_nothing_else(tmp_path):
    page(tmp_path)
    assert {path.name for path in (tmp_path / "audit").iterdir()} == {
        "index.html", "pairs.csv", "classes.csv", "sheet.jpg", "section",
    }  # fmt: skip
    assert (tmp_path / "audit" / "sheet.jpg").read_bytes() == FINDINGS[0].pictures[0].data


def test_reports_on_the_same_images_are_left_the_verdict(tmp_path):
    page(tmp_path, images="a1")
    section = read_section(tmp_path / "audit", "a1")
    assert section.sentences == [headline(FINDINGS)]
    assert section.findings[0] == Notice("FX201", "Most images leak.", "critical")
    assert {one.id for one in section.findings} == {"FX201", "FX301"}  # what is ok is left out
    assert read_section(tmp_path / "audit", "b2") is None


def test_page_fetches_nothing_and_names_only_its_own_files(tmp_path):
    found = page(tmp_path)
    data, rest = ([link for link in found.links if link.startswith("data:image/") is own] for own in (True, False))
    assert len(data) == 1
    assert {link[1:] for link in rest if not link.startswith("data:")} <= found.ids
    assert len([link for link in rest if link.startswith("#FX")]) == len(FINDINGS)  # each links to its id
    assert len(found.files) == 3  # and the sheet
    assert all((tmp_path / "audit" / name).is_file() for name in found.files)
    assert not found.tags & {"script", "link", "iframe", "object"}


def test_same_findings_give_the_same_bytes(tmp_path):
    one, other = (write_page(FINDINGS, CHECKS, tmp_path / name / "r", title="t", facts={}) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_hostile_names_stay_text_and_inside_the_folder(tmp_path):
    odd = [table("../../up"), table("../../up", n=0), table("a/b #1?"), table("INDEX")]
    findings = [
        Finding(
            "FX201", "critical", "<script>1</script>", tables=tuple(odd), pictures=(picture("/etc/x y.png", "PNG"),)
        )
    ]
    found = page(
        tmp_path, findings, {"leaks": Check("<i>", "<b>", None)}, title="<h6>", facts={"<s>": "<u>"}, command="<q>"
    )
    assert not found.tags & {"script", "i", "h6", "s", "u", "q"}
    assert "<script>1</script>" in found.text
    assert {path.name for path in (tmp_path / "audit").iterdir()} == {
        "index.html", "up.csv", "up-2.csv", "a-b-1.csv", "INDEX.csv", "etc-x-y.png", "section",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]


def test_a_new_audit_takes_the_place_of_an_older_one_with_other_files(tmp_path):
    page(tmp_path, title="first")
    found = page(tmp_path, [Finding("FX201", "critical", "Now.", tables=(table("new"),))], title="second")
    assert "second" in found.text
    assert {path.name for path in (tmp_path / "audit").iterdir()} == {"index.html", "new.csv", "section"}


def test_a_finding_of_a_check_that_was_not_made_is_a_bug(tmp_path):
    with pytest.raises(KeyError, match="labels"):
        page(tmp_path, [Finding("FX501", "ok", "So.")])


def test_terminal_gets_a_headline_and_a_line_for_each_finding_the_worst_first():
    assert verdict_lines(FINDINGS, CHECKS) == [
        "1 critical, 3 warnings: training images are copies of test images.",
        "FX201 critical Most images leak.",
        "FX201 warning  Some 12.5 % (9.9–15.1) of images leak.",
        "FX201 warning  A third leak.",
        "FX301 warning  One class is small.",
        "Nothing to fix: Short cuts.",
    ]


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ("critical", "1 critical: training images are copies of test images."),
        ("critical critical warning", "2 critical, 1 warning: training images are copies of test images."),
        ("warning warning", "2 warnings: training images are copies of test images."),
        ("ok", "No finding makes scores on these images too high."),
    ],
)
def test_headline_says_what_weighs(levels, says):
    assert headline([Finding("FX201", level, "") for level in levels.split()]) == says


def test_a_headline_takes_the_claim_of_a_finding():
    assert headline([Finding("FX101", "critical", "", claim="it is the size")]) == "1 critical: it is the size."

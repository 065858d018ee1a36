import base64
import hashlib
import re
import time
from io import BytesIO

import jinja2
import pytest
from PIL import Image

from classify.errors import DataError
from classify.pages.codes import Notice, explained
from classify.pages.html import figure, numbers, own_files, page_folder, render
from featex.errors import StoreError


def picture(kind: str, **options) -> bytes:
    file = BytesIO()
    Image.new("RGB", (320, 20)).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def template(tmp_path):
    """Return a function that writes a template of so many words in its main part, and returns its path."""

    def write(main: str):
        path = tmp_path / "words.html"
        path.write_text('{% extends "page.html" %}{% block main %}' + main + "{% endblock %}")
        return path

    return write


def test_pages_share_their_frame_and_fetch_nothing(template):
    page = {"title": "<A title>", "notices": [Notice("FX608", "Beware.")], "codes": explained(["FX608"])}
    page |= {"command": "pipelines audit x", "text": "<b>", "folder": "x"}
    html = render(template("{{ text }}"), page)
    assert "<title>&lt;A title&gt;</title>" in html
    assert html.index("Beware.") < html.index("&lt;b&gt;") < html.index("pipelines audit x")
    assert "default-src 'none'" in html
    assert "Reproduce" not in render(template(""), page | {"command": ""})


EMPTY = {"title": "", "notices": [], "codes": [], "command": "", "folder": ""}


def test_the_pages_own_scripts_are_the_only_ones_that_may_run(template, tmp_path):
    extra = tmp_path / "extra.js"
    extra.write_text("{ let mine = 1 < 2; }")
    html = render(template(""), EMPTY, [extra])
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{sha256}'" in html
    assert script.index("table.sortable") < script.index("data-file") < script.index("{ let mine = 1 < 2; }")


def test_the_contents_list_the_parts_and_nothing_that_a_text_pretends_to_be(template):
    words = (
        '{% from "part.html" import part with context %}'
        '{% call part("a", "One & all") %}<p>{{ text }}</p>{% endcall %}'
        '{% call part("b", "Two", folded=true, summary="in 92.0 % of all", group="More") %}Inside.{% endcall %}'
    )
    forged = '<section class="part" id="x" data-part="Forged" data-group="">'
    path = template("")
    path.write_text(path.read_text().replace("{% block main %}", words[:47] + "{% block main %}" + words[47:]))
    html = render(path, EMPTY | {"text": forged})
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert re.findall(r'href="#(.*?)">(.*?)<', contents) == [("a", "One &amp; all"), ("b", "Two")]
    assert "<p>More</p>" in contents
    assert re.search(r'<details class="part" id="b".*?<summary>.*92\.0 %.*</summary>\s*Inside\.', html, re.DOTALL)


def test_warnings_are_counted_and_folded(template):
    notices = [Notice("FX601", "One of <b>."), Notice("FX607", "Two.", "critical")]
    html = render(template(""), EMPTY | {"notices": notices, "codes": explained(["FX601", "FX607"])})
    box = html[html.index('<details class="warnings critical"') :]
    shown, folded = box[: box.index("</summary>")], box[box.index("</summary>") : box.index("</details>")]
    assert "<strong>2 warnings</strong>, 1 critical" in shown
    assert explained(["FX607"])[0].title in shown
    assert "FX607" in shown
    assert "One of &lt;b&gt;." in folded
    assert '<a href="#FX607">FX607</a> Two.' in folded
    assert "<strong>1 warning</strong>: One. " in render(template(""), EMPTY | {"notices": [Notice("FX601", "One.")]})
    assert 'class="warnings"' not in render(template(""), EMPTY)


def test_an_older_page_is_known_by_its_mark_and_the_files_it_names(tmp_path):
    index = tmp_path / "index.html"
    assert own_files(index, "MARK") == set()
    index.write_text(
        'MARK <a data-file="a.csv" href="data:,"> <a href="b.csv"> <b data-file="c.png"> <b data-file="../up.csv">'
    )
    assert own_files(index, "MARK") == {"index.html", "section", "a.csv", "c.png"}
    assert own_files(index, "OTHER") == set()


def test_a_name_that_the_page_lacks_is_no_empty_place(template):
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        render(template("{{ missing }}"), EMPTY)


def test_points_and_p_values_stay_on_their_line():
    html = numbers("by 4.0 points (-1.1 to 7.5), p = 0.047 and p < 0.0001.")
    assert html == (
        'by <span class="number">4.0 points (-1.1 to 7.5)</span>, <span class="number">p = 0.047</span> and '
        '<span class="number">p &lt; 0.0001</span>.'
    )


def test_a_percentage_keeps_its_interval_on_its_line_and_hostile_text_stays_text():
    html = numbers("<b> 20 of 92.0 % (87.4–95.0) and 91.4 ± 2.5 %")
    assert html == (
        '&lt;b&gt; 20 of <span class="number">92.0 % (87.4–95.0)</span> and <span class="number">91.4 ± 2.5 %</span>'
    )


@pytest.mark.parametrize(
    ("kind", "options", "width"),
    [("PNG", {"dpi": (192, 192)}, 160), ("PNG", {}, 320), ("JPEG", {}, 320)],
)
def test_a_figure_is_as_wide_as_it_was_drawn_and_is_itself_in_the_page(kind, options, width):
    data = picture(kind, **options)
    shown = figure("a.x", "What to see.", data)
    head, code = shown["uri"].split(",")
    assert head == f"data:image/{kind.lower()};base64"
    assert base64.b64decode(code) == data
    assert (shown["caption"], shown["width"]) == ("What to see.", width)


def fill(out, ours=(), **files):
    with page_folder(out, ours) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        assert "half" not in files.values(), "stopped"


def test_a_new_page_takes_the_place_of_all_that_is_ours(tmp_path):
    out = tmp_path / "deep" / "page"
    fill(out, one="1", two="2")
    (out / ".DS_Store").write_text("")
    fill(out, ("one", "two", "three"), two="new")
    assert {path.name: path.read_text() for path in out.iterdir()} == {"two": "new"}
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_leaves_the_old_page_as_it_was(tmp_path):
    fill(tmp_path / "page", one="1")
    with pytest.raises(AssertionError, match="stopped"):
        fill(tmp_path / "page", ["one"], one="half")
    assert (tmp_path / "page" / "one").read_text() == "1"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_no_page_wrote_is_never_swept_away(tmp_path):
    out = tmp_path / "page"
    fill(out, **{"thesis.docx": "years"})
    with pytest.raises(DataError, match=r"thesis\.docx"):
        fill(out, ["one"], one="1")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="file"):
        fill(tmp_path / "file")
    assert (out / "thesis.docx").read_text() == "years"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        fill(tmp_path / "file" / "page")


def test_a_name_of_many_digits_takes_no_time():
    started = time.perf_counter()
    numbers("1" * 20_000)
    numbers("p = " + "1 " * 20_000)
    numbers("5 % (" + "1" * 20_000)
    assert time.perf_counter() - started < 2

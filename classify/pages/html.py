"""What all pages share: one template, numbers without line breaks, embedded pictures, and a folder written whole.

A page is a template that extends ``page.html``. What it may use:

=================== =================================================================================================
``title, command``  variables of every page: its heading, and the command that writes it again ("" for none)
``folder``          variable of every page: the name of the folder that the page and its files lie in
``notices``         variable of every page: warnings, a list of `classify.pages.codes.Notice`, which stand in one fold
                    under the first screen
``codes``           variable of every page: texts of the ids on it, by `classify.pages.codes.explained`
block ``first``     the first screen: what a reader must know, in front of the warnings
block ``main``      everything else, in parts
block ``style``     rules of style of this page alone; block ``head`` further elements of the head
``part.html``       ``{% from "part.html" import part with context %}`` and ``{% call part(name, title, folded, summary,
                    group) %}``: a part of the page with the anchor `name`. A folded part shows its title and its
                    `summary`, a sentence, until it is opened. The contents list all parts, under their `group` if any
``section.html``    tables and figures of ``part``, as `classify.pages.sections.shown` returns them
``figure.html``     ``figure``, as `figure` returns it
``findings.html``   ``findings``, a list of `classify.pages.codes.Notice`, each with its level and id
filter ``numbers``  text whose numbers stay on one line; filter ``code``: text with code between backticks
class ``wide``      of a table's or figure's box: it takes the page's whole width, and scrolls by itself
class ``cards``     a grid of boxes of class ``card``; class ``caption``: a sentence on what follows
=================== =================================================================================================
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from classify.errors import DataError
from classify.pages.vector import css, drawing
from featex.system.disk import cannot_write, folder_beside, restored, swap_in
from featex.system.shown import shown_text, shown_value


def render(template: Path, page: dict, scripts: Sequence[Path] = ()) -> str:
    """Return a page of HTML.

    Parameters
    ----------
    template : Path
        A file that extends ``page.html``; the head of this file says what it may use.
    page : dict
        The template's variables: ``title, notices, codes, command, folder`` and its own.
    scripts : sequence of Path
        Further scripts of this page. Each keeps its names in a block, since all are joined.
    """
    folders = [template.parent, Path(__file__).parent]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_sent_on,
    )
    environment.filters["numbers"] = numbers
    environment.filters["code"] = code
    environment.globals["figure_css"] = Markup(css())
    shared = (Path(__file__).with_name(name) for name in ("page.js", "sort.js", "files.js"))
    script = "".join(path.read_text(encoding="utf-8") for path in (*shared, *scripts))
    # the page's policy runs this script alone
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = environment.get_template(template.name).render(page, script=Markup(script), script_sha256=sha256)
    return html.replace("<!-- contents -->", _contents(html), 1)


_PART = re.compile(r'<(?:section|details) class="part" id="([^"]*)" data-part="([^"]*)" data-group="([^"]*)"')


def _contents(html: str) -> str:
    """Return the list of a page's parts with links; text of a page cannot hold what marks a part."""
    lines, last = [], ""
    for name, title, group in _PART.findall(html):
        if group != last:
            lines.append(f"</ul><p>{group}</p><ul>" if group else "</ul><ul>")
        lines.append(f'<li><a href="#{name}">{title}</a></li>')
        last = group
    if not lines:
        return ""
    parts = "\n".join(lines)
    return (
        f'<nav class="contents" aria-label="Contents"><details open><summary>Contents</summary><ul>\n{parts}\n'
        "</ul></details></nav>"
    )


def _sent_on(value):
    """Return a value for a template, without home folders and passwords in its text; pictures stay as they are."""
    if isinstance(value, Embedded):
        return value
    return type(value)(shown_text(value)) if isinstance(value, str) and not value.startswith("data:") else value


def code(text: str) -> Markup:
    """Return the text escaped, with what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


class Embedded(Markup):
    """Data in a page that are fit to be sent on as they are."""


def as_json(value) -> Embedded:
    """Return a value for ``<script type="application/json">``, which no text in it can end."""
    text = json.dumps(shown_value(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Embedded(re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text))


def numbers(text: str) -> Markup:
    """Return the text escaped, without line breaks inside p values and inside numbers with their intervals."""
    return Markup(_NUMBERS.sub(r'<span class="number">\g<0></span>', str(escape(text))))


_NUMBERS = re.compile(
    r"-?\d[\d.± ]{0,30}(%|points)( \([-\d.–to ]{1,40}\))?|\bp (=|&lt;) \d[\d.]{0,20}\d"
)  # bounded, because a name of many digits would be tried from each of them


def figure(name: str, caption: str, data: bytes, svg: bytes | None = None) -> dict:
    """Return the variables of ``figure.html`` but for its ``files``: a figure in the page, as wide as it was drawn.

    Parameters
    ----------
    name : str
        Unique on the page.
    caption : str
    data : bytes
        PNG or JPEG. If it states dots per inch, they decide its width; else one image pixel is one CSS pixel.
    svg : bytes, optional
        The same figure as SVG; the page then shows this, in colours that suit a light or a dark page.
    """
    if svg is not None:
        return {"caption": caption, "drawing": drawing(svg, name, caption)}
    with Image.open(BytesIO(data)) as image:
        dpi = image.info.get("dpi", (96, 96))[0]
        width, kind = round(96 / dpi * image.width), image.get_format_mimetype()  # CSS pixels: text fits the page's
    return {"caption": caption, "drawing": "", "width": width, "uri": uri(data, kind)}


def uri(data: bytes, kind: str) -> str:
    """Return bytes of a media type as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def own_files(index: Path, mark: str) -> set[str]:
    """Return the names of the files of an older page: itself, those that it names, and its stored section.

    Without the mark of such a page there are none."""
    try:
        text = index.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return {index.name, "section", *re.findall(r'data-file="([^"#/:]+)"', text)} if mark in text else set()


@contextmanager
def page_folder(out: Path, ours: Iterable[str]) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `out` when the block ends without an error.

    Parameters
    ----------
    ours : iterable of str
        Names of the files of an older page; they are replaced with it.

    Raises
    ------
    DataError
        If `out` holds any other file.
    featex.errors.StoreError
        If `out` cannot be written.
    """
    out = Path(out).resolve()  # a link stays, and its target is replaced
    try:
        restored(out)
        held = {path.name for path in out.iterdir()} if out.exists() else set()
        if foreign := sorted(held - {*ours, ".DS_Store"}):
            raise DataError(
                f"cannot write a report into {out}: {foreign[0]!r} there is no part of one; name a new or empty folder"
            )
    except OSError as error:
        raise cannot_write(out, error) from error
    with folder_beside(out) as folder:
        yield folder
        swap_in(folder, out)

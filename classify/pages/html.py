"""What all pages share: one template, numbers without line breaks, embedded pictures, and a folder written whole."""

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
        A file that extends ``page.html``. It may use the filters ``numbers`` and ``code``, and the parts
        ``section.html``, ``figure.html`` and ``findings.html``.
    page : dict
        The template's variables; ``page.html`` needs ``title``, ``notices`` (a list of `classify.pages.codes.Notice`),
        ``codes`` (texts of the ids on the page, by `classify.pages.codes.explained`), ``command`` ("" for none) and
        ``folder``, the name of the folder that the page and its files lie in.
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
    shared = (Path(__file__).with_name(name) for name in ("sort.js", "files.js"))
    script = "".join(path.read_text(encoding="utf-8") for path in (*shared, *scripts))
    # the page's policy runs this script alone
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template.name).render(page, script=Markup(script), script_sha256=sha256)


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

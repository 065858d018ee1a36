"""SVG figures as parts of a page: their colours follow the reader's choice of light or dark, and their text stays text.

The file beside the page keeps its colours, for papers.
"""

import re
import xml.etree.ElementTree as ET

from markupsafe import Markup, escape

from classify.errors import DataError

PALETTE = {
    "blue": ("#0072B2", "#4A9FE0"),
    "orange": ("#E69F00", "#E69F00"),
    "green": ("#009E73", "#1FBF8F"),
    "purple": ("#CC79A7", "#D88BB6"),
    "sky": ("#56B4E9", "#A5DCFF"),
    "red": ("#D55E00", "#F07B33"),
    "black": ("#000000", "#E6E9EC"),
    "grey": ("#767676", "#9AA5AF"),
    "grid": ("#DDDDDD", "#3A424A"),
    "white": ("#FFFFFF", "#14181C"),
}
"""Colours of figures on a light and on a dark page, by name. Files hold the first one, which is Okabe and Ito's."""
FIXED_BLACK = "#010101"  # of text on a colour that is the same on a dark page
_NAMES = {light.lower(): name for name, (light, _) in PALETTE.items()}
_TAGS = {"svg", "g", "defs", "path", "use", "text", "clipPath", "rect", "image"}
_ATTRIBUTES = {"viewBox", "id", "style", "transform", "clip-path", "d", "x", "y", "width", "height", "href"}
_HEX = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
_FONT = re.compile(r"font-family:[^;]*;? ?")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_LINK = re.compile(r"#[\w.-]+")


def css() -> str:
    """Return the style sheet that figures of a page need."""
    light, dark = (" ".join(f"--figure-{name}: {pair[i]};" for name, pair in PALETTE.items()) for i in (0, 1))
    return (
        f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        ".drawing { display: block; max-width: 100%; height: auto; fill: var(--figure-black); "
        'font-family: "DejaVu Sans", Verdana, sans-serif; }\n'
        ".drawing * { stroke-linejoin: round; stroke-linecap: butt; }"
    )


def drawing(svg: bytes, name: str, label: str) -> Markup:
    """Return a figure that matplotlib wrote as SVG, as a part of an HTML page.

    Parameters
    ----------
    svg : bytes
    name : str
        Unique on the page; it begins the ids in the figure.
    label : str
        What a screen reader says in place of the figure.

    Raises
    ------
    DataError
        If the file is no SVG.
    """
    try:
        root = ET.fromstring(svg)
        width, height = (float(part) for part in root.get("viewBox", "").split()[2:])
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"the figure {name!r} is no SVG file: {error}") from error
    linked = {link for node in root.iter() for value in node.attrib.values() for link in _LINK.findall(value)}
    prefix = re.sub(r"[^\w-]+", "-", name)
    _clean(root, prefix, linked)
    root.attrib = {
        "class": "drawing",
        "role": "img",
        "aria-label": label,
        "viewBox": root.get("viewBox"),
        "width": f"{width * 4 / 3:.0f}",  # a point is 4/3 of a CSS pixel
        "height": f"{height * 4 / 3:.0f}",
    }
    return Markup(_written(root))


def _clean(node: ET.Element, prefix: str, linked: set[str]) -> None:
    """Leave only what figures are made of, without namespaces; a stored figure may have been tampered with."""
    node.tag = _local(node.tag)
    attributes = {_local(name): value for name, value in node.attrib.items()}
    node.attrib = {
        name: _value(name, value, node.tag, prefix)
        for name, value in attributes.items()
        if name in _ATTRIBUTES and (name != "id" or f"#{value}" in linked)
        if name != "href" or value.startswith(("#", "data:image/png;base64,"))
        if name != "transform" or not value.startswith("rotate(-0 ")
    }
    for child in list(node):
        if _local(child.tag) in _TAGS:
            _clean(child, prefix, linked)
        else:
            node.remove(child)
    if node.tag != "text":
        node.text = None
    node.tail = None


def _local(name) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _value(name: str, value: str, tag: str, prefix: str) -> str:
    if name == "style":
        # white text stands on a colour, which is the same on a dark page
        kept = "#ffffff" if tag == "text" else ""
        return _HEX.sub(lambda match: _themed(match[0], kept), _FONT.sub("", value)).strip("; ")
    if name == "id":
        return f"{prefix}-{value}"
    if name in ("href", "clip-path") and not value.startswith("data:"):
        return value.replace("#", f"#{prefix}-")
    if name == "href":
        return re.sub(r"\s", "", value)
    return _LONG.sub(lambda match: f"{float(match[0]):.2f}", " ".join(value.split())) if name != "viewBox" else value


def _themed(colour: str, kept: str) -> str:
    name = _NAMES.get(colour.lower())
    return f"var(--figure-{name})" if name and colour.lower() != kept else colour


def _written(node: ET.Element) -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in node.attrib.items())
    inner = escape(node.text or "") + Markup("").join(Markup(_written(child)) for child in node)
    if node.tag == "g" and not node.attrib:
        return str(inner)
    return f"<{node.tag}{attributes}>{inner}</{node.tag}>"

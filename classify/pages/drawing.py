"""What all figures share: colours, fonts, width, and the way to PNG and SVG files.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which most colour-blind readers tell apart. A
page shows a figure as SVG, and `classify.pages.vector` gives the colours of `PALETTE` their values for a dark page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import matplotlib
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from classify.pages.sections import Picture
from classify.pages.vector import PALETTE

COLOURS = tuple(PALETTE[name][0] for name in ("blue", "orange", "green", "purple", "sky", "red", "black"))
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK = COLOURS
DASHES = ("-", "--", "-.", ":")  # an eighth model repeats a colour, so its line differs
GREY, GRID = PALETTE["grey"][0], PALETTE["grid"][0]
CELL = "#1A5FA0"  # of a cell of a matrix; white text on it is readable, on light and dark pages
SHARES = LinearSegmentedColormap.from_list("shares", [(*to_rgb(CELL), 0), CELL])  # 0 is no colour
WHITE_FROM = 0.75  # from this share on, text in a cell is white
# matplotlib's default font has no Chinese, Japanese and Korean characters, and names may hold them
CJK = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Arial Unicode MS",
)
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "figure.titlesize": 12,
    "text.parse_math": False,  # a class may be called "$"
    "grid.color": GRID,
    "svg.fonttype": "none",  # text stays text, which can be found, copied and edited
}
WIDTH = 10  # inches, the width of the page
DPI = 160
METADATA = {"png": {"Software": None}, "svg": {"Date": None}}


@contextmanager
def styled() -> Iterator[None]:
    """Draw figures in the style of the page, in fonts that cover most scripts."""
    fonts = ["DejaVu Sans", *(name for name in CJK if name in get_font_names())]
    with matplotlib.rc_context({**STYLE, "font.family": fonts}):
        yield


def pictured(name: str, caption: str, figure: Figure, rows: pd.DataFrame) -> Picture:
    """Return a figure as ``<name>.png``, with an SVG of it and a CSV of its rows beside it."""
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # laid out once, for both files
    box, files = figure.get_tightbbox().padded(0.05), {}
    for kind in ("png", "svg"):
        file = BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": STYLE["svg.fonttype"]}):  # equal files
            figure.savefig(file, format=kind, dpi=DPI, bbox_inches=box, metadata=METADATA[kind])
        files[kind] = file.getvalue()
    beside = {f"{name}.svg": files["svg"], f"{name}.csv": rows.to_csv(index=False).encode()}
    return Picture(f"{name}.png", caption, files["png"], beside)

"""The figure of shortcuts: how well each family of file metadata and of pixel statistics predicts the class."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classify.pages.drawing import BLUE, GREY, RED, WIDTH, pictured, styled
from classify.pages.sections import Picture

LINE = 0.24  # inches of a family
CAPTION = (
    "How well the class can be predicted without the content: balanced accuracy of a random forest, out of fold, with "
    "95 % intervals that are corrected for all families of a panel. Dashed: chance. Diamonds: enough for a shortcut."
)


def shortcut_picture(panels: dict[str, pd.DataFrame], chance: float) -> Picture:
    """Return the figure as ``shortcuts.png``, with SVG and CSV beside it.

    Parameters
    ----------
    panels : dict of str to DataFrame
        Rows of `pipelines.auditing.shortcuts.file_scores` and whether each is ``telling``, by the panel's title.
    chance : float
        Balanced accuracy of guessing.
    """
    rows = pd.concat([part.assign(panel=title) for title, part in panels.items()], ignore_index=True)
    with styled():
        return pictured("shortcuts", CAPTION, draw_shortcuts(panels, chance), rows)


def draw_shortcuts(panels: dict[str, pd.DataFrame], chance: float) -> Figure:
    """Draw a panel for each kind of shortcut: a row for each family, the most certain first."""
    most = max(map(len, panels.values()))
    figure = Figure(figsize=(WIDTH, 0.9 + LINE * most), layout="constrained")
    axes_of = figure.subplots(1, len(panels), squeeze=False).flat
    for axes, (title, rows) in zip(axes_of, panels.items(), strict=True):
        _draw(axes, rows.sort_values(["balanced accuracy low", "balanced accuracy"], ignore_index=True), chance)
        axes.set(title=title, xlabel="balanced accuracy (%)")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, chance: float) -> None:
    for place, row in rows.iterrows():
        value, low, high = (100 * row[name] for name in [f"balanced accuracy{end}" for end in ("", " low", " high")])
        colour = RED if row["telling"] else BLUE
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot([value], [place], color=colour, marker="D" if row["telling"] else "o", markersize=5)
    axes.axvline(100 * chance, color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rows)), rows["family"])
    lowest = 100 * min(chance, rows[["balanced accuracy", "balanced accuracy low"]].min(axis=None))
    axes.set(xlim=(max(-2, lowest - 4), 102), ylim=(-0.6, len(rows) - 0.4))
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)

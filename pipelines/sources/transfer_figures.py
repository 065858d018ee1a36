"""The figure of a comparison of sources: a matrix of accuracies for each model, with intervals."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from classify.pages.drawing import CELL, ORANGE, WHITE_FROM, WIDTH, pictured, styled
from classify.pages.sections import Picture
from classify.pages.vector import FIXED_BLACK
from classify.stats.chance import against_chance

SIDE, SMALL_SIDE = 0.95, 0.6  # inches of a cell
MOST_WITH_INTERVALS = 6  # sources; with more, cells hold only the accuracy
MARGIN = 1.4  # inches, for names and titles
# No colour is guessing; worse than guessing is orange, so that it stands out. Where a colour is faint the page shows.
COLOURS = LinearSegmentedColormap.from_list(
    "accuracy", [(0, ORANGE), (0.5, (*to_rgb(ORANGE), 0)), (0.5, (*to_rgb(CELL), 0)), (1, CELL)]
)
CAPTION = (
    "Accuracy on unseen images of each source (columns) of models trained on each (rows), in %, with 95 % intervals; "
    "framed: trained and tested on the same source. No colour is guessing, blue is better, orange is worse; a "
    "number with “?” does not differ significantly from guessing."
)


def matrix_picture(table: pd.DataFrame) -> Picture:
    """Return the matrices of `transfer.Transfer.table` as ``transfer.png``, with SVG and CSV beside it."""
    with styled():
        return pictured("transfer", CAPTION, draw_matrices(table), table)


def draw_matrices(table: pd.DataFrame) -> Figure:
    """Draw a panel for each model: a row for each training source, a column for each test source."""
    models, sources = list(table["model"].unique()), list(table["train_source"].unique())
    cell = SIDE if len(sources) <= MOST_WITH_INTERVALS else SMALL_SIDE
    side = MARGIN + cell * len(sources)
    columns = min(len(models), max(1, int(WIDTH / side)))
    lines = -(-len(models) // columns)
    figure = Figure(figsize=(columns * side, 0.6 + lines * side), layout="constrained")
    figure.suptitle(fill("Accuracy, trained on rows and tested on columns", round(9 * columns * side)))
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in panels[len(models) :]:
        unused.remove()
    for axes, model in zip(panels, models, strict=False):
        _draw(axes, table[table["model"] == model], sources, model)
    return figure


def _draw(axes: Axes, cells: pd.DataFrame, sources: list[str], model: str) -> None:
    pairs = cells.set_index(["train_source", "test_source"])
    guess = cells["guess"].iloc[0]
    accuracy = np.array([[pairs.loc[(row, column), "accuracy"] for column in sources] for row in sources])
    # the scale is as long below guessing as above
    axes.imshow((accuracy - guess) / (1 - guess), cmap=COLOURS, vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(accuracy):
        row = pairs.loc[(sources[i], sources[j])]
        text = f"{100 * value:.0f}"
        text += "?" if against_chance(row["low"], row["high"], guess) in ("unclear", "unknown") else ""
        if len(sources) <= MOST_WITH_INTERVALS and not np.isnan(row["low"]):
            text += f"\n{100 * row['low']:.0f}–{100 * row['high']:.0f}"
        strength = (value - guess) / (1 - guess)
        colour = "white" if strength >= WHITE_FROM else FIXED_BLACK if strength < -0.5 else "black"
        axes.text(j, i, text, ha="center", va="center", color=colour)
        if i == j:
            axes.add_patch(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, fill=False, linewidth=2, edgecolor="black"))
    sizes = [f"{fill(name, 14)}\nn = {pairs.loc[(sources[0], name), 'n']:,.0f}" for name in sources]
    axes.set_xticks(range(len(sources)), sizes, rotation=90 if len(sources) > MOST_WITH_INTERVALS else 0)
    axes.set_yticks(range(len(sources)), [fill(name, 14) for name in sources])
    axes.set(title=fill(model, 30), xlabel="tested on", ylabel="trained on")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)

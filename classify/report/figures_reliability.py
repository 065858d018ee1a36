"""The reliability figure: accuracy against confidence, where a calibrated model lies on the diagonal."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from classify.pages.drawing import COLOURS, GREY, WIDTH
from classify.predictions import VALIDATION, set_title
from classify.stats.reliability import AFTER, BEFORE

MARKERS = "os^Dv<>"


def draw(rows: pd.DataFrame) -> Figure:
    """Draw a panel for each set and a curve for each model, dashed and faint before its calibration.

    Vertical lines are 95 % intervals of accuracy after calibration.
    """
    sets, models = list(rows["set"].unique()), list(rows["model"].unique())
    columns = min(3, len(sets))
    lines = -(-len(sets) // columns)
    least = 100 * min(rows["confidence"].min(), 0.5)
    keys = -(-(len(models) + 3) // 3)
    figure = Figure(figsize=(WIDTH, 0.6 + 3.4 * lines + 0.25 * keys), layout="constrained")
    figure.suptitle("Reliability: below the diagonal a model is overconfident, above it underconfident")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in panels[len(sets) :]:
        unused.remove()
    for axes, name in zip(panels, sets, strict=False):
        here = rows[rows["set"] == name]
        axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1)
        for (model, calibration), points in here.groupby(["model", "calibration"], sort=False):
            i = models.index(model)
            after = calibration == AFTER
            style = {"color": COLOURS[i % len(COLOURS)], "marker": _marker(i)}
            style |= {"linewidth": 1.6, "markersize": 4} if after else {"linewidth": 1, "markersize": 2.5, "alpha": 0.6}
            x = 100 * points["confidence"]
            axes.plot(x, 100 * points["right"], linestyle="-" if after else "--", **style)
            if after:
                limits = 100 * points["right_low"], 100 * points["right_high"]
                axes.vlines(x, *limits, color=style["color"], linewidth=0.8, alpha=0.5)
        n = here[here["calibration"] == AFTER].groupby("model")["n"].sum().max()
        note = "\ncalibration was fitted here" if name == VALIDATION else ""
        axes.set_title(f"{fill(set_title(name), 26)}, n = {n}{note}")
        axes.set(xlim=(least - 2, 102), ylim=(-2, 102), xlabel="confidence (%)", ylabel="accuracy (%)")
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
    figure.legend(handles=_keys(rows, models), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _keys(rows: pd.DataFrame, models: list[str]) -> list[Line2D]:
    keys = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=_marker(i), label=fill(model, 36))
        for i, model in enumerate(models)
    ]
    if np.isin(BEFORE, rows["calibration"]):
        keys.append(Line2D([], [], color=GREY, linestyle="--", marker="o", markersize=2.5, label="before calibration"))
    return [*keys, Line2D([], [], color=GREY, linestyle=":", label="perfectly calibrated")]


def _marker(i: int) -> str:
    return MARKERS[(i + i // len(MARKERS)) % len(MARKERS)]  # where colours come round again, markers have moved on

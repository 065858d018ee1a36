"""Figures of a stress run: a score over the grades of each transform, rows first, then drawn."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classify.pages.drawing import COLOURS, DASHES, GREY, WIDTH, pictured, styled
from classify.pages.sections import Picture
from classify.predictions import set_title
from pipelines.robustness.conditions import CONDITIONS

AS_IS = "as is"
MARKERS = "osD^vPX"
LINES = ["set", "transform", "line", "place", "grade", "value", "low", "high", "n"]
PANEL = 2.7  # inches high
COLUMNS = 3


def accuracy_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``set, transform, line, place, grade, value, low, high, n`` of accuracy under conditions, a line a model.

    `place` counts grades from mild to harsh, 0 for images as they are; `grade` is that grade with its unit.
    """
    found = table[table["only"] == ""].rename(
        columns={"model": "line", "accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
    )
    return _over_grades(found, found[found["transform"] == ""])


def one_class_rows(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return rows as `accuracy_rows` has them, of one model: a line for both classes, and for each of them alone."""
    ours = table[table["model"] == model]
    as_is = ours[ours["transform"] == ""]
    tried = [*ours.loc[ours["only"] != "", "only"].unique()]
    named = {"": "all images", **{label: f"{label} images alone" for label in tried}}
    scores = {"accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
    found = ours.assign(line=ours["only"].map(named)).rename(columns=scores)
    starts = [as_is.assign(line=line).rename(columns=scores) for line in named.values()]
    return _over_grades(found, pd.concat(starts)) if tried else pd.DataFrame(columns=LINES)


def bias_rows(bias: pd.DataFrame) -> pd.DataFrame:
    """Return rows as `accuracy_rows` has them, of the bias: 0 for images as they are, a line a model."""
    found = bias.rename(columns={"model": "line", "bias": "value", "bias_low": "low", "bias_high": "high"})
    starts = found.drop_duplicates(["line", "set"]).assign(value=0.0, low=0.0, high=0.0)
    return _over_grades(found, starts)


def _over_grades(found: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    tried = found[found["transform"] != ""]
    parts = []
    for (name, transform), part in tried.groupby(["set", "transform"], sort=False):
        grades = list(dict.fromkeys(part["grade"]))
        parts.append(starts[starts["set"] == name].assign(transform=transform, place=0, grade=AS_IS))
        told = part["grade"].map(CONDITIONS[transform].grade)
        parts.append(part.assign(place=part["grade"].map(grades.index) + 1, grade=told))
    return pd.concat(parts)[LINES].reset_index(drop=True) if parts else pd.DataFrame(columns=LINES)


def draw_accuracy(rows: pd.DataFrame, title: str = "") -> Figure:
    """Draw a panel a transform and a line a model, of one set, in %."""
    figure = _drawn(rows, title or f"Accuracy on {_images(rows)}, mild to harsh: bands are 95 %", "accuracy (%)")
    lowest = 100 * np.nanmin(rows[["low", "value"]].to_numpy(float))  # groups that are too few have no interval
    for axes in figure.axes:
        axes.set_ylim(min(45, 5 * (lowest // 5)), 101)
        axes.axhline(50, color=GREY, linewidth=0.8, linestyle=":")
    return figure


def draw_bias(rows: pd.DataFrame, positive: str, other: str) -> Figure:
    """Draw a panel a transform and a line a model, of one set: above 0 images look positive, below like the other."""
    title = f"Above 0 it makes {_images(rows)} look {fill(positive, 30)}, below {fill(other, 30)}: bands are 95 %"
    figure = _drawn(rows, title, "bias (points)")
    reach = 100 * max(0.05, np.nanmax(np.abs(rows[["low", "high", "value"]].to_numpy(float))))
    for axes in figure.axes:
        axes.set_ylim(-1.05 * reach, 1.05 * reach)
        axes.axhline(0, color=GREY, linewidth=0.8)
    return figure


def _drawn(rows: pd.DataFrame, title: str, label: str) -> Figure:
    transforms, lines = list(rows["transform"].unique()), list(rows["line"].unique())
    columns = min(COLUMNS, len(transforms))
    height = -(-len(transforms) // columns)
    figure = Figure(figsize=(WIDTH * columns / COLUMNS, 0.9 + PANEL * height), layout="constrained")
    figure.suptitle(fill(title, round(9.5 * WIDTH * columns / COLUMNS)))
    panels = list(figure.subplots(height, columns, sharey=True, squeeze=False).flat)
    for unused in panels[len(transforms) :]:
        unused.remove()
    for at, (axes, transform) in enumerate(zip(panels, transforms, strict=False)):
        _panel(axes, rows[rows["transform"] == transform], lines)
        axes.set(title=CONDITIONS[transform].title, xlabel=CONDITIONS[transform].scale)
        axes.set_ylabel(label if at % columns == 0 else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, [fill(name, 40) for name in labels], loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, lines: list[str]) -> None:
    ticks = rows.drop_duplicates("place").sort_values("place")
    axes.set_xticks(ticks["place"], [grade.replace(" levels", "").replace(" px", "") for grade in ticks["grade"]])
    for i, name in enumerate(lines):
        line = rows[rows["line"] == name].sort_values("place")
        if line.empty:
            continue
        colour, value = COLOURS[i % len(COLOURS)], 100 * line["value"].to_numpy(float)
        axes.plot(
            line["place"],
            value,
            color=colour,
            linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=4,
            label=name,
        )
        low, high = (100 * line[end].to_numpy(float) for end in ("low", "high"))
        axes.fill_between(line["place"].to_numpy(float), low, high, color=colour, alpha=0.12, linewidth=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _images(rows: pd.DataFrame) -> str:
    return f"{rows['n'].max():,.0f} {fill(set_title(rows['set'].iloc[0]), 30)} images"


def pictures(table: pd.DataFrame, bias: pd.DataFrame) -> list[Picture]:
    """Return the figures of a stress run, each as PNG with SVG and CSV beside it, a set after the other.

    Of one class alone that of the model is drawn that is best on the images as they are.
    """
    found = []
    rows, leans = accuracy_rows(table), bias_rows(bias)
    with styled():
        for name in table["set"].unique():
            here, lean = rows[rows["set"] == name], leans[leans["set"] == name]
            if here.empty:
                continue
            caption = (
                f"Accuracy on {set_title(name)} images as they are (left end) and under conditions from mild to harsh, "
                "a panel a kind. Bands are 95 % intervals, of each point by itself; the dotted line is one half."
            )
            found.append(pictured(f"stress-{name}", caption, draw_accuracy(here), here))
            as_is = table[(table["set"] == name) & (table["transform"] == "")]
            best = as_is.loc[as_is["accuracy"].idxmax(), "model"]
            one = one_class_rows(table[table["set"] == name], best)
            if len(one):
                title = f"{best} on {_images(one)}, where one class alone is changed: bands are 95 %"
                caption = (
                    f"Accuracy of {best} where all {set_title(name)} images, or those of one class alone, went through "
                    "a condition. Where lines part, the condition looks like a class to the model: a set whose classes "
                    "were stored differently would flatter it, or fool it."
                )
                found.append(pictured(f"one-class-{name}", caption, draw_accuracy(one, title), one))
            if len(lean):
                positive = bias.loc[bias["set"] == name, "positive"].iloc[0]
                (other,) = (
                    column.removeprefix("n_")
                    for column in bias
                    if column.startswith("n_") and column != f"n_{positive}"
                )
                caption = (
                    f"Bias on {set_title(name)} images: the mean over both classes of how many more are taken for "
                    f"{positive}, in points. 0 is no lean to either, however many errors there are."
                )
                found.append(pictured(f"bias-{name}", caption, draw_bias(lean, positive, other), lean))
    return found

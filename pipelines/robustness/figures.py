"""Figures of a stress test: scores over the grades of each transform. Rows are made first, then drawn."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classify.pages.drawing import COLOURS, DASHES, GREY, WIDTH, pictured, styled
from classify.pages.sections import Picture
from classify.predictions import set_images
from pipelines.robustness.conditions import CONDITIONS

UNTREATED = "none"
MARKERS = "osD^vPX"
LINES = ["set", "transform", "line", "place", "grade", "value", "low", "high", "n"]
PANEL = 2.7  # inches high
COLUMNS = 3


def accuracy_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``set, transform, line, place, grade, value, low, high, n`` of accuracy under conditions, a line a model.

    `place` counts grades from mild to harsh, 0 for untreated images; `grade` is the grade with its unit.
    """
    rows = table[table["only"] == ""].rename(
        columns={"model": "line", "accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
    )
    return _over_grades(rows, rows[rows["transform"] == ""])


def one_class_rows(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return rows as `accuracy_rows` has them, of one model: a line for all images treated, and one for each class."""
    rows = table[table["model"] == model]
    untreated = rows[rows["transform"] == ""]
    labels = [*rows.loc[rows["only"] != "", "only"].unique()]
    lines = {"": "all images", **{label: f"only {label} images" for label in labels}}
    scores = {"accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
    starts = [untreated.assign(line=line).rename(columns=scores) for line in lines.values()]
    rows = rows.assign(line=rows["only"].map(lines)).rename(columns=scores)
    return _over_grades(rows, pd.concat(starts)) if labels else pd.DataFrame(columns=LINES)


def bias_rows(bias: pd.DataFrame) -> pd.DataFrame:
    """Return rows as `accuracy_rows` has them, of the bias: 0 for untreated images, a line a model."""
    rows = bias.rename(columns={"model": "line", "bias": "value", "bias_low": "low", "bias_high": "high"})
    starts = rows.drop_duplicates(["line", "set"]).assign(value=0.0, low=0.0, high=0.0)
    return _over_grades(rows, starts)


def _over_grades(rows: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    treated = rows[rows["transform"] != ""]
    parts = []
    for (name, transform), part in treated.groupby(["set", "transform"], sort=False):
        grades = list(dict.fromkeys(part["grade"]))
        parts.append(starts[starts["set"] == name].assign(transform=transform, place=0, grade=UNTREATED))
        texts = part["grade"].map(CONDITIONS[transform].grade)
        parts.append(part.assign(place=part["grade"].map(grades.index) + 1, grade=texts))
    return pd.concat(parts)[LINES].reset_index(drop=True) if parts else pd.DataFrame(columns=LINES)


def draw_accuracy(rows: pd.DataFrame, title: str = "") -> Figure:
    """Draw the accuracy on one set: a panel for each transform, a line for each model."""
    figure = _drawn(
        rows, title or f"Accuracy on {_images(rows)}, from mild to harsh; bands: 95 % intervals", "accuracy (%)"
    )
    lowest = 100 * np.nanmin(rows[["low", "value"]].to_numpy(float))  # groups that are too few have no interval
    for axes in figure.axes:
        axes.set_ylim(min(45, 5 * (lowest // 5)), 101)
        axes.axhline(50, color=GREY, linewidth=0.8, linestyle=":")
    return figure


def draw_bias(rows: pd.DataFrame, positive: str, other: str) -> Figure:
    """Draw the bias on one set: a panel for each transform, a line for each model; above 0 it is to `positive`."""
    title = (
        f"Bias on {_images(rows)}: above 0 to {fill(positive, 30)}, below to {fill(other, 30)}; bands: 95 % intervals"
    )
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
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)


def _images(rows: pd.DataFrame) -> str:
    return fill(set_images(rows["set"].iloc[0], rows["n"].max()), 40)


def pictures(table: pd.DataFrame, bias: pd.DataFrame) -> list[Picture]:
    """Return the figures of a stress test, set by set, each as PNG with SVG and CSV beside it.

    The figure with one class treated shows the model that is best on untreated images.
    """
    figures = []
    rows, biases = accuracy_rows(table), bias_rows(bias)
    with styled():
        for name in table["set"].unique():
            accuracy, of_set = rows[rows["set"] == name], biases[biases["set"] == name]
            if accuracy.empty:
                continue
            caption = (
                f"Accuracy on {set_images(name, which='untreated')} (left end) and under conditions from mild to "
                "harsh, a panel for each kind. Bands are 95 % intervals of single points; the dotted line is one half."
            )
            figures.append(pictured(f"stress-{name}", caption, draw_accuracy(accuracy), accuracy))
            untreated = table[(table["set"] == name) & (table["transform"] == "")]
            best = untreated.loc[untreated["accuracy"].idxmax(), "model"]
            one = one_class_rows(table[table["set"] == name], best)
            if len(one):
                title = f"{best} on {_images(one)}, with all of them or one class treated; bands: 95 % intervals"
                caption = (
                    f"Accuracy of {best} with all {set_images(name)} treated, or only those of one class. Where "
                    "the lines part, the model takes the condition for a sign of a class: a set whose classes were "
                    "stored differently would raise or lower its score."
                )
                figures.append(pictured(f"one-class-{name}", caption, draw_accuracy(one, title), one))
            if len(of_set):
                positive = bias.loc[bias["set"] == name, "positive"].iloc[0]
                (other,) = (
                    column.removeprefix("n_")
                    for column in bias
                    if column.startswith("n_") and column != f"n_{positive}"
                )
                caption = (
                    f"Bias on {set_images(name)}: how many more images are taken for {positive} under a "
                    "condition, in points, averaged over both classes. 0: no bias, however many errors there are."
                )
                figures.append(pictured(f"bias-{name}", caption, draw_bias(of_set, positive, other), of_set))
    return figures

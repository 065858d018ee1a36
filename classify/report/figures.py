"""Figures of an evaluation: each takes its rows first, then draws them; a figure without rows is left out."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classify.errors import DataError
from classify.pages.drawing import BLUE, COLOURS, DASHES, GREY, ORANGE, RED, SHARES, WHITE_FROM, WIDTH, styled
from classify.predictions import VALIDATION, set_title
from classify.report import figures_reliability
from classify.stats.evaluation import Evaluation, in_order


@dataclass(frozen=True)
class Drawing:
    """One kind of figure: `rows` takes its numbers from an evaluation, `draw` draws them; `title` heads it on a page.

    ``FIGURES["roc"](evaluation)`` does both. It returns a matplotlib figure, or raises `DataError` without rows.
    """

    title: str
    caption: str
    rows: Callable[[Evaluation], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]

    def __call__(self, evaluation: Evaluation) -> Figure:
        rows = self.rows(evaluation)
        if rows.empty:
            raise DataError("this evaluation has nothing that the figure shows; its caption says what it needs")
        return self.drawn(rows)

    def drawn(self, rows: pd.DataFrame) -> Figure:
        """Return the figure of such rows, in the style of the page."""
        with styled():
            return self.draw(rows)


def accuracy_rows(evaluation: Evaluation) -> pd.DataFrame:
    """Return ``set, model, n, value, low, high, chance``, a row for each dot.

    For validation, the limits are the mean minus and plus the standard deviation over folds, and the models are those
    to choose from. For unseen sets, the limits are the 95 % interval.
    """
    folds = evaluation.folds[evaluation.folds["scoring"] == "accuracy"].rename(columns={"mean": "value"})
    if evaluation.groups:
        folds = folds[folds["model"].isin(evaluation.groups[0].models)]
    folds = folds.assign(set=VALIDATION, low=folds["value"] - folds["std"], high=folds["value"] + folds["std"])
    names = {"accuracy": "value", "accuracy_low": "low", "accuracy_high": "high"}
    unseen = evaluation.scores.rename(columns=names)
    columns = ["set", "model", "n", "value", "low", "high", "chance"]
    rows = pd.concat([part.reindex(columns=columns) for part in (folds, unseen) if len(part)] or [pd.DataFrame()])
    if rows.empty:
        return rows
    rows = in_order(rows, evaluation.predictions)
    return rows.sort_values("model", key=lambda names: names != evaluation.chosen, kind="stable", ignore_index=True)


def draw_accuracy(rows: pd.DataFrame) -> Figure:
    """Draw a panel for each set and a line for each model."""
    models, sets = list(rows["model"].unique()), list(rows["set"].unique())
    columns = min(4, len(sets))
    figure, panels = _grid(len(sets), columns, WIDTH / columns, 1.05 + 0.33 * len(models), sharey=True)
    for axes, name in zip(panels, sets, strict=True):
        part = rows[rows["set"] == name]
        seen = name == VALIDATION
        colour = GREY if seen else BLUE
        y = [models.index(model) for model in part["model"]]
        value, low, high = (100 * part[column].to_numpy(float) for column in ("value", "low", "high"))
        axes.hlines(y, np.clip(low, 0, 100), np.clip(high, 0, 100), color=colour, linewidth=1 if seen else 2.5)
        axes.plot(value, y, "o", color=colour, markerfacecolor="white" if seen else colour, markersize=7)
        for at, height in zip(value, y, strict=True):
            label = axes.annotate(
                f"{at:.1f}", (at, height), (0, 7), textcoords="offset points", ha="center", color=colour
            )
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
        sizes = sorted(set(part["n"]))
        n = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]}–{sizes[-1]}"
        if seen:
            axes.set_title(f"cross-validation, {n}\noptimistic; ± std over folds", color=GREY)
        else:
            chance = part["chance"].max()
            if chance < 1:
                axes.axvline(100 * chance, color=RED, linestyle="--", linewidth=1)
            guess = f"dashed: guessing, {100 * chance:.1f} %" if chance < 1 else "one class only"
            axes.set_title(f"{fill(_set_title(name), 22, break_on_hyphens=False)}, {n}\n{guess}")
        axes.set(xlim=(0, 104), xticks=range(0, 101, 25), xlabel="accuracy (%)")
        axes.set_yticks(range(len(models)), [fill(model, 24) for model in models])
        axes.set_ylim(len(models) - 0.5, -0.7)
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
    return figure


def draw_confusion(rows: pd.DataFrame) -> Figure:
    """Draw a matrix for each model and set."""
    classes = list(rows["truth"].unique())
    cases = list(rows.groupby(["model", "set"], sort=False))
    names = [fill(name, 14) for name in classes]
    k, longest = len(classes), max(len(line) for name in names for line in name.split("\n"))
    cell = 0.72 if k < 6 else 0.45
    width, height = 0.6 + 0.08 * longest + cell * k, 1.1 + cell * k
    upright = 0.09 * longest > cell
    height += 0.08 * longest if upright else 0
    fitting, sets = max(1, int(WIDTH / width)), rows["set"].nunique()
    columns = min(len(cases), max(1, fitting // sets) * min(sets, fitting))  # a model's sets on one line
    figure, panels = _grid(len(cases), columns, width, height)
    figure.suptitle("Confusion matrices")
    for axes, ((model, name), part) in zip(panels, cases, strict=True):
        count, share = (part[column].to_numpy().reshape(k, k) for column in ("count", "share"))
        axes.imshow(np.nan_to_num(share.astype(float)), cmap=SHARES, vmin=0, vmax=1)
        for (i, j), images in np.ndenumerate(count):
            label = f"{images}\n{100 * share[i, j]:.1f} %" if k < 6 else f"{images}"
            colour = "white" if share[i, j] >= WHITE_FROM else "black"
            axes.text(j, i, label if count[i].sum() else "none", ha="center", va="center", color=colour)
        axes.set_title(f"{fill(model, round(11 * width))}\n{fill(_set_title(name), round(11 * width))}")
        axes.set(xlabel="predicted", ylabel="true class")
        axes.set_xticks(range(k), names, rotation=90 if upright else 0)
        axes.set_yticks(range(k), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure


def draw_roc(rows: pd.DataFrame) -> Figure:
    """Draw a panel for each set and a curve for each model."""
    sets, models, positive = rows["set"].unique(), list(rows["model"].unique()), rows["positive"].iloc[0]
    columns = min(3, len(sets))
    figure, panels = _grid(len(sets), columns, WIDTH / 3, 3.5 + 0.2 * len(models))
    figure.suptitle(f"ROC: recall of {fill(positive, 30)} against the false positive rate; the diagonal is guessing")
    for axes, name in zip(panels, sets, strict=True):
        part = rows[rows["set"] == name]
        axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1)
        for model, curve in part.groupby("model", sort=False):
            i = models.index(model)
            axes.plot(
                100 * curve["fpr"],
                100 * curve["tpr"],
                color=COLOURS[i % len(COLOURS)],
                linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
                label=f"{100 * curve['auc'].iloc[0]:.1f} % {fill(model, 26)}",
            )
        axes.set(xlim=(-1, 101), ylim=(-1, 101), title=f"{_set_title(name)}, n = {part['n'].max()}")
        axes.set(
            xlabel="false positive rate (% of the other class)",
            ylabel=f"recall (% of {fill(positive, 24)})",
        )
        # below, since curves near guessing leave no corner free
        axes.legend(title="area under the curve", loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    return figure


def training_rows(evaluation: Evaluation) -> pd.DataFrame:
    """Return ``model, fit, epoch, measure, side, value``, a row for each point of a curve, of models trained in epochs.

    `fit` is "fold 1" and so on, or "all", the training on all images.
    """
    columns = ["model", "fit", "epoch", "measure", "side", "value"]
    sides = (("train", "training"), ("valid", "validation part"))
    rows = [
        (model, fit["fit"], epoch["epoch"], measure, side, epoch[f"{short}_{key}"])
        for model, facts in evaluation.facts.items()
        for fit in facts.training
        for epoch in fit["epochs"]
        for measure, key in (("loss", "loss"), ("accuracy", "acc"))
        for short, side in sides
        if epoch.get(f"{short}_{key}") is not None
    ]
    return pd.DataFrame(rows, columns=columns)


def draw_training(rows: pd.DataFrame) -> Figure:
    """Draw a panel for loss and one for accuracy of each model, with lines for each fit and side."""
    cases = list(rows.groupby(["model", "measure"], sort=False))
    figure, panels = _grid(len(cases), 2, WIDTH / 2, 2.6)
    figure.suptitle("Training: where the two lines diverge, the net overfits")
    colours = dict(zip(("training", "validation part"), (BLUE, ORANGE), strict=True))
    for axes, ((model, measure), part) in zip(panels, cases, strict=True):
        for (fit, side), line in part.groupby(["fit", "side"], sort=False):
            last = fit == "all"
            axes.plot(
                line["epoch"],
                line["value"] * (100 if measure == "accuracy" else 1),
                color=colours[side],
                linewidth=2 if last else 0.8,
                alpha=1 if last else 0.4,
                label=f"{side}, all images" if last else None,
            )
        axes.set(title=fill(model, 40), xlabel="epoch", ylabel="accuracy (%)" if measure == "accuracy" else "loss")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(linewidth=0.6)
    handles = {text: handle for axes in panels for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    return figure


FIGURES: dict[str, Drawing] = {
    "accuracy": Drawing(
        "Accuracy",
        "Accuracy of every model on every labelled set, the chosen model first. Filled dots: results on unseen "
        "images, with 95 % intervals. Hollow dots: cross-validation scores (optimistic) ± std over folds.",
        accuracy_rows,
        draw_accuracy,
    ),
    "confusion": Drawing(
        "Confusion matrices",
        "Confusion matrices on unseen sets: number of images, and share of the true class (each row sums to 100 %).",
        attrgetter("confusion"),
        draw_confusion,
    ),
    "roc": Drawing(
        "ROC curves",
        "ROC curves on unseen sets of both classes: recall and false positive rate at every threshold.",
        attrgetter("roc"),
        draw_roc,
    ),
    "reliability": Drawing(
        "Reliability of probabilities",
        "Reliability: accuracy against confidence on each labelled set. Dashed, faint curves are before calibration. "
        "Each point is a bin of about equally many images, and vertical lines are 95 % intervals.",
        attrgetter("reliability"),
        figures_reliability.draw,
    ),
    "training": Drawing(
        "Training curves",
        "Loss and accuracy of nets in each epoch. Thick lines: training on all images; thin lines: each fold. Scores "
        "on training images include augmentation and label smoothing. The epoch of least validation loss was kept.",
        training_rows,
        draw_training,
    ),
}
"""The figures of a report, by name. `FIGURES["roc"](evaluation)` returns a matplotlib figure."""


def _set_title(name: str) -> str:
    return fill(set_title(name), 26)


def _grid(n: int, columns: int, width: float, height: float, *, sharey=False) -> tuple[Figure, list[Axes]]:
    """Return a figure with n panels of `width` by `height` inches, row by row."""
    rows = -(-n // columns)
    figure = Figure(figsize=(columns * width, 0.3 + rows * height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08)
    panels = list(figure.subplots(rows, columns, sharey=sharey, squeeze=False).flat)
    for unused in panels[n:]:
        unused.remove()
    return figure, panels[:n]

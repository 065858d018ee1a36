"""Figures of an audit: rows are computed first, then drawn.

Colours and fonts are those of `classify.pages.drawing`, which most colour-blind readers can distinguish.
"""

from collections.abc import Callable
from io import BytesIO
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, ScalarFormatter
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from classify.pages.drawing import COLOURS, DASHES, GREY, SHARES, WHITE_FROM, WIDTH, styled
from classify.predictions import HELD_OUT
from classify.splits.partition import TRAINING
from pipelines.auditing.appearance import FREQUENCIES

DPI = 130
MOST_CLASSES = len(COLOURS)  # shown apart; the rest are shown as one
MOST_SETS = 6
MOST_MAPPED = 2_000
LEAST_MAPPED = 10  # images of the smallest map
COMPONENTS = 50
_SIDE, _FRAME = 1560, 3  # pixels of a map, and of the frames in it
_FEWEST_CELLS, _MOST_CELLS = 16, 52  # along a side: thumbnails of 97 and 30 pixels
_MARKERS = "os^Dv<>"  # one for each of MOST_CLASSES
REST = "other classes"


def drawn(draw: Callable[[], Figure]) -> bytes:
    """Return the figure that `draw` returns as JPEG, since 2,000 thumbnails are 4 MB as PNG."""
    file = BytesIO()
    with styled():
        draw().savefig(file, format="jpeg", dpi=DPI, bbox_inches="tight", pad_inches=0.05, pil_kwargs={"quality": 85})
    return file.getvalue()


def spectrum_rows(spectra: np.ndarray, labels: np.ndarray, sets: np.ndarray) -> pd.DataFrame:
    """Return ``set, label, n, frequency, mean, low, high``, a row a point of a curve; limits are 95 %, of the mean.

    Parameters
    ----------
    spectra : ndarray of shape (n, 64)
        As `pipelines.auditing.appearance.spectrum` gives them.
    labels, sets : ndarray of shape (n,), str
    """
    parts = []
    for name, label, rows in _cases(labels, sets):
        n, mean, half = len(rows), spectra[rows].mean(axis=0, dtype=float), np.full(len(FREQUENCIES), np.nan)
        if n > 1:
            half = 1.96 * spectra[rows].std(axis=0, ddof=1, dtype=float) / np.sqrt(n)
        curve = {"frequency": FREQUENCIES, "mean": mean, "low": mean - half, "high": mean + half}
        parts.append(pd.DataFrame({"set": name, "label": label, "n": n, **curve}))
    return pd.concat(parts, ignore_index=True)


def draw_spectrum(rows: pd.DataFrame) -> Figure:
    """Draw a panel a set and a line a class."""
    sets, styles = list(rows["set"].unique()), _styles(rows["label"])
    figure = Figure(figsize=(WIDTH, 0.3 + 3.4 * _panel_rows(sets)), layout="constrained")
    panels = _panels(figure, sets)
    figure.suptitle("Mean spectrum: where bands separate, sharpness or a generator's traces predict the class")
    for axes, name in zip(panels, sets, strict=True):
        for label, curve in rows[rows["set"] == name].groupby("label", sort=False):
            colour, dash = styles[label]
            line = f"{fill(label, 24)}, n = {curve['n'].iloc[0]:,}"
            axes.plot(curve["frequency"], curve["mean"], color=colour, linestyle=dash, label=line)
            axes.fill_between(curve["frequency"], curve["low"], curve["high"], color=colour, alpha=0.25, linewidth=0)
        axes.set(xlim=(0, 0.5), title=fill(name, 26), xlabel="cycles per pixel")
        axes.grid(linewidth=0.6)
        axes.legend(frameon=False)
    panels[0].set_ylabel("log10 of power")
    return figure


def map_rows(X: np.ndarray, labels: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Return ``row, label, x, y``, a row an image: t-SNE (van der Maaten & Hinton 2008) of 50 principal components.

    `MOST_MAPPED` images at most, drawn at random; `row` is their number in `X`. x and y are from 0 to 1.
    """
    chosen = np.arange(len(X))
    if len(X) > MOST_MAPPED:
        chosen = np.sort(np.random.default_rng(seed).choice(len(X), MOST_MAPPED, replace=False))
    Z = principal(X[chosen], seed)
    perplexity = min(30, (len(Z) - 1) / 3)  # 30 as usual, and the most that so few images allow
    # What init="pca" begins with, but no two at one place, and no NaN where all images are equal: scikit-learn 1.9
    # then ends the process with a segmentation fault.
    begun = np.random.default_rng(seed).normal(scale=1e-6, size=(len(Z), 2))
    begun[:, : Z.shape[1]] += 1e-4 * Z[:, :2] / max(Z[:, 0].std(), 1e-9)
    tsne = TSNE(perplexity=perplexity, init=begun.astype(np.float32), random_state=seed)
    with threadpool_limits(1):  # its threads wait for each other a thousand times: on busy cores ten times as long
        placed = tsne.fit_transform(Z)
    spread = np.maximum(np.ptp(placed, axis=0), 1e-9)
    x, y = ((placed - placed.min(axis=0)) / spread).T
    return pd.DataFrame({"row": chosen, "label": shown_classes(labels)[chosen], "x": x, "y": y})


def principal(X: np.ndarray, seed: int) -> np.ndarray:
    """Return the first principal components of standardised features, `COMPONENTS` at most."""
    Z = StandardScaler().fit_transform(X)
    if not Z.any():  # equal images have no direction, of which PCA would warn
        return Z[:, :COMPONENTS]
    return PCA(min(COMPONENTS, *Z.shape), svd_solver="auto", random_state=seed).fit_transform(Z)


def draw_map(rows: pd.DataFrame, tiles: np.ndarray) -> Figure:
    """Draw images where `map_rows` puts them, on a grid, framed in the colour of their class; the first of a cell.

    Parameters
    ----------
    tiles : ndarray of shape (n, side, side, 3), uint8
        Of all n images that those of `rows` were drawn from.
    """
    styles = _styles(rows["label"])
    cells = int(np.clip(1.8 * np.sqrt(len(rows)), _FEWEST_CELLS, _MOST_CELLS))
    wide = _SIDE // cells
    inner = wide - 2 * _FRAME
    canvas = np.full((cells * wide, cells * wide, 3), 255, dtype=np.uint8)
    places = pd.DataFrame({"x": rows["x"], "y": 1 - rows["y"]}).mul(cells).astype(int).clip(upper=cells - 1)
    free = ~places.duplicated().to_numpy()
    for at in np.flatnonzero(free):
        left, top = places.iloc[at] * wide
        cell = canvas[top : top + wide, left : left + wide]
        cell[:] = np.array(to_rgb(styles[rows["label"].iloc[at]][0])) * 255
        small = Image.fromarray(tiles[rows["row"].iloc[at]]).resize((inner, inner), Image.Resampling.LANCZOS)
        cell[_FRAME:-_FRAME, _FRAME:-_FRAME] = small
    figure = Figure(figsize=(WIDTH, WIDTH + 0.9), layout="constrained")
    axes = figure.subplots()
    axes.imshow(canvas)
    axes.set_axis_off()
    shown = f"{free.sum():,} of {len(tiles):,} images"
    figure.suptitle(f"Map of features, {shown}: areas of one colour are content that other classes lack")
    marks = [Line2D([], [], marker="s", linestyle="", color=colour, label=name) for name, (colour, _) in styles.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=min(4, len(marks)), frameon=False)
    return figure


def size_rows(rows: pd.DataFrame, labels: np.ndarray, sets: np.ndarray) -> pd.DataFrame:
    """Return ``set, label, width, height, n``: how many images of a class and set have each size, in pixels."""
    parts = []
    for name, label, members in _cases(labels, sets):
        sizes = rows.iloc[members].groupby(["width", "height"]).size().rename("n").reset_index()
        parts.append(sizes.assign(set=name, label=label))
    return pd.concat(parts, ignore_index=True)


def format_rows(rows: pd.DataFrame, labels: np.ndarray, sets: np.ndarray) -> pd.DataFrame:
    """Return ``set, label, format, n, share``; shares of a class in a set sum to 1."""
    parts = []
    for name, label, members in _cases(labels, sets):
        n = rows["format"].iloc[members].value_counts()
        shares = {"format": n.index, "n": n.array, "share": n.array / len(members)}
        parts.append(pd.DataFrame({"set": name, "label": label, **shares}))
    return pd.concat(parts, ignore_index=True)


def draw_sizes(sizes: pd.DataFrame, formats: pd.DataFrame) -> Figure:
    """Draw a panel of sizes a set, and below them a table of formats."""
    sets, styles = list(sizes["set"].unique()), _styles(sizes["label"])
    cases = formats[["set", "label"]].drop_duplicates()
    panels_height, table_height = 3.3 * _panel_rows(sets), 0.9 + 0.32 * len(cases)
    figure = Figure(figsize=(WIDTH, 0.4 + panels_height + table_height), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[panels_height, table_height])
    figure.suptitle("Sizes and formats: where classes differ, the class can be predicted without seeing the picture")
    panels = _panels(above, sets, sharex=True)
    lowest, highest = sizes[["width", "height"]].to_numpy().min(), sizes[["width", "height"]].to_numpy().max()
    for axes, name in zip(panels, sets, strict=True):
        part = sizes[sizes["set"] == name]
        for marker, (label, (colour, _)) in zip(_MARKERS, styles.items(), strict=False):
            of = part[part["label"] == label]
            area = 25 + 500 * of["n"] / part["n"].max()
            axes.scatter(of["width"], of["height"], s=area, marker=marker, facecolors="none", edgecolors=colour)
        axes.set(title=f"{fill(name, 26)}, n = {part['n'].sum():,}", xlabel="width (pixels)")
        _size_axes(axes, lowest, highest)
    panels[0].set_ylabel("height (pixels)")
    marks = [
        Line2D([], [], marker=marker, linestyle="", color=colour, markerfacecolor="none", label=label)
        for marker, (label, (colour, _)) in zip(_MARKERS, styles.items(), strict=False)
    ]
    above.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False)
    _format_table(below.subplots(), formats, cases)
    return figure


def _size_axes(axes: Axes, lowest: int, highest: int) -> None:
    if highest > 3 * lowest:
        axes.set(xscale="log", yscale="log")
    margin = (highest / lowest) ** 0.1 * 1.15
    axes.set(xlim=(lowest / margin, highest * margin), ylim=(lowest / margin, highest * margin), aspect="equal")
    ticks = sorted({lowest, round((lowest * highest) ** 0.5), highest})
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
        axis.set_ticks(ticks)
    axes.grid(linewidth=0.6)


def _format_table(axes: Axes, formats: pd.DataFrame, cases: pd.DataFrame) -> None:
    names = list(formats.groupby("format")["n"].sum().sort_values(ascending=False).index)
    share = formats.pivot_table(index=["set", "label"], columns="format", values="share", sort=False, fill_value=0.0)
    share = share.reindex(index=pd.MultiIndex.from_frame(cases), columns=names)
    axes.imshow(share.to_numpy(), cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(share.to_numpy()):
        if value:
            axes.text(
                j,
                i,
                f"{100 * value:.1f} %",
                ha="center",
                va="center",
                color="white" if value >= WHITE_FROM else "black",
            )
    axes.set_yticks(range(len(share)), [f"{name[:24]} · {label[:24]}" for name, label in share.index])
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def shown_classes(labels: np.ndarray) -> np.ndarray:
    """Return labels with "no label" for "", and with `REST` for the smallest classes if there are many."""
    labels = np.where(labels == "", "no label", labels).astype(object)
    counts = pd.Series(labels).value_counts()
    if len(counts) > MOST_CLASSES:
        labels = np.where(np.isin(labels, list(counts.index[: MOST_CLASSES - 1])), labels, REST)
    return labels.astype(str)


def _cases(labels: np.ndarray, sets: np.ndarray):
    """Yield set, class and row numbers: what trains, what is held out, then other sets, `MOST_SETS` in all."""
    labels = shown_classes(labels)
    for name in in_order(sets)[:MOST_SETS]:
        for label in sorted(set(labels[sets == name].tolist())):
            yield name, label, np.flatnonzero((sets == name) & (labels == label))


def in_order(sets: np.ndarray) -> list[str]:
    """Return the names of sets: what trains, what is held out, then the others sorted."""
    first = [*TRAINING, HELD_OUT]
    return sorted(set(sets.tolist()), key=lambda name: (first.index(name) if name in first else len(first), name))


def _styles(labels: pd.Series) -> dict[str, tuple[str, str]]:
    """Return colour and dash of each class; the rest is grey."""
    names = sorted(set(labels.tolist()), key=lambda name: (name == REST, name))
    return {
        name: (GREY, ":") if name == REST else (COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)])
        for i, name in enumerate(names)
    }


def _panel_rows(sets: list[str]) -> int:
    return -(-len(sets) // 3)


def _panels(figure: Figure | SubFigure, sets: list[str], *, sharex: bool = False) -> list[Axes]:
    """Return a panel for each set, up to three in a row."""
    grid = figure.subplots(_panel_rows(sets), min(3, len(sets)), squeeze=False, sharex=sharex, sharey=True)
    panels = list(grid.flat)
    for unused in panels[len(sets) :]:
        unused.remove()
    return panels[: len(sets)]

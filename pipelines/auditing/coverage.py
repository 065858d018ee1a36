"""How many images each class has, which content they show, and what they look like."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.cluster import KMeans

from classify.errors import DataError
from classify.pages.drawing import pictured, styled
from classify.pages.sections import Picture, Table
from classify.pages.words import percent, within
from classify.stats.differences import holm
from classify.stats.intervals import share_interval, wilson
from featex.store.units import independent_units
from featex.system.words import count
from pipelines.auditing.figures import (
    LEAST_MAPPED,
    draw_map,
    draw_sizes,
    draw_spectrum,
    drawn,
    format_rows,
    in_order,
    map_rows,
    principal,
    size_rows,
    spectrum_rows,
)
from pipelines.auditing.findings import Finding, Subject
from pipelines.auditing.leaks import sides_of
from pipelines.images.contact_sheet import contact_sheet

PURE = 0.95
"""Share of one class from which a cluster is nearly pure."""

IMAGES_A_CLUSTER = 40
MOST_CLUSTERS = 60
FEWEST_CLUSTERS = 8
FEWEST_IMAGES = 5  # a cluster, on average: ten images make two clusters
LITTLE = 0.05
"""Share of images in nearly pure clusters up to which the gap is small: it moves an accuracy by no more than that."""

ALPHA = 0.05
N_SHEETS = 3
N_SHOWN = 24
MOST_CLASSES = 8  # with a sheet each
UNEVEN = 1.5
"""The largest class may have so many times the images of the smallest; of two classes, a guess then scores 60 %."""

FEW = 100
"""With fewer test images, a score is known to no better than 10 points (Wilson's interval at an accuracy of 0.5)."""

MANY_BROKEN = 0.05
SPECTRUM_CAPTION = (
    "Mean spectrum of each class, with its 95 % interval, from the middle 256 x 256 pixels of each image. Noise, "
    "sharpening, enlarging and traces of generators show at the right."
)
SIZES_CAPTION = "Sizes of images in each set (a larger mark stands for more images), and shares of file formats."


def coverage(subject: Subject) -> list[Finding]:
    """Return whether there is content that only one class has, as far as the features see content.

    Clusters are k-means on the principal components of the training images' standardised features. A cluster counts
    where nearly all of it is of one class (`PURE`) and chance does not explain that: a binomial test against the
    class's share of all images, on independent images, corrected by Holm (1979) for all clusters and classes.
    """
    try:
        train = subject.train
    except DataError as error:
        return [Finding("FX401", "warning", f"The content of classes cannot be compared: {error}.")]
    labels, units = subject.features.y[train], independent_units(subject.rows)[train]
    n = len(train)
    if n < 2 * FEWEST_IMAGES:
        sentence = f"The content of classes cannot be compared: it takes {2 * FEWEST_IMAGES} training images, not {n}."
        return [Finding("FX401", "warning", sentence)]
    Z = principal(subject.features.X[train], subject.seed)
    k = int(np.clip(n // IMAGES_A_CLUSTER, FEWEST_CLUSTERS, MOST_CLUSTERS))
    means = KMeans(min(k, n // FEWEST_IMAGES), n_init=5, random_state=subject.seed).fit(Z)
    clusters = cluster_rows(means.labels_, labels, units)
    gap = clusters[clusters["one class"]]
    inside = np.isin(means.labels_, gap["cluster"])
    share, low, high = _share(inside, units)
    largest = percent(pd.Series(labels).value_counts(normalize=True).iloc[0])
    by_cluster = (
        f"Guessing the class from the cluster is right for {percent(accuracy_of_clusters(means.labels_, labels))}, and "
        f"always guessing the largest class for {largest}."
    )
    if gap.empty:
        sentence = (
            f"No class has content of its own: {within(share, low, high)} of the {n:,} training images are in clusters "
            f"that only one class has (0 of {count(len(clusters), 'cluster')}). {by_cluster}"
        )
        return [Finding("FX401", "ok", sentence, share, low, high, (_table(clusters),))]
    of_class = pd.Series(labels[inside]).value_counts()
    most = ", ".join(
        f"{percent(images / (labels == label).sum())} of {label}" for label, images in sorted(of_class.items())
    )
    sentence = (
        f"{within(share, low, high)} of the {n:,} training images ({most}) are in clusters of content that only one "
        f"class has ({len(gap)} of {count(len(clusters), 'cluster')}). {by_cluster} If the classes are meant to differ "
        "in content (cats and dogs), that is the task. If not (real and generated), it is a content gap: a model can "
        "learn what is shown instead of how it was made, and scores on images with the same gap are too high."
    )
    level = "ok" if high <= LITTLE else "warning"
    near = means.transform(Z)
    pictures = tuple(_sheet(subject, train, means.labels_, near, row) for row in gap.head(N_SHEETS).itertuples())
    return [Finding("FX401", level, sentence, share, low, high, (_table(clusters),), pictures)]


def cluster_rows(cluster: np.ndarray, labels: np.ndarray, units: np.ndarray) -> pd.DataFrame:
    """Return ``cluster, images, class, share, p, one class``, a row a cluster: those of one class first, then by size.

    Parameters
    ----------
    cluster, labels, units : ndarray of shape (n,)
        Images with the same unit are not independent, and count as one in the test.

    Returns
    -------
    DataFrame
        `class` is the most frequent class of the cluster and `share` its share; `p` is the probability of so many of
        it by chance, corrected by Holm; `one class` is whether the cluster is nearly pure, and not by chance.
    """
    images = pd.DataFrame({"cluster": cluster, "class": labels, "unit": units})
    independent = images.drop_duplicates()
    overall = independent["class"].value_counts(normalize=True)
    counts = pd.crosstab(images["cluster"], images["class"])
    rows = pd.DataFrame({"images": counts.sum(axis=1), "class": counts.idxmax(axis=1)})
    rows["share"] = counts.max(axis=1) / rows["images"]
    units_of = pd.crosstab(independent["cluster"], independent["class"])
    rows["p"] = [
        binomtest(int(units_of.loc[at, name]), int(units_of.loc[at].sum()), overall[name], alternative="greater").pvalue
        for at, name in rows["class"].items()
    ]
    rows["p"] = holm(rows["p"].to_numpy(), counts.size)
    rows["one class"] = (rows["share"] >= PURE) & (rows["p"] < ALPHA)
    rows = rows.reset_index().sort_values(["one class", "images", "cluster"], ascending=[False, False, True])
    return rows.reset_index(drop=True)


def accuracy_of_clusters(cluster: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images whose class is the most frequent one among the others of their cluster."""
    counts = pd.crosstab(cluster, labels)
    others = counts.loc[cluster].to_numpy(copy=True)
    codes = counts.columns.get_indexer(labels)
    others[np.arange(len(codes)), codes] -= 1
    return float((others.argmax(axis=1) == codes).mean())


def balance(subject: Subject) -> list[Finding]:
    """Return how many images each class, set and source has, whether that is enough, and which files are broken."""
    rows, names = subject.rows, _sets(subject.rows)
    labels = np.where(rows["label"] == "", "no label", rows["label"]).astype(str)
    counts = rows.assign(set=names, label=labels, unit=independent_units(rows))
    counts = counts.groupby(["set", "label", "source"]).agg(
        images=("path", "size"), independent=("unit", "nunique"), megabytes=("size", lambda size: size.sum() / 1e6)
    )
    counts = counts.reset_index().sort_values("set", key=lambda s: s.map(in_order(names).index), kind="stable")
    tables = (Table("images", "Images of each set, class and source", counts),)
    return [_evenness(labels[names == "train"], tables), *_test_sizes(names, labels), _broken(subject)]


def _evenness(labels: np.ndarray, tables: tuple[Table, ...]) -> Finding:
    counts = pd.Series(labels[labels != "no label"]).value_counts()
    if len(counts) < 2:
        what = f"only one class ({counts.index[0]})" if len(counts) else "no labelled image"
        sentence = f"There is {what} to train on; a classifier needs two classes or more."
        return Finding("FX301", "warning", sentence, tables=tables)
    listed = ", ".join(f"{n:,} {label}" for label, n in counts.items())
    ratio, guess = counts.iloc[0] / counts.iloc[-1], counts.iloc[0] / counts.sum()
    sentence = (
        f"The largest class has {ratio:.1f} times as many training images as the smallest ({listed}); always guessing "
        f"{counts.index[0]} is right for {percent(guess)}."
    )
    return Finding("FX301", "warning" if ratio > UNEVEN else "ok", sentence, ratio, tables=tables)


def _test_sizes(names: np.ndarray, labels: np.ndarray) -> Iterator[Finding]:
    """Yield a finding for each test set: how well its size lets a score be known."""
    for name in in_order(names):
        known = labels[(names == name) & (labels != "no label")]
        if name in ("train", "unused") or not len(known):
            continue
        counts = pd.Series(known).value_counts()
        low, high = wilson(len(known) // 2, len(known))
        listed = ", ".join(f"{n:,} {label}" for label, n in counts.items())
        sentence = (
            f"“{name}” has {count(len(known), 'labelled image')} ({listed}): an accuracy near 50 % is known to about "
            f"±{100 * (high - low) / 2:.0f} points."
        )
        sentence += " It holds only one class." if len(counts) < 2 else ""
        level = "warning" if len(known) < FEW or len(counts) < 2 else "ok"
        yield Finding("FX302", level, sentence, of=name)


def _broken(subject: Subject) -> Finding:
    k, n = len(subject.failed), len(subject.failed) + len(subject.rows)
    share, (low, high) = k / n, wilson(k, n)
    if not k:
        return Finding("FX303", "ok", f"All {count(n, 'file')} can be read.", share, low, high)
    table = Table("broken", "Files that cannot be used, and why", subject.failed[["path", "reason"]])
    sentence = (
        f"{k:,} of {count(n, 'file')} cannot be used, {within(share, low, high)}, and {'is' if k == 1 else 'are'} in "
        "no set. If most are of one class, find out why."
    )
    level = "critical" if share > MANY_BROKEN else "warning"
    return Finding("FX303", level, sentence, share, low, high, (table,))


def appearance(subject: Subject) -> list[Finding]:
    """Return what the images look like: sheets of some of each class and set, spectra, sizes and a map of features."""
    names, labels = _sets(subject.rows), subject.features.y
    rng = np.random.default_rng(subject.seed)
    sheets = [
        Picture(f"sheet-{number}.jpg", f"{title}: {min(N_SHOWN, len(rows))} of {len(rows):,}, chosen at random.", sheet)
        for number, (title, rows) in enumerate(_parts(names, labels), start=1)
        for sheet in [_images(subject, np.sort(rng.choice(rows, min(N_SHOWN, len(rows)), replace=False)))]
    ]
    mapped = np.flatnonzero((names == "train") & (labels != ""))
    mapped = mapped if len(mapped) else np.arange(len(names))
    spectra = spectrum_rows(subject.looks["spectrum"], labels, names)
    sizes, formats = (rows(subject.rows, labels, names) for rows in (size_rows, format_rows))
    with styled():
        figures = [
            pictured("spectrum", SPECTRUM_CAPTION, draw_spectrum(spectra), spectra),
            pictured("sizes", SIZES_CAPTION, draw_sizes(sizes, formats), pd.concat([sizes, formats])),
        ]
    sentence = f"This check gives no verdict: look at the pictures of {count(len(names), 'image')}."
    if len(mapped) < LEAST_MAPPED:
        sentence += f" There is no map, which takes {LEAST_MAPPED} images, not {len(mapped)}."
    else:
        caption = (
            "Map of the training images' features by t-SNE. Neighbours look alike to the model; distances between "
            "groups mean little. Where several images meet, one is shown."
        )
        places = map_rows(subject.features.X[mapped], labels[mapped], subject.seed)
        figures.append(Picture("map.jpg", caption, drawn(lambda: draw_map(places, subject.looks["tile"][mapped]))))
    return [Finding("FX402", "ok", sentence, pictures=(*sheets, *figures))]


def _parts(names: np.ndarray, labels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the title and row numbers of each sheet: one for each class of train, and one for each other set."""
    training = pd.Series(labels[(names == "train") & (labels != "")]).value_counts()
    for label in sorted(training.index[:MOST_CLASSES]):
        yield f"Training images of class {label}", np.flatnonzero((names == "train") & (labels == label))
    for name in in_order(names):
        if name != "train" or training.empty:
            yield f"Images of set {name}", np.flatnonzero(names == name)


def _sets(rows: pd.DataFrame) -> np.ndarray:
    """Return the set of each image as models see it: a held-out part of train is "test"."""
    names = sides_of(rows).names
    return np.where(names == "", "unused", names).astype(str)


def _share(flags: np.ndarray, units: np.ndarray) -> tuple[float, float, float]:
    """Return the share of images with a flag, and its 95 % interval, NaN where groups are too few."""
    return float(flags.mean()), *share_interval(flags, units.astype(str))


def _table(clusters: pd.DataFrame) -> Table:
    return Table("clusters", "Clusters of content; those of one class first", clusters, percent=("share",))


def _sheet(subject: Subject, train: np.ndarray, cluster: np.ndarray, distances: np.ndarray, row) -> Picture:
    members = np.flatnonzero(cluster == row.cluster)
    nearest = members[np.argsort(distances[members, row.cluster], kind="stable")][:N_SHOWN]
    name = row[3]  # "class", which no attribute of a tuple can be called
    caption = (
        f"Cluster {row.cluster}: {count(row.images, 'training image')}, {percent(row.share)} of them {name}. These "
        f"{len(nearest)} are nearest to its centre."
    )
    return Picture(f"cluster-{row.cluster}.jpg", caption, _images(subject, train[nearest]))


def _images(subject: Subject, rows: np.ndarray) -> bytes:
    captions = [subject.rows["path"].iloc[row] for row in rows]
    return contact_sheet(subject.looks["tile"][rows], captions)

"""Which labels are in doubt: images that a model, which has not seen them, takes for another class with confidence.

Confident learning (Northcutt, Jiang & Chuang 2021, "Confident learning: Estimating uncertainty in dataset labels",
Journal of Artificial Intelligence Research 70, 1373-1411), written from the paper: the library its authors keep,
cleanlab, is under the AGPL.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classify.errors import DataError
from classify.pages.sections import Picture, Table
from classify.pages.words import percent, within
from classify.splits.folds import folds
from classify.stats.reliability import share_interval
from featex.store.units import independent_units
from pipelines.auditing.findings import Finding, Subject
from pipelines.images.contact_sheet import contact_sheet

N_FOLDS = 5
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Values of C to choose from by log loss. An unregularised model of 512 features is sure of everything."""

ENOUGH = 10_000  # images on which C is chosen
N_SHOWN = 24
FEW = 0.01
"""Share of doubtful labels up to which there is little to mend; ten well-known test sets have 3.3 % wrong on average
(Northcutt, Athalye & Mueller 2021, "Pervasive label errors in test sets")."""


def doubts(subject: Subject) -> list[Finding]:
    """Return the training images whose label an out-of-fold prediction contradicts with confidence."""
    try:
        train = subject.train
        labels, units = subject.features.y[train], independent_units(subject.rows)[train]
        p, classes = out_of_fold(subject.features.X[train], labels, units, subject.seed)
    except DataError as error:
        return [Finding("doubts", "mind", f"No label can be doubted: {error}.")]
    n, given = len(labels), np.searchsorted(classes, labels)
    right = int((p.argmax(axis=1) == given).sum())
    guess = np.bincount(given).max() / n
    known = f"out of fold, the features tell {percent(right / n)} of the {n:,} training images"
    group = units.astype(str)
    if not share_interval(p.argmax(axis=1) == given, group)[0] > guess:
        said = f"No label can be doubted: {known}, and calling all by the largest class {percent(guess)}."
        return [Finding("doubts", "mind", said)]
    seems = confident_classes(p, given)
    rows = doubt_rows(subject.rows["path"].to_numpy()[train], labels, classes, p, seems)
    share, (low, high) = len(rows) / n, share_interval(seems != given, group)
    value = f"{len(rows):,} of {n:,} training images, {within(share, low, high)}"
    if rows.empty:
        said = f"No label is in doubt: {value}, look more like another class than their own ({known})."
        return [Finding("doubts", "fine", said, share, low, high)]
    said = (
        f"{value}, look with confidence like another class than their label says: the label is wrong, or the features "
        f"cannot tell ({known}). Look at them, the most doubtful first."
    )
    shown = rows.head(N_SHOWN)
    at = train[shown["row"].to_numpy()]
    captions = [f"{row.path}\n{row.label}, seems {row.seems}" for row in shown.itertuples()]
    sheet = Picture(
        "doubts.jpg",
        f"The {len(shown)} most doubtful labels, in the order of the table.",
        contact_sheet(subject.looks["tile"][at], captions),
    )
    title, columns = "Labels in doubt, the most doubtful first", ("probability", "of label")
    table = Table("doubts", title, rows.drop(columns="row"), columns)
    level = "mind" if share > FEW else "fine"
    return [Finding("doubts", level, said, share, low, high, (table,), (sheet,))]


def out_of_fold(X: np.ndarray, y: np.ndarray, units: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each class of each image, by models that were fitted without it, and the classes.

    Logistic regressions on standardised features, whole `units` on one side of a fold. Their C is the one of
    `STRENGTHS` with the least log loss on (up to) `ENOUGH` of the images, out of fold.

    Returns
    -------
    p : ndarray of shape (n, n_classes), float64
    classes : ndarray of shape (n_classes,), sorted

    Raises
    ------
    DataError
        If a class has fewer than two independent images.
    """
    classes, given = np.unique(y, return_inverse=True)
    pairs = _folds(y, units, seed)
    some = np.ones(len(y), dtype=bool)
    if len(y) > ENOUGH:
        some = np.isin(np.arange(len(y)), np.random.default_rng(seed).choice(len(y), ENOUGH, replace=False))

    def predicted(strength: float, of: np.ndarray) -> np.ndarray:
        p = np.zeros((len(y), len(classes)))
        for fit, rest in pairs:
            fit, rest = fit[of[fit]], rest[of[rest]]
            model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
            model.fit(X[fit], given[fit])
            p[np.ix_(rest, model.classes_)] = model.predict_proba(X[rest])
        return p

    def log_loss(strength: float) -> float:
        p = predicted(strength, some)[some]
        return -np.log(np.maximum(p[np.arange(len(p)), given[some]], 1e-15)).mean()

    return predicted(min(STRENGTHS, key=log_loss), np.ones(len(y), dtype=bool)), classes


def _folds(y: np.ndarray, units: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return as many folds as groups of images allow, `N_FOLDS` at most."""
    for n_folds in range(N_FOLDS, 1, -1):
        try:
            return folds(y, units, n_folds, seed)
        except DataError:
            continue
    raise DataError("a class has too few independent images to predict each from the others")


def confident_classes(p: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the class that each image is counted for in the confident joint, (n,) int.

    An image is confidently of a class where that class's probability reaches the mean that it has among the images
    so labelled; of several such classes, the most probable one. An image that is confidently of none keeps its label.

    Parameters
    ----------
    p : ndarray of shape (n, n_classes)
        Out of fold.
    given : ndarray of shape (n,), int
        Labels as columns of `p`.
    """
    thresholds = np.array([p[given == column, column].mean() for column in range(p.shape[1])])
    confident = np.where(p >= thresholds, p, -1.0)
    return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), given)


def doubt_rows(
    paths: np.ndarray, labels: np.ndarray, classes: np.ndarray, p: np.ndarray, seems: np.ndarray
) -> pd.DataFrame:
    """Return ``row, path, label, seems, probability, of label``, a row an image that seems of another class.

    `probability` is that of the class it seems of, `of label` that of its label; the widest margin is first.
    """
    given = np.searchsorted(classes, labels)
    rows = np.flatnonzero(seems != given)
    table = pd.DataFrame({"row": rows, "path": paths[rows], "label": labels[rows], "seems": classes[seems[rows]]})
    table["probability"], table["of label"] = p[rows, seems[rows]], p[rows, given[rows]]
    order = (table["of label"] - table["probability"]).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)

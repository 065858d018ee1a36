"""Possible label errors: images that a model, trained without them, assigns to another class with confidence.

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
from classify.stats.intervals import share_interval
from featex.store.units import independent_units
from featex.system.words import count
from pipelines.auditing.findings import Finding, Subject
from pipelines.images.contact_sheet import contact_sheet

N_FOLDS = 5
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Values of C, of which the one with the least log loss is taken. Without regularisation, 512 features make a model
certain of everything."""

ENOUGH = 10_000  # images on which C is chosen
N_SHOWN = 24
FEW = 0.01
"""Share of possible label errors up to which there is little to fix; ten well-known test sets have 3.3 % wrong on
average (Northcutt, Athalye & Mueller 2021, "Pervasive label errors in test sets")."""


def label_errors(subject: Subject) -> list[Finding]:
    """Return the training images whose label an out-of-fold prediction contradicts with confidence."""
    try:
        train = subject.train
        labels, units = subject.features.y[train], independent_units(subject.rows)[train]
        p, classes = out_of_fold(subject.features.X[train], labels, units, subject.seed)
    except DataError as error:
        return [Finding("FX501", "warning", f"Labels cannot be checked: {error}.")]
    n, codes = len(labels), np.searchsorted(classes, labels)
    right, guess, group = p.argmax(axis=1) == codes, np.bincount(codes).max() / n, units.astype(str)
    model = f"a model on the features predicts {percent(right.mean())} of training labels in cross-validation"
    if not share_interval(right, group)[0] > guess:
        sentence = f"Labels cannot be checked: {model}, and always guessing the largest class {percent(guess)}."
        return [Finding("FX501", "warning", sentence)]
    seems = confident_classes(p, codes)
    rows = error_rows(subject.rows["path"].to_numpy()[train], labels, classes, p, seems)
    share, (low, high) = len(rows) / n, share_interval(seems != codes, group)
    if rows.empty:
        sentence = f"No possible label errors: {within(share, low, high)} of {count(n, 'training image')}; {model}."
        return [Finding("FX501", "ok", sentence, share, low, high)]
    sentence = (
        f"{len(rows):,} of {count(n, 'training image')}, {within(share, low, high)}, clearly {_looks(len(rows))} like "
        f"another class than the label: either the label is wrong, or the features do not show the class ({model})."
    )
    shown = rows.head(N_SHOWN)
    at = train[shown["row"].to_numpy()]
    captions = [f"{row.path}\n{row.label}, seems {row.seems}" for row in shown.itertuples()]
    sheet = Picture(
        "label-errors.jpg",
        f"The most probable label errors ({len(shown)}), in the order of the table.",
        contact_sheet(subject.looks["tile"][at], captions),
    )
    title, columns = "Possible label errors, the most probable first", ("probability", "of label")
    table = Table("label-errors", title, rows.drop(columns="row"), columns)
    level = "warning" if share > FEW else "ok"
    return [Finding("FX501", level, sentence, share, low, high, (table,), (sheet,))]


def _looks(n: int) -> str:
    return "looks" if n == 1 else "look"


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
    classes, codes = np.unique(y, return_inverse=True)
    pairs = _folds(y, units, seed)
    some = np.ones(len(y), dtype=bool)
    if len(y) > ENOUGH:
        some = np.isin(np.arange(len(y)), np.random.default_rng(seed).choice(len(y), ENOUGH, replace=False))

    def predicted(strength: float, of: np.ndarray) -> np.ndarray:
        p = np.zeros((len(y), len(classes)))
        for fit, rest in pairs:
            fit, rest = fit[of[fit]], rest[of[rest]]
            model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
            model.fit(X[fit], codes[fit])
            p[np.ix_(rest, model.classes_)] = model.predict_proba(X[rest])
        return p

    def log_loss(strength: float) -> float:
        p = predicted(strength, some)[some]
        return -np.log(np.maximum(p[np.arange(len(p)), codes[some]], 1e-15)).mean()

    return predicted(min(STRENGTHS, key=log_loss), np.ones(len(y), dtype=bool)), classes


def _folds(y: np.ndarray, units: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return as many folds as groups of images allow, `N_FOLDS` at most."""
    for n_folds in range(N_FOLDS, 1, -1):
        try:
            return folds(y, units, n_folds, seed)
        except DataError:
            continue
    raise DataError("a class has too few independent images to predict each from the others")


def confident_classes(p: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the class that each image is counted for in the confident joint, (n,) int.

    An image is confidently of a class where that class's probability reaches the mean that it has among the images
    with that label; of several such classes, the most probable one. An image without such a class keeps its label.

    Parameters
    ----------
    p : ndarray of shape (n, n_classes)
        Out of fold.
    codes : ndarray of shape (n,), int
        Labels as columns of `p`.
    """
    thresholds = np.array([p[codes == column, column].mean() for column in range(p.shape[1])])
    confident = np.where(p >= thresholds, p, -1.0)
    return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), codes)


def error_rows(
    paths: np.ndarray, labels: np.ndarray, classes: np.ndarray, p: np.ndarray, seems: np.ndarray
) -> pd.DataFrame:
    """Return ``row, path, label, seems, probability, of label``, a row an image that seems of another class.

    `probability` is that of the class it seems of, `of label` that of its label; the widest margin is first.
    """
    codes = np.searchsorted(classes, labels)
    rows = np.flatnonzero(seems != codes)
    table = pd.DataFrame({"row": rows, "path": paths[rows], "label": labels[rows], "seems": classes[seems[rows]]})
    table["probability"], table["of label"] = p[rows, seems[rows]], p[rows, codes[rows]]
    order = (table["of label"] - table["probability"]).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)

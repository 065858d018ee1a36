"""Shortcuts: how well a class, or a set, can be predicted from things that are not content.

There are two kinds. How files are stored has nothing to do with the picture: if it predicts the class, the data are
flawed. A picture shrunk to 16 pixels, its colours and its traces of resampling may belong to the subject or not; a
person has to decide that.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.models.file_facts import FAMILIES, fact_matrix, properties
from classify.models.registry import MODELS
from classify.pages.sections import Picture, Table
from classify.pages.words import listed, percent, within
from classify.positive import positive_class
from classify.splits.folds import folds
from classify.stats.calibration import class_scores
from classify.stats.chance import Judged, judged
from classify.stats.scores import SCORES
from featex.store.units import independent_units
from featex.system.cores import threads_for
from featex.system.shown import shown_path
from featex.system.words import count
from pipelines.auditing.findings import Finding, Subject
from pipelines.auditing.leaks import sides_of
from pipelines.auditing.measures import COLUMNS
from pipelines.auditing.measures import FAMILIES as MEASURED
from pipelines.auditing.names import names_and_dates
from pipelines.auditing.originals import source_of, with_original_facts
from pipelines.auditing.properties import ALONE, differing, in_words, shown
from pipelines.auditing.shortcut_figure import shortcut_picture

TOGETHER = "all families together"
CLAIMS = {
    "format": "the file format",
    "size": "the size of the images",
    "compression": "the compression",
    "metadata": "the metadata in the files",
    "structure": "the structure of the files",
    "profile": "the colour profile",
}
"""What a headline calls the families of `classify.models.file_facts.FAMILIES`."""

N_FOLDS = 5
N_TREES = 50  # a set with two test sets takes 105 forests; with 100 trees, twice the time, and 1 point more (n = 869)
MOST = 10_000
"""Most images to use; of more, a sample is drawn, and its intervals are narrow enough."""

SCORE, LOW, HIGH = "balanced accuracy", "balanced accuracy low", "balanced accuracy high"
TELLING = 0.2
"""Share of the way from chance to certainty at which a shortcut is bad: 0.6 for two classes."""


def shortcuts(subject: Subject) -> list[Finding]:
    """Return how well the label, and each test set against train, can be predicted without the content."""
    sides = sides_of(subject.rows)
    offered = np.flatnonzero(sides.offered)
    findings = [*_label(subject, offered)] if len(offered) else []
    if not findings:
        sentence = "No training image has a label, so shortcuts to the label cannot be tested."
        findings.append(Finding("FX101", "warning", sentence))
    for name in sides.tests if len(offered) else ():
        findings.append(_set(subject, offered, np.flatnonzero(sides.names == name), name))
    return findings


def file_scores(rows: pd.DataFrame, labels: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """Return how well each family of file metadata predicts the labels.

    Parameters
    ----------
    rows : DataFrame of n rows
        With ``group``, ``key``, ``size`` and `featex.images.facts.FACTS`.
    labels : ndarray of shape (n,), str

    Returns
    -------
    DataFrame
        ``family`` of `classify.models.file_facts.FAMILIES`, and last all families together; ``balanced accuracy`` over
        `N_FOLDS` folds out of fold, with ``low`` and ``high`` of its interval, which is simultaneous for all rows (see
        `classify.stats.chance.judged`; NaN where nothing varies); ``ROC AUC``.

    Raises
    ------
    DataError
        If there are fewer than two classes, or a class has fewer than two independent images.
    """
    matrices = {name: fact_matrix(rows, [name]) for name in FAMILIES}
    return _family_scores({**matrices, TOGETHER: fact_matrix(rows)}, rows, labels, 0.3, seed)


def pixel_scores(rows: pd.DataFrame, labels: np.ndarray, looks: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """Return how well each family of pixel statistics predicts the labels, as `file_scores` does.

    Parameters
    ----------
    looks : ndarray of shape (n,), `pipelines.auditing.appearance.LOOK`
    """
    matrices = {
        "a thumbnail of 16 x 16 pixels": looks["thumbnail"].reshape(len(rows), -1),
        "a histogram of 64 colours": looks["colours"],
        "traces of resampling": looks["traces"],
        **{family: looks["measures"][:, COLUMNS.get_loc(family)] for family in MEASURED},
    }
    return _family_scores(matrices, rows, labels, "sqrt", seed)


def _family_scores(
    matrices: Mapping[str, np.ndarray], rows: pd.DataFrame, labels: np.ndarray, max_features: float | str, seed: int
) -> pd.DataFrame:
    units = independent_units(rows)
    classes = np.unique(labels)
    least = min((len(np.unique(units[labels == label])) for label in classes), default=0)
    if len(classes) < 2 or least < 2:
        raise DataError("it takes two classes, each with at least two independent images")
    pairs = folds(labels, units, min(N_FOLDS, least), seed)
    varied = {name: X[:, np.ptp(X, axis=0) > 0] for name, X in matrices.items()}
    n_judged = sum(X.shape[1] > 0 for X in varied.values())
    scores = [
        {"family": name, **_scores(X, labels, units, pairs, n_judged, max_features=max_features, seed=seed)}
        for name, X in varied.items()
    ]
    return pd.DataFrame(scores)


def _scores(X, labels, units, pairs, n_judged, *, max_features, seed) -> dict:
    names, codes = np.unique(labels, return_inverse=True)  # scikit-learn's class weights read "001" as a number
    classes = names.tolist()
    if not X.shape[1]:
        return _row(Judged(1 / len(classes), np.nan, np.nan), 0.5)
    oof = np.empty((len(labels), len(classes)))
    for train, rest in pairs:
        model = MODELS["metadata"].build(min_samples_leaf=3, random_state=seed)
        model.set_params(max_features=max_features, n_estimators=N_TREES)
        with threads_for(len(train)):
            model.fit(X[train], codes[train])
        oof[rest] = class_scores(model, X[rest])
    predicted = names[oof.argmax(axis=1)]
    positive = positive_class(classes) if len(classes) == 2 else None
    auc = SCORES["roc_auc"](labels, oof, predicted, classes, positive)
    return _row(judged(labels, predicted, units, n_judged), auc)


def _row(accuracy: Judged, auc: float) -> dict:
    return {SCORE: accuracy.value, LOW: accuracy.low, HIGH: accuracy.high, "ROC AUC": auc}


def _label(subject: Subject, offered: np.ndarray) -> Iterator[Finding]:
    index = _sampled(offered, subject.seed)
    rows, labels = subject.rows.iloc[index].reset_index(drop=True), subject.features.y[index]
    classes = sorted(set(labels.tolist()))
    try:
        files = file_scores(rows, labels, seed=subject.seed)
        pictures = pixel_scores(rows, labels, subject.looks[index], seed=subject.seed)
    except DataError as error:
        yield Finding("FX101", "warning", f"Shortcuts to the label cannot be tested: {error}.")
        return
    units = independent_units(rows)
    differences = differing(properties(rows), labels, units, seed=subject.seed)
    figure = shortcut_picture(
        {
            "File metadata": _with_telling(files, len(classes)),
            "Pixel statistics": _with_telling(pictures, len(classes)),
        },
        1 / len(classes),
    )
    who = f"{listed(classes)} in {count(len(index), 'training image')}"
    yield _of_files(files, differences, classes, who, figure)
    yield _of_pictures(pictures, classes)
    if of_originals := _of_originals(subject, rows, labels, files):
        yield of_originals
    if by_names := names_and_dates(rows, labels, units, subject.seed):
        yield by_names


def _with_telling(scores: pd.DataFrame, n_classes: int) -> pd.DataFrame:
    return scores.assign(telling=[telling(row, n_classes) for _, row in scores.iterrows()])


def _of_files(files: pd.DataFrame, differences: pd.DataFrame, classes: list[str], who: str, figure: Picture) -> Finding:
    row, named, claim = most_certain(files, len(classes)), _named_of_each_family(differences, classes), ""
    if telling(row, len(classes)):
        level, verb, more = "critical", "separates", f" What differs: {named}." if named else ""
        claim = f"a model can read the class from {CLAIMS.get(row['family'], 'file metadata')}"
    else:
        level = "warning" if named else "ok"
        verb = "barely separates" if row[LOW] > 1 / len(classes) else "is not shown to separate"
        more = f" This differs by more than chance: {named}." if named else ""
        claim = "file metadata differ between the classes"
    sentence = f"A metadata-only baseline {verb} {who}: {_number(row, len(classes))}."
    tables = [_table("files", "How well each family of file metadata predicts the class", files)]
    if named:
        title = "File metadata that differ between classes by more than chance (shares, or medians)"
        tables.append(Table("properties", title, shown(differences, classes), percent=(ALONE,)))
    limits = row[SCORE], row[LOW], row[HIGH]
    return Finding("FX101", level, sentence + more, *limits, tuple(tables), (figure,), claim=claim)


def _of_originals(subject: Subject, rows: pd.DataFrame, labels: np.ndarray, now: pd.DataFrame) -> Finding | None:
    """Return how well file metadata predicted the label before the images were normalised, if they were."""
    root = Path(subject.features.root)
    source = source_of(root)
    originals = with_original_facts(rows, root, source) if source else None
    if originals is None:
        return None
    n_classes = len(set(labels.tolist()))
    row = most_certain(file_scores(originals, labels, seed=subject.seed), n_classes)
    family = now[now["family"] == row["family"]].iloc[0]
    sentence = (
        f"These images are a normalised copy of {shown_path(source)}. There, a metadata-only baseline "
        f"{'separates' if telling(row, n_classes) else 'is not shown to separate'} the classes: "
        f"{_number(row, n_classes)}. In the copy it reaches {percent(family[SCORE])}."
    )
    return Finding("FX105", "ok", sentence, row[SCORE], row[LOW], row[HIGH])


def _of_pictures(pictures: pd.DataFrame, classes: list[str]) -> Finding:
    row = most_certain(pictures, len(classes))
    strong = [family for _, family in pictures.iterrows() if telling(family, len(classes))]
    strong.sort(key=lambda family: -family[SCORE])
    if strong:
        sentence = f"Pixel statistics, not content, separate {listed(classes)} with {_number(row, len(classes))}."
        others = [f"{one['family']} ({percent(one[SCORE])})" for one in strong if one["family"] != row["family"]]
        sentence += f" These predict the class too: {listed(others)}." if others else ""
    else:
        sentence = f"Pixel statistics are not shown to separate {listed(classes)}: {_number(row, len(classes))}."
    table = _table("pictures", "How well pixel statistics with hardly any content predict the class", pictures)
    level = "warning" if strong else "ok"
    return Finding("FX102", level, sentence, row[SCORE], row[LOW], row[HIGH], (table,))


def _set(subject: Subject, train: np.ndarray, test: np.ndarray, name: str) -> Finding:
    index = np.concatenate([_sampled(train, subject.seed), _sampled(test, subject.seed)])
    sides = np.where(np.isin(index, test), name, "train")
    rows = subject.rows.iloc[index].reset_index(drop=True)
    try:
        files = file_scores(rows, sides, seed=subject.seed)
    except DataError as error:
        sentence = f"Whether “{name}” is stored like train cannot be tested: {error}."
        return Finding("FX104", "warning", sentence, of=name)
    differences, names = differing(properties(rows), sides, independent_units(rows), seed=subject.seed), ["train", name]
    row = most_certain(files, 2)
    apart = telling(row, 2)
    families = [family["family"] for _, family in files.iloc[:-1].iterrows() if telling(family, 2)]
    if apart:
        sentence = f"“{name}” is stored differently from train, in {listed(families or ['several properties'])}"
    else:
        sentence = f"“{name}” is stored much like train"
    sentence += f" ({_number(row, 2)})."
    sentence += f" What differs: {_named_of_each_family(differences, names)}." if apart and len(differences) else ""
    tables = [_table(f"files-{name}", f"How well file metadata separate “{name}” from train", files)]
    if len(differences):
        title = f"File metadata that differ between train and “{name}” by more than chance"
        tables.append(Table(f"properties-{name}", title, shown(differences, names), percent=(ALONE,)))
    limits = row[SCORE], row[LOW], row[HIGH]
    return Finding("FX104", "warning" if apart else "ok", sentence, *limits, tuple(tables), of=name)


def _named_of_each_family(differences: pd.DataFrame, names: list[str]) -> str:
    """Return the strongest property of each family in words: width and aspect would say the same twice."""
    family = {name: family for family, names in FAMILIES.items() for name in names}
    first = differences[~differences["property"].map(family).duplicated()]
    return "; ".join(in_words(row, names) for _, row in first.iterrows())


def most_certain(scores: pd.DataFrame, n_classes: int) -> pd.Series:
    """Return the row of `file_scores` with the greatest lower limit: the finding is about that one.

    If no lower limit is above chance, it is the row with the greatest score. Where nothing varies, the limits are
    chance, which is the score.
    """
    scores = scores.fillna({LOW: scores[SCORE], HIGH: scores[SCORE]})
    shown = scores.assign(above=scores[LOW].clip(lower=1 / n_classes))
    return scores.loc[shown.sort_values(["above", SCORE], ascending=False, kind="stable").index[0]]


def telling(row: pd.Series, n_classes: int) -> bool:
    """Return whether a row of `file_scores` separates the classes: its score is high enough, and above chance."""
    chance = 1 / n_classes
    return bool(row[SCORE] >= chance + TELLING * (1 - chance) and row[LOW] > chance)


def _number(row: pd.Series, n_classes: int) -> str:
    number = within(row[SCORE], row[LOW], row[HIGH]) if row[LOW] < row[HIGH] else percent(row[SCORE])
    return f"balanced accuracy {number} from {row['family']}; chance is {percent(1 / n_classes)}"


def _table(name: str, title: str, scores: pd.DataFrame) -> Table:
    return Table(name, title, scores, percent=tuple(column for column in scores if column != "family"))


def _sampled(index: np.ndarray, seed: int) -> np.ndarray:
    if len(index) <= MOST:
        return index
    return np.sort(np.random.default_rng(seed).choice(index, MOST, replace=False))

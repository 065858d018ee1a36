"""A detector from elsewhere in a report: its scores, matched to the report's images."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.pages.words import listed, with_interval
from classify.predictions import PROB, VALIDATION, Predictions, set_title
from classify.stats.scores import SCORES
from classify.stats.tables import score_table
from classify.trained import persist
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel
from classify.trained.pair import keep_pair
from classify.trained.passport import Passport, now, positive_of_report
from featex.system.disk import checked_name
from featex.system.shown import shown_path
from featex.system.words import count


def read_scores(path: Path) -> pd.DataFrame:
    """Return a CSV of scores (UTF-8, one header line), all columns as text.

    Raises
    ------
    DataError
        If it cannot be read, or holds no row.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.ParserError as error:
        raise DataError(
            f"cannot read scores from {str(path)!r}: it is no CSV file; give a row an image: path,score"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read scores from {str(path)!r}: {error}") from error
    if table.empty:
        raise DataError(f"{str(path)!r} holds no scores; give a row an image: path,score")
    return table


@dataclass(frozen=True)
class Scores:
    """A detector's scores of images, as it gives them.

    Parameters
    ----------
    table : DataFrame
        A row an image. ``path``: as the report names it, or a whole path that ends so, or a file name that only one of
        its images has. Then either ``score``, the probability of the positive class, or ``prob_<class>`` for each
        class, all in 0..1.
    threshold : float, optional
        The detector decides for the positive class at this probability or above, by default 0.5; fixed before these
        images are looked at, as its authors state. Of more classes than two the likeliest is decided for, and there is
        no threshold.
    positive : str, optional
        The class that ``score`` stands for; by default the one that the report takes as positive.
    file : str
        Where the scores came from.
    """

    table: pd.DataFrame
    threshold: float | None = None
    positive: str | None = None
    file: str = ""


def import_scores(
    scores: Scores, passports: Sequence[Passport], predictions: Predictions, *, name: str, command: str = ""
) -> tuple[TrainedModel, Predictions, list[str]]:
    """Return a detector's scores as a model of the report that `passports` belong to.

    Parameters
    ----------
    scores : Scores
    passports : sequence of Passport
        Of the report's models: classes and data are taken from the newest.
    predictions : Predictions
        Of the report's models: which images there are, and their labels, sets, sources and groups.
    name : str
    command : str
        What brings the scores in again.

    Returns
    -------
    model : TrainedModel
        With no estimator, only a passport.
    predictions : Predictions
        Rows on unseen images. Training images are left out: an outside detector has no folds, and may know them.
    notes : list of str
        What was left out, for the user.

    Raises
    ------
    DataError
        If columns are missing, a score is no probability, a path is ambiguous or repeated, or no image is known; or
        if a threshold is given for more classes than two.
    featex.errors.InputError
        If there is no such class.
    """
    newest, table = passports[-1], scores.table
    classes = newest.classes
    choice = positive_of_report(classes, passports, scores.positive)
    positive, threshold = choice and choice.name, _threshold(scores.threshold, classes)
    probabilities = _probabilities(table, classes, positive)
    images = predictions.table.drop_duplicates(["set", "path"])
    matches = _match(table["path"].astype(str), images["path"])
    unseen = images[images["set"] != VALIDATION]
    rows, p = _scored(table, matches, probabilities, unseen)
    rows_of_detector = rows.assign(model=name, predicted=_decided(p, classes, positive, threshold), fold=-1)
    for label in predictions.classes:
        rows_of_detector[PROB + label] = p[:, classes.index(label)]
    of_detector = Predictions(rows_of_detector)
    notes = _left_out(len(table), matches, rows, unseen, images) + _inverted(of_detector, positive, "score" in table)
    passport = Passport(
        name=checked_name(name, "a model"),
        model="imported",
        about=f"a detector from elsewhere, known by its scores in {shown_path(scores.file)}",
        reads="scores",
        classes=classes,
        positive=positive,
        thresholds={c: threshold if c == positive else 1 - threshold for c in classes} if positive else {},
        data=newest.data,
        report=newest.report,
        notes=[f"{name} is a detector from elsewhere; its training data are not known here.", *notes],
        command=command,
        trials=0,
        created=now(),
    )
    return TrainedModel(None, passport), of_detector, notes


def _threshold(threshold: float | None, classes: Sequence[str]) -> float:
    if threshold is None:
        return 0.5
    if len(classes) != 2:
        raise DataError(
            f"a threshold of {threshold:g} lies between two classes, and the report has {len(classes)}, of which the "
            "likeliest is decided for; leave out --threshold"
        )
    if not 0 < threshold <= 1:
        raise DataError(f"a threshold is a probability above 0 and up to 1, not {threshold:g}")
    return threshold


def _scored(
    table: pd.DataFrame, matches: pd.Series, probabilities: np.ndarray, unseen: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of unseen images that have a score, and their probabilities, (n, n_classes)."""
    known = matches[matches.notna()]
    if (repeated := known[known.duplicated()]).size:
        raise DataError(f"{repeated.iloc[0]!r} has two scores; give each image once")
    scored = pd.DataFrame(probabilities, index=matches).loc[lambda rows: rows.index.notna()]
    rows = unseen[unseen["path"].isin(scored.index)].reset_index(drop=True)
    if len(rows):
        return rows, scored.loc[rows["path"]].to_numpy()
    if unseen.empty:
        raise DataError("the report has no unseen images; only those can be scored by a detector from elsewhere")
    raise DataError(
        f"none of {count(len(table), 'path')} (the first is {str(table['path'].iloc[0])!r}) is an unseen image of the "
        f"report, such as {unseen['path'].iloc[0]!r}; name images as the report does"
    )


def _probabilities(table: pd.DataFrame, classes: Sequence[str], positive: str | None) -> np.ndarray:
    columns = [PROB + label for label in classes]
    if "path" not in table:
        raise DataError(f"scores need a column 'path'; there are {list(table.columns)}")
    if set(columns) <= set(table):
        p = table[columns]
    elif "score" in table and positive:
        p = table[["score"]]
    else:
        one = ", or 'score', the probability of " + repr(positive) if positive else ""
        raise DataError(f"scores need the columns {', '.join(columns)}{one}; there are {list(table.columns)}")
    numbers = p.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = ~((numbers >= 0) & (numbers <= 1)).all(axis=1)  # NaN too
    if bad.any():
        row = table[bad].iloc[0]
        values = ", ".join(f"{column} {row[column]!r}" for column in p.columns)
        raise DataError(
            f"{int(bad.sum())} of {len(table):,} scores are no probabilities in 0..1, the first of {row['path']!r} "
            f"({values}); bring logits through a sigmoid, and percentages to shares, first"
        )
    if numbers.shape[1] > 1:
        return numbers
    rest = 1 - numbers[:, 0]
    return np.column_stack([numbers[:, 0] if label == positive else rest for label in classes])


def _match(paths: pd.Series, known: pd.Series) -> pd.Series:
    """Return the report's path for each path; NaN if the report has none."""
    known = pd.Series(known.unique())
    paths = paths.str.replace("\\", "/")
    endings = {}  # ends of known paths, whole parts only; None for what ends two of them
    for path in known:
        parts = PurePath(path).parts
        for i in range(len(parts)):
            ending = "/".join(parts[i:])
            endings[ending] = path if ending not in endings else None
    exact = set(known)

    def find(path: str):
        parts = PurePath(path).parts
        for i in range(len(parts)):  # the longest end of the path that is a whole known path
            if (tail := "/".join(parts[i:])) in exact:
                return tail
        ending = path.strip("/")
        if ending in endings and endings[ending] is None:
            raise DataError(f"{path!r} may be one of several images of the report; give more of its path")
        return endings.get(ending, np.nan)

    return paths.map(find).astype(object)


def _decided(p: np.ndarray, classes: Sequence[str], positive: str | None, threshold: float) -> np.ndarray:
    names = np.array(classes)
    if positive is None:
        return names[p.argmax(axis=1)]
    at = list(classes).index(positive)
    return np.where(p[:, at] >= threshold, positive, names[1 - at])


def _inverted(predictions: Predictions, positive: str | None, one_column: bool) -> list[str]:
    """Return a note on the sets on which scores rank the two classes the wrong way round, by more than chance."""
    if positive is None:
        return []
    table = score_table(predictions, positive, names=["roc_auc"])
    inverted = table[table["roc_auc_high"] < 0.5]
    if inverted.empty:
        return []
    (other,) = (label for label in predictions.classes if label != positive)
    areas = listed(
        [f"{with_interval(row, 'roc_auc')} on the {set_title(row['set'])}" for _, row in inverted.iterrows()]
    )
    way_out = f"import again with --positive {shlex.quote(other)}" if one_column else "swap the names of the columns"
    columns = "its scores are" if one_column else f"its column prob_{positive} is"
    return [
        f"{predictions.models[0]} looks inverted: its {SCORES['roc_auc'].title} is {areas}, and guessing gets 50.0 %. "
        f"If {columns} the probability of {other}, {way_out}."
    ]


def _left_out(n: int, matches: pd.Series, rows: pd.DataFrame, unseen: pd.DataFrame, images: pd.DataFrame) -> list[str]:
    notes = []
    if unknown := int(matches.isna().sum()):
        notes.append(f"The report leaves out {unknown:,} of {count(n, 'score')}: it does not hold their images.")
    seen = set(images.loc[images["set"] == VALIDATION, "path"])
    if train := int(matches.isin(seen - set(rows["path"])).sum()):
        notes.append(f"The report leaves out {train:,} of {count(n, 'score')}: their images are for training.")
    for name, part in unseen.groupby("set", sort=False):
        if missing := len(part) - int((rows["set"] == name).sum()):
            notes.append(f"The scores lack {missing:,} of {count(len(part), 'image')} of “{name}”.")
    return notes


def keep_imported(model: TrainedModel, predictions: Predictions, models: Path, folder: Path) -> Path:
    """Write the detector's passport into ``models/NAME`` and its predictions into ``folder/NAME.csv``."""
    older = next((p for p in persist.passports(models) if p.name == model.name), None)
    if older is not None and INPUTS[older.reads].runs:
        raise DataError(f"{model.name!r} is a model that was trained here; choose another name with --name")
    return keep_pair(model, predictions, models, folder)

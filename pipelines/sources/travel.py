"""What makes features travel: a grid of choices, each judged on content and on copies that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import joblib
import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.models.scaling import BlockScaler
from classify.models.svm import RBFSVC
from classify.splits.scheme import Scheme
from classify.splits.weights import misleading, weighted, with_copies
from classify.stats.calibration import class_scores
from classify.stats.differences import Drawn, auc_difference, corrected_t
from classify.stats.scores import SCORES, Sample
from featex.store.features import Features
from featex.system.progress import Progress

USUAL = "resize: rgb penultimate"
TRAININGS = ("plain", "copies", "content weights")
MODELS = ("svm", "logreg")
C_SVM, GAMMA, C_LOGREG = 10.0, 0.5, 0.01
"""Settings, the same for all choices, so that nothing but the choice differs; the kernel's width is GAMMA over the
number of columns."""


@dataclass(frozen=True)
class Choice:
    """What is taken of images, and what is trained on it how.

    Parameters
    ----------
    features : str
        One or several of the columns' names, joined by " + ".
    training : {"plain", "copies", "content weights"}
        On the images as they are; with their varied copies; or weighed so that content tells nothing.
    model : {"svm", "logreg"}
    """

    features: str
    training: str
    model: str

    @property
    def name(self) -> str:
        return f"{self.features}, {self.training}, {self.model}"


REFERENCE = Choice(USUAL, "plain", "svm")


@dataclass(frozen=True, eq=False)
class Travel:
    """What `travel` found.

    Parameters
    ----------
    table : DataFrame
        A row a choice, the best first: ``choice, features, training, model, columns``; ``held-out, copies``: the area
        under the ROC curve on held-out images as they are, and on their varied copies, mean over folds; ``both``:
        their mean, by which choices are ranked; and an area for each unseen set.
    effects : DataFrame
        A row a choice of one kind: ``what, taken, against, gain, low, high, pairs``: by how much `both` is greater than
        with the other taken, all else equal, over folds.
    gains : DataFrame
        A row a set: ``set, n, before, after, gain, low, high``: the reference and the choice that was made, on images
        that played no part in it.
    chosen : Choice
    nested : float
        `both` of the choices that were made fold by fold, each without the fold that it is judged on.
    reference : float
        `both` of the reference.
    n_folds : int
    folds : str
        What folds hold out: "source", or "content", of which the images that mislead are judged; see
        `classify.splits.weights.misleading`.
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    gains: pd.DataFrame
    chosen: Choice
    nested: float
    reference: float
    n_folds: int
    folds: str

    @property
    def sentences(self) -> list[str]:
        """What the tables say."""
        held = {"source": "sources", "content": "content that misleads", "random": "images"}[self.folds]
        said = [
            f"Of {len(self.table)} choices, {self.chosen.name} does best on held-out {held} and on varied copies of it."
        ]
        for row in self.gains.itertuples():
            where = f"On {row.set} (n = {row.n:,}), which played no part in that choice, its ROC AUC is {row.after:.3f}"
            told = "more than the default's" if row.low > 0 else "less than the default's" if row.high < 0 else ""
            between = f"{row.gain:+.3f}"
            between += "" if np.isnan(row.low) else f" (95 % interval {row.low:+.3f} to {row.high:+.3f})"
            end = f": {told}, by {between}." if told else f": no difference can be told, {between}."
            said.append(f"{where}, that of the default {row.before:.3f}{end}")
        said.append(
            f"Chosen fold by fold, each time without the fold that is judged, choices reach {self.nested:.3f} on "
            f"held-out {held}, the default {self.reference:.3f}."
        )
        return said


def columns(sets: dict[str, Features]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the columns that choices are made of: X (n, d) and copies (n, n_copies, d) by "view: block"."""
    found = {}
    for view, features in sets.items():
        start = 0
        for name, width in features.blocks:
            part = slice(start, start + width)
            found[f"{view}: {name}"] = features.X[:, part], features.copies[:, :, part]
            start += width
    return found


def choices(names: Sequence[str], joined: Sequence[str] = (), *, quick: bool = False) -> list[Choice]:
    """Return the grid: all columns and all that are joined, by all trainings and models; `quick` leaves out weights."""
    trainings = TRAININGS[:2] if quick else TRAININGS
    return [Choice(*one) for one in product([*names, *joined], trainings, MODELS)]


def travel(
    features: Features,
    parts,
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    grid: Sequence[Choice],
    scheme: Scheme,
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> Travel:
    """Judge every choice of a grid by what it was not trained on.

    Each fold holds out clusters of content, or sources, and is judged as it is and by its varied copies. The choice
    that is best on the mean of both over all folds is fitted on all training images, and it and the reference are
    judged on sets that had no part in it.

    Parameters
    ----------
    features : Features
        Rows, labels and the default's columns.
    parts : Partition
        From `classify.splits.partition.partition`.
    found : dict
        From `columns`.
    grid : sequence of Choice
        `REFERENCE` among them.
    scheme : Scheme
        What folds hold out, and the content that weights go by.

    Raises
    ------
    DataError
        If there are more classes than two, or too few images for the folds.
    """
    progress = progress or Progress()
    train, y = parts.train, features.y[parts.train]
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) != 2:
        raise DataError(f"the study of what travels is of two classes, and {features.name} has {len(classes)}")
    sources = features.rows["source"].to_numpy(dtype=str)[train]
    pairs = scheme.pairs(y, parts.units[train], sources, train, n_folds, seed)
    weigh = Scheme(weigh="content", content=scheme.content)
    told_by = np.ones(len(y), dtype=bool)
    if scheme.folds == "content":
        told_by = misleading(y, scheme.content[train])
    tests = {name: rows[features.y[rows] != ""] for name, rows in parts.tests.items()}
    with progress.task("travel", len(grid), "choice") as tick:
        by_features = {}
        for choice in grid:
            by_features.setdefault(choice.features, []).append(choice)
        outcomes = {}
        for name, own in by_features.items():
            blocks = [found[part] for part in name.split(" + ")]
            X, copies = (np.concatenate([block[i] for block in blocks], axis=-1) for i in (0, 1))
            widths = [block[0].shape[1] for block in blocks]

            def run(choice: Choice, X=X, copies=copies, widths=widths) -> dict:
                def fitted(rows):
                    weights = None
                    if choice.training == "content weights":
                        weights = weigh.weights(y[rows], sources[rows], train[rows])
                    return _fit(choice, X[train[rows]], copies[train[rows]], codes[rows], weights, widths)

                return _judge(fitted, X, copies, y, train, pairs, told_by, tests)

            done = joblib.Parallel(n_jobs=-1, prefer="threads")(joblib.delayed(run)(choice) for choice in own)
            outcomes |= dict(zip(own, done, strict=True))
            tick(len(own))
    return _told(outcomes, features, parts, tests, len(pairs), scheme.folds, found, seed)


def _fit(choice: Choice, X, copies, y, weights, widths):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if choice.training == "copies":
        X, y = with_copies(X, copies), np.tile(y, 1 + copies.shape[1])
    if choice.model == "svm":
        estimator = RBFSVC(C_SVM, GAMMA / X.shape[1], blocks=widths)
    else:
        estimator = make_pipeline(BlockScaler(widths), LogisticRegression(C=C_LOGREG, max_iter=2000))
    return estimator.fit(X, y, **weighted(estimator, weights))


def _judge(fitted, X, copies, y, train, pairs, told_by, tests) -> dict:
    classes = np.unique(y)
    area = SCORES["roc_auc"]
    content, varied = [], []
    for fit, judged in pairs:
        estimator = fitted(fit)
        judged = judged[told_by[judged]]
        for scores, seen in ((content, X[train[judged]]), (varied, copies[train[judged], 0])):
            said = class_scores(estimator, seen)
            scores.append(area(y[judged], said, classes[said.argmax(axis=1)], list(classes)))
    estimator = fitted(np.arange(len(train)))
    said = {name: class_scores(estimator, X[rows]) for name, rows in tests.items()}
    return {"content": np.array(content), "copies": np.array(varied), "said": said}


def _told(outcomes: dict, features, parts, tests, n_folds, folds, found, seed) -> Travel:
    classes = sorted(set(features.y[parts.train].tolist()))

    def sample(choice: Choice, name: str) -> Sample:
        scores = outcomes[choice]["said"][name]
        return Sample.of(features.y[tests[name]], scores, np.array(classes)[scores.argmax(axis=1)], classes)

    both = {choice: (told["content"] + told["copies"]) / 2 for choice, told in outcomes.items()}
    best = max(both, key=lambda choice: both[choice].mean())
    nested = []
    for fold in range(n_folds):
        others = np.arange(n_folds) != fold
        nested.append(both[max(both, key=lambda choice: both[choice][others].mean())][fold])
    rows, gains = [], []
    for choice, told in outcomes.items():
        row = {"choice": choice.name, "features": choice.features, "training": choice.training, "model": choice.model}
        row["columns"] = sum(found[part][0].shape[1] for part in choice.features.split(" + "))
        row |= {"held-out": told["content"].mean(), "copies": told["copies"].mean(), "both": both[choice].mean()}
        row |= {name: SCORES["roc_auc"].of(sample(choice, name)) for name in tests}
        rows.append(row)
    for name, index in tests.items():
        before, after = (Drawn.of(sample(choice, name), parts.units[index], seed) for choice in (REFERENCE, best))
        told = {"before": before.limits[0], "after": after.limits[0]}
        told |= dict(zip(("gain", "low", "high"), auc_difference(after, before), strict=True))
        gains.append({"set": name, "n": len(index), **told})
    table = pd.DataFrame(rows).sort_values("both", ascending=False, kind="stable", ignore_index=True)
    reference = float(both[REFERENCE].mean())
    effects = _effects(both, n_folds)
    return Travel(table, effects, pd.DataFrame(gains), best, float(np.mean(nested)), reference, n_folds, folds)


def _effects(both: dict[Choice, np.ndarray], n_folds: int) -> pd.DataFrame:
    """Return what each single choice changes, all else equal: paired over folds, corrected for shared training."""
    rows = []
    for what, against in (("features", USUAL), ("training", "plain"), ("model", "logreg")):
        for taken in dict.fromkeys(getattr(choice, what) for choice in both):
            if taken == against:
                continue
            pairs = [(one, Choice(**{**vars(one), what: against})) for one in both if getattr(one, what) == taken]
            matched = [both[one] - both[other] for one, other in pairs if other in both]
            if not matched:
                continue
            found = corrected_t(np.mean(matched, axis=0), 1 / (n_folds - 1))
            ends = {"gain": found["difference"], "low": found["difference_low"], "high": found["difference_high"]}
            rows.append({"what": what, "taken": taken, "against": against, **ends, "pairs": len(matched)})
    return pd.DataFrame(rows)

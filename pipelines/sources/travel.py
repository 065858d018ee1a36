"""travel: a grid of features, training and model; each choice is scored on held-out content and on varied copies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import joblib
import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.models.scaling import BlockScaler
from classify.models.svm import RBFSVC
from classify.pages.codes import Notice
from classify.splits.sample_weights import misleading, weighted, with_copies
from classify.splits.scheme import DEFAULT_SCHEME, Scheme
from classify.stats.calibration import class_scores
from classify.stats.differences import Drawn, auc_difference, corrected_t
from classify.stats.scores import SCORES, Sample
from featex.store.features import Features
from featex.system.progress import Progress

DEFAULT_FEATURES = "resize: rgb penultimate"
TRAININGS = ("plain", "copies", "content weights")
MODELS = ("svm", "logreg")
C_SVM, GAMMA, C_LOGREG = 10.0, 0.5, 0.01
"""Settings, the same for all choices so that only the choice differs; the kernel's gamma is GAMMA over the number of
columns."""


@dataclass(frozen=True)
class Choice:
    """Which features, which training, and which model.

    Parameters
    ----------
    features : str
        The names of one or several blocks of columns, joined by " + ".
    training : {"plain", "copies", "content weights"}
        On the images; also on their varied copies; or weighted so that content does not predict the class.
    model : {"svm", "logreg"}
    """

    features: str
    training: str
    model: str

    @property
    def name(self) -> str:
        return f"{self.features}, {self.training}, {self.model}"


REFERENCE = Choice(DEFAULT_FEATURES, "plain", "svm")


@dataclass(frozen=True, eq=False)
class Travel:
    """The result of `travel`.

    Parameters
    ----------
    table : DataFrame
        A row a choice, the best first: ``choice, features, training, model, columns``; ``held-out, copies``: ROC AUC
        on held-out images and on their varied copies, mean over folds; ``both``: the mean of these two, by which
        choices are ranked; and ROC AUC on each unseen set.
    effects : DataFrame
        A row a choice of one kind: ``what, taken, against, gain, low, high, pairs``: how much greater `both` is with
        `taken` than with `against`, all else equal, over folds.
    gains : DataFrame
        A row an unseen set: ``set, n, before, after, gain, low, high``: ROC AUC of the reference and of the chosen one.
    chosen : Choice
    nested : float
        `both` of choices made fold by fold, each without the fold that it is scored on.
    reference : float
        `both` of the reference.
    n_folds : int
    folds : str
        What folds hold out: "source", "random" or "content"; of the last, only misleading images are scored, see
        `classify.splits.sample_weights.misleading`.
    note : str
        Why folds are random, if they were to hold out content.
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    gains: pd.DataFrame
    chosen: Choice
    nested: float
    reference: float
    n_folds: int
    folds: str
    note: str = ""

    def record(self) -> dict:
        """Return the result as JSON can hold it; scores are ROC AUC."""
        return {
            "chosen": self.chosen.name,
            "nested": self.nested,
            "reference": self.reference,
            "n_folds": self.n_folds,
            "folds": self.folds,
            "choices": self.table.to_dict("records"),
            "gains": self.gains.to_dict("records"),
        }

    @property
    def sentences(self) -> list[str]:
        """The tables in sentences."""
        held = {"source": "sources", "content": "misleading content", "random": "images"}[self.folds]
        lines = [f"Of {len(self.table)} choices, {self.chosen.name} is best on held-out {held} and its varied copies."]
        for row in self.gains.itertuples():
            interval = "" if np.isnan(row.low) else f" (95 % interval {row.low:+.3f} to {row.high:+.3f})"
            significant = row.low > 0 or row.high < 0
            lines.append(
                f"On {row.set} (n = {row.n:,}), which played no part in that choice, its ROC AUC is {row.after:.3f} "
                f"and that of the default {row.before:.3f}: {'a' if significant else 'no significant'} difference of "
                f"{row.gain:+.3f}{interval}."
            )
        lines.append(
            f"Choices made without the fold that scores them reach {self.nested:.3f} on held-out {held}, the default "
            f"{self.reference:.3f}."
        )
        return lines

    @property
    def findings(self) -> list[Notice]:
        """The sentences with their id; none is a warning."""
        return [Notice("FX705", sentence, "ok") for sentence in self.sentences]


def columns(sets: dict[str, Features]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the blocks of columns: X (n, d) and copies (n, n_copies, d) by "view: block"."""
    blocks = {}
    for view, features in sets.items():
        start = 0
        for name, width in features.blocks:
            part = slice(start, start + width)
            blocks[f"{view}: {name}"] = features.X[:, part], features.copies[:, :, part]
            start += width
    return blocks


def choices(names: Sequence[str], joined: Sequence[str] = (), *, quick: bool = False) -> list[Choice]:
    """Return the grid: all blocks and joined blocks, by all trainings and models; `quick` leaves out weights."""
    trainings = TRAININGS[:2] if quick else TRAININGS
    return [Choice(*one) for one in product([*names, *joined], trainings, MODELS)]


def travel(
    features: Features,
    parts,
    blocks: dict[str, tuple[np.ndarray, np.ndarray]],
    grid: Sequence[Choice],
    scheme: Scheme,
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> Travel:
    """Score every choice of a grid on images that it was not trained on.

    Each fold holds out clusters of content, or sources; its images and their varied copies are scored. The choice with
    the best mean of both over all folds is fitted on all training images, and compared with the reference on sets that
    played no part in the choice.

    Parameters
    ----------
    features : Features
        Rows, labels and the default columns.
    parts : Partition
        From `classify.splits.partition.partition`.
    blocks : dict
        From `columns`.
    grid : sequence of Choice
        `REFERENCE` among them.
    scheme : Scheme
        What folds hold out, and the content for weights.

    Raises
    ------
    DataError
        If there are more than two classes, or too few images for the folds.
    """
    progress = progress or Progress()
    train, y = parts.train, features.y[parts.train]
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) != 2:
        raise DataError(f"travel compares choices for two classes, and {features.name} has {len(classes)}")
    sources = features.rows["source"].to_numpy(dtype=str)[train]
    scheme, pairs, note = _folds(scheme, y, parts.units[train], sources, train, n_folds, seed)
    weigh = Scheme(weigh="content", content=scheme.content)
    scored = np.ones(len(y), dtype=bool)
    if scheme.folds == "content":
        scored = misleading(y, scheme.content[train])
    tests = {name: rows[features.y[rows] != ""] for name, rows in parts.tests.items()}
    with progress.task("travel", len(grid), "choice") as tick:
        by_features = {}
        for choice in grid:
            by_features.setdefault(choice.features, []).append(choice)
        outcomes = {}
        for name, same_features in by_features.items():
            joined = [blocks[part] for part in name.split(" + ")]
            X, copies = (np.concatenate([block[i] for block in joined], axis=-1) for i in (0, 1))
            widths = [block[0].shape[1] for block in joined]

            def run(choice: Choice, X=X, copies=copies, widths=widths) -> dict:
                def fitted(rows):
                    weights = None
                    if choice.training == "content weights":
                        weights = weigh.weights(y[rows], sources[rows], train[rows])
                    return _fit(choice, X[train[rows]], copies[train[rows]], codes[rows], weights, widths)

                return _score(fitted, X, copies, y, train, pairs, scored, tests)

            done = joblib.Parallel(n_jobs=-1, prefer="threads")(joblib.delayed(run)(choice) for choice in same_features)
            outcomes |= dict(zip(same_features, done, strict=True))
            tick(len(same_features))
    done = _result(outcomes, features, parts, tests, len(pairs), scheme.folds, blocks, seed)
    return replace(done, note=note)


def _folds(scheme: Scheme, y, units, sources, train, n_folds: int, seed: int) -> tuple[Scheme, list, str]:
    """Return the scheme, its folds and a note; random folds where content allows none."""
    try:
        return scheme, scheme.pairs(y, units, sources, train, n_folds, seed), ""
    except DataError as error:
        if scheme.folds != "content":
            raise
        pairs = DEFAULT_SCHEME.pairs(y, units, sources, train, n_folds, seed)
        return DEFAULT_SCHEME, pairs, f"Folds are random, not by content: {str(error).partition(';')[0]}."


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


def _score(fitted, X, copies, y, train, pairs, scored, tests) -> dict:
    classes = np.unique(y)
    area = SCORES["roc_auc"]
    content, varied = [], []
    for fit, held_out in pairs:
        estimator = fitted(fit)
        held_out = held_out[scored[held_out]]
        for areas, images in ((content, X[train[held_out]]), (varied, copies[train[held_out], 0])):
            scores = class_scores(estimator, images)
            areas.append(area(y[held_out], scores, classes[scores.argmax(axis=1)], list(classes)))
    estimator = fitted(np.arange(len(train)))
    unseen = {name: class_scores(estimator, X[rows]) for name, rows in tests.items()}
    return {"content": np.array(content), "copies": np.array(varied), "unseen": unseen}


def _result(outcomes: dict, features, parts, tests, n_folds, folds, blocks, seed) -> Travel:
    classes = sorted(set(features.y[parts.train].tolist()))

    def sample(choice: Choice, name: str) -> Sample:
        scores = outcomes[choice]["unseen"][name]
        return Sample.of(features.y[tests[name]], scores, np.array(classes)[scores.argmax(axis=1)], classes)

    both = {choice: (areas["content"] + areas["copies"]) / 2 for choice, areas in outcomes.items()}
    best = max(both, key=lambda choice: both[choice].mean())
    nested = []
    for fold in range(n_folds):
        others = np.arange(n_folds) != fold
        nested.append(both[max(both, key=lambda choice: both[choice][others].mean())][fold])
    rows, gains = [], []
    for choice, areas in outcomes.items():
        row = {"choice": choice.name, "features": choice.features, "training": choice.training, "model": choice.model}
        row["columns"] = sum(blocks[part][0].shape[1] for part in choice.features.split(" + "))
        row |= {"held-out": areas["content"].mean(), "copies": areas["copies"].mean(), "both": both[choice].mean()}
        row |= {name: SCORES["roc_auc"].of(sample(choice, name)) for name in tests}
        rows.append(row)
    for name, index in tests.items():
        before, after = (Drawn.of(sample(choice, name), parts.units[index], seed) for choice in (REFERENCE, best))
        limits = {"before": before.limits[0], "after": after.limits[0]}
        limits |= dict(zip(("gain", "low", "high"), auc_difference(after, before), strict=True))
        gains.append({"set": name, "n": len(index), **limits})
    table = pd.DataFrame(rows).sort_values("both", ascending=False, kind="stable", ignore_index=True)
    reference = float(both[REFERENCE].mean())
    effects = _effects(both, n_folds)
    return Travel(table, effects, pd.DataFrame(gains), best, float(np.mean(nested)), reference, n_folds, folds)


def _effects(both: dict[Choice, np.ndarray], n_folds: int) -> pd.DataFrame:
    """Return the effect of each single choice, all else equal: paired over folds, corrected for shared images."""
    rows = []
    for what, against in (("features", DEFAULT_FEATURES), ("training", "plain"), ("model", "logreg")):
        for taken in dict.fromkeys(getattr(choice, what) for choice in both):
            if taken == against:
                continue
            pairs = [(one, Choice(**{**vars(one), what: against})) for one in both if getattr(one, what) == taken]
            matched = [both[one] - both[other] for one, other in pairs if other in both]
            if not matched:
                continue
            test = corrected_t(np.mean(matched, axis=0), 1 / (n_folds - 1))
            ends = {"gain": test["difference"], "low": test["difference_low"], "high": test["difference_high"]}
            rows.append({"what": what, "taken": taken, "against": against, **ends, "pairs": len(matched)})
    return pd.DataFrame(rows)

"""transfer: train on each source and test on every other one; a matrix for each model, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.errors import SettingError
from classify.models.registry import MODELS, get_model
from classify.pages.codes import Notice
from classify.pages.words import listed, percent, with_interval, within
from classify.stats.calibration import class_scores
from classify.stats.chance import against_chance
from classify.stats.intervals import interval, with_ends
from classify.stats.paired import MeanAccuracy
from classify.stats.scores import SCORES
from classify.trained.inputs import INPUTS, read_inputs
from classify.trained.passport import Passport
from featex.store.features import Features
from featex.system.progress import Progress
from pipelines.sources.crossing import Crossing, crossing

LEVEL_OF_FALL = {True: "warning", False: "ok"}
DEFAULT = ("svm", "logreg", "forest", "metadata")
CELLS = (
    *("model", "train_source", "test_source", "n_train", "n", "guess", "accuracy", "low", "high"),
    *("balanced_accuracy", "roc_auc", "roc_auc_low", "roc_auc_high", "n_own", "own", "own_low", "own_high"),
)


@dataclass(frozen=True, eq=False)
class Transfer:
    """How accurate models are on other sources than they were fitted on.

    Parameters
    ----------
    table : DataFrame
        A row a model and pair of sources: ``model, train_source, test_source, n_train, n, guess``, ``accuracy`` with
        its 95 % interval ``low`` and ``high``, ``balanced_accuracy``, ``roc_auc`` with ``roc_auc_low`` and
        ``roc_auc_high``, and ``own``, the share right of the ``n_own`` images that come from the test source, with
        ``own_low`` and ``own_high``: for a source with one class, half of the tested images are those held fixed.
    summary : DataFrame
        A row a model, the most accurate on the same source first and models on file metadata last: ``model,
        metadata_only, n_sources``; ``same`` and ``other``, the mean accuracy over the pairs of a source with itself
        and with others; ``fall``, the former less the latter; each with its interval ``_low`` and ``_high``;
        ``worst_train``, ``worst_test`` and ``worst``, the pair of different sources with the lowest accuracy;
        ``sentence``. The interval of the fall accounts for both means being of the same images; it covers new images
        of these sources, for the models fitted here.
    notes : tuple of str
        What was compared and how, a sentence each.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...]

    def record(self) -> dict:
        """Return the result as JSON can hold it: a row a model, and a row a model and pair of sources."""
        return {
            "models": self.summary.to_dict("records"),
            "pairs": self.table.to_dict("records"),
            "notes": list(self.notes),
        }

    @property
    def sentences(self) -> list[str]:
        """The result for each model, in a sentence."""
        return self.summary["sentence"].tolist()

    @property
    def findings(self) -> list[Notice]:
        """The result for each model; a warning where accuracy falls on other sources, unless that may be chance."""
        falls = (self.summary["fall"] > 0) & ~(self.summary["fall_low"] <= 0)  # few groups have no interval
        return [Notice("FX704", *row) for row in zip(self.sentences, falls.map(LEVEL_OF_FALL), strict=True)]


def transfer(
    features: Features,
    models: Sequence[str] = DEFAULT,
    *,
    params: Mapping[str, dict] | None = None,
    vary: str | None = None,
    positive: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Transfer:
    """Fit each model on each source, and test it on unseen images of that source and of every other one.

    `pipelines.sources.crossing.crossing` decides which images train and test.

    Parameters
    ----------
    features : Features
    models : sequence of str
        Names in `classify.models.registry.MODELS` of models that read features or file metadata.
    params : mapping of str to dict, optional
        Parameters of a model, by its name; by default the first that its search tries.
    vary : str, optional
        The class whose sources are compared.
    positive : str, optional
        The positive one of two classes, by default recognised by its name; its sources are compared unless `vary` names
        another.
    seed : int
        Seed of folds, draws, training and bootstrap.
    progress : Progress, optional

    Raises
    ------
    DataError
        If there are fewer than two sources to compare.
    InputError, ModelError
        If a model or class is unknown, or a model reads pixels.
    """
    progress, params = progress or Progress(), params or {}
    models = list(dict.fromkeys(models))
    for name in models:
        if not INPUTS[get_model(name).reads].tabular:
            can = ", ".join(spec.name for spec in MODELS.values() if INPUTS[spec.reads].tabular)
            raise SettingError(f"{name} reads pixels and would need hours for a fit per source and fold; take {can}")
    cross = crossing(features.rows, features.name, vary=vary, positive=positive, seed=seed)
    codes = pd.Index(cross.classes).get_indexer(features.y)  # scikit-learn may read a name such as "0" as a number
    cells, answers = [], []
    with progress.task("fit", len(models) * len(cross.sources) * len(cross.folds), "model") as tick:
        for name in models:
            settings = get_model(name).settle(seed, progress)
            X = read_inputs(name, features, settings, progress)
            chosen = params.get(name) or get_model(name).first(features.X.shape[1])[0]
            for source in cross.sources:
                scores = np.full((len(X), len(cross.classes)), np.nan)
                for fold in cross.folds:
                    train = cross.training(source, fold)
                    estimator = get_model(name).build(**chosen | settings).fit(X[train], codes[train])
                    rest = np.flatnonzero(cross.fold == fold)
                    scores[rest] = class_scores(estimator, X[rest])
                    tick(1)
                for other in cross.sources:
                    cell, right = _test(cross, features.y, scores, other, seed)
                    cells.append({"model": name, "train_source": source, "test_source": other, **cell})
                    answers.append(right.assign(model=name, same=source == other))
    table = pd.DataFrame(cells)[list(CELLS)]
    held = [label for label in cross.classes if label != cross.varied]
    return Transfer(table, summarise(table, pd.concat(answers, ignore_index=True), cross.varied, held), cross.notes)


def _test(cross: Crossing, y: np.ndarray, scores: np.ndarray, source: str, seed: int) -> tuple[dict, pd.DataFrame]:
    """Return the row of one cell without its names, and ``unit, right, weight`` of each image."""
    rows, classes = cross.test[source], list(cross.classes)
    predicted = np.array(classes)[scores[rows].argmax(axis=1)]
    right, own, group = predicted == y[rows], cross.from_source[source], cross.units[rows]
    inputs = (y[rows], scores[rows], predicted, classes)  # none of these scores depends on the positive class
    low, high = interval("accuracy", *inputs, group=group, seed=seed)
    auc = SCORES["roc_auc"](*inputs), *interval("roc_auc", *inputs, group=group, seed=seed)
    limits = interval("accuracy", *(part[own] for part in inputs[:3]), classes, group=group[own], seed=seed)
    cell = {
        "n_train": len(classes) * cross.n_class,
        "n": len(rows),
        "guess": 1 / len(classes),
        **{"accuracy": right.mean(), "low": low, "high": high},
        "balanced_accuracy": SCORES["balanced_accuracy"](*inputs),
        **with_ends("roc_auc", *auc),
        "n_own": own.sum(),
        **with_ends("own", right[own].mean(), *limits),
    }
    return cell, pd.DataFrame({"unit": group, "right": right, "weight": 1 / len(rows)})


def summarise(table: pd.DataFrame, answers: pd.DataFrame, varied: str = "", held: Sequence[str] = ()) -> pd.DataFrame:
    """Return `Transfer.summary`.

    Parameters
    ----------
    table : DataFrame
        `Transfer.table`.
    answers : DataFrame
        ``model, same, unit, right, weight``, a row an image and cell; `same` marks the cells of a source with itself.
    varied : str
        As `pipelines.sources.crossing.Crossing` has it.
    held : sequence of str
        The classes that are held fixed.
    """
    rows = []
    for model, cells in table.groupby("model", sort=False):
        of_model = answers[answers["model"] == model]
        codes, units = pd.factorize(of_model["unit"])
        of_model = of_model.assign(unit=codes)
        sides = [of_model[of_model["same"] == side] for side in (True, False)]
        columns = [[side[name].to_numpy() for name in ("right", "weight", "unit")] for side in sides]
        same, other = (MeanAccuracy.of(*column, len(units)) for column in columns)
        foreign = cells[cells["train_source"] != cells["test_source"]]
        worst = foreign.loc[foreign["accuracy"].idxmin()]
        row = {
            "model": model,
            "metadata_only": not INPUTS[get_model(model).reads].sees_images,
            "n_sources": cells["test_source"].nunique(),
        }
        row |= (
            with_ends("same", *same.limits) | with_ends("other", *other.limits) | with_ends("fall", *same.less(other))
        )
        row |= {"worst_train": worst["train_source"], "worst_test": worst["test_source"], "worst": worst["accuracy"]}
        rows.append(row | {"sentence": _sentence(row, cells, worst, varied, held)})
    summary = pd.DataFrame(rows)
    return summary.sort_values(["metadata_only", "same"], ascending=[True, False], kind="stable", ignore_index=True)


def _sentence(row: dict, cells: pd.DataFrame, worst: pd.Series, varied: str, held: Sequence[str]) -> str:
    n_others = row["n_sources"] - 1
    others = "the other source" if n_others == 1 else f"the {n_others} other sources"
    source = f"one source of {varied} against {listed(held)}" if varied else "one source"
    text = (
        f"Trained on {source}, {row['model']} has an accuracy of {with_interval(row, 'same')} on unseen images "
        f"of that source and of {with_interval(row, 'other')} on {others}: {_fall(row)}. "
    )
    verdict = against_chance(worst["low"], worst["high"], worst["guess"])
    beside = {"worse": ", worse than guessing", "unclear": ", no better than guessing"}.get(verdict, "")
    text += (
        f"The worst pair is {worst['train_source']} → {worst['test_source']}: "
        f"{within(worst['accuracy'], worst['low'], worst['high'])}{beside}."
    )
    if varied:
        same = cells["train_source"] == cells["test_source"]
        recalls = [percent(cells.loc[which, "own"].mean()) for which in (same, ~same)]
        recognised = f"{recalls[0]} of the {varied} images of the same source and {recalls[1]} of those of {others}"
        text += f" It recognises {recognised}."
    return f"By file metadata only: {text[0].lower()}{text[1:]}" if row["metadata_only"] else text


def _fall(row: dict) -> str:
    fall, low, high = (100 * row[name] for name in ("fall", "fall_low", "fall_high"))
    if pd.isna(low):
        return f"a change of {-fall:+.1f} points"
    if low <= 0 <= high:
        middle, lowest, highest = (round(-value, 1) + 0.0 for value in (fall, high, low))  # + 0.0: never "-0.0"
        return f"no significant change, {middle:+.1f} points ({lowest:+.1f} to {highest:+.1f})"
    if fall < 0:
        return f"a rise of {-fall:.1f} points ({-high:.1f}–{-low:.1f})"
    return f"a fall of {fall:.1f} points ({low:.1f}–{high:.1f})"


def kept_params(features: Features, passports: Sequence[Passport], models: Sequence[str] = DEFAULT) -> dict[str, dict]:
    """Return the parameters of the newest model of each kind that was tuned on these features, by kind.

    Parameters
    ----------
    passports : sequence of Passport
        As `classify.trained.persist.passports` gives them, oldest first.
    """
    params = {}
    for passport in passports:
        extractor = passport.extractor or features.extractor  # a model on file metadata has none
        trained_on = (passport.data.set, extractor["fingerprint"])
        if passport.model in models and trained_on == (features.name, features.extractor["fingerprint"]):
            params[passport.model] = passport.params
    return params

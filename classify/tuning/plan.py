"""Plan: one tuning job, decided and checked before any work is done."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from classify.errors import DataError, SettingError
from classify.models.registry import ModelSpec, get_model
from classify.positive import Positive, choose_positive
from classify.splits.partition import Partition, partition
from classify.splits.scheme import DEFAULT_SCHEME, N_FOLDS, Scheme
from classify.stats.scores import checked_scoring
from classify.stats.selection import folds_in_words
from classify.trained.inputs import INPUTS
from classify.trained.passport import versions
from featex.store.features import Features
from featex.system.disk import checked_name
from featex.system.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be chosen for a tuning job beside the model, the images and a net's recipe.

    Parameters
    ----------
    trials : int, optional
        Of the whole search; by default the model's own number. 0 trains with the recipe's settings, without a search.
    n_folds : int
    scoring : str
        A name in `classify.stats.scores.SCORES` that is greater for better models; its mean over folds is maximised.
    seed : int
        Of folds, search and training.
    scheme : Scheme
        How folds are cut and images weighed.
    positive : str, optional
        The positive one of two classes; see `classify.positive.choose_positive`.
    name : str, optional
        Of the trained model; by default ``MODEL-REPORT``.
    report : str, optional
        The report that the model belongs to; by default named as the set.
    notes : sequence of str
        What a reader of the scores must know, beside what the data tell.
    command : str
        What makes the model again.
    published : dict, optional
        What a study published on this model, as JSON can hold it; see `classify.report.published`.
    """

    trials: int | None = None
    n_folds: int = N_FOLDS
    scoring: str = "accuracy"
    seed: int = 0
    scheme: Scheme = DEFAULT_SCHEME
    positive: str | None = None
    name: str | None = None
    report: str | None = None
    notes: Sequence[str] = ()
    command: str = ""
    published: dict | None = None


@dataclass(frozen=True, kw_only=True)
class Plan(Choices):
    """A model to tune on a set of images, with every choice made; equal digests mean equal studies.

    Parameters
    ----------
    spec : ModelSpec
    features : Features
    parts : Partition
        Which rows train, and which are tested on.
    settings : dict
        What the model is built with, beside what trials vary.
    **choices
        Fields of `Choices`; none is left to a default.
    """

    spec: ModelSpec
    features: Features
    parts: Partition
    settings: dict
    positive: Positive | None = None

    @property
    def y(self) -> np.ndarray:
        """Labels of the training rows."""
        return self.features.y[self.parts.train]

    @property
    def on_features(self) -> bool:
        """Whether the model reads the columns of the features."""
        return INPUTS[self.spec.reads].on_features

    @property
    def n_copies(self) -> int:
        """Varied copies of each training image that are fitted on too."""
        copies = self.features.copies
        return 0 if copies is None or not self.on_features else copies.shape[1]

    @property
    def folds_in_words(self) -> str:
        """Return "5 random folds", "5 folds by content" or "folds by source", of which the sources say how many."""
        return folds_in_words(self.scheme.folds, None if self.scheme.folds == "source" else self.n_folds)

    @property
    def tiles(self) -> int:
        """How many tiles of an image are judged one by one."""
        view = self.features.extractor.get("view") or {}
        return view["tiles"] if view.get("pool") == "each" and self.on_features else 1

    @property
    def n_features(self) -> int:
        """Columns that are judged at once."""
        return self.features.X.shape[1] // self.tiles

    @property
    def data_digest(self) -> str:
        """Sha256 of what is trained and judged on: content, label, use and group of each row."""
        rows = self.features.rows
        use = pd.Series("", index=rows.index)
        use.iloc[self.parts.train] = "train"
        for name, index in self.parts.tests.items():
            use.iloc[index] = f"set {name}"
        near = rows["near"] if "near" in rows else [""] * len(rows)
        lines = sorted("\t".join(row) for row in zip(rows["key"], rows["label"], use, rows["group"], near, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Sha256 of all that the study depends on, but for the number of trials where there are any."""
        facts = {
            "model": self.spec.name,
            "data": self.data_digest,
            "extractor": self.features.extractor["fingerprint"] if self.on_features else None,
            "folds": self.n_folds,
            "scoring": self.scoring,
            "positive": self.positive and self.positive.name,
            "seed": self.seed,
            "settings": {k: v for k, v in self.settings.items() if k != "weights"},  # their sha256 stands for them
            "versions": versions(),
        }
        facts |= self.scheme.facts
        facts |= {"copies": self.n_copies} if self.n_copies else {}
        facts |= {} if self.trials else {"search": False}  # a recipe is another model than the best of some trials
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the folds, pairs of row numbers among the training rows; raises DataError where there can be none."""
        train = self.parts.train
        sources = self.features.rows["source"].to_numpy(dtype=str)[train]
        return self.scheme.pairs(self.y, self.parts.units[train], sources, train, self.n_folds, self.seed)

    @property
    def training_folder(self) -> str:
        """Name of the folder that trainings of this very job are kept in until its outcome is."""
        return f"{self.name}-{self.digest[:12]}.training"


def plan(model: str, features: Features, *, progress: Progress | None = None, **choices) -> Plan:
    """Return a tuning job with every choice made. All that can be checked before work begins is checked here.

    Parameters
    ----------
    model : str
        A name in `classify.models.registry.MODELS`.
    features : Features
        The set of images; models that read pixels open the files it names.
    progress : Progress, optional
        Hears of weights that are downloaded.
    **choices
        Fields of `Choices`; `device`, and what `ModelSpec.wishes` lists, where None leaves the model's own.

    Raises
    ------
    InputError, DataError, ModelError
        If a name is unknown, a number is out of range, or the data cannot be trained on.
    """
    wishes = {name: choices.pop(name) for name in choices.keys() - {field.name for field in fields(Choices)}}
    asked, spec = Choices(**choices), get_model(model)
    classes = sorted(set(features.rows["label"]) - {""})
    if not classes:
        raise DataError(
            f"the set {features.name!r} has no labels, so there is nothing to train on; predict it with a trained "
            f"model: classify predict MODEL {features.name}; or give labels: class folders, or featex extract --labels"
        )
    positive, scoring = choose_positive(classes, asked.positive), checked_scoring(asked.scoring, classes)
    if asked.n_folds < 2:
        raise SettingError(f"cross-validation needs two folds or more, not {asked.n_folds}")
    trials = spec.trials if asked.trials is None else asked.trials
    settings = settled(spec, asked.seed, trials=trials, progress=progress, **wishes)
    asked.scheme.check(INPUTS[spec.reads].on_features, spec.name)
    report = asked.report or features.name
    settled_choices = {
        "trials": trials,
        "scoring": scoring,
        "positive": positive,
        "report": report,
        "name": checked_name(asked.name or f"{spec.name}-{report}", "a model"),
    }
    job = Plan(
        spec=spec,
        features=features,
        parts=partition(features.rows),
        settings=settings,
        **{**vars(asked), **settled_choices},
    )
    if job.scheme.tile_score != "mean" and job.tiles == 1:
        raise SettingError(f"{features.name!r} has no tile scores; extract it with --view tiles --pool each")
    needed, why = spec.beyond_memory(len(job.parts.train) * (1 + job.n_copies), len(classes))
    if spec.scales and len(features.blocks) > job.tiles:
        needed = needed | {"blocks": [width for _, width in features.blocks[: len(features.blocks) // job.tiles]]}
    parts = replace(job.parts, notes=(*job.parts.notes, *([why] if why else [])))
    return replace(job, parts=parts, settings=settings | needed, notes=(*parts.notes, *asked.notes))


def settled(spec: ModelSpec, seed: int = 0, *, trials: int = 0, progress: Progress | None = None, **wishes) -> dict:
    """Return the settings that wishes make for a model; all that can be checked without data is.

    Raises
    ------
    InputError, ModelError
        If the model knows no such wish, or its value is out of range, or trials search for it.
    """
    if trials < 0:
        raise SettingError(f"a study has 0 trials (the recipe alone) or more, not {trials}")
    wishes = {name: value for name, value in wishes.items() if value is not None}
    for wish in sorted(wishes.keys() - {"device", *spec.wishes}):
        choices = f"it takes {', '.join(spec.wishes)}" if spec.wishes else "that is for models that read pixels"
        raise SettingError(f"{spec.name} takes no {wish}; {choices}")
    searched = spec.first(1)[0].keys() if trials else set()
    for wish in sorted(wishes.keys() & searched):
        raise SettingError(f"{wish} is searched for in {trials} trials; leave it out, or take 0 trials")
    settings = spec.settle(seed, progress or Progress(), **wishes)
    return {name: value for name, value in settings.items() if name not in searched}

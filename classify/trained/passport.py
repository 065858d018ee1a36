"""Passport: what a trained model is, and how it was made, as one typed record; JSON on disk."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from classify.positive import Positive, choose_positive
from classify.stats.abstention import Rule
from classify.stats.calibration import Calibration
from classify.stats.selection import Validation, by_worst_fold, folds_in_words, selection_score

FORMAT = 3
PACKAGES = ("featex", "numpy", "scikit-learn", "optuna", "torch", "torchvision")  # results depend on their versions


@dataclass(frozen=True)
class DataFacts:
    """The images that a model was trained and judged on.

    Parameters
    ----------
    set, root : str
        The set's name, and the folder of its images.
    digest : str
        Sha256 of what was trained and judged on: content, label, use and group of each row.
    images : str
        Sha256 of which images the set holds; see `classify.splits.partition.images_digest`.
    near_duplicates : {"group", "keep"}
    near : int
        How many images are near-duplicates of another, and were kept on one side of every split with it.
    copies : dict
        For each unseen set, how many of its images are copies of training images.
    n_train : int
    counts : dict
        Images of each class, for each set.
    """

    set: str = ""
    root: str = ""
    digest: str = ""
    images: str = ""
    near_duplicates: str = "group"
    near: int = 0
    copies: dict[str, int] = field(default_factory=dict)
    n_train: int | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldFacts:
    """Cross-validation of a model.

    Parameters
    ----------
    scoring : str
        The score that the model was tuned for.
    n_folds : int
    folds : {"random", "source", "content", "mixed"}
    content : str
        Digest of what folds by content were cut by.
    held_out : list of dict
        The sources that each fold holds out, by class.
    scores : list of float
        One a fold.
    mean, std : float
        Over folds.
    selection : float
        What the model is chosen by.
    """

    scoring: str | None = None
    n_folds: int | None = None
    folds: str | None = None
    content: str = ""
    held_out: list[dict] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    mean: float | None = None
    std: float | None = None
    selection: float | None = None

    @classmethod
    def of(cls, scores: Sequence[float], validation: Validation, held_out: Sequence[dict] = ()) -> "FoldFacts":
        """Return the facts of a validation with these scores, one a fold."""
        return cls(
            scoring=validation.scoring,
            n_folds=len(scores),
            folds=validation.folds,
            content=validation.content,
            held_out=list(held_out),
            scores=list(scores),
            mean=float(np.mean(scores)),
            std=float(np.std(scores, ddof=1)),
            selection=selection_score(scores, validation.folds),
        )

    def __str__(self) -> str:
        """Return the cross-validation score with its folds, as a terminal shows it."""
        spread = f"{self.scoring} {self.mean:.3f} ± {self.std:.3f} over {folds_in_words(self.folds, self.n_folds)}"
        if by_worst_fold(self.folds):
            return f"{self.scoring} {self.selection:.3f} in the worst fold, which is what counts; {spread}"
        return spread


@dataclass(frozen=True)
class Member:
    """A member of an ensemble: its name, and the fingerprint it had when the ensemble was made."""

    name: str
    fingerprint: str


@dataclass(frozen=True)
class Passport:
    """What a trained model is, and how it was made; a field that is not known keeps its default.

    Parameters
    ----------
    name : str
    model : str
        A name in `classify.models.registry.MODELS` or `classify.models.combine.METHODS`, or "imported".
    about : str
        One line that lists and pages show.
    reads : str
        What the model reads of an image: a name in `classify.trained.inputs.INPUTS`.
    classes : list of str
    positive : str or None
        The positive one of two classes.
    thresholds : dict
        The threshold of each class; see `classify.stats.calibration.Calibration`.
    slope : float or None
        Of the calibration; None for a detector that is known by its scores alone.
    params, settings : dict
        What was searched for, and what else the estimator was built with.
    weigh : str
        How training images were weighed.
    copies : int
        Varied copies of each training image that were fitted on too.
    tile_score : str
        How the scores of an image's tiles become one.
    members : list of Member
        Of an ensemble.
    extractor : dict or None
        What made the features, as `featex.store.features.Features.extractor` has it.
    data : DataFacts
    report : str
        The report that the model belongs to.
    notes : list of str
        What a reader of the scores must know.
    published : dict or None
        What a study published on this model; see `classify.report.published`.
    command : str
        What makes the model again.
    cv : FoldFacts or None
    trials : int or None
    training : list of dict
        Of a model trained in epochs: for each fit its name, ``fit``, and its ``epochs``.
    novelty : dict or None
        Counts of unlike images for each unseen set; see `classify.stats.novelty.novelty_counts`.
    unsure : Rule or None
        When the answer is "unsure".
    digest : str
        Sha256 of all that the study depended on, but for the number of trials.
    seconds : float or None
    seed : int or None
    device : str or None
    versions, environment : dict
        Of packages; of the machine and interpreter.
    code_sha256, created : str
    predictions_sha256 : str
        Of the file of predictions that belongs to the model.
    kept : str
        The model's name on disk, where a page calls it by a shorter one.
    """

    name: str
    model: str = ""
    about: str = ""
    reads: str = "features"
    classes: list[str] = field(default_factory=list)
    positive: str | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
    slope: float | None = None
    params: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    weigh: str = "none"
    copies: int = 0
    tile_score: str = "mean"
    members: list[Member] = field(default_factory=list)
    extractor: dict | None = None
    data: DataFacts = field(default_factory=DataFacts)
    report: str = ""
    notes: list[str] = field(default_factory=list)
    published: dict | None = None
    command: str = ""
    cv: FoldFacts | None = None
    trials: int | None = None
    training: list[dict] = field(default_factory=list)
    novelty: dict[str, dict] | None = None
    unsure: Rule | None = None
    digest: str = ""
    seconds: float | None = None
    seed: int | None = None
    device: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    code_sha256: str = ""
    created: str = ""
    predictions_sha256: str = ""
    kept: str = ""

    @property
    def calibration(self) -> Calibration | None:
        """What turns the model's scores into probabilities; None for a detector known by its scores alone."""
        if self.slope is None:
            return None
        return Calibration(self.slope, tuple(self.thresholds[label] for label in self.classes if self.thresholds))

    @property
    def validation(self) -> Validation:
        """How the model was validated."""
        cv = self.cv or FoldFacts()
        return Validation(cv.folds, cv.n_folds, self.seed, cv.scoring, cv.content)

    @property
    def fingerprint(self) -> str:
        """Sha256 of what the model came out as.

        The digest alone would not do: it stays the same after more trials, which may find other parameters.
        """
        facts = [self.digest, self.params, self.cv.scores]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def extractor_fingerprint(self) -> str | None:
        """The fingerprint of the extractor whose features the model reads; None where it reads none."""
        return (self.extractor or {}).get("fingerprint")

    def threshold_sentence(self, subject: str = "") -> str:
        """Return which threshold decides; "" where none is known."""
        thresholds, positive, subject = self.thresholds, self.positive, subject or self.name
        if not thresholds:
            return ""
        if positive:
            threshold = f"{thresholds[positive]:.3g}"
            return f"{subject} calls an image {positive} where the probability of {positive} is at least {threshold}."
        if max(thresholds.values()) - min(thresholds.values()) < 1e-9:
            return f"{subject} decides for the likeliest class."
        each = ", ".join(f"{label} {threshold:.3g}" for label, threshold in thresholds.items())
        return f"{subject} decides for the class whose probability is the largest multiple of its threshold ({each})."

    def to_json(self) -> dict:
        """Return the record as JSON can hold it, with its format."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, record: dict) -> "Passport":
        """Return the passport of such a record.

        Raises
        ------
        ValueError
            If the record has another format.
        TypeError, AttributeError
            If it is damaged.
        """
        record = dict(record)
        if (number := record.pop("format", None)) != FORMAT:
            raise ValueError(f"has format {number}, and this version reads {FORMAT}")
        parts = {"data": DataFacts, "cv": FoldFacts, "unsure": Rule}
        record |= {name: part(**record[name]) for name, part in parts.items() if record.get(name) is not None}
        return cls(**record | {"members": [Member(**member) for member in record.get("members", ())]})


def made_here() -> dict:
    """Return the fields of a passport that say when a model was made, and on which machine, by which code."""
    return {"versions": versions(), "environment": environment(), "code_sha256": code_sha256(), "created": now()}


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    return {name: version(name) for name in PACKAGES}


def environment() -> dict[str, str]:
    """Return the machine and interpreter that a model is made on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }


@cache
def code_sha256() -> str:
    """Return the sha256 of the Python files that extract features and make models: another one where any changed."""
    return sha256_of_code(*(Path(__file__).parents[2] / package for package in ("classify", "featex")))


def sha256_of_code(*packages: Path) -> str:
    """Return the sha256 of all Python files below some folders, and of their places there."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            digest.update(f"{path.relative_to(package.parent).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def positive_of_report(
    classes: Sequence[str], passports: Sequence[Passport], wish: str | None = None
) -> Positive | None:
    """Return the positive class of a report: the one wished for, else that of its newest model, made here if any is."""
    known = [passport for passport in passports if passport.positive in classes]
    if wish is not None or not known:
        return choose_positive(classes, wish)
    made_here = [passport for passport in known if passport.cv]
    newest = max(made_here or known, key=lambda passport: passport.created)
    return Positive(newest.positive, "as in the report")

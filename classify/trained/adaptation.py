"""A model on images of another source: aligned features, or a moved threshold, without any label of these images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from classify.errors import ModelError, SettingError
from classify.positive import choose_positive
from classify.splits.partition import images_digest, partition
from classify.trained.alignment import ALIGNMENTS, Alignment, threshold_for
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel
from featex.errors import FeatexError, UsageError, unknown
from featex.store.features import load_features
from featex.store.units import rows_as_in


@dataclass(frozen=True)
class Adaptation:
    """How a model's predictions are adapted to a set of images; see `classify.trained.alignment`.

    Parameters
    ----------
    alignment : Alignment or None
    share : float or None
        The share of the images that are of the positive class.
    positive : str or None
        That class; by default the model's.
    """

    alignment: Alignment | None = None
    share: float | None = None
    positive: str | None = None

    def predict(self, model: TrainedModel, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (n, n_classes) and decided classes (n,), as `TrainedModel.predict` does.

        With a share, one number is added to all log-odds: the order of the images stays, and the threshold is 0.5.
        """
        if self.alignment is not None:
            X = self.alignment(X)
        if self.share is None:
            return model.predict(X)
        logs = model.log_probabilities(X)
        # differences of logarithms: probabilities near 1 would all be equal
        odds = logs[:, 1] - logs[:, 0]
        first_is_positive = self.of(model) == model.classes[0]
        threshold = -threshold_for(-odds, self.share) if first_is_positive else threshold_for(odds, self.share)
        moved = expit(odds - threshold)
        return np.column_stack([1 - moved, moved]), np.array(model.classes)[(odds > threshold).astype(int)]

    def of(self, model: TrainedModel) -> str:
        """Return the class that the share is of."""
        return self.positive or model.passport.positive

    def thresholds(self, model: TrainedModel) -> dict[str, float]:
        """Return the threshold of each class that decides, by class."""
        return model.passport.thresholds if self.share is None else dict.fromkeys(model.classes, 0.5)


def decision_sentence(model: TrainedModel, adapt: Adaptation | None, decided: Sequence[str]) -> str:
    """Return the sentence on the threshold that decided; with a share, also how many images it selected."""
    if adapt is None or adapt.share is None:
        return model.passport.threshold_sentence()
    positive = adapt.of(model)
    n = int((np.asarray(decided) == positive).sum())
    wanted = f"{100 * adapt.share:g} % of {len(decided):,} images"
    tied = "" if abs(n - adapt.share * len(decided)) < 1 else " Images of equal scores stay together."
    called = f"{model.name} calls {n:,} of them {positive}, those with prob_{positive} above 0.5"
    return f"Asked for {wanted} as {positive}, {called}.{tied}"


def adaptation(
    model: TrainedModel, align: str, share: float | None, directory: Path, positive: str | None = None
) -> Adaptation | None:
    """Return the adaptation that these options ask for, or None.

    Parameters
    ----------
    model : TrainedModel
    align : str
        Of `classify.trained.alignment.ALIGNMENTS`.
    share : float or None
    directory : Path
        Of stored features; alignment needs those that the model was trained on.
    positive : str, optional
        The class that `share` refers to; by default the model's positive class.

    Raises
    ------
    InputError
        If there is no such class, or a positive class is named without a share.
    ModelError
        If the model reads no features, has more than two classes, or its training features are missing.
    """
    if align not in ALIGNMENTS:
        raise unknown("alignment", align, ALIGNMENTS)
    if share is not None and model.passport.positive is None:
        raise SettingError(f"{model.name} has {len(model.classes)} classes; --share needs two")
    if positive is not None and share is None:
        raise UsageError("--positive names the class that --share refers to; add --share, or leave out --positive")
    if positive is not None:
        choose_positive(model.classes, positive)
    if align == "none":
        return None if share is None else Adaptation(share=share, positive=positive)
    if not INPUTS[model.passport.reads].on_features:
        raise SettingError(f"{model.name} reads {model.passport.reads}; --align needs a model that reads features")
    return Adaptation(Alignment.fit(_trained_on(model, directory), align), share, positive)


def _trained_on(model: TrainedModel, directory: Path) -> np.ndarray:
    data, extractor = model.passport.data, model.passport.extractor
    name = f"{extractor['name']}/{data.set}"
    if "parts" in extractor:
        raise SettingError(
            f"{model.name} reads joined features, which cannot be aligned; take a model on one of the sets"
        )
    try:
        features = load_features(directory, name)
    except FeatexError as error:
        raise ModelError(
            f"the features that {model.name} was trained on are missing ({error}); extract them"
        ) from error
    if images_digest(features.rows) != data.images:
        raise ModelError(f"{name} is no longer the set that {model.name} was trained on; tune it again")
    return features.X[partition(rows_as_in(features.rows, data.near_duplicates)).train]

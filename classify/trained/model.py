"""TrainedModel: a fitted estimator and its passport."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.predictions import Predictions
from classify.stats.calibration import Calibration, class_scores
from classify.stats.novelty import Novelty
from classify.trained.passport import Passport


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, as `classify.load_model` returns it.

    Parameters
    ----------
    estimator : fitted scikit-learn classifier
        None for an imported detector, of which only scores are known.
    passport : Passport
        What it was trained on, with which settings, and its scores.
    members : tuple of TrainedModel
        The models that an ensemble combines; its X holds their probabilities, (n_samples, n_members, n_classes). Empty
        for any other model.
    novelty : Novelty or None
        The test of whether an image is out of distribution; None for a model that is not on features.
    """

    estimator: object
    passport: Passport
    members: tuple["TrainedModel", ...] = ()
    novelty: Novelty | None = None

    @property
    def name(self) -> str:
        return self.passport.name

    @property
    def classes(self) -> list[str]:
        return self.passport.classes

    @property
    def calibration(self) -> Calibration:
        """Learnt on out-of-fold scores."""
        return self.passport.calibration

    def predict(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return calibrated probabilities (n_samples, n_classes) and decided classes (n_samples,) of str.

        The decision is the estimator's own. It is the class whose probability is the largest multiple of its
        threshold, which need not be the likeliest class; see `classify.stats.calibration.Calibration`.
        """
        scores = class_scores(self.estimator, X)
        return self.calibration(scores), np.array(self.classes)[scores.argmax(axis=1)]

    def log_probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return logarithms of the calibrated probabilities (n_samples, n_classes)."""
        return self.calibration.logs(class_scores(self.estimator, X))

    def predictions(self, rows: pd.DataFrame, X: np.ndarray, set_name: str) -> Predictions:
        """Return the predictions of `X`, whose facts are in `rows`, as rows of set `set_name`."""
        return predictions_table(self.name, self.classes, rows, set_name, *self.predict(X))


def predictions_table(
    model: str,
    classes: list[str],
    rows: pd.DataFrame,
    set_name: str,
    probabilities: np.ndarray,
    predicted: np.ndarray,
    fold: np.ndarray | int = -1,
) -> Predictions:
    """Return `Predictions` of one model on one set: the facts of `rows` beside what the model said."""
    facts = rows[["path", "label", "split", "source", "group"]].reset_index(drop=True)
    table = facts.assign(model=model, set=set_name, predicted=predicted, fold=fold)
    return Predictions(pd.concat([table, pd.DataFrame(probabilities, columns=[f"prob_{c}" for c in classes])], axis=1))


@dataclass(frozen=True)
class Tuned:
    """The model, and its predictions of every set: out-of-fold on validation, then test and external sets."""

    model: TrainedModel
    predictions: Predictions

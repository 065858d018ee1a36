"""A model and its predictions, kept as one: a run that is killed leaves the old pair or the new one, never half of
each."""

import hashlib
from dataclasses import replace
from pathlib import Path

from classify.errors import ModelError
from classify.predictions import Predictions
from classify.trained import persist
from classify.trained.model import TrainedModel
from classify.trained.passport import Passport
from featex.errors import InputError


def keep_pair(model: TrainedModel, said: Predictions, models: Path, predictions: Path) -> Path:
    """Write a model into ``models/NAME`` and its predictions into ``predictions/NAME.csv``; return the former.

    The predictions are written beside their place, then the model takes its place with their sha256 in its passport,
    then they take theirs. A run that is killed before the model is in place leaves the old pair, one that is killed
    after it leaves the new pair, which `settled` completes.
    """
    waiting = said.write(_waiting(predictions, model.name))
    model = replace(model, passport=replace(model.passport, predictions_sha256=_sha256(waiting)))
    path = persist.save(model, models)
    settled(model.passport, predictions)
    return path


def settled(passport: Passport, predictions: Path) -> bool:
    """Return whether the predictions of a model are in place, after putting there what a killed run had ready."""
    place, waiting = predictions / f"{passport.name}.csv", _waiting(predictions, passport.name)
    if waiting.exists() and _sha256(waiting) == passport.predictions_sha256:
        waiting.replace(place)
    return place.exists() and _sha256(place) == passport.predictions_sha256


def read_kept(passport: Passport, predictions: Path) -> Predictions:
    """Return the predictions of a model that is kept.

    Raises
    ------
    InputError
        If they have gone.
    ModelError
        If they are not those that were kept with the model.
    """
    name, place = passport.name, predictions / f"{passport.name}.csv"
    if not settled(passport, predictions):
        if not place.exists():
            raise InputError(f"the predictions of {name} in {predictions} have gone; make it again")
        raise ModelError(
            f"{place} does not hold the predictions that were kept with the model {name}; put the file back, or make "
            "the model again"
        )
    return Predictions.read(place)


def _waiting(predictions: Path, name: str) -> Path:
    return predictions / f".{name}.csv.new"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Readers: how a model reads an image's pixels, by an extractor or as a net does, and the cache of what was read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from classify.stats.calibration import class_scores
from classify.trained.inputs import INPUTS, Access, extractor_for, view_of
from classify.trained.model import TrainedModel
from featex.layout import Artifacts
from featex.store.cache import FeatureCache
from featex.system.progress import Progress

NET_BATCH = 32


@dataclass(frozen=True, eq=False)
class FeatureReader:
    """Reads images for all models on the features of one extractor; its cache holds the vector of each image.

    Parameters
    ----------
    passport : dict
        The extractor's.
    artifacts : Artifacts
    model : str
        The name of one of the models, for errors.
    weights : str, optional
        The file of the extractor's weights, if it is no longer where the passport says.
    device : str
    progress : Progress
    """

    passport: dict
    artifacts: Artifacts
    model: str
    weights: str | None = None
    device: str = "auto"
    progress: Progress = field(default_factory=Progress)

    @cached_property
    def cache(self) -> FeatureCache:
        return FeatureCache(self.artifacts.features / self.passport["name"] / "vectors", self.passport["n_features"])

    @cached_property
    def extractor(self):
        """The extractor, built only if a vector is missing; raises ModelError if its weights are not the model's."""
        from featex.extraction.embed import open_cache

        access = Access(self.artifacts.features, self.weights, self.device, self.progress)
        extractor = extractor_for(self.passport, self.model, access)
        open_cache(extractor, self.artifacts.features)
        return extractor

    @property
    def batch_size(self) -> int:
        return self.extractor.batch_size

    def preprocess(self, image: np.ndarray):
        return self.extractor.preprocess(image)

    def read(self, batch: list) -> np.ndarray:
        return self.extractor(batch)


@dataclass(frozen=True, eq=False)
class NetReader:
    """Reads images for one net; its cache holds the net's scores of the classes for each image."""

    model: TrainedModel
    artifacts: Artifacts
    batch_size: int = NET_BATCH

    @cached_property
    def cache(self) -> FeatureCache:
        return FeatureCache(self.artifacts.net_scores / self.model.passport.fingerprint[:32], len(self.model.classes))

    @cached_property
    def preprocess(self):
        return view_of(self.model.passport.model, self.model.passport.settings)

    def read(self, batch: list) -> np.ndarray:
        return class_scores(self.model.estimator, np.stack(batch)).astype(np.float32)


Reader = FeatureReader | NetReader


def why_not_tested(model: TrainedModel) -> str:
    """Return why other pixels cannot change what a model predicts, or ""."""
    for member in model.members or (model,):
        if not INPUTS[member.passport.reads].sees_images:
            subject = "it" if member is model else f"its member {member.name}"
            return f"{subject} reads file metadata and no pixels"
    return ""


def readers_of(models: Sequence[TrainedModel], artifacts: Artifacts, **options) -> dict[str, Reader]:
    """Return the readers of the models and of the members of ensembles, by `reader_name`.

    `options` are those of `FeatureReader`: weights, device, progress.
    """
    readers: dict[str, Reader] = {}
    members = [member for model in models for member in model.members or (model,)]
    for model in members:
        name, passport = reader_name(model), model.passport
        if INPUTS[passport.reads].on_features:
            readers.setdefault(name, FeatureReader(passport.extractor, artifacts, model.name, **options))
        else:
            readers.setdefault(name, NetReader(model, artifacts))
    return readers


def reader_name(model: TrainedModel) -> str:
    """Return the name of a model's reader; models on the features of one extractor share a reader."""
    return model.passport.extractor_fingerprint or model.passport.fingerprint

"""What models look at images with: an extractor, or a net's own view; and where what each saw is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from classify.errors import ModelError
from classify.models.inputs import view_of
from classify.stats.calibration import class_scores
from classify.trained.model import TrainedModel, made
from featex.errors import WeightsError
from featex.layout import Artifacts
from featex.store.cache import FeatureCache
from featex.system.progress import Progress

NET_BATCH = 32


@dataclass(frozen=True, eq=False)
class FeatureEye:
    """The eye of all models that read the features of one extractor; what it keeps of an image is its vector.

    Parameters
    ----------
    passport : dict
        The extractor's.
    artifacts : Artifacts
    wanted_by : str
        The name of a model, for errors.
    weights : str, optional
        Where the extractor's weights are now, if not where its passport says.
    device : str
    progress : Progress
    """

    passport: dict
    artifacts: Artifacts
    wanted_by: str
    weights: str | None = None
    device: str = "auto"
    progress: Progress = field(default_factory=Progress)

    @cached_property
    def cache(self) -> FeatureCache:
        return FeatureCache(self.artifacts.features / self.passport["name"] / "vectors", self.passport["n_features"])

    @cached_property
    def extractor(self):
        """The extractor, which is built only where a vector is missing; raises ModelError where it is another one."""
        from featex.extraction.embed import open_cache
        from featex.extraction.joined import extractor_of

        passport = self.passport
        try:
            found = extractor_of(passport, self.weights, self.device, progress=self.progress)
        except WeightsError as error:
            raise ModelError(
                f"{self.wanted_by} needs the weights it was trained with; name them with --weights ({error})"
            ) from error
        if found.fingerprint != passport["fingerprint"]:
            raise ModelError(
                f"{self.wanted_by} was trained on features of {passport['name']}, and these weights make {found.name}; "
                "name the right file with --weights"
            )
        open_cache(found, self.artifacts.features)
        return found

    @property
    def batch_size(self) -> int:
        return self.extractor.batch_size

    def see(self, image: np.ndarray):
        return self.extractor.preprocess(image)

    def look(self, batch: list) -> np.ndarray:
        return self.extractor(batch)


@dataclass(frozen=True, eq=False)
class NetEye:
    """The eye of one net; what it keeps of an image are its scores of the classes."""

    model: TrainedModel
    artifacts: Artifacts
    batch_size: int = NET_BATCH

    @cached_property
    def cache(self) -> FeatureCache:
        return FeatureCache(self.artifacts.net_scores / made(self.model.passport)[:32], len(self.model.classes))

    @cached_property
    def view(self):
        return view_of(self.model.passport["model"], self.model.passport["settings"])

    def see(self, image: np.ndarray) -> np.ndarray:
        return self.view(image)

    def look(self, batch: list) -> np.ndarray:
        return class_scores(self.model.estimator, np.stack(batch)).astype(np.float32)


Eye = FeatureEye | NetEye


def blind(model: TrainedModel) -> str:
    """Return why a model cannot be asked about other pixels, or ""."""
    for member in model.members or (model,):
        if member.passport["reads"] == "facts":
            told = "it" if member is model else f"its member {member.name}"
            return f"{told} reads how files are stored, and no pixel"
    return ""


def eyes_of(models: Sequence[TrainedModel], artifacts: Artifacts, **options) -> dict[str, Eye]:
    """Return the eyes that the models, and the members of ensembles, see with, by `eye_name`.

    `options` are those of `FeatureEye`: weights, device, progress.
    """
    eyes: dict[str, Eye] = {}
    leaves = [leaf for model in models for leaf in model.members or (model,)]
    for model in leaves:
        if model.passport["reads"] == "pixels":
            eyes.setdefault(eye_name(model), NetEye(model, artifacts))
        else:
            eyes.setdefault(
                eye_name(model), FeatureEye(model.passport["extractor"], artifacts, wanted_by=model.name, **options)
            )
    return eyes


def eye_name(model: TrainedModel) -> str:
    """Return what tells apart the eyes of models that are no ensembles."""
    extractor = model.passport["extractor"]
    return extractor["fingerprint"] if extractor else made(model.passport)

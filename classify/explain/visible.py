"""How a trained model sees an image: its input square, its score between two classes, and a map of that score."""

from pathlib import Path

import numpy as np

from classify.errors import ModelError, SettingError
from classify.explain.cams import logits, net_maps, pooled_maps, vectors
from classify.explain.gradients import Votes, class_maps, decision
from classify.trained.inputs import INPUTS, view_of
from classify.trained.model import TrainedModel
from featex.extraction.extractor import Extractor
from featex.extraction.joined import extractor_of
from featex.images.decode import decode
from featex.network.views import DEFAULT
from featex.system.progress import Progress

PATH_MAP = (
    "What each position of the backbone's last maps adds to the score: integrated gradients from the mean training "
    "image to this one, through the average that turns maps into features. A map sums to the score less the score of "
    "the mean image."
)
HIRES_CAM = (
    "HiResCAM on the net's last maps (Grad-CAM if these are averaged), with its sign. It shows where the evidence is, "
    "but its values do not add up to a score."
)
UNITS = {"forest": "difference of votes", "logreg": "log-odds"}  # units of scores; other scores are decision values


class FeatureExplainer:
    """Reads images as a classical model on features does, scores them and makes maps of the score.

    Parameters
    ----------
    model : TrainedModel
    extractor : Extractor
        The extractor of the features that the model was trained on.
    """

    about = PATH_MAP

    def __init__(self, model: TrainedModel, extractor: Extractor):
        self.model, self.extractor = model, extractor
        self.score_name = UNITS.get(model.passport.model, "decision value")

    def read(self, path: str | Path) -> np.ndarray:
        """Return the square of an image file that the backbone takes, (3, size, size) uint8."""
        return self.extractor.preprocess(decode(Path(path).read_bytes())).numpy()

    def see(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n_samples, n_features) of squares (n_samples, 3, size, size)."""
        return vectors(self.extractor, images)

    def decide(self, X: np.ndarray, towards: int, against: int) -> np.ndarray:
        """Return the scores (n_samples,) of the output of `see`: above 0 for the class `towards`."""
        return self._decision(towards, against)(X)

    def map(self, image: np.ndarray, towards: int, against: int) -> tuple[np.ndarray, float]:
        """Return the map (height, width) of a square, and the score at which its sum starts.

        Raises
        ------
        ModelError
            If the model has no gradient, or the features are no mean over positions.
        """
        decide = self._decision(towards, against)
        if isinstance(decide, Votes):
            raise ModelError("a forest has no gradient, so there is no map; use occlusion")
        maps, _ = pooled_maps(self.extractor, image[None])
        return class_maps(decide, maps)[0], float(decide(decide.reference[None])[0])

    def _decision(self, towards: int, against: int):
        return decision(self.model.passport.model, self.model.estimator, towards, against)


class PixelExplainer:
    """The same for a net on pixels; its methods are those of `FeatureExplainer`."""

    score_name = "difference of logits"
    about = HIRES_CAM

    def __init__(self, model: TrainedModel):
        self.model = model
        self.view = view_of(model.passport.model, model.passport.settings)

    def read(self, path: str | Path) -> np.ndarray:
        """Return the net's input for an image file, (3, size, size) uint8."""
        return np.ascontiguousarray(self.view(decode(Path(path).read_bytes())))

    def see(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (n_samples, n_classes) of images (n_samples, 3, size, size)."""
        return logits(self.model.estimator, images)

    def decide(self, X: np.ndarray, towards: int, against: int) -> np.ndarray:
        """Return the scores (n_samples,) of the output of `see`: above 0 for the class `towards`."""
        return X[:, towards] - X[:, against]

    def map(self, image: np.ndarray, towards: int, against: int) -> tuple[np.ndarray, float]:
        """Return the map (height, width) of an image, and NaN, since the map does not add up to a score."""
        return net_maps(self.model.estimator, image[None], [towards], [against])[0], float("nan")


Explainer = FeatureExplainer | PixelExplainer


def explainer_of(
    model: TrainedModel, *, weights: str | None = None, device: str = "auto", progress: Progress | None = None
) -> Explainer:
    """Return the explainer of `model`.

    Parameters
    ----------
    model : TrainedModel
    weights : str, optional
        The extractor's weights, if they are no longer where the model's passport says.
    device : str
        For the extractor; a net stays on the device that it was loaded to.

    Raises
    ------
    ModelError
        If the model does not read images itself, or its features are not those of one layer and the whole image.
    """
    passport, reads = model.passport, INPUTS[model.passport.reads]
    if passport.members:
        members = ", ".join(member.name for member in passport.members)
        raise SettingError(f"{model.name} combines the scores of its members; explain one of them: {members}")
    if not reads.sees_images:
        raise SettingError(f"{model.name} reads file metadata and no image; explain another model")
    if not reads.on_features:
        return PixelExplainer(model)
    extractor = extractor_of(passport.extractor, weights, device, progress=progress)
    if not isinstance(extractor, Extractor) or extractor.view != DEFAULT:
        raise ModelError(
            f"{model.name} reads {extractor.name}, which is not one layer of the whole image, so its score cannot be "
            "traced to pixels; explain a model on the default features"
        )
    return FeatureExplainer(model, extractor)

"""NetClassifier: a net with scikit-learn's fit, predict and predict_proba."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted
from torch import nn

from classify.errors import DataError, ModelError, SettingError
from classify.nets.activations import Activations, cut
from classify.nets.checkpoint import Checkpoint
from classify.nets.finetuned import FineTuned
from classify.nets.pixels import Pixels
from classify.nets.recipe import NetRecipe
from classify.nets.training import ActivationFeed, Feed, PixelFeed, Training
from classify.nets.zoo import NETS, Net
from classify.splits.folds import inner_split
from featex.errors import unknown
from featex.extraction.extractor import choose_device
from featex.network.weights import Weights, find_weights

PREDICT_BATCH = 32
VALIDATION_SHARE = 0.15  # of the training images, rounded to one part in k


class NetClassifier(ClassifierMixin, BaseEstimator):
    """Train a net of `NETS` on images by AdamW and cross-entropy, and keep the epoch with the least validation loss.

    About 15 % of the images are set aside for validation, stratified and in whole groups. With `patience`, training
    stops after that many epochs without a better validation loss. In any case the weights of the best epoch are
    restored at the end. With too few images or groups for a validation part of two classes, beside a training part of
    all classes, there is no early stopping and the last epoch is kept.

    If layers are frozen and images are not varied, the frozen layers run once an image, and their output is kept with
    the images.

    Parameters
    ----------
    net : str
        A name in `NETS`.
    recipe : NetRecipe, optional
        How it is trained; the net's own recipe by default.
    weights : str or None
        What a pretrained net starts from, as `featex.network.weights.find_weights` takes it; "random" trains from
        scratch, and None stands for "imagenet". Nets without a backbone take None only.
    device : str
        "auto" takes the first there is of CUDA, MPS and the CPU; `device_` records which.
    random_state : int, RandomState or None
        On a CPU, equal seeds and equal numbers of threads give equal nets (another number of threads sums in another
        order). The global random state is left as it was.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    module_ : torch.nn.Module
        In evaluation mode, on `device_`; RGB in 0..1 to logits.
    history_ : list of dict
        A row an epoch: epoch, train_loss, train_acc, valid_loss, valid_acc (None without a validation part), dur in
        seconds. Training images are scored during training, so after augmentation.
    best_epoch_ : int
        The epoch whose weights were kept, counted from 1.
    device_ : str
    """

    _cut = None  # of a fitted net with frozen layers: see `_halves`

    def __init__(
        self,
        net: str = "lenet5",
        recipe: NetRecipe | None = None,
        *,
        weights: str | None = None,
        device: str = "auto",
        random_state: int | None = 0,
    ):
        self.net = net
        self.recipe = recipe
        self.weights = weights
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: np.ndarray | Pixels,
        y: np.ndarray,
        groups: np.ndarray | None = None,
        progress: Callable[[dict], None] | None = None,
        checkpoint: Path | None = None,
    ) -> "NetClassifier":
        """Train.

        Parameters
        ----------
        X : Pixels, or uint8 array (n_samples, 3, image_size, image_size)
            As from `classify.nets.pixels.load_pixels`.
        y : array (n_samples,)
            Labels of any kind, two or more.
        groups : array (n_samples,), optional
            Images of one group never stand on both sides of the validation split.
        progress : callable, optional
            Called after each epoch with a dict: epoch, max_epochs, train_loss, train_acc, valid_loss, valid_acc, dur
            and left (both in seconds), rate (images a second).
        checkpoint : Path, optional
            The file that holds the state of this training while it runs. If it exists, training goes on from it.

        Raises
        ------
        DataError
            The net cannot be trained on these pixels or labels.
        ModelError
            A choice is out of range, the net cannot have this image size, or the loss became NaN or infinite.
        InputError
            There is no such net, or this machine has no such device.
        WeightsError
            The weights to start from are not available.
        """
        net, recipe = self._net(), self._recipe()
        X = _check_pixels(X, net, recipe)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"all {len(X)} images are of class {self.classes_[0]}; a net needs two classes or more")
        device = choose_device(self.device)
        weights = self._weights(net)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
            torch.manual_seed(seed)
            module = _built(net, len(self.classes_), recipe, weights).to(device)
            if device.type == "cuda":
                module = module.to(memory_format=torch.channels_last)
            self.module_, self.device_ = module, str(device)
            self._cut = self._halves(recipe, weights)
            training = Training(
                module,
                self._feed(X),
                codes,
                recipe=recipe,
                split=inner_split(codes, groups, VALIDATION_SHARE, seed),
                class_weight=_class_weight(recipe, codes),
                seed=seed,
                device=device,
            )
            course = training.run(Checkpoint(checkpoint), progress)
        self.history_, self.best_epoch_ = course.history, course.best_epoch
        module.eval()
        return self

    def predict_proba(self, X: np.ndarray | Pixels) -> np.ndarray:
        """Return float64 (n_samples, n_classes) in the order of `classes_`, rows summing to 1."""
        check_is_fitted(self, "module_")
        X = _check_pixels(X, self._net(), self._recipe())
        feed = self._feed(X)
        parts = [np.arange(i, min(i + PREDICT_BATCH, len(X))) for i in range(0, len(X), PREDICT_BATCH)]
        with torch.inference_mode():
            logits = [feed.logits(*inputs).cpu() for inputs in feed.batches(parts)]
        return torch.cat(logits).softmax(dim=1, dtype=torch.float64).numpy()

    def predict(self, X: np.ndarray | Pixels) -> np.ndarray:
        """Return the likeliest class of each image (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def params_as_json(self) -> dict[str, Any]:
        """Return the parameters as JSON can hold them, the recipe as a mapping."""
        return {**self.get_params(), "recipe": asdict(self._recipe())}

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the fitted net's weights and statistics by name, as safetensors can store them."""
        check_is_fitted(self, "module_")
        return {name: tensor.cpu().contiguous().numpy() for name, tensor in self.module_.state_dict().items()}

    @classmethod
    def from_arrays(
        cls, params: Mapping[str, Any], classes: Sequence, arrays: Mapping[str, np.ndarray]
    ) -> "NetClassifier":
        """Return the fitted classifier that `to_arrays` came from, without its history.

        Parameters
        ----------
        params : mapping
            Its ``params_as_json()``.
        classes : sequence
            Its ``classes_``.
        arrays : mapping
            Its ``to_arrays()``.

        Raises
        ------
        ModelError
            The arrays are not those of a net with these parameters.
        """
        model = cls(**{**params, "recipe": NetRecipe(**params["recipe"])})
        net, recipe = model._net(), model._recipe()
        device = choose_device(model.device)
        module = net.build(len(classes), recipe)
        try:
            module.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise ModelError(
                f"these weights are not those of {net.name} at image size {recipe.image_size} with {len(classes)} "
                "classes; train the model again"
            ) from error
        model.classes_ = np.asarray(classes)
        model.module_ = module.to(device).eval()
        model.device_ = str(device)
        return model

    def _net(self) -> Net:
        if self.net not in NETS:
            raise unknown("net", self.net, NETS)
        return NETS[self.net]

    def _recipe(self) -> NetRecipe:
        return (self.recipe or self._net().recipe).changed()

    def _weights(self, net: Net) -> Weights | None:
        if net.backbone:
            return find_weights(net.source, self.weights or "imagenet")
        if self.weights is not None:
            raise SettingError(f"{net.name} is always trained from scratch; leave weights out")
        return None

    def _halves(self, recipe: NetRecipe, weights: Weights | None) -> tuple[str, nn.Module, nn.Module] | None:
        """Return a name for the frozen part of the net, that part and the rest; None if no output of it can be kept."""
        if weights is None or recipe.augment != "none" or recipe.balance == "oversample":
            return None
        halves = cut(self.module_.train())
        name = f"{self.net} {recipe.image_size} {recipe.train} {weights.sha256} {self.device_}"
        return halves and (name, *halves)

    def _feed(self, X: Pixels) -> Feed:
        """Return what feeds the net: the output of its frozen part where that is kept, else whole images."""
        device = torch.device(self.device_)
        if self._cut is not None:
            name, prefix, suffix = self._cut
            activations = Activations(X, prefix, name, device)
            if activations.affordable():
                activations.fill()
                return ActivationFeed(activations, suffix)
        return PixelFeed(X, self.module_, device)


def _built(net: Net, n_classes: int, recipe: NetRecipe, weights: Weights | None) -> nn.Module:
    """Return the net, ready to be trained. It is tried on a blank image, since not every size fits every net."""
    try:
        module = net.build(n_classes, recipe, weights)
        with torch.no_grad():
            module.eval()(torch.zeros(1, 3, recipe.image_size, recipe.image_size))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"image size {recipe.image_size} does not fit {net.name} ({reason}); "
            f"it was made for {net.recipe.image_size}"
        ) from error
    if isinstance(module, FineTuned):
        module.freeze(recipe.n_last)
    return module


def _class_weight(recipe: NetRecipe, codes: np.ndarray) -> np.ndarray:
    return compute_class_weight("balanced" if recipe.balance == "weights" else None, classes=np.unique(codes), y=codes)


def _check_pixels(X: np.ndarray | Pixels, net: Net, recipe: NetRecipe) -> Pixels:
    X = Pixels.of(X)
    if X.shape[2:] != (recipe.image_size, recipe.image_size):
        raise DataError(
            f"the images are {X.shape[3]} x {X.shape[2]} but {net.name} is set to image_size {recipe.image_size}; "
            "load them at that size or change image_size"
        )
    return X

"""A net behind scikit-learn's fit, predict and predict_proba, and the pixels it reads."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from classify.errors import DataError, ModelError
from classify.nets import NETS, Net
from classify.training import inner_split, to_unit, train
from featex.errors import ImageError, InputError, unknown
from featex.extractor import choose_device
from featex.images import decode
from featex.progress import Progress


def load_pixels(
    paths: Sequence[str | Path], image_size: int, *, workers: int = 2, progress: Progress | None = None
) -> np.ndarray:
    """Return the images as one uint8 array (n_samples, 3, image_size, image_size), RGB, in the order of `paths`.

    Each image is squashed to a square, with antialiasing (Pillow's bilinear filter): a centre crop would hide the
    borders, where traces of editing and generation are as likely as anywhere, and padding would tell formats apart.

    Raises
    ------
    InputError
        A file cannot be read or is no image. Nothing is left out silently: row i is always ``paths[i]``.
    """
    pixels = np.empty((len(paths), 3, image_size, image_size), np.uint8)

    def load(row: int) -> None:
        try:
            image = Image.fromarray(decode(Path(paths[row]).read_bytes()))
        except (OSError, ImageError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {paths[row]} ({reason}); run `featex extract` again") from error
        square = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
        pixels[row] = np.asarray(square).transpose(2, 0, 1)

    progress = progress or Progress()
    pool = ThreadPoolExecutor(workers)
    with progress.task("reading images", len(paths), "image") as done:
        try:
            for _ in pool.map(load, range(len(paths))):
                done(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return pixels


class NetClassifier(ClassifierMixin, BaseEstimator):
    """Train a net of `NETS` on images, by Adam and cross-entropy, keeping the epoch of least validation loss.

    A part of the training data is set aside for validation, stratified and whole groups at a time. With `patience`,
    training stops after that many epochs without a better validation loss; either way the weights of the best
    epoch are restored at the end. Where the data are too few to set a part aside (no split leaves two classes in it and
    all of them for training), there is no early stopping and the last epoch is kept.

    Parameters
    ----------
    net : str
        A name in `NETS`.
    image_size, max_epochs, batch_size, lr, patience : optional
        None takes the net's own recipe.
    weight_decay : float
        L2 penalty of Adam.
    class_weight : None, "balanced" or dict
        Weights of the classes in the loss, as in scikit-learn.
    validation_fraction : float
        Between 0 and 0.5, rounded to one part in k.
    augment : bool
        Show `augment`'s variants of the training images, never of the validation images.
    device : str
        "auto" takes CUDA, then MPS, then the CPU, whichever there is; `device_` records which.
    random_state : int, RandomState or None
        On a CPU, equal seeds and numbers of threads give equal nets (another number of threads sums in another order).
        The global random state is left as it was.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    module_ : torch.nn.Module
        In evaluation mode, on `device_`; RGB in 0..1 to logits.
    history_ : list of dict
        A row an epoch: epoch, train_loss, valid_loss, valid_acc (None without a validation part), dur in seconds.
    n_epochs_, best_epoch_ : int
        Epochs trained, and the one whose weights were kept; they count from 1.
    device_ : str
    """

    def __init__(
        self,
        net: str = "lenet5",
        *,
        image_size: int | None = None,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        weight_decay: float = 0.0,
        patience: int | None = None,
        class_weight: str | dict | None = None,
        validation_fraction: float = 0.15,
        augment: bool = True,
        device: str = "auto",
        random_state: int | None = 0,
    ):
        self.net = net
        self.image_size = image_size
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.patience = patience
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.augment = augment
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        groups: np.ndarray | None = None,
        progress: Callable[[dict], None] | None = None,
    ) -> "NetClassifier":
        """Train from scratch.

        Parameters
        ----------
        X : uint8 array (n_samples, 3, image_size, image_size)
            As from `load_pixels`.
        y : array (n_samples,)
            Labels of any kind, two or more.
        groups : array (n_samples,), optional
            Images of one group never stand on both sides of the validation split.
        progress : callable, optional
            Called after each epoch with a dict: epoch, max_epochs, train_loss, valid_loss, valid_acc, seconds.

        Raises
        ------
        DataError
            Pixels or labels that the net cannot be trained on.
        ModelError
            Settings out of range, a size the net cannot have, or a loss that is no number.
        InputError
            No such net, or no such device on this machine.
        """
        recipe = self._recipe()
        _check_pixels(X, recipe)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"all {len(X)} images are of class {self.classes_[0]}; a net needs two classes or more")
        device = choose_device(self.device)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
            torch.manual_seed(seed)
            module = recipe.build(len(self.classes_), recipe.image_size)
            self.history_, self.best_epoch_ = train(
                module,
                X,
                codes,
                recipe=recipe,
                split=inner_split(codes, groups, self.validation_fraction, seed),
                class_weight=compute_class_weight(self.class_weight, classes=self.classes_, y=np.asarray(y)),
                weight_decay=self.weight_decay,
                augmented=self.augment,
                device=device,
                progress=progress,
            )
        self.n_epochs_ = len(self.history_)
        self.module_ = module.eval()
        self.device_ = str(device)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return float64 (n_samples, n_classes) in the order of `classes_`, rows summing to 1."""
        check_is_fitted(self, "module_")
        recipe = self._recipe()
        _check_pixels(X, recipe)
        starts = range(0, len(X), recipe.batch_size)
        with torch.inference_mode():
            batches = (torch.tensor(X[start : start + recipe.batch_size]) for start in starts)
            logits = [self.module_(to_unit(batch, self.device_)).cpu() for batch in batches]
        return torch.cat(logits).softmax(dim=1, dtype=torch.float64).numpy()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest class of each image (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the fitted net's weights and statistics by name, as safetensors can store them."""
        check_is_fitted(self, "module_")
        return {name: tensor.cpu().numpy() for name, tensor in self.module_.state_dict().items()}

    @classmethod
    def from_arrays(
        cls, params: Mapping[str, Any], classes: Sequence, arrays: Mapping[str, np.ndarray]
    ) -> "NetClassifier":
        """Return the fitted classifier that `to_arrays` came from, without its history.

        Parameters
        ----------
        params : mapping
            Its ``get_params()``.
        classes : sequence
            Its ``classes_``.
        arrays : mapping
            Its ``to_arrays()``.

        Raises
        ------
        ModelError
            The arrays do not fit the net that the parameters describe.
        """
        model = cls(**params)
        recipe = model._recipe()
        device = choose_device(model.device)
        module = recipe.build(len(classes), recipe.image_size)
        try:
            module.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise ModelError(
                f"these weights are not those of {recipe.name} at image size {recipe.image_size} with {len(classes)} "
                "classes; train the model again"
            ) from error
        model.classes_ = np.asarray(classes)
        model.module_ = module.to(device).eval()
        model.device_ = str(device)
        return model

    def _recipe(self) -> Net:
        """Return the net's line in `NETS` with this classifier's own settings in place of its own."""
        if self.net not in NETS:
            raise unknown("net", self.net, NETS)
        names = ("image_size", "max_epochs", "batch_size", "lr", "patience")
        recipe = replace(NETS[self.net], **{n: getattr(self, n) for n in names if getattr(self, n) is not None})
        for name in ("max_epochs", "batch_size", "patience"):
            value = getattr(recipe, name)
            if value is not None and value < 1:
                raise ModelError(f"{name} is {value}; take 1 or more")
        if not recipe.lr > 0:
            raise ModelError(f"lr is {recipe.lr}; take more than 0, such as {NETS[self.net].lr}")
        if not 0 < self.validation_fraction <= 0.5:
            raise ModelError(f"validation_fraction is {self.validation_fraction}; take more than 0, and at most 0.5")
        return recipe


def _check_pixels(X: np.ndarray, recipe: Net) -> None:
    if not (isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.ndim == 4 and X.shape[1] == 3 and len(X)):
        what = f"{X.dtype} {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__
        raise DataError(f"{recipe.name} reads a uint8 array (n_samples, 3, size, size), not {what}; see load_pixels")
    if X.shape[2:] != (recipe.image_size, recipe.image_size):
        raise DataError(
            f"the images are {X.shape[3]} x {X.shape[2]} but {recipe.name} is set to image_size {recipe.image_size}; "
            "load them at that size or change image_size"
        )

"""The loop that trains a net, through skorch: validation part, early stopping, best epoch, history."""

import warnings
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import Dataset
from torch import Tensor, nn
from torch.utils.data import Subset

from classify.augment import augment
from classify.errors import ModelError
from classify.nets import Net

Split = tuple[np.ndarray, np.ndarray]


def train(
    module: nn.Module,
    X: np.ndarray,
    codes: np.ndarray,
    *,
    recipe: Net,
    split: Split | None,
    class_weight: np.ndarray,
    weight_decay: float,
    augmented: bool,
    device: torch.device,
    progress: Callable[[dict], None] | None,
) -> tuple[list[dict], int]:
    """Train `module` in place; return a row an epoch, and the epoch whose weights it now has.

    Parameters
    ----------
    X : uint8 array (n_samples, 3, size, size)
    codes : int64 array (n_samples,)
        0 to n_classes - 1.
    split : pair of row arrays, or None
        Rows to train on and to validate on. None trains on all for `recipe.max_epochs`, and keeps the last epoch.
    class_weight : array (n_classes,)
        Of each class in the loss.

    Raises
    ------
    ModelError
        The loss is no longer a number.
    """
    diary = _Diary(recipe.max_epochs, progress)
    stopper = EarlyStopping(patience=recipe.patience or recipe.max_epochs, threshold=0, load_best=True)
    trainer = _Trainer(
        module,
        dataset=_Pixels,
        criterion=nn.CrossEntropyLoss,
        criterion__weight=torch.tensor(class_weight, dtype=torch.float32),
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=weight_decay,
        lr=recipe.lr,
        max_epochs=recipe.max_epochs,
        batch_size=recipe.batch_size,
        iterator_train__shuffle=True,
        train_split=split and (lambda dataset, _: [Subset(dataset, rows) for rows in split]),
        callbacks=[diary, stopper] if split else [diary],
        device=device,
        verbose=0,
    )
    trainer.augmented = augmented
    trainer.fit(X, codes)
    stopped = split is not None and stopper.misses_ >= stopper.patience
    if len(diary.rows) < recipe.max_epochs and not stopped:
        raise KeyboardInterrupt  # skorch swallows Ctrl-C; a net that was cut short must not pass for a trained one
    return diary.rows, stopper.best_epoch_ if split else len(diary.rows)


def inner_split(codes: np.ndarray, groups: np.ndarray | None, fraction: float, seed: int) -> Split | None:
    """Return the rows to train on and to validate on: stratified, whole groups, about `fraction` to validate on.

    None where no fold leaves all classes to train on and two to validate on: too few images, or too few groups.
    """
    n_splits = round(1 / fraction)
    if np.bincount(codes).max() < n_splits:
        return None
    if groups is not None:
        n_splits = min(n_splits, len(np.unique(groups)))  # few large groups: one of them, rather than none
        if n_splits < 3:
            return None
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        # Said of a class smaller than the number of folds; folds that have none of it are passed over below.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = list(kind(n_splits, shuffle=True, random_state=seed).split(codes, codes, groups))

    def n_classes(rows: np.ndarray) -> int:
        return len(np.unique(codes[rows]))

    n_all = n_classes(np.arange(len(codes)))
    usable = [(fit, valid) for fit, valid in folds if n_classes(fit) == n_all and n_classes(valid) > 1]
    # Large groups make uneven folds: of those that hold most classes, the one nearest to the fraction.
    size = fraction * len(codes)
    return max(usable, key=lambda fold: (n_classes(fold[1]), -abs(len(fold[1]) - size)), default=None)


def to_unit(pixels: Tensor, device: str | torch.device) -> Tensor:
    """Return uint8 pixels as float32 in 0..1, on the device."""
    return pixels.to(device).float().div_(255)


class _Pixels(Dataset):
    """Copies each image on its way out, as torch warns of read-only arrays (joblib's) that it would share."""

    def transform(self, X: np.ndarray, y: np.integer) -> tuple[Tensor, int]:
        return torch.tensor(X), int(y)


class _Trainer(NeuralNetClassifier):
    """skorch's loop, reading uint8 and showing variants of the training images."""

    augmented = False

    def train_step_single(self, batch: Sequence[Tensor], **fit_params: Any) -> dict[str, Tensor]:
        pixels, codes = batch
        images = to_unit(pixels, self.device)
        return super().train_step_single((augment(images) if self.augmented else images, codes), **fit_params)

    def infer(self, x: Tensor, **fit_params: Any) -> Tensor:
        return super().infer(x if x.is_floating_point() else to_unit(x, self.device), **fit_params)


class _Diary(Callback):
    """Keep a row an epoch, and show it to whoever asked."""

    def __init__(self, max_epochs: int, progress: Callable[[dict], None] | None):
        self.max_epochs = max_epochs
        self.progress = progress
        self.rows: list[dict] = []

    def on_epoch_end(self, net: NeuralNetClassifier, **_: Any) -> None:
        row = net.history[-1]
        epoch, seconds = row["epoch"], row["dur"]
        names = ("train_loss", "valid_loss", "valid_acc")
        scores = {name: float(row[name]) if name in row else None for name in names}
        if not all(isfinite(score) for score in scores.values() if score is not None):
            raise ModelError(f"the loss is no number after epoch {epoch}; lower lr, which is {net.lr}")
        self.rows.append({"epoch": epoch, **scores, "dur": seconds})
        if self.progress is not None:
            self.progress({"epoch": epoch, "max_epochs": self.max_epochs, **scores, "seconds": seconds})

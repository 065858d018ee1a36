"""The loop that trains a net: epochs, the best epoch, early stopping, and going on after a kill."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from classify.errors import ModelError
from classify.nets.activations import Activations
from classify.nets.augment import AUGMENTATIONS, augment, mixup
from classify.nets.checkpoint import Checkpoint
from classify.nets.pixels import Pixels
from classify.nets.rates import optimizer_of, set_rates
from classify.nets.recipe import NetRecipe

Split = tuple[np.ndarray, np.ndarray]
COPIES = "study"  # the augmentation of oversampled training images whose recipe has none


@dataclass(frozen=True)
class PixelFeed:
    """Whole images through the whole net."""

    pixels: Pixels
    module: nn.Module
    device: torch.device

    def batches(self, parts: list[np.ndarray]) -> Iterator[tuple[Tensor, ...]]:
        """Yield the inputs of `logits` for each of `parts`, arrays of row numbers."""
        # uint8 until they are on the device: a quarter of the bytes to move
        return ((images.float().div_(255),) for images in self.pixels.batches(parts, self.device))

    def logits(self, images: Tensor) -> Tensor:
        """Return (n, n_classes)."""
        layout = torch.channels_last if self.device.type == "cuda" else torch.contiguous_format
        return self.module(images.contiguous(memory_format=layout))


@dataclass(frozen=True)
class ActivationFeed:
    """The kept output of the frozen part of a net, through the rest of it; its methods are those of `PixelFeed`."""

    activations: Activations
    suffix: nn.Module

    def batches(self, parts: list[np.ndarray]) -> Iterator[tuple[Tensor, ...]]:
        return self.activations.batches(parts)

    def logits(self, *inputs: Tensor) -> Tensor:
        return self.suffix(*inputs)


Feed = PixelFeed | ActivationFeed


@dataclass
class Course:
    """The state of a training after its last epoch.

    Parameters
    ----------
    history : list of dict
        A row an epoch: epoch, train_loss, train_acc, valid_loss, valid_acc (None without a validation part), dur.
    best_epoch : int
    best_state : dict
        The trained parameters and the buffers after that epoch.
    """

    history: list[dict] = field(default_factory=list)
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


class Training:
    """The training of a net, which is changed in place.

    Each epoch has a seed of its own, so that a killed training that goes on ends with the same net.

    Parameters
    ----------
    module : nn.Module
        On `device`; its frozen parameters have ``requires_grad=False``.
    feed : Feed
        Of all images, including those of the validation part.
    codes : int array (n_samples,)
        0 to n_classes - 1.
    recipe : NetRecipe
    split : pair of row arrays, or None
        Rows to train on and to validate on. None trains on all rows for `recipe.max_epochs`, and keeps the last epoch.
    class_weight : array (n_classes,)
        The weight of each class in the loss.
    seed : int
    device : torch.device
    """

    def __init__(
        self,
        module: nn.Module,
        feed: Feed,
        codes: np.ndarray,
        *,
        recipe: NetRecipe,
        split: Split | None,
        class_weight: np.ndarray,
        seed: int,
        device: torch.device,
    ):
        self.module, self.feed, self.codes, self.recipe, self.seed, self.device = (
            module, feed, codes, recipe, seed, device,
        )  # fmt: skip
        self.rows, self.valid = split or (np.arange(len(codes)), None)
        self.labels = torch.tensor(codes, dtype=torch.int64, device=device)
        self.class_weight = torch.tensor(class_weight, dtype=torch.float32, device=device)
        self.optimizer = optimizer_of(module, recipe)
        self.mixed = device.type == "cuda"  # precision
        self.half = torch.bfloat16 if self.mixed and torch.cuda.is_bf16_supported() else torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed and self.half == torch.float16)
        # If only the copies were varied, the variation would reveal the small class.
        copied = recipe.balance == "oversample" and recipe.augment == "none"
        self.augment = COPIES if copied else recipe.augment
        self.course = Course()

    def run(self, checkpoint: Checkpoint, progress: Callable[[dict], None] | None = None) -> Course:
        """Train to the end, going on from `checkpoint` if it holds a state, and restore the best epoch.

        Raises
        ------
        ModelError
            The loss became NaN or infinite.
        """
        if (state := checkpoint.read()) is not None:
            self._restore(state)
        history = self.course.history
        while not self._finished():
            row, n_shown = self._epoch(len(history) + 1)
            if progress is not None:
                left = (self.recipe.max_epochs - row["epoch"]) * row["dur"]
                rate = n_shown / row["dur"]
                progress({**row, "max_epochs": self.recipe.max_epochs, "rate": rate, "left": left})
            if checkpoint.due() or self._finished():
                checkpoint.write(self._state())
        self.module.load_state_dict(self.course.best_state, strict=False)
        return self.course

    def _finished(self) -> bool:
        n, patience = len(self.course.history), self.recipe.patience
        stopped = patience is not None and self.valid is not None and n - self.course.best_epoch >= patience
        return n >= self.recipe.max_epochs or (n > 0 and stopped)

    def _epoch(self, number: int) -> tuple[dict, int]:
        """Train and validate once; return the row of the epoch, and the number of images it was trained on."""
        started = time.monotonic()
        rng = np.random.default_rng([self.seed, number])
        torch.manual_seed(int(rng.integers(2**63)))
        self.module.train()
        shown = _order(self.rows, self.codes, self.recipe, rng)
        parts = _parts(len(shown), self.recipe.batch_size)
        batches = self.feed.batches([shown[part] for part in parts])
        sums = torch.zeros(2, device=self.device)  # there, since reading a number each step would wait for the device
        for step, (part, inputs) in enumerate(zip(parts, batches, strict=True)):
            set_rates(self.optimizer, self.recipe, self.course.history, at=number - 1 + step / len(parts))
            sums += len(part) * self._step(inputs, self._labels(shown[part]))
        self.module.eval()
        loss, right = (sums / len(shown)).tolist()
        row = {"epoch": number, "train_loss": loss, "train_acc": right, **self._validate()}
        if not all(math.isfinite(value) for value in row.values() if value is not None):
            raise ModelError(f"the loss is not finite after epoch {number}; lower lr, which is {self.recipe.lr}")
        losses = [earlier["valid_loss"] for earlier in self.course.history]
        if self.valid is None or row["valid_loss"] < min(losses, default=math.inf):
            self.course.best_epoch = number
            self.course.best_state = {name: tensor.clone() for name, tensor in _changing(self.module).items()}
        self.course.history.append({**row, "dur": time.monotonic() - started})
        return self.course.history[-1], len(shown)

    def _step(self, inputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        """Take one optimisation step; return the mean loss and the accuracy, (2,)."""
        recipe = self.recipe
        if self.augment != "none":
            inputs = (augment(inputs[0], AUGMENTATIONS[self.augment]),)
        alpha = AUGMENTATIONS[self.augment].mixup
        with self._precision():
            if alpha:
                images, partners, share = mixup(inputs[0], alpha)
                logits = self.feed.logits(images)
                loss = share * self._loss(logits, targets, recipe.label_smoothing)
                loss = loss + (1 - share) * self._loss(logits, targets[partners], recipe.label_smoothing)
            else:
                logits = self.feed.logits(*inputs)
                loss = self._loss(logits, targets, recipe.label_smoothing)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(
                [p for group in self.optimizer.param_groups for p in group["params"]], recipe.clip_norm
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([loss.detach(), (logits.detach().argmax(1) == targets).float().mean()])

    def _validate(self) -> dict[str, float | None]:
        if self.valid is None:
            return {"valid_loss": None, "valid_acc": None}
        parts = np.array_split(self.valid, -(-len(self.valid) // self.recipe.batch_size))
        with torch.no_grad(), self._precision():
            logits = torch.cat([self.feed.logits(*inputs) for inputs in self.feed.batches(parts)])
        targets = self._labels(self.valid)
        right = (logits.argmax(1) == targets).float().mean()
        return {"valid_loss": self._loss(logits, targets).item(), "valid_acc": right.item()}

    def _loss(self, logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        return cross_entropy(logits.float(), targets, weight=self.class_weight, label_smoothing=smoothing)

    def _labels(self, rows: np.ndarray) -> Tensor:
        return self.labels[torch.from_numpy(rows).to(self.device)]

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.half, enabled=self.mixed)

    def _state(self) -> dict:
        """Return what the next run needs to go on; once finished, the result."""
        course = vars(self.course)
        if self._finished():
            return course
        running = {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}
        return {**course, "state": _changing(self.module), **running}

    def _restore(self, state: dict) -> None:
        self.course = Course(state["history"], state["best_epoch"], state["best_state"])
        if "state" in state:  # not yet finished
            self.module.load_state_dict(state["state"], strict=False)
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])


def _changing(module: nn.Module) -> dict[str, Tensor]:
    """Return the trained parameters and the buffers of a net."""
    fixed = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in module.state_dict().items() if name not in fixed}


def _order(rows: np.ndarray, codes: np.ndarray, recipe: NetRecipe, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of an epoch in random order; with oversampling, rows of small classes are repeated."""
    if recipe.balance == "oversample":
        by_class = [rows[codes[rows] == code] for code in np.unique(codes[rows])]
        most = max(map(len, by_class))
        rows = np.concatenate([rows, *(rng.choice(members, most - len(members)) for members in by_class)])
    return rng.permutation(rows)


def _parts(n: int, size: int) -> list[np.ndarray]:
    """Return the numbers below n in runs of `size`. None is of length 1, which batch normalisation cannot take."""
    starts = list(range(0, n, size))
    if n - starts[-1] == 1 and len(starts) > 1:
        starts.pop()
    return np.split(np.arange(n), starts[1:])

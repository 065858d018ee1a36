"""The recipe of a net: every choice about its training except the data and the seed."""

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from classify.errors import SettingError
from featex.errors import unknown

SCHEDULES = ("constant", "cosine", "plateau")
BALANCES = ("none", "weights", "oversample")
VIEWS = ("squash", "crop")
HEADS = ("linear", "dense", "norm-dropout")


@dataclass(frozen=True)
class NetRecipe:
    """How a net is trained.

    Parameters
    ----------
    image_size : int
        Pixels a side of the net's input.
    max_epochs, batch_size : int
    lr : float
        Learning rate of AdamW for layers that start at random: the head, or all layers of a net without pretrained
        weights.
    body_lr : float or None
        Learning rate of AdamW for pretrained layers; None takes a tenth of `lr`.
    weight_decay : float
        Weight decay of AdamW, for weights only, not for biases and normalisation.
    warmup_epochs : int
        The learning rates rise from nearly 0 during these epochs.
    schedule : {"constant", "cosine", "plateau"}
        The learning rates after the warm-up: "cosine" falls to 0 at `max_epochs`; "plateau" divides them by ten after
        three epochs without a better validation loss.
    label_smoothing : float
        Share of each label that is spread over all classes, in 0..1.
    clip_norm : float or None
        Gradients are scaled down to this norm; None leaves them.
    patience : int or None
        Training stops after this many epochs without a better validation loss; None always trains `max_epochs`.
    train : str
        Which pretrained layers are trained: "head" none of them, "last:N" the last N (convolutions and dense layers, as
        the 18 of ResNet-18 counts them, each with the normalisation after it), "all" all of them.
    head : {"linear", "dense", "norm-dropout"}
        What replaces the classifier of a pretrained net; see `classify.nets.finetuned`.
    view : {"squash", "crop"}
        How an image becomes square: the whole image is squashed, or the middle is cut out; see
        `classify.nets.pixels.PixelView`.
    balance : {"none", "weights", "oversample"}
        What is done for small classes: nothing; weigh the loss by 1 / class size; or repeat their images, augmented,
        until all classes are as large as the largest. With "oversample" all training images are augmented (by "study"
        where `augment` is "none"): if only the copies were, augmentation would reveal the class.
    augment : str
        A name in `classify.nets.augment.AUGMENTATIONS`.
    """

    image_size: int
    max_epochs: int
    batch_size: int
    lr: float = 1e-3
    body_lr: float | None = None
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    schedule: str = "constant"
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    patience: int | None = None
    train: str = "all"
    head: str = "dense"
    view: str = "squash"
    balance: str = "none"
    augment: str = "study"

    def changed(self, **choices: Any) -> "NetRecipe":
        """Return this recipe with other choices, checked; None leaves a choice as it is.

        Raises
        ------
        InputError
            A name, such as that of a schedule, is unknown.
        ModelError
            A number is out of range.
        """
        return replace(self, **{name: choice for name, choice in choices.items() if choice is not None})._checked()

    def _checked(self) -> "NetRecipe":
        from classify.nets.augment import AUGMENTATIONS

        for name, known in {
            "schedule": SCHEDULES,
            "balance": BALANCES,
            "view": VIEWS,
            "head": HEADS,
            "augment": tuple(AUGMENTATIONS),
        }.items():
            if getattr(self, name) not in known:
                raise unknown(name, str(getattr(self, name)), known)
        for name in ("image_size", "max_epochs", "batch_size", "patience"):
            self._require(name, lambda value: value >= 1, "1 or more")
        for name in ("lr", "body_lr", "clip_norm"):
            self._require(name, lambda value: value > 0, "more than 0")
        for name in ("weight_decay", "warmup_epochs"):
            self._require(name, lambda value: value >= 0, "0 or more")
        self._require("label_smoothing", lambda value: 0 <= value < 1, "0 or more, and less than 1")
        self.n_last  # noqa: B018 - raises where `train` cannot be read
        return self

    def _require(self, name: str, good, what: str) -> None:
        value = getattr(self, name)
        if value is not None and not good(value):
            raise SettingError(f"{name} is {value}; take {what}")

    @property
    def n_last(self) -> int | None:
        """Number of pretrained layers that are trained, counted from the last; None stands for all."""
        if self.train == "all":
            return None
        if self.train == "head":
            return 0
        number = self.train.removeprefix("last:")
        if self.train.startswith("last:") and number.isdecimal() and int(number):
            return int(number)
        raise SettingError(f"cannot train {self.train!r}; take head, all, or last:N such as last:1")


def parse_setting(text: str) -> tuple[str, Any]:
    """Return ("lr", 0.01) for "lr=0.01": the name of a field of `NetRecipe`, and its value.

    Raises
    ------
    InputError
        There is no such field.
    ModelError
        The value is not of its type.
    """
    name, equals, value = text.partition("=")
    kinds = {field.name: field.type for field in fields(NetRecipe)}
    if not equals:
        raise SettingError(f"{text!r} is no setting of a net; write NAME=VALUE, such as lr=0.001")
    if name not in kinds:
        raise unknown("setting", name, kinds)
    kind = next(kind for kind in (get_args(kinds[name]) or (kinds[name],)) if kind is not type(None))
    try:
        return name, kind(value)
    except ValueError as error:
        raise SettingError(f"{name} takes {'a whole number' if kind is int else 'a number'}, not {value!r}") from error

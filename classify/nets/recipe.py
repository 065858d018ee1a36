"""Recipe: all that is decided about how a net is trained, but for the data and the seed."""

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from classify.errors import ModelError
from featex.errors import unknown

SCHEDULES = ("constant", "cosine", "plateau")
BALANCES = ("none", "weights", "oversample")
VIEWS = ("squash", "crop")
HEADS = ("linear", "dense", "norm-dropout")


@dataclass(frozen=True)
class Recipe:
    """How a net is trained.

    Parameters
    ----------
    image_size : int
        Pixels a side of what the net sees.
    max_epochs, batch_size : int
    lr : float
        Of AdamW, for all that starts at random: the head, or the whole of a net without pretrained weights.
    body_lr : float or None
        Of AdamW, for the pretrained layers that are trained; None takes a tenth of `lr`.
    weight_decay : float
        Of AdamW, on weights, not on biases and normalisation.
    warmup_epochs : int
        Over which the learning rates rise from nothing.
    schedule : {"constant", "cosine", "plateau"}
        Of the learning rates after that: cosine falls to nothing at `max_epochs`; plateau divides by ten after three
        epochs without a better validation loss.
    label_smoothing : float
        Share of each label that is spread over all classes, in 0..1.
    clip_norm : float or None
        The norm that gradients are cut down to.
    patience : int or None
        Epochs without a better validation loss after which training stops; None always trains `max_epochs`.
    train : str
        Of pretrained layers: "head" trains none of them, "last:N" the last N (convolutions and dense layers, as the
        field counts them: ResNet-*18*, with the normalisation that follows each), "all" all of them.
    head : {"linear", "dense", "norm-dropout"}
        What replaces the classifier of a pretrained net; see `classify.nets.finetuned`.
    view : {"squash", "crop"}
        What is seen of an image; see `classify.nets.pixels.View`.
    balance : {"none", "weights", "oversample"}
        What is done for small classes: nothing; weigh the loss by 1 / their size; or show copies of them, augmented,
        until all classes are as large as the largest. All training images are then augmented (by "study" where
        `augment` is "none"): if copies alone were, that would tell the classes apart.
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

    def changed(self, **wishes: Any) -> "Recipe":
        """Return this recipe with what is wished for, checked; None leaves a choice as it is.

        Raises
        ------
        InputError
            A name is unknown.
        ModelError
            A number is out of range.
        """
        return replace(self, **{name: wish for name, wish in wishes.items() if wish is not None})._checked()

    def _checked(self) -> "Recipe":
        from classify.nets.augment import AUGMENTATIONS

        for name, there in {
            "schedule": SCHEDULES,
            "balance": BALANCES,
            "view": VIEWS,
            "head": HEADS,
            "augment": tuple(AUGMENTATIONS),
        }.items():
            if getattr(self, name) not in there:
                raise unknown(name, str(getattr(self, name)), there)
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
            raise ModelError(f"{name} is {value}; take {what}")

    @property
    def n_last(self) -> int | None:
        """How many of the last pretrained layers are trained; None stands for all."""
        if self.train == "all":
            return None
        if self.train == "head":
            return 0
        number = self.train.removeprefix("last:")
        if self.train.startswith("last:") and number.isdecimal() and int(number):
            return int(number)
        raise ModelError(f"cannot train {self.train!r}; take head, all, or last:N such as last:1")


def parse_choice(text: str) -> tuple[str, Any]:
    """Return ("lr", 0.01) for "lr=0.01": a field of `Recipe` and its value.

    Raises
    ------
    InputError
        There is no such field.
    ModelError
        The value is not of its type.
    """
    name, equals, value = text.partition("=")
    kinds = {field.name: field.type for field in fields(Recipe)}
    if not equals:
        raise ModelError(f"{text!r} is no choice; write NAME=VALUE, such as lr=0.001")
    if name not in kinds:
        raise unknown("choice", name, kinds)
    kind = next(kind for kind in (get_args(kinds[name]) or (kinds[name],)) if kind is not type(None))
    try:
        return name, kind(value)
    except ValueError as error:
        raise ModelError(f"{name} takes {'a whole number' if kind is int else 'a number'}, not {value!r}") from error

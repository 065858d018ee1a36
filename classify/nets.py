"""The networks that can be trained on pixels: one class each, and one line each in `NETS`.

Every net takes RGB in 0..1 as float32 (n, 3, image_size, image_size), normalises it itself, and gives logits
(n, n_classes). Recipes are those of the study that this project grew from, and are for training from scratch.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.transforms.v2 import Normalize

from classify.errors import ModelError
from featex.backbones import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Net:
    """A network and the recipe it is trained by unless told otherwise.

    Parameters
    ----------
    name : str
    build : callable
        ``build(n_classes, image_size)`` returns the untrained module, or raises ModelError for a size that does
        not fit it.
    image_size : int
        Pixels a side that the net was designed for.
    max_epochs, batch_size : int
    lr : float
        Of Adam.
    patience : int or None
        Epochs without better validation loss after which training stops; None always trains `max_epochs`.
    """

    name: str
    build: Callable[[int, int], nn.Module]
    image_size: int
    max_epochs: int
    batch_size: int
    lr: float
    patience: int | None


class LeNet5(nn.Module):
    """LeNet-5 for colour images: two convolutions and three dense layers.

    After LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998, with
    these departures: three input channels instead of one; ReLU instead of scaled tanh; batch normalisation after each
    convolution; plain max pooling instead of trained averages; every map of the second convolution sees every map
    of the first; logits for cross-entropy instead of radial basis functions.

    Parameters
    ----------
    n_classes : int
    image_size : int
        16 or more; the first dense layer grows with it (400 inputs at 32).
    """

    def __init__(self, n_classes: int, image_size: int = 32):
        super().__init__()
        if image_size < 16:
            raise ModelError(f"image size {image_size} is too small for lenet5; take 16 or more (it was made for 32)")
        side = ((image_size - 4) // 2 - 4) // 2
        self.features = nn.Sequential(
            Normalize(IMAGENET_MEAN, IMAGENET_STD),
            *_convolution(3, 6, kernel=5, pad=0, pool=True),
            *_convolution(6, 16, kernel=5, pad=0, pool=True),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * side * side, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


class CustomCNN(nn.Module):
    """The custom CNN of the study: eight convolutions that narrow from 7 x 7 to 1 x 1, and three dense layers.

    At 256 pixels 190 of its 193 million parameters are the first dense layer's; they fall with the square of
    the image size.

    Parameters
    ----------
    n_classes : int
    image_size : int
        A multiple of 16, for it is halved four times (262,144 inputs to the first dense layer at 256).
    """

    def __init__(self, n_classes: int, image_size: int = 256):
        super().__init__()
        if image_size < 16 or image_size % 16:
            nearest = max(16, round(image_size / 16) * 16)
            raise ModelError(f"image size {image_size} does not fit cnn; take a multiple of 16, such as {nearest}")
        self.features = nn.Sequential(
            Normalize(IMAGENET_MEAN, IMAGENET_STD),
            *_convolution(3, 32, kernel=7, pool=True),
            *_convolution(32, 64, kernel=5),
            *_convolution(64, 128, kernel=5, pool=True),
            *_convolution(128, 256, kernel=3),
            *_convolution(256, 362, kernel=3, pool=True),
            *_convolution(362, 512, kernel=1),
            *_convolution(512, 724, kernel=1),
            *_convolution(724, 1024, kernel=1, pool=True),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear((image_size // 16) ** 2 * 1024, 724),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(724, 516),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(516, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def _convolution(n_in: int, n_out: int, kernel: int, pad: int | str = "same", pool: bool = False) -> list[nn.Module]:
    # No bias: the normalisation would take it off again.
    layers = [nn.Conv2d(n_in, n_out, kernel, padding=pad, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)] if pool else layers


NETS = {
    net.name: net
    for net in (
        Net("lenet5", LeNet5, image_size=32, max_epochs=30, batch_size=32, lr=1e-3, patience=None),
        Net("cnn", CustomCNN, image_size=256, max_epochs=200, batch_size=64, lr=1e-3, patience=10),
    )
}

"""The networks that can be trained on pixels: one line each in `NETS`.

A net takes RGB in 0..1 as float32 (n, 3, image_size, image_size), normalises it, and returns logits (n, n_classes).
LeNet-5 and the two CNNs are trained from scratch, by the recipes of the studies that they come from; the others start
from a backbone's published weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn
from torchvision.transforms.v2 import Normalize

from classify.errors import SettingError
from classify.nets.finetuned import FineTuned
from classify.nets.pixels import PixelView
from classify.nets.recipe import NetRecipe
from featex.network.backbones import IMAGENET_MEAN, IMAGENET_STD, Backbone, get_backbone
from featex.network.weights import Weights


@dataclass(frozen=True)
class Net:
    """A network and its default recipe.

    Parameters
    ----------
    name : str
    recipe : NetRecipe
    module : callable, optional
        ``module(n_classes, image_size)`` returns the untrained module; it raises ModelError for a size that does not
        fit.
    backbone : str
        The backbone to fine-tune, as `featex.network.backbones.get_backbone` takes it; "" for a net with a `module`.
    """

    name: str
    recipe: NetRecipe
    module: Callable[[int, int], nn.Module] | None = None
    backbone: str = ""

    def build(self, n_classes: int, recipe: NetRecipe, weights: Weights | None = None) -> nn.Module:
        """Return the module, with `weights` in its pretrained part; without them, all of it is untrained.

        Raises
        ------
        ModelError
            The recipe does not fit the net.
        """
        if self.module is not None:
            if recipe.train != "all":
                raise SettingError(f"{self.name} has no pretrained layers to freeze; set train=all")
            return self.module(n_classes, recipe.image_size)
        return FineTuned(self.source, n_classes, recipe.image_size, recipe.head, weights)

    def settled(self, settings: Mapping[str, Any]) -> NetRecipe:
        """Return the net's recipe with the choices that `settings` holds; other entries of `settings` are ignored."""
        return self.recipe.changed(**{field.name: settings.get(field.name) for field in fields(NetRecipe)})

    def view(self, recipe: NetRecipe) -> PixelView:
        """Return how an image becomes the net's input; "crop" takes the square that the backbone's features see."""
        if recipe.view == "squash":
            return PixelView(recipe.image_size)
        if not self.backbone:
            return PixelView(recipe.image_size, recipe.image_size)
        source = self.source
        resize = round(recipe.image_size * source.resize / source.crop)
        return PixelView(recipe.image_size, resize, source.interpolation)

    @property
    def source(self) -> Backbone:
        """The backbone to fine-tune."""
        return get_backbone(self.backbone)


class _Scratch(nn.Module):
    """A net that is trained from scratch: convolutions called `features`, then dense layers called `head`."""

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


class LeNet5(_Scratch):
    """LeNet-5 for colour images: two convolutions and three dense layers.

    After LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998. Departures:
    three input channels instead of one; ReLU instead of scaled tanh; batch normalisation after each convolution, which
    therefore has no bias; max pooling instead of trained averages; every map of the second convolution sees every map
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
            raise SettingError(f"image size {image_size} is too small for lenet5; take 16 or more (it was made for 32)")
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


class CustomCNN(_Scratch):
    """The custom CNN of the ResNet-18 and SVM study that this tool grew from: eight convolutions, three dense layers.

    Its kernels narrow from 7 x 7 to 1 x 1. The convolutions have no bias, since the batch normalisation after each
    would subtract it. At 256 pixels, 190 of its 193 million parameters are in the first dense layer; their
    number falls with the square of the image size.

    Parameters
    ----------
    n_classes : int
    image_size : int
        A multiple of 16, since it is halved four times (262,144 inputs to the first dense layer at 256).
    """

    def __init__(self, n_classes: int, image_size: int = 256):
        super().__init__()
        if image_size < 16 or image_size % 16:
            nearest = max(16, round(image_size / 16) * 16)
            raise SettingError(f"image size {image_size} does not fit cnn; take a multiple of 16, such as {nearest}")
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


class CNN3(_Scratch):
    """The CNN of the CIFAKE study's kind: three convolutions with max pooling, and two dense layers.

    After Bird & Lotfi, "CIFAKE: Image Classification and Explainable Identification of AI-Generated Synthetic Images",
    IEEE Access 12, 2024 (arXiv 2303.14126), which searched over the number of filters and of dense layers. Departures:
    32, 64 and 128 filters of 3 x 3, where theirs were of one width; logits for cross-entropy instead of one sigmoid.

    Parameters
    ----------
    n_classes : int
    image_size : int
        8 or more, since it is halved three times (2,048 inputs to the first dense layer at 32).
    """

    def __init__(self, n_classes: int, image_size: int = 32):
        super().__init__()
        if image_size < 8:
            raise SettingError(f"image size {image_size} is too small for cnn3; take 8 or more (it was made for 32)")
        layers: list[nn.Module] = []
        for n_in, n_out in ((3, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), *layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear((image_size // 8) ** 2 * 128, 64), nn.ReLU(), nn.Linear(64, n_classes)
        )


def _convolution(n_in: int, n_out: int, kernel: int, pad: int | str = "same", pool: bool = False) -> list[nn.Module]:
    # No bias: the normalisation would subtract it.
    layers = [nn.Conv2d(n_in, n_out, kernel, padding=pad, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)] if pool else layers


def _finetuned(name: str, image_size: int = 224, backbone: str = "", **changes) -> Net:
    # The usual way to fine-tune: a small rate for the pretrained layers, a warm-up so that the new head does not
    # disturb them, then a cosine. These rates work for AdamW on convolutions and transformers alike.
    recipe = NetRecipe(
        image_size,
        max_epochs=15,
        batch_size=32,
        lr=1e-3,
        body_lr=1e-4,
        weight_decay=0.01,
        warmup_epochs=1,
        schedule="cosine",
        label_smoothing=0.1,
        clip_norm=1.0,
        view="crop",
        augment="flips",
    )
    return Net(name, recipe.changed(**changes), backbone=backbone or name)


NETS = {
    net.name: net
    for net in (
        Net("lenet5", NetRecipe(32, max_epochs=30, batch_size=32), LeNet5),
        Net("cnn", NetRecipe(256, max_epochs=200, batch_size=64, patience=10), CustomCNN),
        Net("cnn3", NetRecipe(32, max_epochs=30, batch_size=32, patience=5, augment="none"), CNN3),
        # Layers are torchvision's, or timm's for EfficientNet-Lite0 and Xception. `FineTuned` replaces the classifier.
        _finetuned("resnet18"),  # He et al. 2016, arXiv 1512.03385
        _finetuned("resnet50"),  # the same; torchvision strides in the 3 x 3 convolution instead of the first 1 x 1
        # Simonyan & Zisserman 2015, arXiv 1409.1556. Without batch normalisation it bears a smaller rate only.
        _finetuned("vgg16", body_lr=3e-5),
        _finetuned("densenet121"),  # Huang et al. 2017, arXiv 1608.06993
        _finetuned("efficientnet_b0"),  # Tan & Le 2019, arXiv 1905.11946
        _finetuned("efficientnet_lite0"),  # EfficientNet-B0 without squeeze-and-excitation, with ReLU6
        _finetuned("inception_v3", 299),  # Szegedy et al. 2016, arXiv 1512.00567, without the auxiliary classifier
        _finetuned("xception", 299, "timm:legacy_xception"),  # Chollet 2017, arXiv 1610.02357
        _finetuned("vit_b_16", body_lr=3e-5),  # Dosovitskiy et al. 2021, arXiv 2010.11929
        _finetuned("swin_t", body_lr=5e-5),  # Liu et al. 2021, arXiv 2103.14030
        _finetuned("convnext_tiny", body_lr=5e-5),  # Liu et al. 2022, arXiv 2201.03545
    )
}

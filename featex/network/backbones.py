"""Backbones: the table `BACKBONES` holds one per line, and timm provides more."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from featex.errors import InputError, UsageError, unknown
from featex.images.decode import DECODER

if TYPE_CHECKING:
    from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
TIMM = "timm:"
OF_TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0"}
"""timm's names of the backbones in `BACKBONES` that timm builds; torchvision builds the others."""


class FallbackWeights(str):
    """A file of weights that is used only where it fits, such as that of FEATEX_WEIGHTS."""


@dataclass(frozen=True)
class Backbone:
    """A network whose last hidden layer gives the features.

    Parameters
    ----------
    name : str
        torchvision's name, a name in `OF_TIMM`, or ``timm:NAME``.
    n_features : int
        Length of the penultimate layer.
    head : str
        Dotted name of the classifier module, which an identity replaces; "" for timm, which builds without a head.
    weights : str
        What ``--weights imagenet`` takes: the entry of torchvision's weights enum, or timm's tag.
    resize, crop : int
        In pixels: the shorter side is resized to `resize`, then the centre square of side `crop` is taken.
    interpolation : {"bilinear", "bicubic"}
    mean, std : tuple of three floats
        Subtracted from channels in 0..1, and divided by.

    Notes
    -----
    The preprocessing is that of the publisher's evaluation (torchvision's ``Weights.transforms()``).
    """

    name: str
    n_features: int
    head: str
    weights: str
    resize: int
    crop: int
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def timm_name(self) -> str:
        """The name by which timm builds the network; "" for one that torchvision builds."""
        return OF_TIMM.get(self.name) or (self.name.removeprefix(TIMM) if self.name.startswith(TIMM) else "")

    def build(self, image_size: int | None = None) -> "nn.Module":
        """Return the network without its head, untrained, in evaluation mode: (n, 3, size, size) -> (n, n_features).

        The size is `image_size`, by default `crop`; only vit_b_16 depends on it when it is built.
        """
        if self.timm_name:
            return _timm(self.name).create_model(self.timm_name, pretrained=False, num_classes=0).eval()
        from torch import nn
        from torchvision.models import get_model

        # inception_v3's published weights expect its input transform, which the default build omits.
        options = {"transform_input": True, "init_weights": True} if self.name == "inception_v3" else {}
        if self.name == "vit_b_16":
            options["image_size"] = image_size or self.crop
        try:
            model = get_model(self.name, weights=None, **options)
        except AssertionError as error:  # from torchvision: the size is not a multiple of the patch size
            raise UsageError(f"image size {image_size} does not fit {self.name}; take a multiple of 16") from error
        parent, _, child = self.head.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())
        return model.eval()

    def fingerprint(self, weights_sha256: str) -> str:
        """Return 16 hexadecimal digits that change if the weights, the preprocessing or the decoder change."""
        facts = {**asdict(self), "weights": weights_sha256, "decoder": DECODER}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("resnet18", 512, "fc", "IMAGENET1K_V1", 256, 224),
        Backbone("resnet34", 512, "fc", "IMAGENET1K_V1", 256, 224),
        Backbone("resnet50", 2048, "fc", "IMAGENET1K_V2", 232, 224),
        Backbone("vgg16", 4096, "classifier.6", "IMAGENET1K_V1", 256, 224),
        Backbone("densenet121", 1024, "classifier", "IMAGENET1K_V1", 256, 224),
        Backbone("efficientnet_b0", 1280, "classifier.1", "IMAGENET1K_V1", 256, 224, "bicubic"),
        Backbone("efficientnet_lite0", 1280, "", "in1k", 256, 224, "bicubic", HALF, HALF),
        Backbone("inception_v3", 2048, "fc", "IMAGENET1K_V1", 342, 299),
        Backbone("convnext_tiny", 768, "classifier.2", "IMAGENET1K_V1", 236, 224),
        Backbone("vit_b_16", 768, "heads.head", "IMAGENET1K_V1", 256, 224),
        Backbone("swin_t", 768, "head", "IMAGENET1K_V1", 232, 224, "bicubic"),
    )
}


def get_backbone(name: str) -> Backbone:
    """Return the backbone called `name`: an entry of `BACKBONES`, or a timm model as ``timm:NAME``.

    Raises
    ------
    InputError
        If there is no such backbone, or timm is needed and not installed.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    if name.startswith(TIMM):
        return _timm_backbone(name)
    raise unknown("backbone", name, [*BACKBONES, "timm:NAME"])


def _timm(name: str):
    try:
        import timm
    except ImportError as error:
        extra = "weights" if name in OF_TIMM else "timm"
        raise InputError(f"{name} needs timm; install it: pip install '.[{extra}]'") from error
    return timm


def _timm_backbone(name: str) -> Backbone:
    timm = _timm(name)
    architecture = name.removeprefix(TIMM)
    if not timm.is_model(architecture):
        raise unknown("backbone", name, [f"{TIMM}{near}" for near in timm.list_models(f"{architecture[:4]}*")])
    model = timm.create_model(architecture, pretrained=False, num_classes=0)
    config = timm.data.resolve_data_config(model=model)
    crop = config["input_size"][-1]
    return Backbone(
        name,
        model.num_features if not hasattr(model, "head_hidden_size") else model.head_hidden_size,
        head="",
        weights=model.pretrained_cfg.get("tag") or "default",
        resize=round(crop / config["crop_pct"]),
        crop=crop,
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )

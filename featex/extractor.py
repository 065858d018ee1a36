"""Extractor: a backbone with its weights on a device; images in, vectors out."""

from functools import cached_property
from importlib.metadata import version

import numpy as np
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from featex.backbones import get_backbone
from featex.errors import InputError
from featex.images import DECODER, preprocess
from featex.progress import Progress
from featex.weights import find_weights, load_weights

FORMAT = 1
# Small on a CPU, where a short last batch is padded to a whole one and larger batches gain nothing.
CPU_BATCH = 8
GPU_BATCH = 256


class Extractor:
    """The function from pixels to features that one fingerprint names.

    Parameters
    ----------
    backbone : str
        A name in `featex.backbones.BACKBONES`, or ``timm:NAME``.
    weights : str
        As `featex.weights.find_weights` takes it.
    device : {"auto", "cpu", "cuda", "mps"}
    batch_size : int, optional
        Images a forward pass; 8 on a CPU, 256 on a GPU.

    Notes
    -----
    The model is built when the first batch comes: a run that finds all vectors in the cache never builds it.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        weights: str = "imagenet",
        device: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
    ):
        self.backbone = get_backbone(backbone)
        self.device = choose_device(device)
        self.weights = find_weights(self.backbone, weights, progress)
        self.batch_size = batch_size or (CPU_BATCH if self.device.type == "cpu" else GPU_BATCH)
        self.fingerprint = self.backbone.fingerprint(self.weights.sha256)
        self.name = f"{backbone.replace(':', '-').replace('/', '-')}-{self.fingerprint[:8]}"

    @property
    def passport(self) -> dict:
        """What the vectors were made with, as JSON can hold it."""
        backbone = self.backbone
        return {
            "format": FORMAT,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "backbone": backbone.name,
            "n_features": backbone.n_features,
            "weights": self.weights.origin,
            "weights_sha256": self.weights.sha256,
            "trained": self.weights.trained,
            "preprocessing": {
                "resize": backbone.resize,
                "crop": backbone.crop,
                "interpolation": backbone.interpolation,
                "mean": list(backbone.mean),
                "std": list(backbone.std),
            },
            "decoder": DECODER,
            "versions": {name: version(name) for name in ("torch", "torchvision", "pillow")},
        }

    def build(self) -> None:
        """Build the model now rather than at the first batch; raises WeightsError if the weights do not fit."""
        self._model  # noqa: B018

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Return an image (height, width, 3) uint8 as the backbone takes it: (3, crop, crop) uint8."""
        return preprocess(image, self.backbone.resize, self.backbone.crop, self.backbone.interpolation)

    def __call__(self, batch: list[torch.Tensor]) -> np.ndarray:
        """Return the features of at most `batch_size` preprocessed images, (len(batch), n_features) float32.

        A short batch is padded: convolutions choose their algorithm by shape, and an image's vector must not depend
        on how many came with it.
        """
        images = torch.zeros(self.batch_size, *batch[0].shape, dtype=torch.uint8)
        torch.stack(batch, out=images[: len(batch)])
        # TensorFloat-32 would leave three digits, and another vector than the CPU's.
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False),
        ):
            images = images.to(self.device).contiguous(memory_format=torch.channels_last)
            pixels = (images.float() - self._mean) / self._std
            return self._model(pixels)[: len(batch)].float().cpu().numpy()

    @cached_property
    def _model(self) -> nn.Module:
        model = load_weights(self.backbone, self.weights)
        if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
            model = fuse(model)  # BatchNorm folded into the convolutions: less to compute
        return model.to(self.device, memory_format=torch.channels_last)

    @cached_property
    def _mean(self) -> torch.Tensor:
        return 255 * torch.tensor(self.backbone.mean, device=self.device).view(3, 1, 1)

    @cached_property
    def _std(self) -> torch.Tensor:
        return 255 * torch.tensor(self.backbone.std, device=self.device).view(3, 1, 1)


def choose_device(device: str = "auto") -> torch.device:
    """Return the device that is asked for; `auto` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    InputError
        If the device asked for by name is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name in there if there[name]))
    if device not in there:
        raise InputError(f"unknown device {device!r}; available: auto, {', '.join(there)}")
    if not there[device]:
        raise InputError(f"device {device!r} was asked for and this machine has none; use --device auto or cpu")
    return torch.device(device)

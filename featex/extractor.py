"""Extractor: a backbone with its weights on a device; images in, vectors out."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from threading import Lock

import numpy as np
import torch

from featex import signals
from featex.backbones import get_backbone
from featex.errors import InputError
from featex.images import DECODER, preprocess
from featex.joined import JoinedExtractor
from featex.layers import Depths, fold_batchnorm, widths
from featex.progress import Progress
from featex.views import DEFAULT, OF_NETWORK, View, squares, view_of
from featex.weights import Weights, find_weights, load_weights
from featex.winograd import with_winograd

FORMAT = 1
SIGNAL_WIDTHS = {"spectrum": signals.N_FREQUENCIES, "statistics": signals.N_STATISTICS}
NO_WEIGHTS = Weights("none", "", None)  # of a view that needs no network
SIGNALS = 1  # raise it when what `featex.signals` gives changes: a part of the fingerprints of views that use it
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
        As `featex.weights.find_weights` takes it; not looked for where the view needs no network.
    device : {"auto", "cpu", "cuda", "mps"}
    batch_size : int, optional
        Squares a forward pass; 8 on a CPU, 256 on a GPU.
    view : View
        Which pixels the network is shown, and at which depths it is read.

    Attributes
    ----------
    blocks : list of (str, int)
        Name and number of columns of each part of a vector, in their order.

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
        view: View = DEFAULT,
    ):
        self.backbone = get_backbone(backbone)
        self.view = view
        self._building = Lock()
        self.device = choose_device(device)
        self.weights = find_weights(self.backbone, weights, progress) if view.layers_read else NO_WEIGHTS
        self.batch_size = batch_size or (CPU_BATCH if self.device.type == "cpu" else GPU_BATCH)
        self.fingerprint = self._fingerprint()
        told = backbone.replace(":", "-").replace("/", "-") if view.layers_read else "signals"
        self.name = f"{told}-{self.fingerprint[:8]}"
        self.blocks = view.blocks(widths(self.backbone, view.layers_read) | SIGNAL_WIDTHS)

    @property
    def n_features(self) -> int:
        """Length of a vector."""
        return sum(width for _, width in self.blocks)

    @property
    def passport(self) -> dict:
        """What the vectors were made with, as JSON can hold it."""
        backbone = self.backbone
        return {
            "format": FORMAT,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "backbone": backbone.name,
            "n_features": self.n_features,
            "view": self.view.facts,
            "blocks": [list(block) for block in self.blocks],
            "weights": self.weights.origin,
            "weights_sha256": self.weights.sha256,
            "trained": self.weights.trained or not self.view.layers_read,
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
        with self._building:  # threads that come at once build one model
            if self.view.layers_read:
                self._depths  # noqa: B018

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Return an image (height, width, 3) uint8 as the backbone takes it, uint8.

        (3, crop, crop), or of a view of tiles (tiles, 3, crop, crop).
        """
        if self.view.view == "resize":
            return preprocess(image, self.backbone.resize, self.backbone.crop, self.backbone.interpolation)
        pixels = torch.from_numpy(squares(image, self.backbone.crop, self.view.n_squares)).permute(0, 3, 1, 2)
        return pixels.contiguous() if self.view.view == "tiles" else pixels[0].contiguous()

    def __call__(self, batch: list[torch.Tensor]) -> np.ndarray:
        """Return the features of preprocessed images, (len(batch), n_features) float32.

        A short batch is padded: convolutions choose their algorithm by shape, and an image's vector must not depend
        on how many came with it.
        """
        self.build()
        pixels = torch.stack(batch)
        pixels = pixels.view(-1, *pixels.shape[-3:])
        # TensorFloat-32 would leave three digits, and another vector than the CPU's.
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False),
        ):
            vectors = torch.cat([self._vectors(chunk).cpu() for chunk in pixels.split(self.batch_size)]).numpy()
        vectors = vectors.reshape(len(batch), self.view.n_squares, -1)
        return vectors.mean(axis=1) if self.view.pool == "mean" else vectors.reshape(len(batch), -1)

    def _vectors(self, chunk: torch.Tensor) -> torch.Tensor:
        """Return the features of at most `batch_size` squares, each by itself."""
        images = torch.zeros(self.batch_size, *chunk.shape[1:], dtype=torch.uint8)
        images[: len(chunk)] = chunk
        images = images.to(self.device)
        if self.view.layers_read:
            images = images.contiguous(memory_format=torch.channels_last)
        images = images.float()
        vectors = self._read(images)
        if self.view.tta == "flips":
            vectors = (vectors + self._read(images.flip(-1))) / 2
        return vectors[: len(chunk)]

    def _read(self, images: torch.Tensor) -> torch.Tensor:
        """Return the blocks of float squares in 0..255 side by side, (n, columns)."""
        parts, alone = [], [kind for kind in self.view.inputs if kind not in OF_NETWORK]
        read = dict(zip(alone, signals.read(images, alone), strict=True)) if alone else {}
        for kind in self.view.inputs:
            if kind == "rgb":
                parts += self._depths((images - self._mean) / self._std).values()
            elif kind == "residual":
                parts += self._depths(signals.residual(images) * signals.GAIN / self._std).values()
            else:
                parts.append(read[kind])
        return torch.cat([part.float() for part in parts], dim=1)

    def _fingerprint(self) -> str:
        base = self.backbone.fingerprint(self.weights.sha256)
        if not self.view.facts:
            return base
        facts = {"base": base if self.view.layers_read else [DECODER, self.backbone.crop], "view": self.view.facts}
        if self.view.inputs != ("rgb",):
            facts["signals"] = SIGNALS
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def _depths(self) -> Depths:
        model = fold_batchnorm(load_weights(self.backbone, self.weights))  # folded into convolutions: less to compute
        if self.device.type == "cpu":
            model = with_winograd(model)
        model = model.to(self.device, memory_format=torch.channels_last)
        return Depths(model, self.backbone, self.view.layers)

    @cached_property
    def _mean(self) -> torch.Tensor:
        return 255 * torch.tensor(self.backbone.mean, device=self.device).view(3, 1, 1)

    @cached_property
    def _std(self) -> torch.Tensor:
        return 255 * torch.tensor(self.backbone.std, device=self.device).view(3, 1, 1)


def extractor_for(views: Sequence[View], *args, **options) -> Extractor | JoinedExtractor:
    """Return the extractor of one view, or of several side by side; the rest is as `Extractor` takes it."""
    parts = [Extractor(*args, **options, view=view) for view in views]
    return parts[0] if len(parts) == 1 else JoinedExtractor(parts)


def extractor_of(
    passport: dict, weights: str | None = None, device: str = "auto", **options
) -> Extractor | JoinedExtractor:
    """Return the extractor that a passport tells of, or all that it joins.

    Parameters
    ----------
    passport : dict
        `Extractor.passport`.
    weights : str, optional
        Where the weights are now, if not where the passport says.
    **options
        `batch_size` and `progress`.

    Raises
    ------
    WeightsError
        If the weights cannot be had. Whether they are the same ones is told by the fingerprint.
    """
    if "parts" in passport:
        return JoinedExtractor([extractor_of(part, weights, device, **options) for part in passport["parts"]])
    view = view_of(passport.get("view"))
    return Extractor(passport["backbone"], weights or passport["weights"], device, view=view, **options)


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

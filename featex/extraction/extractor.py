"""Extractor: a backbone with its weights on a device; images in, vectors out."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock

import numpy as np
import torch

from featex.errors import ImageError, InputError
from featex.images.decode import DECODER, decode, decode_on_device, preprocess, preprocess_alike, takes_device
from featex.network import signals
from featex.network.backbones import get_backbone
from featex.network.forward import Forward
from featex.network.layers import widths
from featex.network.views import DEFAULT, View, squares
from featex.network.weights import Weights, find_weights
from featex.system.progress import Progress

FORMAT = 1
SIGNAL_WIDTHS = {"spectrum": signals.N_FREQUENCIES, "statistics": signals.N_STATISTICS}
NO_WEIGHTS = Weights("none", "", None)  # of a view that needs no network
SIGNALS = (
    1  # raise it when what `featex.network.signals` gives changes: a part of the fingerprints of views that use it
)
# Small on a CPU, where a short last batch is padded to a whole one and larger batches gain nothing but take memory.
CPU_BATCH = 6
GPU_BATCH = 256


class Extractor:
    """The function from pixels to features that one fingerprint names.

    Parameters
    ----------
    backbone : str
        A name in `featex.network.backbones.BACKBONES`, or ``timm:NAME``.
    weights : str
        As `featex.network.weights.find_weights` takes it; not looked for where the view needs no network.
    device : {"auto", "cpu", "cuda", "mps"}
    batch_size : int, optional
        Squares a forward pass; 6 on a CPU, 256 on a GPU.
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
        self._building, self._turn = Lock(), Lock()
        self._forward: Forward | None = None
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
        self.forward  # noqa: B018

    @property
    def forward(self) -> Forward:
        """The model on its device, built when it is first asked for."""
        with self._building:  # threads that come at once build one
            if self._forward is None:
                self._forward = Forward(self.view, self.backbone, self.weights, self.device, self.batch_size)
            return self._forward

    @property
    def least_side(self) -> int | None:
        """How small an image may be made while it is decoded, in pixels a side; None where it must be whole."""
        return 2 * self.backbone.resize if self.view.fast else None

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Return an image (height, width, 3) uint8 as the backbone takes it, uint8.

        (3, crop, crop), or of a view of tiles (tiles, 3, crop, crop).
        """
        if self.view.view == "resize":
            return preprocess(image, self.backbone.resize, self.backbone.crop, self.backbone.interpolation)
        pixels = torch.from_numpy(squares(image, self.backbone.crop, self.view.n_squares)).permute(0, 3, 1, 2)
        return pixels.contiguous() if self.view.view == "tiles" else pixels[0].contiguous()

    def undecoded(self, data: bytes) -> torch.Tensor | None:
        """Return a file's bytes (n_bytes,) uint8 to stand in a batch, where the GPU decodes them; else None."""
        if self.view.fast and self.device.type == "cuda" and takes_device(data):
            return torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return None

    def __call__(self, batch: Sequence[torch.Tensor]) -> np.ndarray:
        """Return the features of preprocessed images, or undecoded ones, (len(batch), n_features) float32.

        A row of NaN stands for a file that turns out to be damaged. Safe to call from several threads: on a GPU one
        batch at a time is sent, while the vectors of another are waited for.
        """
        vectors = self.forward(_flat(torch.stack(batch))) if self.device.type == "cpu" else self._on_device(batch)
        vectors = vectors.numpy().reshape(len(batch), self.view.n_squares, -1)
        return vectors.mean(axis=1) if self.view.pool == "mean" else vectors.reshape(len(batch), -1)

    def _on_device(self, batch: Sequence[torch.Tensor]) -> torch.Tensor:
        on_cuda = self.device.type == "cuda"
        here = [number for number, image in enumerate(batch) if image.ndim > 1]
        there = [number for number, image in enumerate(batch) if image.ndim == 1]
        pixels = torch.stack([batch[number] for number in here]) if here else None
        if on_cuda and here:
            pixels = pixels.pin_memory()  # only from there can a copy go on by itself
        with torch.inference_mode(), self._turn:
            if here:
                pixels = pixels.to(self.device, non_blocking=True)
            squares, damaged = self._with_undecoded(pixels, here, [batch[number] for number in there], there)
            vectors = self.forward(_flat(squares))
            vectors[damaged] = torch.nan
            if not on_cuda:
                return vectors.cpu()
            waiting = torch.empty(vectors.shape, pin_memory=True).copy_(vectors, non_blocking=True)
            done = torch.cuda.Event()
            done.record()
        done.synchronize()  # while the next batch is sent
        return waiting

    def _with_undecoded(
        self, pixels: torch.Tensor | None, here: list[int], files: list[torch.Tensor], there: list[int]
    ) -> tuple[torch.Tensor, list[int]]:
        """Return the squares of a batch of both kinds on the device, and the numbers of files that are damaged."""
        if not files:
            return pixels, []
        backbone = self.backbone
        squares = torch.zeros(
            len(here) + len(there), 3, backbone.crop, backbone.crop, dtype=torch.uint8, device=self.device
        )
        if here:
            squares[here] = pixels
        images = decode_on_device(files, self.device)
        good = {number: image for number, image in zip(there, images, strict=True) if image is not None}
        if good:
            alike = preprocess_alike(list(good.values()), backbone.resize, backbone.crop, backbone.interpolation)
            squares[list(good)] = alike
        damaged = []
        for number, file in zip(there, files, strict=True):
            if number not in good:
                try:
                    squares[number] = self.preprocess(decode(file.numpy().tobytes(), self.least_side)).to(self.device)
                except ImageError:
                    damaged.append(number)
        return squares, damaged

    def _fingerprint(self) -> str:
        base = self.backbone.fingerprint(self.weights.sha256)
        if not self.view.facts:
            return base
        facts = {"base": base if self.view.layers_read else [DECODER, self.backbone.crop], "view": self.view.facts}
        if self.view.inputs != ("rgb",):
            facts["signals"] = SIGNALS
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _flat(squares: torch.Tensor) -> torch.Tensor:
    """Return squares of images (n, 3, side, side), or of tiles (n, tiles, 3, side, side), as (any, 3, side, side)."""
    return squares.view(-1, *squares.shape[-3:])


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

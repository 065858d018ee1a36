"""Extractor: computes the vectors of images with a backbone and its weights on a device."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock

import numpy as np
import torch

from featex.errors import ImageError, UsageError, unknown
from featex.images.decode import DECODER, decode, decode_on_device, preprocess, preprocess_alike, takes_device
from featex.network import signals
from featex.network.backbones import get_backbone
from featex.network.choice import FIRST, choose_network
from featex.network.forward import Forward
from featex.network.layers import widths
from featex.network.views import DEFAULT, View, squares
from featex.network.weights import Weights
from featex.system.progress import Progress

SIGNAL_WIDTHS = {"spectrum": signals.N_FREQUENCIES, "statistics": signals.N_STATISTICS}
NO_WEIGHTS = Weights("none", "", None)  # for a view without a network
SIGNALS = (
    1  # version of `featex.network.signals`, in the fingerprint of views that use it; raise it when its values change
)
# Small on a CPU: the last batch is padded to this size, and larger batches take memory but no less time.
CPU_BATCH = 6
GPU_BATCH = 256


class Extractor:
    """The function from pixels to features; its fingerprint identifies it.

    Parameters
    ----------
    backbone : str
        A name in `featex.network.backbones.BACKBONES`, ``timm:NAME``, or "auto".
    weights : str
        As in `featex.network.choice.choose_network`; ignored if the view needs no network.
    device : {"auto", "cpu", "cuda", "mps"}
    batch_size : int, optional
        Squares in a forward pass; by default 6 on a CPU, 256 on a GPU.
    view : View
        Which pixels are used, and which layers give features.

    Attributes
    ----------
    blocks : list of (str, int)
        Name and number of columns of each block of a vector, in order.

    Notes
    -----
    The model is built for the first batch, so a run that finds all vectors in the cache never builds it.
    """

    def __init__(
        self,
        backbone: str = "auto",
        weights: str = "auto",
        device: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
        view: View = DEFAULT,
    ):
        self.view = view
        self._building, self._turn = Lock(), Lock()
        self._forward: Forward | None = None
        self.device = choose_device(device)
        if view.layers_read:
            self.backbone, self.weights = choose_network(backbone, weights, progress)
        else:
            self.backbone, self.weights = get_backbone(FIRST if backbone == "auto" else backbone), NO_WEIGHTS
        self.batch_size = batch_size or (CPU_BATCH if self.device.type == "cpu" else GPU_BATCH)
        self.fingerprint = self._fingerprint()
        network = self.backbone.name.replace(":", "-").replace("/", "-") if view.layers_read else "signals"
        self.name = f"{network}-{self.fingerprint[:8]}"
        self.blocks = view.blocks(widths(self.backbone, view.layers_read) | SIGNAL_WIDTHS)

    @property
    def n_features(self) -> int:
        """Length of a vector."""
        return sum(width for _, width in self.blocks)

    @property
    def passport(self) -> dict:
        """All that the vectors depend on, as JSON values."""
        backbone = self.backbone
        return {
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
        """Build the model now, not at the first batch; raise WeightsError if the weights do not fit."""
        self.forward  # noqa: B018

    @property
    def forward(self) -> Forward:
        """The model on its device, built on first use."""
        with self._building:  # only one of several threads builds it
            if self._forward is None:
                self._forward = Forward(self.view, self.backbone, self.weights, self.device, self.batch_size)
            return self._forward

    @property
    def least_side(self) -> int | None:
        """Least side in pixels of an image that is decoded at a reduced size; None for the full size."""
        return 2 * self.backbone.resize if self.view.fast else None

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Return the squares of an image (height, width, 3) uint8, as the network takes them, uint8.

        The shape is (3, crop, crop), or (tiles, 3, crop, crop) for a view of tiles.
        """
        if self.view.view == "resize":
            return preprocess(image, self.backbone.resize, self.backbone.crop, self.backbone.interpolation)
        pixels = torch.from_numpy(squares(image, self.backbone.crop, self.view.n_squares)).permute(0, 3, 1, 2)
        return pixels.contiguous() if self.view.view == "tiles" else pixels[0].contiguous()

    def undecoded(self, data: bytes) -> torch.Tensor | None:
        """Return the bytes (n_bytes,) uint8 of a file for a batch if the GPU can decode it; else None."""
        if self.view.fast and self.device.type == "cuda" and takes_device(data):
            return torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return None

    def __call__(self, batch: Sequence[torch.Tensor]) -> np.ndarray:
        """Return the features (len(batch), n_features) float32 of preprocessed or undecoded images.

        The row of a damaged file is NaN. Safe to call from several threads: a GPU receives one batch while another
        thread waits for the vectors of the previous one.
        """
        vectors = self.forward(_flat(torch.stack(batch))) if self.device.type == "cpu" else self.on_device(batch)
        vectors = vectors.numpy().reshape(len(batch), self.view.n_squares, -1)
        return vectors.mean(axis=1) if self.view.pool == "mean" else vectors.reshape(len(batch), -1)

    def on_device(self, batch: Sequence[torch.Tensor]) -> torch.Tensor:
        on_cuda = self.device.type == "cuda"
        decoded = [number for number, image in enumerate(batch) if image.ndim > 1]
        undecoded = [number for number, image in enumerate(batch) if image.ndim == 1]
        pixels = torch.stack([batch[number] for number in decoded]) if decoded else None
        if on_cuda and decoded:
            pixels = pixels.pin_memory()  # an asynchronous copy needs pinned memory
        with torch.inference_mode(), self._turn:
            if decoded:
                pixels = pixels.to(self.device, non_blocking=True)
            files = {number: batch[number] for number in undecoded}
            squares, damaged = self._with_files(pixels, decoded, files)
            vectors = self.forward(_flat(squares))
            vectors[damaged] = torch.nan
            if not on_cuda:
                return vectors.cpu()
            copied = torch.empty(vectors.shape, pin_memory=True).copy_(vectors, non_blocking=True)
            done = torch.cuda.Event()
            done.record()
        done.synchronize()  # meanwhile another thread sends the next batch
        return copied

    def _with_files(
        self, pixels: torch.Tensor | None, decoded: list[int], files: dict[int, torch.Tensor]
    ) -> tuple[torch.Tensor, list[int]]:
        """Return the squares of a batch on the device, and the numbers of damaged files.

        `pixels` are the squares of the images with the numbers `decoded`; `files` holds undecoded images by number.
        """
        if not files:
            return pixels, []
        backbone, n = self.backbone, len(decoded) + len(files)
        squares = torch.zeros(n, 3, backbone.crop, backbone.crop, dtype=torch.uint8, device=self.device)
        if decoded:
            squares[decoded] = pixels
        images = decode_on_device(list(files.values()), self.device)
        good = {number: image for number, image in zip(files, images, strict=True) if image is not None}
        if good:
            alike = preprocess_alike(list(good.values()), backbone.resize, backbone.crop, backbone.interpolation)
            squares[list(good)] = alike
        damaged = []
        for number in files.keys() - good.keys():
            try:
                image = decode(files[number].numpy().tobytes(), self.least_side)
                squares[number] = self.preprocess(image).to(self.device)
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
    """Return squares (n, 3, side, side), or tiles (n, tiles, 3, side, side), as (any, 3, side, side)."""
    return squares.view(-1, *squares.shape[-3:])


def choose_device(device: str = "auto") -> torch.device:
    """Return the requested device; "auto" chooses CUDA, else MPS, else the CPU.

    Raises
    ------
    InputError
        If the machine does not have the requested device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name in available if available[name]))
    if device not in available:
        raise unknown("device", device, ["auto", *available])
    if not available[device]:
        raise UsageError(f"device {device!r} was requested, but this machine has none; use --device auto or cpu")
    return torch.device(device)

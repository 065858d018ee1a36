"""Images per second of `featex extract` against what people use instead, and against the limit of this machine.

    python benchmarks/extraction.py DIR [--images 300] [--runs 5] [--weights FILE] [--memory]

All do everything from reading files to features of ResNet-18, on the CPU with all cores, on the same images, in turn:

- script: PIL, torchvision's transforms, an eager network, batches of 32, as it is written first
- loader: the same transforms in torch's DataLoader with a process a core
- timm: timm's `create_dataset` and `create_loader` with a process a core, and its resnet18 (where timm is installed)
- img2vec: `img2vec_pytorch` (where it is installed; with untrained weights)
- featex: `featex.extraction.embed.embed` with an empty cache; exact, and with --fast

The limit is the time of decoding on all cores, and after it of the network's published operations at the speed of a
float32 matrix product on all cores (about 3.63 GFLOP an image).

With --memory, `featex extract` runs in processes of its own over copies of the images, ever more of them, and the peak
of its memory is printed.
"""

import argparse
import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision import transforms

from featex.datasets.dataset import find_images
from featex.extraction.bench import DECODING, bench
from featex.extraction.embed import embed, open_cache
from featex.extraction.extractor import Extractor
from featex.network.views import View
from featex.network.weights import load_weights

TRANSFORM = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
BATCH = 32


class Files(torch.utils.data.Dataset):
    def __init__(self, paths: list[Path]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        return TRANSFORM(Image.open(self.paths[number]).convert("RGB"))


@torch.inference_mode()
def script(paths: list[Path], model: torch.nn.Module) -> np.ndarray:
    vectors = []
    for start in range(0, len(paths), BATCH):
        images = [TRANSFORM(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
        vectors.append(model(torch.stack(images)).numpy())
    return np.concatenate(vectors)


@torch.inference_mode()
def loader(paths: list[Path], model: torch.nn.Module) -> np.ndarray:
    batches = torch.utils.data.DataLoader(Files(paths), BATCH, num_workers=os.cpu_count())
    return np.concatenate([model(images).numpy() for images in batches])


@torch.inference_mode()
def with_timm(folder: Path, model: torch.nn.Module) -> np.ndarray:
    from timm.data import create_dataset, create_loader

    batches = create_loader(
        create_dataset("", str(folder)),
        (3, 224, 224),
        BATCH,
        use_prefetcher=False,
        num_workers=os.cpu_count(),
        crop_pct=224 / 256,
    )
    return np.concatenate([model(images).numpy() for images, _ in batches])


def img2vec_network():
    """Img2Vec with untrained weights: it would download others."""
    from img2vec_pytorch import img_to_vec

    img_to_vec.resnet18 = lambda weights: torchvision.models.resnet18()
    return img_to_vec.Img2Vec(model="resnet")


def with_img2vec(paths: list[Path], network) -> np.ndarray:
    images = ([Image.open(path).convert("RGB") for path in paths[i : i + BATCH]] for i in range(0, len(paths), BATCH))
    return np.concatenate([network.get_vec(some) for some in images])


def ours(paths: list[Path], extractor: Extractor) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        cache = open_cache(extractor, folder)
        return cache.get(embed(paths, extractor, cache).keys)


def contenders(paths: list[Path], weights: str) -> dict:
    exact, fast = (Extractor("resnet18", weights, "cpu", view=View(fast=fast)) for fast in (False, True))
    exact.build(), fast.build()
    model = load_weights(exact.backbone, exact.weights)
    ways = {"script": lambda: script(paths, model), "loader": lambda: loader(paths, model)}
    with contextlib.suppress(ImportError):
        import timm

        network = timm.create_model("resnet18", num_classes=0).eval()
        ways["timm"] = lambda: with_timm(paths[0].parent, network)
    with contextlib.suppress(ImportError):
        network_of_img2vec = img2vec_network()
        ways["img2vec"] = lambda: with_img2vec(paths, network_of_img2vec)
    return ways | {"featex": lambda: ours(paths, exact), "featex --fast": lambda: ours(paths, fast)}


def compare(paths: list[Path], weights: str, runs: int) -> None:
    ways = contenders(paths, weights)
    rates: dict[str, list[float]] = {name: [] for name in ways} | {"limit of decoding and matrix products": []}
    vectors = {}
    for _ in range(runs):
        for name, run in ways.items():
            started = time.perf_counter()
            vectors[name] = run()
            rates[name].append(len(paths) / (time.perf_counter() - started))
        measured = bench(paths[0].parent, n_images=len(paths), runs=1, weights=weights, device="cpu")
        rates["limit of decoding and matrix products"].append(1 / (1 / measured.rate(DECODING) + 1 / measured.limit))
    print(f"{len(paths)} images, {os.cpu_count()} cores, {runs} runs in turn")
    for name, values in rates.items():
        ratios = [rate / plain for rate, plain in zip(values, rates["script"], strict=True)]
        print(
            f"{name:<38} {statistics.median(values):7.1f} images/s ({min(values):.1f} to {max(values):.1f}), "
            f"{statistics.median(ratios):5.2f} times the script ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    limit = rates["limit of decoding and matrix products"]
    parts = [rate / most for rate, most in zip(rates["featex"], limit, strict=True)]
    print(f"featex reaches {statistics.median(parts):.0%} of the limit ({min(parts):.0%} to {max(parts):.0%})")
    middle = vectors["script"].mean(axis=0)
    for name in ("featex", "featex --fast"):
        a, b = vectors["script"] - middle, vectors[name] - middle
        cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        print(f"{name}: centred cosine to the script: least {cosines.min():.5f}, median {np.median(cosines):.6f}")


def memory(paths: list[Path], weights: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for times in (1, 4):
            for number in range(times * len(paths)):
                file = images / f"{number:06}.jpg"
                if not file.exists():  # with a tail of its own, so that no two are the same to the cache
                    file.write_bytes(paths[number % len(paths)].read_bytes() + number.to_bytes(4))
            out = str(Path(folder) / f"out-{times}")
            subprocess.run([sys.executable, __file__, str(images), "--weights", weights, "--one", out], check=True)
            shutil.rmtree(out)


def one(root: str, weights: str, out: str) -> None:
    from featex.extraction.extract import extract

    done = extract(root, out, weights=weights, device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{done.computed:,} images: peak memory {peak:.2f} GB, {done.computed / done.seconds:.1f} images/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    if options.one:
        return one(options.directory, options.weights, options.one)
    dataset = find_images(options.directory)
    chosen = np.random.default_rng(0).permutation(len(dataset.table))[: options.images]
    with tempfile.TemporaryDirectory() as folder:  # flat, for whoever takes a folder
        paths = []
        for number in chosen:
            path = dataset.root / dataset.table["path"].iloc[number]
            paths.append(Path(folder) / "images" / f"{number:06}{path.suffix}")
            paths[-1].parent.mkdir(exist_ok=True)
            shutil.copy(path, paths[-1])
        memory(paths, options.weights) if options.memory else compare(paths, options.weights, options.runs)


if __name__ == "__main__":
    main()

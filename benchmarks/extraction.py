"""Images per second of `featex extract` against the script that everyone writes first.

    python benchmarks/extraction.py DIR [--images 200] [--runs 5] [--weights random|FILE]

Both do everything from reading files to features, on the CPU with all cores, on the same images, in turn; ours with an
empty cache. Prints the median and range of each and the ratio run by run.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from featex.dataset import find_images
from featex.embedding import embed, open_cache
from featex.extractor import Extractor
from featex.weights import load_weights


def plain(paths: list[Path], model: torch.nn.Module, batch_size: int = 32) -> np.ndarray:
    """PIL, torchvision's transforms, an eager model: the usual script."""
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(paths), batch_size):
            images = [prepare(Image.open(path).convert("RGB")) for path in paths[start : start + batch_size]]
            vectors.append(model(torch.stack(images)).numpy())
    return np.concatenate(vectors)


def ours(paths: list[Path], extractor: Extractor) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        cache = open_cache(extractor, folder)
        return cache.get(embed(paths, extractor, cache).keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--weights", default="random")
    options = parser.parse_args()
    dataset = find_images(options.directory)
    paths = [dataset.root / path for path in dataset.table["path"]]
    paths = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))[: options.images]]
    extractor = Extractor("resnet18", options.weights, "cpu")
    extractor.build()
    model = load_weights(extractor.backbone, extractor.weights)
    plain(paths[:32], model)  # warm-up
    rates: dict[str, list[float]] = {"plain": [], "featex": []}
    for _ in range(options.runs):
        for name, run in (("plain", lambda: plain(paths, model)), ("featex", lambda: ours(paths, extractor))):
            started = time.perf_counter()
            vectors = run()
            rates[name].append(len(vectors) / (time.perf_counter() - started))
    for name, values in rates.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name}: {middle:.1f} images/s (median of {options.runs}; {low:.1f} to {high:.1f}), n = {len(paths)}")
    ratios = [b / a for a, b in zip(rates["plain"], rates["featex"], strict=True)]
    print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()

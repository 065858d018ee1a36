"""Images per second of training a net, against a plain eager loop in fp32 on the same images.

    python benchmarks/training.py NET [--image-size N] [--images 2048] [--epochs 3] [--device auto] [--train all]

NET is a name in NETS, such as cnn or resnet50; images are noise, for the speed does not depend on what they show. The
plain loop is what most scripts do: a DataLoader over a uint8 array, float32, Adam, one step a batch; neither side
augments. Both start from random weights. Each trains for `epochs` after one to warm up; prints the median and range.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from classify.nets.checkpoint import Checkpoint
from classify.nets.pixels import Pixels
from classify.nets.training import PixelFeed, Training
from classify.nets.zoo import NETS
from featex.extraction.extractor import choose_device


def plain(module: torch.nn.Module, X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int, device) -> list[float]:
    """The loop that everyone writes first."""
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size, shuffle=True)
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-4)
    rates = []
    for _ in range(epochs):
        started = time.perf_counter()
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(module(images.to(device).float() / 255), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # as scripts do, to print it
        rates.append(len(X) / (time.perf_counter() - started))
    return rates


def ours(module: torch.nn.Module, X: np.ndarray, y: np.ndarray, recipe, device) -> list[float]:
    if device.type == "cuda":
        module = module.to(memory_format=torch.channels_last)
    options = {"split": None, "class_weight": np.ones(2), "seed": 0, "device": device}
    training = Training(module, PixelFeed(Pixels(X), module, device), y, recipe=recipe, **options)
    return [len(X) / row["dur"] for row in training.run(Checkpoint(None)).history]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=NETS)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--train", default="all")
    choices = parser.parse_args()
    net, device = NETS[choices.net], choose_device(choices.device)
    recipe = net.recipe.changed(
        image_size=choices.image_size, max_epochs=choices.epochs + 1, train=choices.train, augment="none"
    )
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (choices.images, 3, recipe.image_size, recipe.image_size), dtype=np.uint8)
    y = np.arange(choices.images) % 2
    sides = {}
    for name in ("plain", "ours"):
        torch.manual_seed(0)
        module = net.build(2, recipe).to(device).train()
        if net.backbone:
            module.freeze(recipe.n_last)
        args = (recipe.batch_size, recipe.max_epochs, device) if name == "plain" else (recipe, device)
        sides[name] = (plain if name == "plain" else ours)(module, X, y, *args)[1:]
    for name, rates in sides.items():
        low, middle, high = min(rates), statistics.median(rates), max(rates)
        print(f"{name}: {middle:,.1f} images/s (median of {len(rates)} epochs; {low:,.1f} to {high:,.1f})")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    ratio = statistics.median(sides["ours"]) / statistics.median(sides["plain"])
    print(f"ratio: {ratio:.2f} on {where}, {choices.images:,} images of {recipe.image_size} pixels")


if __name__ == "__main__":
    main()

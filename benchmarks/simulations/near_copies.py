"""Photographs with random labels, each saved twice: no split may test on a picture that training has seen.

A label that is drawn by chance cannot be predicted, so the true accuracy on unseen pictures is 0.5. A model that has
seen the second copy of an image remembers its label. A few crops of plain sky have too little detail to be known again;
for these the promise leaves one point.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.simulations.claims import Claim
from classify.splits.folds import folds
from classify.splits.partition import partition
from featex.extraction.extract import extract
from featex.extraction.recipes import FeatureRecipe
from featex.network.views import View
from featex.store.features import Features
from featex.store.units import without_near_duplicates

N_PHOTOGRAPHS = 120
N_DRAWS = 400
SIDE = 128
SIGNALS = View(inputs=("statistics", "spectrum"))  # which need no network
QUALITY = 80
PHOTOGRAPHS = (
    data.astronaut,
    data.chelsea,
    data.coffee,
    data.rocket,
    data.retina,
    data.immunohistochemistry,
    data.hubble_deep_field,
    lambda: load_sample_image("china.jpg"),
    lambda: load_sample_image("flower.jpg"),
)


def simulate(scale: float, seed: int) -> list[Claim]:
    n_draws = max(20, round(scale * N_DRAWS))
    with TemporaryDirectory() as folder:
        features = _extracted(Path(folder), max(40, round(scale * N_PHOTOGRAPHS)), seed)
    grouped = [_draw(features, features.rows, number) for number in range(n_draws)]
    kept = [_draw(features, without_near_duplicates(features.rows), number) for number in range(n_draws)]
    what = f"random labels, every photograph saved twice (n = {n_draws} draws of {len(features.X) // 2} labels)"
    return [
        _claim(f"held-out accuracy, {what}", [held_out for held_out, _ in grouped], 0.5, 0.51),
        _claim(f"accuracy over folds, {what}", [over_folds for _, over_folds in grouped], 0.5, 0.51),
        _claim(f"held-out accuracy with copies on both sides, {what}", [held_out for held_out, _ in kept], 0.6, 1),
    ]


def _extracted(folder: Path, n: int, seed: int) -> Features:
    chance = np.random.default_rng(seed)
    photographs = [load() for load in PHOTOGRAPHS]
    (folder / "images").mkdir()
    for number in range(n):
        photograph = photographs[number % len(photographs)]
        top, left = (chance.integers(length - SIDE) for length in photograph.shape[:2])
        crop = Image.fromarray(np.ascontiguousarray(photograph[top : top + SIDE, left : left + SIDE]))
        crop.save(folder / "images" / f"{number}.png")
        crop.save(folder / "images" / f"{number}_again.jpg", quality=QUALITY)
    return extract(
        folder / "images", folder / "features", recipe=FeatureRecipe("signals", (SIGNALS,)), device="cpu"
    ).load()


def _draw(features: Features, rows: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Return the accuracy on the held-out images and over folds, with labels drawn by chance for each photograph."""
    photographs, number = np.unique(rows["path"].str.extract(r"^(\d+)")[0], return_inverse=True)
    y = np.array(["a", "b"])[np.random.default_rng(seed).integers(0, 2, len(photographs))][number]
    parts = partition(rows.assign(label=y))
    train, test = parts.train, parts.tests["test"]
    model = make_pipeline(StandardScaler(), SVC(C=10))
    held_out = model.fit(features.X[train], y[train]).score(features.X[test], y[test])
    right = [
        model.fit(features.X[train[fit]], y[train[fit]]).predict(features.X[train[judged]]) == y[train[judged]]
        for fit, judged in folds(y[train], parts.units[train], 3, seed)
    ]
    return held_out, float(np.concatenate(right).mean())


def _claim(what: str, values: list[float], least: float, most: float) -> Claim:
    return Claim(what, float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5), least, most)

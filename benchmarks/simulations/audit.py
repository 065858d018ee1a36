"""False alarms of the audit: how often it names a shortcut in sets whose labels were drawn at random."""

from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.simulations.claims import Claim, share
from classify.models.file_facts import properties
from featex.images.facts import file_facts
from featex.store.units import independent_units
from pipelines.auditing import shortcuts
from pipelines.auditing.properties import differing

N_TREES = 8  # of a forest: fewer than an audit's, which makes chance no rarer


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return how often labels at random are called told, with and without groups, at several numbers of classes."""
    named = [(200, 2, 1, 200), (200, 5, 1, 100), (200, 8, 1, 100), (100, 2, 10, 200), (400, 8, 10, 100)]
    claims = [_named(n, k, per, max(8, round(runs * scale)), seed) for n, k, per, runs in named]
    for n, per, runs in ((40, 1, 60), (98, 1, 40), (100, 10, 40)):
        claims += _judged(n, per, max(4, round(runs * scale)), seed)
    return claims


def _named(n: int, k: int, per: int, runs: int, seed: int) -> Claim:
    hits = 0
    for run in range(runs):
        rows, labels = _drawn(np.random.default_rng([seed, n, k, per, run]), n, k, per)
        hits += len(differing(properties(rows), labels, independent_units(rows), seed=run)) > 0
    what = f"sets of {n} images in {k} classes{_grouped(per)} where a property is named by chance"
    return share(what, hits, runs, most=0.05)


def _judged(n: int, per: int, runs: int, seed: int) -> list[Claim]:
    bad = gate = 0
    before, shortcuts.N_TREES = shortcuts.N_TREES, N_TREES
    try:
        for run in range(runs):
            rows, labels = _drawn(np.random.default_rng([seed, n, per, run]), n, 2, per)
            files = shortcuts.file_scores(rows, labels, seed=run)
            row = shortcuts.most_certain(files, 2)
            bad += shortcuts.telling(row, 2)
            gate += row[shortcuts.LOW] > 0.5
    finally:
        shortcuts.N_TREES = before
    which = f"sets of {n} images{_grouped(per)} with labels at random"
    return [
        share(f"{which} that are called bad", bad, runs, most=0.025),
        share(f"{which} that shut --fail-above 0.5", gate, runs, most=0.025),
    ]


def _grouped(per: int) -> str:
    return f", {per} of a scene," if per > 1 else ""


def _drawn(rng: np.random.Generator, n: int, k: int, per: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows of a set whose files differ from scene to scene, and labels that are of a scene and at random."""
    n_scenes = n // per
    scene = np.repeat(np.arange(n_scenes), per)
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=95)
    rows = pd.DataFrame([file_facts(file.getvalue())] * n)
    drawn = {
        "width": rng.choice([512, 640, 768, 1024], n_scenes),
        "height": rng.choice([480, 512, 768], n_scenes),
        "jpeg_quality": rng.choice([75.0, 85.0, 90.0, 95.0], n_scenes),
        "metadata": rng.choice(["jfif", "comment,jfif", "dpi,jfif"], n_scenes),
        "exif": rng.choice(["", "Make,Model", "Software"], n_scenes),
        "format": rng.choice(["JPEG", "PNG"], n_scenes, p=[0.8, 0.2]),
        "jpeg_sampling": rng.choice(["4:4:4", "4:2:0"], n_scenes),
        "profile": rng.choice(["", "sRGB"], n_scenes),
    }
    rows = rows.assign(**{name: values[scene] for name, values in drawn.items()})
    rows["size"] = rows["width"] * rows["height"] * rng.lognormal(-2, 0.4, n_scenes)[scene] * rng.lognormal(0, 0.02, n)
    rows = rows.assign(group=[f"scene {number}" if per > 1 else "" for number in scene])
    rows = rows.assign(key=[f"{number:064x}" for number in range(n)], path=[f"{n}.jpg" for n in range(n)], mtime_ns=1)
    return rows, rng.permutation(np.resize([f"class {number}" for number in range(k)], n_scenes))[scene]

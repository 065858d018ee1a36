"""A small image set with two classes, made without a download, for the demo and for tests.

``real`` are crops of the colour photographs that scikit-image and scikit-learn carry in their wheels. ``ai`` are images
that a small network, trained here, decodes or denoises from a blend of two such crops: an autoencoder for train and
test, a diffusion model for custom, the external set.

Each photograph is cut into regions of about 128 pixels a side; a region is a group, and no pixel of one is in two sets.
Train and test show different regions of the same seven photographs; custom shows two other photographs. So the test set
is as easy as a test set can be, and the external set is hard twice: another generator, other photographs.

Classes show the same regions equally often, and each generated image has a real crop of the same region whose JPEG file
has nearly as many bytes. Soft images compress better, and would give the class away after normalising too (after
Grommelt et al. 2024, arXiv 2403.17608). More images are made than needed, and the pairs nearest in bytes are kept.

One shortcut is planted, `PLANTED`: in train and test, real images are JPEG files and generated ones PNG files, as in
many published sets. The pixels of both classes come out of JPEG of one quality, so converting all files to one format
removes the shortcut and leaves nothing of it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import zip_longest
from math import ceil
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from scipy.optimize import linear_sum_assignment
from skimage import data
from sklearn.datasets import load_sample_image

from featex.errors import InputError, UsageError
from featex.images.duplicates import find_duplicates, thumbnail
from featex.system.disk import folder_beside
from pipelines.sample.generators import GENERATORS, generate, to_tensor, train

RECIPE = 3  # raised whenever the same settings would give other images
JPEG_QUALITY = 90
REGION = 128  # least pixels a side of a region
DETAIL = 16  # least standard deviation of a region's grey levels: plain sky or black holds nothing to learn
MOST_REGIONS = 16  # of one photograph
TEST_SHARE = 0.3  # of the regions of each photograph that train and test share
SPARE = 2  # times as many generated images as needed, to choose from
CANDIDATES = 8  # real crops to choose from, for each generated image

INNER: dict[str, Callable[[], np.ndarray]] = {
    "astronaut": data.astronaut,
    "cat": data.chelsea,
    "china": lambda: load_sample_image("china.jpg"),
    "coffee": data.coffee,
    "hubble": data.hubble_deep_field,
    "rocket": data.rocket,
    "tissue": data.immunohistochemistry,
}
"""Photographs that train and test are cut from."""

OUTER: dict[str, Callable[[], np.ndarray]] = {
    "flower": lambda: load_sample_image("flower.jpg"),
    "motorcycle": lambda: data.stereo_motorcycle()[0],
}
"""Photographs of the external set."""

GENERATOR_OF = {"train": "autoencoder", "test": "autoencoder", "custom": "diffusion"}
PLANTED = "In train and test, real images are JPEG files and ai images are PNG files."


def make_sample(
    out: Path,
    *,
    n_train: int = 180,
    n_test: int = 78,
    n_custom: int = 78,
    image_size: int = 128,
    steps: int = 200,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Write a small two-class image set and return its table.

    Writes ``out/{train,test,custom}/{real,ai}/*``, ``out/metadata.csv`` (the convention of Hugging Face's imagefolder)
    and ``out/sample.json`` (the settings, and the planted shortcut). `out` appears whole or not at all. A sample made
    with the same settings is kept as it is. On one machine the same settings give the same files.

    Parameters
    ----------
    out : path of a folder that is absent, empty, or holds such a sample
    n_train, n_test, n_custom : images per class, at least 1, spread evenly over the regions of the set
    image_size : pixels a side, a multiple of 8, 32 to 512
    steps : training steps of each generator; with 500 the whole takes 75 to 81 s on one core of an EPYC (Zen 3; n = 3)
    seed : of crops, training and generation
    progress : called with a line of text now and then

    Returns
    -------
    DataFrame
        A row an image, all text: file_name (relative to `out`), label (real, ai), split (train, test, custom), source
        (photograph, autoencoder, diffusion) and group (the region; none is in two sets).

    Raises
    ------
    InputError
        A setting out of range, or an `out` that holds anything else.
    StoreError
        `out` cannot be written.
    """
    out, say = Path(out), progress or (lambda message: None)
    counts = {"train": n_train, "test": n_test, "custom": n_custom}
    settings = {f"n_{split}": n for split, n in counts.items()}
    settings |= {"image_size": image_size, "steps": steps, "seed": seed}
    _check(settings)
    if (kept := _existing(out, settings)) is not None:
        say(f"{out} holds this sample already: {len(kept)} images")
        return kept
    with folder_beside(out.resolve()) as folder, _one_thread():
        table = _write(folder, counts, image_size, steps, seed, say)
        table.to_csv(folder / "metadata.csv", index=False, lineterminator="\n")
        (folder / "sample.json").write_text(json.dumps(_record(settings), indent=1))
        folder.replace(out.resolve())
    say(f"{len(table)} images in {out}")
    return table


def _check(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise UsageError(f"{name} is {value}; it must be at least {least}")
    if (size := settings["image_size"]) % 8 or not 32 <= size <= 512:
        raise UsageError(f"image_size is {size}; it must be a multiple of 8 from 32 to 512")


def _existing(out: Path, settings: dict[str, int]) -> pd.DataFrame | None:
    """Return the table of the sample in `out`, or None if `out` is absent or empty."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        made_with = json.loads((out / "sample.json").read_text())
        table = pd.read_csv(out / "metadata.csv", dtype=str)
        whole = all((out / name).is_file() for name in table["file_name"])
    except (OSError, ValueError, KeyError):
        raise InputError(f"{out} holds something other than a sample; delete it or choose another folder") from None
    if made_with != _record(settings):
        raise InputError(f"{out} holds a sample made with other settings; delete it or choose another folder")
    if not whole:
        raise InputError(f"{out} holds a sample with images missing; delete it to make it again")
    return table


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread: sums then do not depend on the number of cores."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _record(settings: dict[str, int]) -> dict:
    return {"recipe": RECIPE, **settings, "planted_shortcut": PLANTED}


def _write(
    out: Path, counts: dict[str, int], image_size: int, steps: int, seed: int, say: Callable[[str], None]
) -> pd.DataFrame:
    """Write the images of all sets below `out`; return their table."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    regions = _regions(rng)
    # The generators also imitate regions that they were not trained on, as published generators do
    lessons = to_tensor([_crop(region, image_size, rng) for region in regions["train"].values() for _ in range(8)])
    nets = {name: train(name, lessons, steps, generator, say) for name in GENERATORS}
    rows = []
    for split, n in counts.items():
        names = [list(regions[split])[i % len(regions[split])] for i in range(SPARE * n)]
        a, b = ([_crop(regions[split][name], image_size, rng) for name in names] for _ in range(2))
        say(f"generating {split}: {n} images")
        fakes = generate(nets[GENERATOR_OF[split]], to_tensor(a), to_tensor(b), generator)
        of_region = {name: [fakes[i] for i in range(len(names)) if names[i] == name] for name in dict.fromkeys(names)}
        names, real, fake = _pairs(of_region, regions[split], n, rng)
        for label, source, images in (("real", "photograph", real), ("ai", GENERATOR_OF[split], fake)):
            (out / split / label).mkdir(parents=True)
            planted = split != "custom" and label == "ai"
            for i, (name, image) in enumerate(zip(names, images, strict=True)):
                file_name = f"{split}/{label}/{name}_{i:04d}.{'png' if planted else 'jpg'}"
                data = _as_jpeg(image)
                if planted:
                    Image.open(BytesIO(data)).save(out / file_name)
                else:
                    (out / file_name).write_bytes(data)
                rows.append((file_name, label, split, source, name))
    return pd.DataFrame(rows, columns=["file_name", "label", "split", "source", "group"])


def _regions(rng: np.random.Generator) -> dict[str, dict[str, Image.Image]]:
    """Return the regions of each set by name; photographs take turns, so that the first few regions show them all."""
    sets: dict[str, list[list]] = {"train": [], "test": [], "custom": []}
    for photographs, inner in ((INNER, True), (OUTER, False)):
        for name, load in photographs.items():
            cut = _cut(name, Image.fromarray(load()))
            cut = [cut[i] for i in rng.permutation(len(cut))[:MOST_REGIONS]]
            n_test = round(TEST_SHARE * len(cut)) if inner else 0
            sets["test"].append(cut[:n_test])
            sets["train" if inner else "custom"].append(cut[n_test:])
    return {
        split: dict(region for turn in zip_longest(*parts) for region in turn if region is not None)
        for split, parts in sets.items()
    }


def _cut(name: str, photograph: Image.Image) -> list[tuple[str, Image.Image]]:
    """Return the regions of a photograph that have `DETAIL`, as pairs of a name and an image."""
    columns, rows = photograph.width // REGION, photograph.height // REGION
    x, y = (np.linspace(0, side, n + 1).astype(int) for side, n in zip(photograph.size, (columns, rows), strict=True))
    places = [(row, column) for row in range(rows) for column in range(columns)]
    cut = [
        (f"{name}-{row}{column}", photograph.crop((x[column], y[row], x[column + 1], y[row + 1])))
        for row, column in places
    ]
    return [(name, region) for name, region in cut if _detail(region) > DETAIL]


def _detail(image: Image.Image) -> float:
    return float(np.asarray(image.convert("L")).std())


def _crop(region: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop (size, size, 3), uint8, of 3/5 to all of the region's side, and maybe mirrored."""
    side = int(min(region.size) * rng.uniform(0.6, 1))
    x, y = rng.integers(region.width - side + 1), rng.integers(region.height - side + 1)
    image = region.resize((size, size), Image.Resampling.LANCZOS, box=(x, y, x + side, y + side))
    return np.asarray(ImageOps.mirror(image) if rng.random() < 0.5 else image)


def _pairs(
    fakes: dict[str, list[np.ndarray]], regions: dict[str, Image.Image], n: int, rng: np.random.Generator
) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """Return the regions, real crops and generated images of the `n` pairs that are nearest in bytes.

    No region gives more than 1.5 times its share, so at least two thirds of the regions give some.
    """
    most = ceil(1.5 * n / len(regions))
    by_region = (_pairs_of_region(name, images, regions[name], rng) for name, images in fakes.items())
    pairs = [pair for of_region in by_region for pair in sorted(of_region, key=itemgetter(0))[:most]]
    _, names, real, fake = zip(*sorted(pairs, key=itemgetter(0))[:n], strict=True)
    return list(names), list(real), list(fake)


def _pairs_of_region(name: str, fakes: list[np.ndarray], region: Image.Image, rng: np.random.Generator) -> list[tuple]:
    """Return pairs as tuples: the distance of their bytes, the region, a real crop, a generated image.

    Real crops that are near-duplicates of a generated image are left out.
    """
    crops = [_crop(region, len(image), rng) for image in fakes for _ in range(CANDIDATES)]
    thumbnails = np.stack([thumbnail(one) for one in (*fakes, *crops)])
    pairs = find_duplicates(thumbnails, np.arange(len(thumbnails)).astype(str)).pairs
    copies = set(pairs.loc[pairs["first"] < len(fakes), "second"] - len(fakes))
    crops = [crop for i, crop in enumerate(crops) if i not in copies]
    n_bytes, n_bytes_real = (np.log([len(_as_jpeg(image)) for image in images]) for images in (fakes, crops))
    distances = np.abs(n_bytes[:, None] - n_bytes_real)
    return [(distances[i, j], name, crops[j], fakes[i]) for i, j in zip(*linear_sum_assignment(distances), strict=True)]


def _as_jpeg(image: np.ndarray) -> bytes:
    data = BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()

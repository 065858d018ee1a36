"""A small image set with two classes, made without a download, for demos and tests.

``real`` are crops of the ten colour photographs that scikit-image and scikit-learn carry in their wheels. ``ai`` are
images decoded or denoised from blends of two such crops of one photograph by a small network trained here: an
autoencoder for train and test, a diffusion model for custom. So the classes share their content and file format, and
differ in the traces of the generator, which is another one in custom. No photograph is in two splits.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from skimage import data
from sklearn.datasets import load_sample_image

from featex.errors import InputError
from featex.system.disk import folder_beside
from pipelines.sample.generators import GENERATORS, generate, to_tensor, train

RECIPE = 1  # raised whenever the same settings would give other images
JPEG_QUALITY = 90

# Six for train, so that five folds by photograph exist. With two for test a score depends much on which two, and on the
# seed: an untuned RBF SVM on ImageNet ResNet-18 features scored 0.86, 0.89, 0.73 on these (seeds 0, 1, 2).
PHOTOGRAPHS: dict[str, dict[str, Callable[[], np.ndarray]]] = {
    "train": {
        "astronaut": data.astronaut,
        "cat": data.chelsea,
        "china": lambda: load_sample_image("china.jpg"),
        "hubble": data.hubble_deep_field,
        "motorcycle": lambda: data.stereo_motorcycle()[0],
        "tissue": data.immunohistochemistry,
    },
    "test": {"coffee": data.coffee, "rocket": data.rocket},
    "custom": {"flower": lambda: load_sample_image("flower.jpg"), "retina": data.retina},
}


GENERATOR_OF = {"train": "autoencoder", "test": "autoencoder", "custom": "diffusion"}


def make_sample(
    out: Path,
    *,
    n_train: int = 200,
    n_test: int = 60,
    n_custom: int = 60,
    image_size: int = 128,
    steps: int = 500,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Write a small two-class image set and return its table.

    Writes ``out/{train,test,custom}/{real,ai}/*.jpg``, ``out/metadata.csv`` (the convention of Hugging Face's
    imagefolder) and ``out/sample.json`` (the settings). `out` appears whole or not at all. A sample made with the
    same settings is kept as it is. On one machine the same settings give the same files.

    Parameters
    ----------
    out : path of a folder that is absent, empty, or holds such a sample
    n_train, n_test, n_custom : images per class, at least 1, spread evenly over the photographs of the split
    image_size : pixels a side, a multiple of 8, 32 to 512
    steps : training steps of each generator; with 500 the whole takes 75 to 81 s on one core of an EPYC (Zen 3; n = 3)
    seed : of crops, training and generation
    progress : called with a line of text now and then

    Returns
    -------
    DataFrame
        A row an image, all text: file_name (relative to `out`), label (real, ai), split (train, test, custom), source
        (photograph, autoencoder, diffusion) and group (the photograph; none is in two splits).

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
    with folder_beside(out.resolve()) as folder:
        table = _write(folder, counts, image_size, steps, seed, say)
        table.to_csv(folder / "metadata.csv", index=False, lineterminator="\n")
        (folder / "sample.json").write_text(json.dumps({"recipe": RECIPE, **settings}))
        folder.replace(out.resolve())
    say(f"{len(table)} images in {out}")
    return table


def _check(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise InputError(f"{name} is {value}; it must be at least {least}")
    if (size := settings["image_size"]) % 8 or not 32 <= size <= 512:
        raise InputError(f"image_size is {size}; it must be a multiple of 8 from 32 to 512")


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
    if made_with != {"recipe": RECIPE, **settings}:
        raise InputError(f"{out} holds a sample made with other settings; delete it or choose another folder")
    if not whole:
        raise InputError(f"{out} holds a sample with images missing; delete it to make it again")
    return table


def _write(
    out: Path, counts: dict[str, int], image_size: int, steps: int, seed: int, say: Callable[[str], None]
) -> pd.DataFrame:
    """Write the images of all splits below `out`; return their table."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    photographs = {
        split: {name: Image.fromarray(load()) for name, load in loaders.items()}
        for split, loaders in PHOTOGRAPHS.items()
    }
    # The generators also imitate photographs that they were not trained on, as published generators do
    lessons = to_tensor([_crop(p, image_size, rng) for p in photographs["train"].values() for _ in range(64)])
    nets = {name: train(name, lessons, steps, generator, say) for name in GENERATORS}
    rows = []
    for split, n in counts.items():
        names = [list(photographs[split])[i % len(photographs[split])] for i in range(n)]
        real, a, b = ([_crop(photographs[split][name], image_size, rng) for name in names] for _ in range(3))
        say(f"generating {split}: {n} images")
        fake = generate(nets[GENERATOR_OF[split]], to_tensor(a), to_tensor(b), generator)
        for label, source, images in (("real", "photograph", real), ("ai", GENERATOR_OF[split], fake)):
            (out / split / label).mkdir(parents=True)
            for i, (name, image) in enumerate(zip(names, images, strict=True)):
                file_name = f"{split}/{label}/{name}_{i:04d}.jpg"
                Image.fromarray(image).save(out / file_name, quality=JPEG_QUALITY)
                rows.append((file_name, label, split, source, name))
    return pd.DataFrame(rows, columns=["file_name", "label", "split", "source", "group"])


def _crop(photograph: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop (size, size, 3), uint8, scaled from 3/4 to twice its size and maybe mirrored."""
    while True:
        side = min(int(size * 0.75 * (2 / 0.75) ** rng.random()), *photograph.size)
        x, y = rng.integers(photograph.width - side + 1), rng.integers(photograph.height - side + 1)
        image = photograph.resize((size, size), Image.Resampling.LANCZOS, box=(x, y, x + side, y + side))
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        if np.asarray(image.convert("L")).std() > 12:  # plain sky or black holds nothing to learn
            return np.asarray(image)

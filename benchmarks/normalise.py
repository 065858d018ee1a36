"""How well a treatment of images is hidden by normalising: which part of their size, and which filter, hides most.

    python benchmarks/normalise.py DIR [--images 200] [--parts 1 0.9 0.75 0.5]

Of each image (512 x 512 pixels or so) there is the image, and a copy that was treated: saved as JPEG of quality 80,
enlarged, or shrunk. Both are then normalised to a part of their shorter side and saved alike. Printed is the accuracy
of a logistic regression that tells the one from the other by spectrum, traces of resampling, DCT coefficients and bytes
per pixel, in 5 folds by image: chance is 0.5, and the wish. A part of 1 leaves what has that size as it is.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featex.datasets.dataset import find_images
from featex.images.decode import decode
from pipelines.auditing.appearance import spectrum, traces

LANCZOS, BILINEAR = Image.Resampling.LANCZOS, Image.Resampling.BILINEAR
TREATMENTS = {  # what is done to the copy, and the shorter side that both then have in common
    "saved as JPEG of quality 80": (lambda image: saved(image, 80), 512),
    "enlarged to 640 (Lanczos)": (lambda image: saved(image.resize((640, 640), LANCZOS), 95), 512),
    "shrunk to 384 (Lanczos)": (lambda image: saved(image.resize((384, 384), LANCZOS), 95), 384),
    "shrunk to 384 (bilinear)": (lambda image: saved(image.resize((384, 384), BILINEAR), 95), 384),
}


def saved(image: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.fromarray(decode(data))


def normalised(image: Image.Image, side: int, part: float) -> np.ndarray:
    """Return the measures of an image after it is normalised to a part of `side`."""
    length = int(side * part) // 8 * 8
    data = saved(image if image.size == (length, length) else image.resize((length, length), LANCZOS), 95)
    pixels = decode(data)
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32) - 128
    blocks = grey.reshape(length // 8, 8, length // 8, 8).transpose(0, 2, 1, 3)
    small = (np.abs(dctn(blocks, axes=(2, 3), norm="ortho")) < 1).mean((0, 1)).ravel()
    return np.concatenate([[len(data) / length**2], spectrum(pixels), traces(pixels), small])


def pair(path: Path, parts: list[float]) -> dict[tuple[str, float], np.ndarray]:
    image, measures = opened(path.read_bytes()), {}
    for name, (treat, side) in TREATMENTS.items():
        treated = opened(treat(image))
        for part in parts:
            measures[name, part] = np.stack([normalised(image, side, part), normalised(treated, side, part)])
    return measures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--parts", type=float, nargs="+", default=[1, 0.9, 0.75, 0.5])
    options = parser.parse_args()
    dataset = find_images(options.directory)
    chosen = np.random.default_rng(0).choice(len(dataset.table), options.images, replace=False)
    with ProcessPoolExecutor() as pool:
        paths = [dataset.root / dataset.table["path"][i] for i in chosen]
        pairs = list(pool.map(partial(pair, parts=options.parts), paths, chunksize=5))
    y, groups = np.tile([0, 1], len(pairs)), np.repeat(np.arange(len(pairs)), 2)
    print(f"{len(pairs)} images, each beside its treated copy; parts {', '.join(map(str, options.parts))}")
    for name in TREATMENTS:
        scores = []
        for part in options.parts:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
            X = np.concatenate([measures[name, part] for measures in pairs])
            folds = GroupKFold(5, shuffle=True, random_state=0)
            scores.append(cross_val_score(model, X, y, groups=groups, cv=folds).mean())
        print(f"{name:30}", " ".join(f"{score:.2f}" for score in scores))


if __name__ == "__main__":
    main()

"""How many altered copies of pictures are found as near-duplicates, and which pictures are called so without a copy.

    python benchmarks/near_duplicates.py DIR [--images 500]

Each picture is altered in one way at a time and compared with its original among all the others. The pairs of originals
that are called near-duplicates are listed: look at them, for in a folder without copies each is a false one.
"""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from featex.datasets.dataset import image_files
from featex.errors import ImageError
from featex.images.decode import decode
from featex.images.duplicates import find_duplicates, thumbnail


def saved(quality: int):
    def alter(image: Image.Image) -> Image.Image:
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return alter


def resized(factor: float):
    return lambda image: image.resize([max(1, round(factor * side)) for side in image.size], Image.Resampling.LANCZOS)


def cropped(share: float):
    """Return what cuts this share of width and height away, half of it at each side."""
    return lambda image: image.crop(
        [round(edge * share / 2) for edge in image.size] + [round(edge * (1 - share / 2)) for edge in image.size]
    )


ALTERED = {
    "JPEG quality 95": saved(95),
    "JPEG quality 80": saved(80),
    "JPEG quality 50": saved(50),
    "resized by 0.5": resized(0.5),
    "resized by 2": resized(2),
    "mirrored": ImageOps.mirror,
    "2 % of width and height cropped away": cropped(0.02),
    "4 % of width and height cropped away": cropped(0.04),
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=500, help="at most, evenly drawn")
    options = parser.parse_args()
    paths = image_files(options.folder)
    pictures = []
    for path in paths[:: max(1, len(paths) // options.images)][: options.images]:
        try:
            pictures.append((path, Image.fromarray(np.asarray(decode(path.read_bytes())))))
        except ImageError:
            continue
    originals = np.stack([thumbnail(np.asarray(picture)) for _, picture in pictures])
    names = [str(number) for number in range(len(pictures))]
    among = find_duplicates(originals, names)
    print(f"{len(pictures):,} pictures, {len(among.pairs):,} pairs of them called near-duplicates:")
    for pair in among.pairs.itertuples():
        print(f"  {pictures[pair.first][0]}  {pictures[pair.second][0]}  {pair.kind}, distance {pair.distance}")
    for name, alter in ALTERED.items():
        copies = np.stack([thumbnail(np.asarray(alter(picture))) for _, picture in pictures])
        pairs = find_duplicates(
            np.concatenate([originals, copies]), [*names, *(f"copy of {number}" for number in names)]
        ).pairs
        k = int((pairs["second"] - pairs["first"] == len(pictures)).sum())
        print(f"{name}: {k:,} of {len(pictures):,} copies found, {k / len(pictures):.1%}", flush=True)


if __name__ == "__main__":
    main()

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from skimage import data as photographs

from featex.images.decode import decode
from pipelines.auditing.measures import BLOCK, COLUMNS, FAMILIES, measure

N = 60
LABELS = np.arange(N) % 2 == 1


def saved(image, quality=95):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


@pytest.fixture(scope="module")
def images():
    """60 different pieces of photographs, 168 x 168 pixels, each saved once as a JPEG."""
    rng = np.random.default_rng(0)
    sources = [photographs.astronaut(), photographs.coffee(), photographs.chelsea(), photographs.rocket()]
    pieces = []
    for number in range(N):
        source = sources[number // 2 % 4]
        top, left = (int(rng.integers(side - 168)) for side in source.shape[:2])
        pieces.append(saved(np.ascontiguousarray(source[top : top + 168, left : left + 168])))
    return pieces


def told(images, treat, alike=lambda image: image):
    """ROC AUC of the single best measure of each family where every other image is treated."""
    treated = (treat(image) if planted else alike(image) for image, planted in zip(images, LABELS, strict=True))
    ranks = pd.DataFrame([measure(image) for image in treated]).rank().to_numpy()
    area = (ranks[LABELS].mean(axis=0) - (N / 2 + 1) / 2) / (N / 2)
    best = np.maximum(area, 1 - area)
    return {family: best[COLUMNS.get_loc(family)].max() for family in FAMILIES}


def cut(top, left):
    return lambda image: np.ascontiguousarray(image[top : top + 160, left : left + 160])


def bordered(image):
    image = image.copy()
    image[[0, -1]] = image[:, [0, -1]] = 0
    return image


def letterboxed(image):
    image = image.copy()
    image[:12] = image[-12:] = 0
    return image


def marked(image):
    image = image.copy()
    image[-8:, -32:] = np.repeat(np.array([[255, 255, 102], [66, 255, 255], [255, 110, 60], [60, 70, 255]]), 8, axis=0)
    return image


def blurred(image):
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.7)))


def brighter(image):
    return np.clip(image.astype(int) + 25, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("family", "treat", "alike"),
    [
        ("the grid of JPEG blocks", cut(4, 4), cut(0, 0)),
        (
            "the grid of JPEG blocks",
            lambda image: saved(cut(3, 5)(saved(image, 85))),
            lambda i: saved(cut(0, 0)(saved(i, 85))),
        ),
        ("the border", bordered, None),
        ("the border", letterboxed, None),
        ("the corners", marked, None),
        ("the lowest bits", lambda image: image & 254, None),
        ("the lowest bits", lambda image: saved(image & 254), saved),
        ("brightness and contrast", brighter, None),
        ("sharpness", blurred, None),
        ("the coefficients of JPEG", lambda image: saved(saved(image, 60)), saved),
    ],
)
def test_a_planted_trace_is_seen_by_its_family(images, family, treat, alike):
    areas = told(images, treat, alike or (lambda image: image))
    floor = 0.6 if family == "brightness and contrast" else 0.85
    assert areas[family] > floor, areas


def test_no_family_sees_a_difference_where_there_is_none(images):
    assert max(told(images, lambda image: image).values()) < 0.72  # the best of over two hundred measures


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 9), (16, 8), (3, 5000), (700, 900)])
@pytest.mark.parametrize("fill", [0, 255, None])
def test_images_of_any_shape_have_finite_measures(shape, fill):
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), fill, np.uint8) if fill is not None else rng.integers(0, 256, (*shape, 3), np.uint8)
    values = measure(image)
    assert values.shape == (len(COLUMNS),)
    assert np.isfinite(values).all()


def test_of_a_large_image_the_middle_is_measured_on_the_grid_of_its_blocks():
    large = saved(np.asarray(Image.fromarray(photographs.astronaut()).resize((803, 707))), 60)
    values = pd.Series(measure(large), COLUMNS)["the grid of JPEG blocks"]
    assert values[[f"column {at}" for at in range(BLOCK)]].to_numpy().argmax() == BLOCK - 1
    assert values[[name for name in values.index if name.startswith("zeros")]].idxmax() == "zeros at 0, 0"

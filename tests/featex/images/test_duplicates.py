import io
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from featex.errors import InputError
from featex.images import duplicates
from featex.images.decode import decode
from featex.images.duplicates import find_duplicates, near_groups, thumbnail
from featex.images.formats import SUFFIXES
from featex.system.progress import Progress


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    height, width, _ = image.shape
    return np.asarray(Image.fromarray(image).resize((round(width * factor), round(height * factor))))


COPIES = {
    "q50": lambda image: jpeg(image, 50),
    "q95": lambda image: jpeg(image, 95),
    "x0.5": lambda image: resized(image, 0.5),
    "x2": lambda image: resized(image, 2),
    "x0.7 q50": lambda image: jpeg(resized(image, 0.7), 50),
    "brighter": lambda image: np.clip(image * 1.1 + 4, 0, 255).astype(np.uint8),
    "cropped": lambda image: image[len(image) // 100 : -len(image) // 100, image.shape[1] // 100 :],
}
PHOTOGRAPHS = (data.astronaut, data.chelsea, data.coffee, data.rocket, data.hubble_deep_field)


def stacked(images) -> np.ndarray:
    return np.array([thumbnail(image) for image in images], dtype=np.uint8).reshape(-1, 16, 16)


def numbered(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def pairs_of(thumbnails: np.ndarray, contents=None, **options) -> list[tuple]:
    pairs = find_duplicates(thumbnails, contents or numbered(len(thumbnails)), **options).pairs
    return list(pairs[["first", "second", "kind"]].itertuples(index=False, name=None))


def made(n: int, seed: int = 0) -> np.ndarray:
    """Thumbnails of n images that have nothing in common."""
    return np.random.default_rng(seed).integers(0, 256, (n, 16, 16), dtype=np.uint8)


def altered(thumbnails: np.ndarray, seed: int = 1, by: float = 6) -> np.ndarray:
    noisy = thumbnails + np.random.default_rng(seed).normal(0, by, thumbnails.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """Five photographs and their quarters."""
    images = []
    for load in PHOTOGRAPHS:
        image = load()
        image = resized(image, 500 / max(image.shape))
        halves = np.array_split(image, 2)
        images += [image, *(quarter for half in halves for quarter in np.array_split(half, 2, axis=1))]
    return images


@pytest.fixture(scope="module")
def originals(photographs) -> np.ndarray:
    return stacked(photographs)


def test_a_thumbnail_holds_the_mean_grey_of_each_cell():
    image = np.zeros((32, 64, 3), dtype=np.uint8)
    image[:2, :4] = 200
    small = thumbnail(image)
    assert (small.shape, small.dtype) == ((16, 16), np.uint8)
    assert small[0, 0] == 200
    assert small.sum() == 200


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (700, 900), (16, 16)])
def test_every_size_has_one(size):
    assert (thumbnail(np.full((*size, 3), 90, dtype=np.uint8)) == 90).all()


def test_a_large_image_has_about_the_thumbnail_of_its_small_copy():
    rng = np.random.default_rng(0)
    large = np.kron(rng.integers(0, 256, (16, 16, 3)), np.ones((50, 50, 1))).astype(np.uint8)
    assert np.abs(thumbnail(large).astype(int) - thumbnail(large[::10, ::10])).mean() <= 3


def test_different_photographs_do_not_pair(originals):
    assert pairs_of(originals) == []


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_photographs_are_found_and_nothing_else(photographs, originals, kind):
    n = len(photographs)
    pairs = pairs_of(np.concatenate([originals, stacked(COPIES[kind](image) for image in photographs)]))
    assert all(pair == (pair[0], pair[0] + n, "near") for pair in pairs)
    assert len(pairs) >= (0.7 if kind == "cropped" else 0.9) * n


def test_mirror_images_are_found_and_called_so_unless_they_are_not_asked_for(photographs, originals):
    n = len(photographs)
    mirrored = stacked(np.asarray(ImageOps.mirror(Image.fromarray(jpeg(image, 80)))) for image in photographs)
    pairs = pairs_of(np.concatenate([originals, mirrored]))
    assert all(pair == (pair[0], pair[0] + n, "mirrored") for pair in pairs)
    assert len(pairs) >= 0.9 * n
    assert pairs_of(np.concatenate([originals, mirrored]), mirrored=False) == []


def test_equal_content_is_exact_and_only_the_first_has_near_ones():
    thumbnails = made(2)[[0, 0, 0, 1]]
    thumbnails = np.concatenate([thumbnails, altered(made(1))])
    pairs = pairs_of(thumbnails, ["a", "a", "a", "b", "c"])
    assert pairs == [(0, 1, "exact"), (0, 2, "exact"), (0, 4, "near")]
    assert find_duplicates(thumbnails, ["a", "a", "a", "b", "c"]).groups.tolist() == [0, 0, 0, 1, 0]


def flat_images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 128)[:, None, None] + np.zeros((128, 128, 3))
    light = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, 128)] * 2))[:, :, None] + np.zeros(3)
    images = [np.full((128, 128, 3), grey) for grey in (0, 127, 128, 255)] + [np.full((64, 64, 3), 255)]
    images += [np.clip(rng.normal(grey, 3, (128, 128, 3)), 0, 255) for grey in (0, 128, 128, 255)]
    images += [ramp, ramp / 2, ramp * 0.9 + 20, 255 - 40 * light**2, 200 - 30 * light**2]
    return [image.astype(np.uint8) for image in images]


def test_blank_images_and_mere_light_do_not_pair():
    images = flat_images()
    assert pairs_of(stacked(images)) == []
    assert pairs_of(stacked([*images, *(jpeg(image, 70) for image in images if image.std() > 1)])) == []


def test_noise_and_smooth_random_pictures_do_not_pair():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (200, 48, 48, 3), dtype=np.uint8)
    blobs = [Image.fromarray(small).resize((64, 64)) for small in rng.integers(0, 256, (200, 6, 6, 3), dtype=np.uint8)]
    assert pairs_of(stacked([*noise, *map(np.asarray, blobs)])) == []


def test_waves_that_differ_in_phase_do_not_pair_though_they_correlate():
    x = np.arange(64)
    waves = [127 + 100 * np.sin(x / 4 + phase) + np.zeros((64, 64)) for phase in np.arange(0, 3, 0.25)]
    thumbnails = stacked(np.repeat(wave[:, :, None], 3, axis=2).astype(np.uint8) for wave in waves)
    correlation = np.corrcoef(thumbnails.reshape(len(waves), -1))
    assert (np.diag(correlation, 1) > 0.93).all()
    assert pairs_of(thumbnails) == []


def test_a_copy_of_a_very_simple_picture_is_found_by_its_levels():
    wave = np.repeat((127 + 100 * np.sin(np.arange(64) / 4) + np.zeros((64, 64)))[:, :, None], 3, axis=2)
    wave, weaker = wave.astype(np.uint8), (0.8 * wave + 25).astype(np.uint8)
    assert pairs_of(stacked([wave, jpeg(wave, 60), weaker])) == [(0, 1, "near")]


def test_pictures_under_the_same_light_do_not_pair():
    sky = np.linspace(0, 200, 16)[:, None]
    thumbnails = (sky + np.random.default_rng(0).normal(20, 5, (2, 16, 16))).astype(np.uint8)
    assert np.corrcoef(thumbnails.reshape(2, -1))[0, 1] > 0.95
    assert pairs_of(thumbnails) == []


@pytest.mark.parametrize(("correlation", "n_pairs"), [(0.88, 0), (0.97, 1)])
def test_thumbnails_must_correlate_as_copies_do(correlation, n_pairs):
    pattern, other = np.random.default_rng(0).normal(0, 30, (2, 16, 16))
    second = correlation * pattern + (1 - correlation**2) ** 0.5 * other
    assert len(pairs_of((128 + np.stack([pattern, second])).astype(np.uint8))) == n_pairs


def test_every_pair_is_found_whatever_the_blocks_and_each_once(monkeypatch):
    originals = made(40)
    thumbnails = np.concatenate([originals, altered(originals, 1), altered(originals, 2)[:, :, ::-1]])
    unit = duplicates.described(thumbnails).unit
    alike = np.maximum(unit @ unit.T, unit @ unit.reshape(-1, 16, 16)[:, :, ::-1].reshape(len(unit), -1).T)
    expected = {(i, j) for i, j in zip(*np.nonzero(alike >= 0.93), strict=True) if i < j}
    assert len(expected) == 3 * 40
    for cells, chunk in ((20_000_000, 16_384), (500, 5), (1, 1)):
        monkeypatch.setattr(duplicates, "BLOCK_CELLS", cells)
        monkeypatch.setattr(duplicates, "CHUNK", chunk)
        found = [pair[:2] for pair in pairs_of(thumbnails)]
        assert len(found) == len(expected)
        assert set(found) == expected
        assert len(np.unique(near_groups(thumbnails))) == 40


def test_known_groups_stay_and_only_new_images_are_compared(monkeypatch):
    thumbnails = np.concatenate([made(6), altered(made(6))[:3]])
    whole = near_groups(thumbnails)
    compared = []

    class Counting(Progress):
        @contextmanager
        def task(self, label, total, unit):
            compared.append(total)
            yield lambda n: None

    later = near_groups(thumbnails, near_groups(thumbnails[:7]), progress=Counting())
    assert compared == [2]
    assert (later == whole).all()
    assert len(set(whole.tolist())) == 6


def test_groups_join_by_a_chain():
    chain = np.concatenate([made(1), altered(made(1), 1, 22), made(1, 9)])
    bridge = np.concatenate([chain, (chain[[0]].astype(int) * 0.5 + chain[[1]].astype(int) * 0.5).astype(np.uint8)])
    assert near_groups(bridge).tolist()[0] == near_groups(bridge).tolist()[3]
    assert len(set(near_groups(bridge).tolist())) == 2


def test_a_thousand_frames_of_a_film_are_one_group_and_are_refused_as_pairs(monkeypatch):
    thumbnails = np.stack([altered(made(1)[0], seed, 3) for seed in range(300)])
    assert set(near_groups(thumbnails).tolist()) == {0}
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 1000)
    with pytest.raises(InputError, match=r"more than 1,000 pairs of images look alike among 300, .*take fewer"):
        find_duplicates(thumbnails, numbered(300))


def test_a_thousand_equal_images_are_one_group_and_a_thousand_pairs():
    thumbnails = np.concatenate([made(1).repeat(1000, axis=0), altered(made(1))])
    found = find_duplicates(thumbnails, ["a"] * 1000 + ["b"])
    assert found.pairs["kind"].value_counts().to_dict() == {"exact": 999, "near": 1}
    assert set(found.groups.tolist()) == {0}


def test_no_image_has_no_copy():
    found = find_duplicates(made(0), [])
    assert found.pairs.columns.tolist() == ["first", "second", "kind", "distance"]
    assert (len(found.pairs), len(found.groups), len(near_groups(made(0)))) == (0, 0, 0)


def test_copies_of_real_photographs_are_found_among_all_others(real_data):
    paths = sorted(p for p in (real_data / "ai-vs-real").rglob("*") if p.suffix.lower() in SUFFIXES)[::3]
    images = [decode(path.read_bytes()) for path in paths]
    thumbnails = stacked(images)
    assert pairs_of(thumbnails) == []
    chosen = np.random.default_rng(0).choice(len(paths), 20, replace=False)
    for kind, copy in COPIES.items():
        pairs = pairs_of(np.concatenate([thumbnails, stacked(copy(images[i]) for i in chosen)]))
        assert all(first == chosen[second - len(paths)] for first, second, _ in pairs), kind
        assert len(pairs) >= (14 if kind == "cropped" else 18), kind

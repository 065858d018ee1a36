import io
from contextlib import contextmanager

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featex.errors import InputError
from featex.images import SUFFIXES, decode
from featex.progress import Progress
from pipelines import duplicates
from pipelines.duplicates import HASH, Duplicates, find_duplicates, grouped, hash_image, hash_images, summarise
from pipelines.sample import PHOTOGRAPHS


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    height, width, _ = image.shape
    return np.asarray(Image.fromarray(image).resize((round(width * factor), round(height * factor))))


COPIES = {
    "q30": lambda image: jpeg(image, 30),
    "q90": lambda image: jpeg(image, 90),
    "x0.3": lambda image: resized(image, 0.3),
    "x2": lambda image: resized(image, 2),
    "x0.5 q50": lambda image: jpeg(resized(image, 0.5), 50),
    "x1.3 q70": lambda image: jpeg(resized(image, 1.3), 70),
    "brighter": lambda image: np.clip(image * 1.1 + 4, 0, 255).astype(np.uint8),
    "cropped": lambda image: image[len(image) // 100 : -len(image) // 100, image.shape[1] // 100 :],
}


def stacked(images) -> np.ndarray:
    return np.array([hash_image(image) for image in images], dtype=HASH)


def pairs_of(hashes: np.ndarray) -> list[tuple]:
    return list(find_duplicates(hashes).pairs.itertuples(index=False, name=None))


def made(n: int, seed: int = 0) -> np.ndarray:
    """Hashes of n images that have nothing in common."""
    rng, hashes = np.random.default_rng(seed), np.zeros(n, dtype=HASH)
    hashes["pixels"] = [f"{seed}-{i}".encode() for i in range(n)]
    hashes["phash"] = rng.integers(0, 2**64, n, dtype=np.uint64)
    hashes["thumbnail"] = rng.integers(0, 256, (n, 16, 16))
    return hashes


def altered(hashes: np.ndarray, rows, bits: int = 0) -> np.ndarray:
    """Near copies of some rows: other pixels, and so many bits of the pHash turned."""
    copies = hashes[list(rows)]
    copies["pixels"] = [b"near %d " % row + pixels for row, pixels in zip(rows, copies["pixels"], strict=True)]
    copies["phash"] ^= np.uint64(2**bits - 1)
    return copies


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """Ten photographs and their quarters."""
    images = []
    for load in (load for split in PHOTOGRAPHS.values() for load in split.values()):
        image = load()
        image = resized(image, 500 / max(image.shape))
        halves = np.array_split(image, 2)
        images += [image, *(quarter for half in halves for quarter in np.array_split(half, 2, axis=1))]
    return images


@pytest.fixture(scope="module")
def originals(photographs) -> np.ndarray:
    return stacked(photographs)


def test_different_photographs_do_not_pair(originals):
    assert pairs_of(originals) == []


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_photographs_are_found_and_nothing_else(photographs, originals, kind):
    n = len(photographs)
    copies = stacked(COPIES[kind](image) for image in photographs)
    pairs = find_duplicates(np.concatenate([originals, copies])).pairs
    assert (pairs["second"] == pairs["first"] + n).all()
    assert len(pairs) >= 0.95 * n
    assert (pairs["kind"] == "near").all()


def test_equal_files_and_equal_pixels_in_another_format_are_exact(tmp_path, photographs):
    Image.fromarray(photographs[0]).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes())
    Image.fromarray(decode((tmp_path / "a.jpg").read_bytes())).save(tmp_path / "c.png")
    Image.fromarray(photographs[1]).save(tmp_path / "d.png")
    hashes = hash_images(sorted(tmp_path.iterdir())).hashes
    assert pairs_of(hashes) == [(0, 1, "exact", 0), (0, 2, "exact", 0)]


def test_one_pixel_apart_is_not_exact(photographs):
    other = photographs[0].copy()
    other[0, 0, 0] ^= 1
    assert [kind for _, _, kind, _ in pairs_of(stacked([photographs[0], other]))] == ["near"]


def test_same_bytes_in_another_shape_are_not_exact():
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    assert pairs_of(stacked([image, image.reshape(64, 32, 3)])) == []


def test_pixels_laid_out_otherwise_in_memory_are_the_same_pixels(photographs):
    assert hash_image(np.asfortranarray(photographs[0])) == hash_image(photographs[0])


def test_perceptual_hash_is_that_of_the_library(photographs):
    bits = imagehash.phash(Image.fromarray(photographs[0])).hash
    assert hash_image(photographs[0])["phash"] == int("".join("01"[bit] for bit in bits.ravel().astype(int)), 2)


def blank_images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 128)[:, None, None] + np.zeros((128, 128, 3))
    light = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, 128)] * 2))[:, :, None] + np.zeros(3)
    images = [np.full((128, 128, 3), grey) for grey in (0, 127, 128, 255)] + [np.full((64, 64, 3), 255)]
    images += [np.clip(rng.normal(grey, 3, (128, 128, 3)), 0, 255) for grey in (0, 128, 128, 255)]
    images += [ramp, ramp / 2, ramp * 0.9 + 20, 255 - 40 * light**2, 200 - 30 * light**2]
    return [image.astype(np.uint8) for image in images]


def test_blank_images_and_mere_light_do_not_pair():
    images = blank_images()
    assert pairs_of(stacked(images)) == []
    assert pairs_of(stacked([*images, *(jpeg(image, 70) for image in images if image.std() > 1)])) == []


def test_blank_images_of_equal_pixels_pair():
    images = blank_images()
    pairs = pairs_of(stacked([*images, *images]))
    assert [pair[:3] for pair in pairs] == [(i, i + len(images), "exact") for i in range(len(images))]


def test_pictures_under_the_same_light_do_not_pair():
    rng = np.random.default_rng(0)
    sky = np.linspace(0, 200, 16)[:, None]
    hashes = made(2)
    hashes["phash"] = 7
    hashes["thumbnail"] = sky + rng.normal(20, 5, (2, 16, 16))
    assert np.corrcoef(hashes["thumbnail"].reshape(2, -1))[0, 1] > 0.95
    assert pairs_of(hashes) == []


def test_both_the_hash_and_the_thumbnail_must_agree():
    hashes = made(3)
    hashes["phash"][1] = hashes["phash"][0]
    hashes["thumbnail"][2] = hashes["thumbnail"][0]
    assert pairs_of(hashes) == []
    assert pairs_of(np.concatenate([hashes, altered(hashes, [0])])) == [(0, 3, "near", 0)]


@pytest.mark.parametrize(("correlation", "n_pairs"), [(0.88, 0), (0.97, 1)])
def test_thumbnails_must_correlate_as_copies_do(correlation, n_pairs):
    pattern, other = np.random.default_rng(0).normal(0, 30, (2, 16, 16))
    hashes = np.concatenate([made(1), altered(made(1), [0])])
    hashes["thumbnail"][0] = 128 + pattern
    hashes["thumbnail"][1] = 128 + correlation * pattern + (1 - correlation**2) ** 0.5 * other
    assert len(pairs_of(hashes)) == n_pairs


def test_distance_counts_the_bits_that_differ_and_ends_at_ten():
    hashes = made(1)
    hashes = np.concatenate([hashes, *(altered(hashes, [0], bits) for bits in (10, 11))])
    hashes["pixels"][2] = b"another"
    assert pairs_of(hashes[[0, 1]]) == [(0, 1, "near", 10)]
    assert pairs_of(hashes[[0, 2]]) == []


def test_every_pair_is_compared_whatever_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    phashes = rng.integers(0, 2**16, 150, dtype=np.uint64)  # few bits: thousands of neighbours
    distances = np.bitwise_count(phashes[:, None] ^ phashes)
    expected = {(i, j, distances[i, j]) for i in range(150) for j in range(i + 1, 150) if distances[i, j] <= 5}
    monkeypatch.setattr(duplicates, "MAX_DISTANCE", 5)
    for block, chunk in ((16, 16_384), (7, 5), (1, 1), (1000, 100)):
        monkeypatch.setattr(duplicates, "_BLOCK", block)
        monkeypatch.setattr(duplicates, "_CHUNK", chunk)
        sizes = []
        found = [
            triple
            for parts in duplicates._shortlist(phashes, sizes.append)
            for triple in zip(*(part.tolist() for part in parts), strict=True)
        ]
        assert len(found) == len(expected)
        assert set(found) == expected
        assert sum(sizes) == 150


def test_rows_do_not_slip_past_unreadable_blank_and_equal_images():
    hashes = made(9)
    hashes["pixels"][0] = b""
    hashes["thumbnail"][1] = 255
    hashes[4] = hashes[2]
    hashes["pixels"][5] = b""
    hashes = np.concatenate([hashes, altered(hashes, [2, 7], 3), hashes[[7]]])
    assert pairs_of(hashes) == [(2, 4, "exact", 0), (2, 9, "near", 3), (7, 10, "near", 3), (7, 11, "exact", 0)]
    groups = find_duplicates(hashes).groups
    assert groups[2] == groups[4] == groups[9]
    assert groups[7] == groups[10] == groups[11]
    assert len(set(groups.tolist())) == 12 - 4


def test_a_thousand_equal_images_are_one_group_and_a_thousand_pairs():
    hashes = np.concatenate([made(1).repeat(1000), altered(made(1), [0])])
    found = find_duplicates(hashes)
    assert found.pairs["kind"].value_counts().to_dict() == {"exact": 999, "near": 1}
    assert set(found.groups.tolist()) == {0}


def test_images_are_joined_by_a_chain():
    hashes = np.concatenate([made(1), altered(made(1), [0], 8), altered(made(1), [0], 16), made(1, seed=1)])
    hashes["pixels"][2] = b"another"
    assert pairs_of(hashes) == [(0, 1, "near", 8), (1, 2, "near", 8)]
    assert find_duplicates(hashes).groups.tolist() == [0, 0, 0, 1]


def test_frames_of_a_film_are_refused_with_a_way_out(monkeypatch):
    hashes = np.concatenate([altered(made(1), [0]) for _ in range(5)])
    hashes["pixels"] = [b"%d" % i for i in range(5)]
    monkeypatch.setattr(duplicates, "_CHUNK", 4)
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 10)
    assert len(pairs_of(hashes)) == 10
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 9)
    with pytest.raises(InputError, match=r"more than 9 pairs of images look alike among 5, .*take fewer"):
        find_duplicates(hashes)


def test_no_image_has_no_copy():
    found = find_duplicates(made(0))
    assert found.pairs.columns.tolist() == ["first", "second", "kind", "distance"]
    assert (len(found.pairs), len(found.groups), len(summarise(found, []))) == (0, 0, 0)


def test_files_that_cannot_be_read_are_listed_and_pair_with_none(tmp_path, write_images):
    good = write_images(tmp_path, 2)
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "cut.jpg").write_bytes(good[0].read_bytes()[:300])
    paths = [tmp_path / "absent.jpg", good[0], tmp_path, tmp_path / "text.jpg", tmp_path / "cut.jpg", good[1]]
    hashed = hash_images(paths)
    assert hashed.reasons.keys() == {0, 2, 3, 4}
    assert hashed.reasons[0] == "no such file"
    assert hashed.reasons[2] == "cannot be read: Is a directory"
    assert "not an image" in hashed.reasons[3]
    assert "truncated" in hashed.reasons[4]
    assert (hashed.hashes[[1, 5]] == stacked(decode(path.read_bytes()) for path in good)).all()
    assert pairs_of(hashed.hashes) == []


@pytest.mark.parametrize("workers", [None, 1, 5])
def test_hashes_keep_the_order_of_the_files(tmp_path, write_images, workers):
    paths = write_images(tmp_path, 30)
    expected = stacked(decode(path.read_bytes()) for path in paths)
    assert (hash_images(paths, workers=workers).hashes == expected).all()


def test_progress_counts_every_image_and_then_those_compared(tmp_path, write_images):
    counts = {}

    class Counting(Progress):
        @contextmanager
        def task(self, label, total, unit):
            done = []
            yield done.append
            counts[label] = (total, sum(done))

    progress = Counting()
    Image.new("RGB", (32, 32)).save(tmp_path / "blank.png")
    paths = [*write_images(tmp_path, 20), tmp_path / "absent.jpg", tmp_path / "blank.png"]
    find_duplicates(hash_images(paths, progress=progress).hashes, progress=progress)
    assert counts == {"hash": (22, 22), "compare": (20, 20)}


def found_among(n: int, *pairs: tuple[int, int, str]) -> Duplicates:
    table = pd.DataFrame(pairs, columns=["first", "second", "kind"])
    return Duplicates(table, duplicates._joined(n, table))


def test_copies_are_counted_within_and_across_sets():
    found = found_among(7, (0, 2, "exact"), (0, 3, "near"), (4, 5, "near"))
    sets = ["train", "train", "test", "test", "test", "wild", "wild"]
    assert summarise(found, sets).columns.tolist() == ["value", "other", "images", "exact", "groups"]
    assert list(summarise(found, sets).itertuples(index=False, name=None)) == [
        ("test", "test", 2, 0, 1),
        ("test", "train", 2, 1, 1),
        ("test", "wild", 1, 0, 1),
        ("train", "test", 1, 1, 1),
        ("wild", "test", 1, 0, 1),
    ]


def test_equal_images_count_as_exact_also_where_only_the_first_is_named_in_pairs():
    found = found_among(5, (0, 1, "exact"), (0, 2, "exact"), (3, 4, "near"))
    assert list(summarise(found, ["real", "ai", "ai", "ai", "ai"]).itertuples(index=False, name=None)) == [
        ("ai", "ai", 4, 2, 2),
        ("ai", "real", 2, 2, 1),
        ("real", "ai", 1, 1, 1),
    ]


def test_copies_of_real_photographs_are_found_among_all_others(real_data):
    folders = (real_data / "ai-vs-real", real_data / "cleaning")
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    hashed = hash_images(paths)
    assert hashed.reasons == {}
    own = find_duplicates(hashed.hashes).pairs
    assert len(own) <= 5
    photographs = [i for i, path in enumerate(paths) if path.parent.name == "real"]
    chosen = np.random.default_rng(0).choice(photographs, 20, replace=False)
    images = [decode(paths[i].read_bytes()) for i in chosen]
    for kind, copy in COPIES.items():
        pairs = find_duplicates(np.concatenate([hashed.hashes, stacked(copy(image) for image in images)])).pairs
        hits = pairs[pairs["second"] >= len(paths)]
        assert (hits["first"] == chosen[hits["second"] - len(paths)]).all(), kind
        assert len(hits) >= 19, kind


def test_copies_share_a_group_with_all_that_shared_one_before():
    rows = pd.DataFrame({"path": list("abcdef"), "key": list("abcdef"), "group": ["g", "g", "", "h", "", ""]})
    pairs = pd.DataFrame({"first": [1], "second": [2], "kind": ["near"], "distance": [3]})
    found = Duplicates(pairs, np.array([0, 1, 1, 2, 3, 4]))
    assert grouped(rows, found)["group"].tolist() == ["copies of a"] * 3 + ["h", "", ""]

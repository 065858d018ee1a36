from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from classify.errors import DataError
from classify.nets import pixels as module
from classify.nets.pixels import ImageFiles, Pixels, PixelView, load_pixels
from featex.errors import InputError
from featex.images.decode import preprocess
from featex.system.progress import Progress

CPU = torch.device("cpu")


def write(path, array):
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def paths(tmp_path):
    """Thirty images of sizes that differ; the i-th is one colour, (i, 2 i, 3 i)."""
    return [write(tmp_path / f"{i}.png", np.full((20 + i, 40, 3), (i, 2 * i, 3 * i), np.uint8)) for i in range(30)]


COLOURS = np.outer(np.arange(30), (1, 2, 3))[:, :, None, None]


@pytest.fixture(params=[True, False], ids=["in memory", "streamed"])
def fits(request, monkeypatch):
    monkeypatch.setattr(module, "fits_in_memory", lambda n_bytes: request.param)
    return request.param


def read(pixels, *parts):
    return [images.numpy() for images in pixels.batches([np.array(part) for part in parts], CPU)]


def test_images_come_in_the_order_of_the_paths_whatever_their_size(paths, fits):
    pixels = load_pixels(paths, PixelView(16))
    assert isinstance(pixels.source, np.ndarray) == fits
    assert pixels.shape == (30, 3, 16, 16)
    (images,) = read(pixels, range(30))
    assert images.dtype == np.uint8
    assert (images == COLOURS).all()


def test_a_part_of_a_part_is_the_right_one_and_shares_the_memo(paths, fits):
    pixels = load_pixels(paths, PixelView(16))
    part = pixels[np.arange(30)[::-1]][np.array([3, 1, 1])]
    assert len(part) == 3
    assert part.memo is pixels.memo
    first, second = read(part, [2, 0], [1])
    assert first[:, 0, 0, 0].tolist() == [28, 26]
    assert second[:, 0, 0, 0].tolist() == [28]


def test_many_batches_come_in_order(paths, fits):
    parts = [[i, 29 - i] for i in range(30)]
    for part, images in zip(parts, read(load_pixels(paths, PixelView(16)), *parts), strict=True):
        assert images[:, 0, 0, 0].tolist() == part


def test_streaming_reads_few_batches_ahead_and_stops_when_it_is_left(paths, monkeypatch):
    asked = []
    files = ImageFiles(paths, PixelView(16), workers=1)
    monkeypatch.setattr(files, "read", lambda row: asked.append(row) or np.zeros((3, 16, 16), np.uint8))
    batches = files.read_ahead(np.array([i]) for i in range(30))
    next(batches)
    batches.close()
    files.pool.shutdown(wait=True)
    assert len(asked) <= module.AHEAD + 1


def test_what_does_not_fit_into_memory_is_said(paths, monkeypatch):
    monkeypatch.setattr(module, "fits_in_memory", lambda n_bytes: False)
    lines = []

    class Listener(Progress):
        def say(self, line):
            lines.append(line)

    load_pixels(paths, PixelView(16), progress=Listener())
    assert "do not fit into memory" in lines[0]


def test_a_third_of_the_memory_may_be_filled(monkeypatch):
    monkeypatch.setattr(module, "ram_bytes", lambda: 300)
    assert module.fits_in_memory(99)
    assert not module.fits_in_memory(101)


def test_files_that_cannot_be_read_are_told_by_number_and_one_pool_reads_all(tmp_path, monkeypatch):
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i in (0, 2, 4):
        Image.new("RGB", (20, 20), (i, 0, 0)).save(paths[i])
    paths[1].write_bytes(b"no image")
    pools = []
    pool = module.ThreadPoolExecutor
    monkeypatch.setattr(module, "ThreadPoolExecutor", lambda n: pools.append(n) or pool(n))
    images, reasons = module.load_readable(paths, PixelView(16))
    assert images[:, 0, 0, 0].tolist() == [0, 2, 4]
    assert reasons.keys() == {1, 3}
    assert "extract" not in " ".join(reasons.values())
    assert len(pools) == 1


def test_a_squashed_view_keeps_the_upper_side_up_and_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:32, ::2] = 255
    image = PixelView(16)(stripes)
    assert abs(image[:, 2:6, 1:-1].astype(int) - 127).max() < 8
    assert image[:, -6:].max() == 0


def test_a_squashed_view_shows_all_and_a_cut_the_middle():
    image = np.zeros((32, 96, 3), np.uint8)
    image[:, :24] = 255
    assert PixelView(16)(image)[0, 8, 0] == 255
    assert PixelView(16, resize=16)(image).max() == 0


def test_a_cut_is_the_one_of_features():
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    assert (PixelView(24, 28, "bicubic")(image) == preprocess(image, 28, 24, "bicubic").numpy()).all()


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_unreadable_file_is_named_with_the_way_out(tmp_path, paths, content, fits):
    bad = tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*bad\.png \(.+\); run `featex extract` again"):
        read(load_pixels([paths[0], bad], PixelView(16)), [0, 1])


def test_progress_hears_of_every_image(paths):
    calls = []

    class Listener(Progress):
        @contextmanager
        def task(self, label, total, unit):
            calls.append(total)
            yield calls.append

    load_pixels(paths[:3], PixelView(16), progress=Listener())
    assert calls == [3, 1, 1, 1]


@pytest.mark.parametrize(
    "X", [np.zeros((4, 3, 8, 8)), np.zeros((4, 8, 8, 3), np.uint8), [[1]], np.zeros((0, 3, 8, 8), np.uint8)]
)
def test_what_is_no_uint8_image_array_is_refused(X):
    with pytest.raises(DataError, match="a net reads a uint8 array"):
        Pixels.of(X)

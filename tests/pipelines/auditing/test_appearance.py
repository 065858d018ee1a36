import io
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import data as photographs

from featex.errors import InputError
from featex.images.decode import decode
from featex.store.cache import content_key
from pipelines.auditing import appearance as room
from pipelines.auditing.appearance import BANDS, FREQUENCIES, LOOK, TILE, colours, look, read_looks, spectrum, traces


def rows_of(paths, root) -> pd.DataFrame:
    keys = [content_key(path.read_bytes()) for path in paths]
    return pd.DataFrame({"path": [path.relative_to(root).as_posix() for path in paths], "key": keys})


@pytest.fixture
def images(tmp_path, write_images):
    return write_images(tmp_path / "images", 7)


@pytest.fixture
def rows(images, tmp_path):
    return rows_of(images, tmp_path)


@pytest.fixture
def decoded(monkeypatch):
    """The sizes of the files that were decoded, in whatever order."""
    seen = []
    monkeypatch.setattr(room, "decode", lambda data: (seen.append(len(data)), decode(data))[1])
    return seen


def same(one, other) -> None:
    assert (len(one), one.dtype) == (len(other), LOOK)
    assert one.tobytes() == other.tobytes()


def test_rows_are_those_of_the_images_whatever_the_threads(images, rows, tmp_path):
    looks = read_looks(rows, tmp_path, tmp_path / "kept", workers=3)
    assert len(looks) == 7
    same(looks, np.array([look(decode(path.read_bytes())) for path in images]))
    same(looks, read_looks(rows, tmp_path, tmp_path / "other", workers=1))


def test_a_second_look_opens_no_file(images, rows, tmp_path, decoded):
    first = read_looks(rows, tmp_path, tmp_path / "kept")
    assert len(decoded) == 7
    for path in images:
        path.unlink()
    same(first, read_looks(rows, tmp_path, tmp_path / "kept"))
    assert len(decoded) == 7


def test_rows_may_come_in_any_order_and_twice(rows, tmp_path, decoded):
    first = read_looks(rows, tmp_path, tmp_path / "kept")
    order = [3, 1, 3, 0]
    again = read_looks(rows.iloc[order], tmp_path, tmp_path / "other")
    assert len(decoded) == 7 + 3
    same(again, first[order])


def test_only_new_images_are_looked_at(images, rows, tmp_path, decoded, write_images):
    read_looks(rows, tmp_path, tmp_path / "kept")
    more = write_images(tmp_path / "more", 2, tint=90)
    read_looks(rows_of([*images, *more], tmp_path), tmp_path, tmp_path / "kept")
    assert len(decoded) == 9


def test_a_stopped_run_keeps_what_it_saw(rows, tmp_path, monkeypatch):
    calls = []

    def stopping(data):
        calls.append(data)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return decode(data)

    monkeypatch.setattr(room, "decode", stopping)
    with pytest.raises(KeyboardInterrupt):
        read_looks(rows, tmp_path, tmp_path / "kept", workers=1)
    calls[:] = [b""] * 5
    looks = read_looks(rows, tmp_path, tmp_path / "kept", workers=1)
    assert len(calls) == 5 + 3
    monkeypatch.undo()
    same(looks, read_looks(rows, tmp_path, tmp_path / "other"))


def test_an_image_that_changed_or_has_gone_is_refused(images, rows, tmp_path):
    before = images[2].stat()
    pixels = np.asarray(Image.open(images[2]))
    Image.fromarray(255 - pixels).save(images[2])
    os.utime(images[2], ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match=r"002\.jpg was changed since its features were extracted; run featex extract"):
        read_looks(rows, tmp_path, tmp_path / "kept")
    images[2].unlink()
    with pytest.raises(InputError, match=r"002\.jpg was deleted since"):
        read_looks(rows, tmp_path, tmp_path / "kept")


def test_another_recipe_reads_nothing_of_this_one(rows, tmp_path, decoded, monkeypatch):
    read_looks(rows, tmp_path, tmp_path / "kept")
    monkeypatch.setattr(room, "RECIPE", room.RECIPE + 1)
    read_looks(rows, tmp_path, tmp_path / "kept")
    assert len(decoded) == 14


def test_no_rows_are_no_looks(rows, tmp_path):
    assert len(read_looks(rows.iloc[:0], tmp_path, tmp_path / "kept")) == 0


def test_every_byte_of_a_look_comes_back_from_the_disk(tmp_path):
    """Also those that are NaN where the cache takes them for numbers."""
    bits = np.random.default_rng(0).integers(0, 256, LOOK.itemsize, dtype=np.uint8)
    bits[:8] = [1, 0, 128, 127, 255, 255, 255, 255]  # a signalling NaN and a quiet one
    seen = np.frombuffer(bits.tobytes(), dtype=LOOK)[0]
    cache = room.FeatureCache(tmp_path, LOOK.itemsize // 4)
    cache.add(["0" * 64], room.packed(seen))
    cache.flush()
    back = room.unpacked(room.FeatureCache(tmp_path, LOOK.itemsize // 4).get(["0" * 64]))
    assert back[0].tobytes() == bits.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (2, 3), (17, 400), (255, 257), (3000, 90)])
def test_any_size_has_finite_looks(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for pixels in (image, np.zeros_like(image), np.full_like(image, 255)):
        seen = look(pixels)
        for name in ("colours", "spectrum", "traces"):
            assert np.isfinite(seen[name]).all(), name
        assert seen["colours"].sum() == pytest.approx(1)


def test_thumbnails_are_means_of_their_parts():
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    means = image.reshape(16, 4, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(look(image)["thumbnail"] - means).max() <= 1  # rounded once a side


def test_tiles_show_the_whole_image_in_proportion_on_white():
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    image[:, :100] = [200, 0, 0]
    tile = look(image)["tile"]
    assert tile.shape == (TILE, TILE, 3)
    assert (tile[:16] == 255).all()
    assert (tile[48:] == 255).all()
    np.testing.assert_array_equal(tile[32, 5], [200, 0, 0])
    np.testing.assert_array_equal(tile[32, 60], [0, 0, 0])


def test_colours_are_counted_red_slowest():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:2], image[2], image[3] = [255, 64, 0], [0, 0, 191], [63, 128, 127]
    shares = colours(image)
    assert {int(cell): float(shares[cell]) for cell in np.flatnonzero(shares)} == {52: 0.5, 2: 0.25, 9: 0.25}


def test_colours_of_a_large_image_are_those_of_a_sample_of_it():
    image = np.random.default_rng(0).integers(0, 256, (900, 1400, 3), dtype=np.uint8)
    assert np.abs(colours(image) - 1 / 64).max() < 0.002
    assert colours(image).dtype == np.float32


def noise(shape, spread=20, seed=0) -> np.ndarray:
    grey = np.random.default_rng(seed).normal(128, spread, shape)
    return np.repeat(grey.clip(0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("shape", [(256, 256), (64, 64), (600, 50), (40, 300)])
def test_white_noise_has_its_variance_at_every_frequency_and_size(shape):
    level = np.mean([spectrum(noise(shape, seed=seed)) for seed in range(8)], axis=0)
    assert np.abs(level - (np.log10(400) - 0.25)).max() < 0.5
    assert abs(level.mean() - (np.log10(400) - 0.25)) < 0.05


@pytest.mark.parametrize("period", [2.5, 4, 16])
def test_a_wave_stands_at_its_frequency(period):
    plain = noise((300, 300), spread=5)
    wave = (40 * np.sin(2 * np.pi * np.arange(300) / period)).round()[:, None]
    for along in (wave, wave.transpose(1, 0)):
        rise = spectrum((plain + along[..., None]).astype(np.uint8)) - spectrum(plain)
        assert abs(FREQUENCIES[rise.argmax()] - 1 / period) <= 0.5 / 64


def test_the_spectrum_is_of_the_middle_as_it_is():
    image = noise((256, 256))
    framed = np.full((500, 700, 3), 7, dtype=np.uint8)
    framed[122:378, 222:478] = image
    np.testing.assert_array_equal(spectrum(framed), spectrum(image))


def test_light_is_no_part_of_the_spectrum():
    image = noise((256, 256))
    np.testing.assert_allclose(spectrum(image - 30), spectrum(image), atol=0.02)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return photographs.astronaut()


def resized(image, width, height) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def test_enlarging_leaves_a_trace_at_its_frequency_and_along_its_side(photograph):
    """A factor of 4/3 is a period of 4/3 pixels, which looks like a frequency of 1/4."""
    before = traces(photograph)
    band = int(0.25 * 2 * BANDS)
    wider = traces(resized(photograph, 512 * 4 // 3, 512))
    higher = traces(resized(photograph, 512, 512 * 4 // 3))
    near = [band - 1, band]
    assert wider[:BANDS][near].max() > before[:BANDS][near].max() + 1
    assert wider[BANDS:].max() < before[BANDS:].max() + 0.5
    np.testing.assert_allclose(higher[BANDS:], traces(resized(photograph.transpose(1, 0, 2), 682, 512))[:BANDS])
    assert higher[BANDS:][near].max() > before[BANDS:][near].max() + 1


def test_the_blocks_of_a_jpeg_leave_traces(photograph):
    image = resized(photograph, 256, 256)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=40)
    eighths = [round(k / 8 * 2 * BANDS) for k in (1, 2, 3)]
    before, after = traces(image), traces(decode(file.getvalue()))
    near = [band - shift for band in eighths for shift in (0, 1)]
    assert after[near].max() > before[near].max() + 0.5


def test_traces_are_of_the_middle_as_it_is(photograph):
    large = resized(photograph, 1200, 900)
    np.testing.assert_array_equal(traces(large), traces(large[193:707, 343:857]))


def test_a_flat_image_and_a_tiny_one_have_no_trace():
    assert not traces(np.full((300, 300, 3), 90, dtype=np.uint8)).any()
    assert not traces(noise((20, 20))).any()
    assert traces(noise((20, 200)))[:BANDS].any()

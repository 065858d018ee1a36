import hashlib

import numpy as np
import pytest
from safetensors.numpy import save

from featex.errors import StoreError
from featex.store import cache as cache_module
from featex.store.cache import FeatureCache, content_key

KEYS = [content_key(bytes([i])) for i in range(10)]
X = np.arange(40, dtype=np.float32).reshape(10, 4)


@pytest.fixture
def cache(tmp_path):
    filled = FeatureCache(tmp_path / "vectors", 4)
    filled.add(KEYS, X)
    filled.flush()
    return filled


def test_what_is_added_is_known_before_it_is_written(tmp_path):
    cache = FeatureCache(tmp_path / "vectors", 4)
    cache.add(KEYS[:1], X[:1])
    assert KEYS[0] in cache
    assert KEYS[1] not in cache
    assert not (tmp_path / "vectors").exists()


def test_a_full_buffer_is_written_without_being_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "FLUSH_ROWS", 10)
    FeatureCache(tmp_path, 4).add(KEYS, X)
    assert len(FeatureCache(tmp_path, 4)) == 10


@pytest.mark.parametrize("step", [1, 3, 7, 25])
def test_any_number_of_vectors_may_come_at_once(tmp_path, monkeypatch, step):
    monkeypatch.setattr(cache_module, "FLUSH_ROWS", 7)
    keys, vectors = [content_key(bytes([i])) for i in range(25)], np.random.default_rng(0).random((25, 4), np.float32)
    cache = FeatureCache(tmp_path, 4)
    for start in range(0, 25, step):
        cache.add(keys[start : start + step], vectors[start : start + step])
    np.testing.assert_array_equal(cache.get(keys), vectors)
    again = FeatureCache(tmp_path, 4)
    np.testing.assert_array_equal(again.get(keys), vectors)
    backwards = [keys[i] for i in range(24, -1, -1)]
    np.testing.assert_array_equal(again.get(backwards), vectors[::-1])
    np.testing.assert_array_equal(again.get(keys[5:20]), vectors[5:20])
    np.testing.assert_array_equal(again.get([keys[i] for i in (7, 0, 3, 3, 24)]), vectors[[7, 0, 3, 3, 24]])
    assert len(again) == 25
    assert again.verify() == []


def test_of_two_vectors_of_one_key_the_later_is_kept(tmp_path):
    cache = FeatureCache(tmp_path, 4)
    cache.add([KEYS[0], KEYS[1], KEYS[0]], X[:3])
    cache.add([KEYS[1]], X[3:4])
    np.testing.assert_array_equal(cache.get(KEYS[:2]), X[[2, 3]])
    assert len(cache) == 2


def test_a_part_is_what_the_safetensors_library_would_write(cache, tmp_path):
    part = next((tmp_path / "vectors").iterdir())
    keys = np.frombuffer(bytes.fromhex("".join(KEYS)), dtype=np.uint8).reshape(-1, 32)
    assert part.read_bytes() == save({"keys": keys, "vectors": X})


def test_a_part_is_whole_or_absent(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS, X)
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(StoreError, match="disk full"):
        cache.flush()
    assert list(tmp_path.iterdir()) == []


def test_absent_keys_are_refused_with_the_way_out(cache):
    with pytest.raises(StoreError, match="run featex extract again"):
        cache.get([content_key(b"unknown")])


def test_vectors_of_another_length_are_refused(cache, tmp_path):
    with pytest.raises(StoreError, match="4 features a row, expected 5"):
        FeatureCache(tmp_path / "vectors", 5)
    with pytest.raises(ValueError, match="expected"):
        cache.add(KEYS, X[:, :3])


def test_vectors_of_a_changed_part_are_refused_by_its_name_and_those_of_others_are_read(cache, tmp_path):
    part = next((tmp_path / "vectors").iterdir())
    cache.add([64 * "f"], X[:1])
    cache.flush()
    data = bytearray(part.read_bytes())
    data[200] ^= 1  # in the middle of the vectors
    part.write_bytes(data)
    again = FeatureCache(tmp_path / "vectors", 4)
    assert np.array_equal(again.get([64 * "f"]), X[:1])
    with pytest.raises(StoreError, match=rf"{part.name} is damaged .* delete it"):
        again.get(KEYS)


def test_a_part_is_hashed_once(cache, tmp_path, monkeypatch):
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr("hashlib.file_digest", lambda *args: hashed.append(args) or digest(*args))
    again = FeatureCache(tmp_path / "vectors", 4)
    again.get(KEYS)
    again.get(KEYS[:1])
    assert len(hashed) == 1


def test_verify_goes_on_behind_parts_that_cannot_be_opened(cache, tmp_path):
    for number in range(3):
        cache.add([64 * f"{number:x}"], X[:1])
        cache.flush()
    parts = sorted((tmp_path / "vectors").iterdir())
    parts[0].write_bytes(parts[0].read_bytes()[:-7])
    parts[1].write_bytes(b"")
    parts[3].write_bytes(parts[3].read_bytes()[:-1] + b"!")
    problems = FeatureCache(tmp_path / "vectors", 4, skip_damaged=True).verify()
    assert [any(part.name in problem for problem in problems) for part in parts] == [True, True, False, True]


def test_a_cut_part_is_refused_by_name(cache, tmp_path):
    part = next((tmp_path / "vectors").iterdir())
    part.write_bytes(part.read_bytes()[:-7])
    with pytest.raises(StoreError, match="damaged"):
        FeatureCache(tmp_path / "vectors", 4)


def test_an_interrupt_while_rows_are_added_leaves_no_key_without_its_vector(tmp_path):
    class Interrupted(np.ndarray):
        def __getitem__(self, rows):
            raise KeyboardInterrupt

    cache = FeatureCache(tmp_path, 2)
    with pytest.raises(KeyboardInterrupt):
        cache.add([content_key(b"a")], np.ones((1, 2), np.float32).view(Interrupted))
    cache.flush()
    assert len(FeatureCache(tmp_path, 2)) == 0

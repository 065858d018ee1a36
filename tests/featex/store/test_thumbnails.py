import numpy as np
import pytest

from featex.errors import StoreError
from featex.store.thumbnails import ThumbnailCache

KEYS = [f"{number:064x}" for number in range(3)]


def test_what_is_kept_is_read_whatever_its_bytes(tmp_path):
    cache = ThumbnailCache(tmp_path)
    pixels = np.full((3, 16, 16), 255, dtype=np.uint8)  # as numbers these bytes are not finite
    pixels[1] = np.arange(256).reshape(16, 16)
    for key, small in zip(KEYS, pixels, strict=True):
        cache.add(key, small)
    cache.flush()
    again = ThumbnailCache(tmp_path)
    assert (again.get([KEYS[1], KEYS[0], KEYS[2]]) == pixels[[1, 0, 2]]).all()
    assert KEYS[0] in again
    assert again.holds([KEYS[0], "", "f" * 64]) == [True, False, False]
    assert again.verify() == []


def test_damage_is_found(tmp_path):
    cache = ThumbnailCache(tmp_path)
    cache.add(KEYS[0], np.zeros((16, 16), dtype=np.uint8))
    cache.flush()
    (part,) = tmp_path.rglob("*.safetensors")
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    assert len(ThumbnailCache(tmp_path).verify()) == 1
    with pytest.raises(StoreError, match="extract again"):
        cache.get([KEYS[1]])

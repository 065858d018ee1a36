from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from featex.errors import InputError, StoreError
from featex.store.cache import FeatureCache, content_key
from featex.store.features import StoredSet, export, find_set, load_features, verify
from featex.store.thumbnails import ThumbnailCache
from featex.system.disk import write_json


@pytest.fixture
def stored(tmp_path, jpeg_facts):
    directory = tmp_path / "tiny-1"
    write_json(directory / "extractor.json", {"name": "tiny-1", "n_features": 2, "fingerprint": "1"})
    keys = [content_key(bytes([i])) for i in range(3)]
    cache = FeatureCache(directory / "vectors", 2)
    cache.add(keys, np.array([[0, 1], [2, 3], [4, 5]], dtype=np.float32))
    cache.flush()
    thumbnails = ThumbnailCache(tmp_path)
    for number, key in enumerate(keys):
        thumbnails.add(key, np.full((16, 16), number, dtype=np.uint8))
    thumbnails.flush()
    rows = pd.DataFrame(
        {
            "path": ["ä/1.jpg", "b/2.jpg", "b/3.jpg"],
            "label": ["ä", "b", "b"],
            "split": "train",
            "source": ["ä", "b", "b"],
            "group": "",
            "size": [1, 2, 3],
            "mtime_ns": [1, 2, 3],
            "key": keys,
            "near": "",
            "anchor": keys,
            **jpeg_facts,
        }
    )
    stored = StoredSet(directory / "sets" / "set.parquet")
    stored.write(rows, Path("/where/they/were"))
    return stored


def test_what_is_written_is_read(stored, tmp_path):
    features = load_features(tmp_path)
    np.testing.assert_array_equal(features.X, [[0, 1], [2, 3], [4, 5]])
    assert features.y.tolist() == ["ä", "b", "b"]
    assert features.paths[0] == Path("/where/they/were/ä/1.jpg")
    assert features.X.dtype == np.float32
    assert features.thumbnails[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
def test_every_export_holds_rows_and_vectors(stored, tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    export(stored.load(), path)
    if suffix == "npz":
        with np.load(path, allow_pickle=False) as arrays:
            np.testing.assert_array_equal(arrays["X"], stored.load().X)
            assert arrays["y"].tolist() == ["ä", "b", "b"]
            assert arrays["path"].tolist() == ["ä/1.jpg", "b/2.jpg", "b/3.jpg"]
            assert arrays["size"].tolist() == [1, 2, 3]
            assert arrays["format"].tolist() == ["JPEG"] * 3
    else:
        table = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
        np.testing.assert_array_equal(table[["f0", "f1"]], stored.load().X)
        assert table["label"].tolist() == ["ä", "b", "b"]


def test_an_export_of_another_kind_is_refused(stored, tmp_path):
    with pytest.raises(InputError, match=r"must end in \.npz, \.csv, \.json or \.parquet"):
        export(stored.load(), tmp_path / "out.xlsx")


def test_no_features_at_all_says_how_to_make_some(tmp_path):
    with pytest.raises(InputError, match="featex extract DIR"):
        find_set(tmp_path)


def test_a_file_that_is_no_set_is_refused(stored, tmp_path):
    stored.path.write_bytes(b"no parquet")
    with pytest.raises(StoreError, match="is not a set of featex"):
        load_features(tmp_path)
    assert "is not a set" in next(verify(tmp_path))
    pd.DataFrame({"a": [1]}).to_parquet(stored.path)
    with pytest.raises(StoreError, match="is not a set of featex"):
        load_features(tmp_path)


def test_verify_names_a_path_that_stands_twice(stored, tmp_path):
    rows, root = stored.read()
    stored.write(pd.concat([rows, rows.head(1)]), root)
    assert list(verify(tmp_path)) == [f"{stored.path}: ä/1.jpg is listed in two rows"]


def test_verify_names_a_set_of_another_version(stored, tmp_path):
    table = pq.read_table(stored.path)
    without = table.drop_columns(["near", "anchor"]).replace_schema_metadata(table.schema.metadata)
    pq.write_table(without, stored.path)
    with pytest.raises(StoreError, match="another version"):
        stored.load()
    assert "another version" in next(verify(tmp_path))

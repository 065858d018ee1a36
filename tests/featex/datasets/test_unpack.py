import json
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featex.datasets.dataset import find_images
from featex.datasets.unpack import unpack
from featex.errors import InputError


def encoded(number, kind="PNG"):
    file = BytesIO()
    Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(file, kind)
    return file.getvalue()


def shard(path, rows, names=None, image="image", struct=True):
    """Write a Parquet file as the library datasets does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": data, "path": None} if struct else data for data, _ in rows]
    table = pa.table({image: images, "label": [label for _, label in rows]})
    if names:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}, image: {"_type": "Image"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, path)


@pytest.mark.parametrize("struct", [True, False])
def test_shards_become_images_with_the_sets_and_labels_of_their_files(tmp_path, struct):
    for part in range(2):
        rows = [(encoded(10 * part + i), i % 2) for i in range(3)]
        shard(tmp_path / f"hub/data/train-0000{part}-of-00002.parquet", rows, ["fake", "real"], struct=struct)
    shard(
        tmp_path / "hub/data/test-00000-of-00001.parquet",
        [(encoded(99, "JPEG"), 1), (b"", 0)],
        ["fake", "real"],
        struct=struct,
    )
    done = unpack(tmp_path / "hub", tmp_path / "out")
    assert (done.images, done.empty) == (7, 1)
    found = find_images(tmp_path / "out")
    assert found.table.value_counts(["split", "label"]).to_dict() == {
        ("train", "fake"): 4,
        ("train", "real"): 2,
        ("test", "real"): 1,
    }
    first = found.table[found.table["split"] == "train"]["path"].iloc[0]
    assert (tmp_path / "out" / first).read_bytes() == encoded(0)
    assert found.table["path"].str.endswith((".png", ".jpg")).all()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.parquet", "train"),
        ("validation-00000-of-00001.parquet", "val"),
        ("test_hard.parquet", "test"),
        ("default/train/0000.parquet", "train"),
        ("part-0.parquet", ""),
    ],
)
def test_the_set_is_known_by_a_files_name_or_its_folders(tmp_path, name, split):
    shard(tmp_path / "hub" / name, [(encoded(1), "a"), (encoded(2), "b")], image="img")
    unpack(tmp_path / "hub", tmp_path / "out")
    table = find_images(tmp_path / "out").table
    assert (set(table["split"]), set(table["label"])) == ({split}, {"a", "b"})


def test_what_cannot_be_unpacked_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "hub").mkdir()
    with pytest.raises(InputError, match="holds no Parquet files with images"):
        unpack(tmp_path / "hub", tmp_path / "out")
    shard(tmp_path / "hub/train.parquet", [(b"no image", "a")])
    with pytest.raises(InputError, match="holds 1 row and no image"):
        unpack(tmp_path / "hub", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]
    with pytest.raises(InputError, match="not empty"):
        unpack(tmp_path / "hub", tmp_path / "hub")


def test_a_folder_of_shards_names_the_command_that_unpacks_them(tmp_path):
    shard(tmp_path / "data/train-00000-of-00001.parquet", [(encoded(1), 0)])
    with pytest.raises(InputError, match="featex unpack"):
        find_images(tmp_path)

import os

import pandas as pd
import pytest

from featex.dataset import find_images
from featex.errors import ImageError, InputError
from pipelines.copies import METADATA, image_bytes, new_paths, write_metadata


def test_folders_that_say_it_all_need_no_table(data):
    assert not write_metadata(data, find_images(data).table)
    assert not write_metadata(data, find_images(data).table.sample(frac=1, random_state=0))
    assert not (data / METADATA).exists()


@pytest.mark.parametrize("column", ["label", "split", "source", "group"])
def test_what_folders_do_not_say_is_read_back_from_the_table(data, column):
    table = find_images(data).table
    table[column] = [f'{column} {number % 3}, "{number % 6}"' for number in range(len(table))]
    assert write_metadata(data, table.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(find_images(data).table, table)


def test_a_class_that_is_left_alone_keeps_its_label(tmp_path, write_images):
    write_images(tmp_path / "cubism" / "flux", 2)
    table = find_images(tmp_path).table.assign(label="cubism", source="cubism/flux")
    assert find_images(tmp_path).table["label"].tolist() != ["cubism", "cubism"]
    assert write_metadata(tmp_path, table)
    pd.testing.assert_frame_equal(find_images(tmp_path).table, table)


def test_folders_that_are_no_layout_are_read_by_their_table(tmp_path, write_images):
    for name in ("a", "b"):
        write_images(tmp_path / name / "train" / "x", 1)
    with pytest.raises(InputError, match="whole data sets"):
        find_images(tmp_path)
    table = pd.DataFrame({"path": ["a/train/x/000.jpg", "b/train/x/000.jpg"], "label": "ai", "split": ["test", "wild"]})
    table = table.assign(source="", group="7")
    assert write_metadata(tmp_path, table)
    assert find_images(tmp_path).table[list(table)].to_numpy().tolist() == table.to_numpy().tolist()


def test_images_keep_folder_and_stem_and_share_no_name():
    paths = ["a.jpg", "a.png", "b/A.PNG", "b/a.webp", "b/c.d.png", "c/a.png", "c/a.webp", "c/a_webp.jpg"]
    expected = ["a.jpg", "a_png.jpg", "b/A.jpg", "b/a_webp.jpg", "b/c.d.jpg", "c/a.jpg", "c/a_webp_2.jpg"]
    assert new_paths(paths, ".jpg") == [*expected, "c/a_webp.jpg"]
    assert new_paths(["../a.png", "/a.png", "b/../a.gif"], ".png") == ["a.png", "a_png.png", "b/a.png"]
    assert new_paths(["A.jpg", "a.jpg"], ".jpg") == ["A.jpg", "a_jpg.jpg"]
    assert new_paths(["b.png", "B.webp"], ".jpg") == ["b.jpg", "B_webp.jpg"]
    assert new_paths(["A.png", "a.webp", "a_webp.png"], ".jpg") == ["A.jpg", "a_webp_2.jpg", "a_webp.jpg"]
    assert new_paths(["b.bmp", "b.jpg"], ".jpg") == ["b_bmp.jpg", "b.jpg"]


def test_a_listed_file_that_is_none_is_refused_by_its_reason_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # opened, it would be waited for
    with pytest.raises(ImageError, match="a pipe"):
        image_bytes(tmp_path / "pipe.jpg", -3)
    with pytest.raises(ImageError, match="no such file"):
        image_bytes(tmp_path / "gone.jpg", -1)
    with pytest.raises(ImageError, match="cannot be read"):
        image_bytes(tmp_path / "gone.jpg", 10)

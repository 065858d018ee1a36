import os

import pandas as pd
import pytest

from featex.datasets.dataset import find_images
from featex.errors import ImageError, InputError
from pipelines.images.new_folder import METADATA, image_bytes, new_paths, write_metadata


def test_folders_that_say_it_all_need_no_table(data):
    write_metadata(data, find_images(data).table.sample(frac=1, random_state=0))
    assert not (data / METADATA).exists()


@pytest.mark.parametrize("column", ["label", "split", "source", "group"])
def test_what_folders_do_not_say_is_read_back_from_the_table(data, column):
    table = find_images(data).table
    table[column] = [f'{column} {number % 3}, "{number % 6}"' for number in range(len(table))]
    write_metadata(data, table.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(find_images(data).table, table)


def test_a_class_that_is_left_alone_keeps_its_label(tmp_path, write_images):
    write_images(tmp_path / "cubism" / "flux", 2)
    table = find_images(tmp_path).table.assign(label="cubism", source="cubism/flux")
    assert find_images(tmp_path).table["label"].tolist() != ["cubism", "cubism"]
    write_metadata(tmp_path, table)
    pd.testing.assert_frame_equal(find_images(tmp_path).table, table)


def test_folders_that_are_no_layout_are_read_by_their_table(tmp_path, write_images):
    for name in ("a", "b"):
        write_images(tmp_path / name / "train" / "x", 1)
    with pytest.raises(InputError, match="several data sets"):
        find_images(tmp_path)
    table = pd.DataFrame({"path": ["a/train/x/000.jpg", "b/train/x/000.jpg"], "label": "ai", "split": ["test", "wild"]})
    table = table.assign(source="", group="7")
    write_metadata(tmp_path, table)
    assert find_images(tmp_path).table[list(table)].to_numpy().tolist() == table.to_numpy().tolist()


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ("a.jpg a.png b/A.PNG b/a.webp b/c.d.png", "a.jpg a_png.jpg b/A.jpg b/a_webp.jpg b/c.d.jpg"),
        ("c/a.png c/a.webp c/a_webp.jpg", "c/a.jpg c/a_webp_2.jpg c/a_webp.jpg"),
        ("../a.png /a.jpg b/../a.gif", "a.jpg a_jpg.jpg b/a.jpg"),
        ("A.jpg a.jpg", "A.jpg a_jpg.jpg"),
        ("b.png B.webp", "b.jpg B_webp.jpg"),
        ("A.png a.webp a_webp.png", "A.jpg a_webp_2.jpg a_webp.jpg"),
        ("b.bmp b.jpg", "b_bmp.jpg b.jpg"),
    ],
)
def test_images_keep_folder_and_stem_and_share_no_name(paths, names):
    assert [name for (name,) in new_paths(paths.split(), suffix=".jpg")] == names.split()


def test_parts_are_numbered_and_take_no_name_of_another_file():
    paths = ["a.png", "a_1.png", "b/a.png", "../a.png", "A_2.PNG", "a.jpg"]
    assert new_paths(paths, [4, 1, 4, 1, 1, 0]) == [
        ["a_png_1.png", "a_png_2.png", "a_png_3.png", "a_png_4.png"],
        ["a_1.png"],
        ["b/a_1.png", "b/a_2.png", "b/a_3.png", "b/a_4.png"],
        ["a.png"],
        ["A_2.PNG"],
        [],
    ]
    assert new_paths(["a.png", "../a.png", "../../a.png"]) == [["a.png"], ["a_png.png"], ["a_png_2.png"]]
    assert new_paths(["a.png", "A_3.PNG"], [4, 1])[0][0] == "a_png_1.png"
    assert new_paths(["a.png", "a_1.png"], [4, 0])[0][0] == "a_png_1.png"  # a name that was dropped is not reused


def test_a_listed_file_that_is_none_is_refused_by_its_reason_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # opened, it would be waited for
    with pytest.raises(ImageError, match="a pipe"):
        image_bytes(tmp_path / "pipe.jpg", -3)
    with pytest.raises(ImageError, match="no such file"):
        image_bytes(tmp_path / "gone.jpg", -1)
    with pytest.raises(ImageError, match="cannot be read"):
        image_bytes(tmp_path / "gone.jpg", 10)

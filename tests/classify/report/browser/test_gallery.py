from io import BytesIO

import pandas as pd
import pytest
from PIL import Image

from classify.report.browser.gallery import LARGE, SMALL, Gallery


@pytest.fixture
def gallery(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (900, 450), "red").save(tmp_path / "images" / "3.jpg")
    return Gallery(tmp_path / "kept", tmp_path / "images")


@pytest.mark.parametrize("side", [SMALL, LARGE])
def test_a_picture_is_made_once_and_outlives_its_image(gallery, side):
    data = gallery.picture("3.jpg", side)
    with Image.open(BytesIO(data)) as image:
        assert image.size == (side, side // 2)
    (gallery.root / "3.jpg").unlink()
    assert gallery.picture("3.jpg", side) == data


def test_an_image_that_is_absent_or_broken_has_no_picture(gallery):
    (gallery.root / "4.jpg").write_bytes(b"no image")
    assert gallery.picture("nowhere.jpg") is None
    assert gallery.picture("4.jpg") is None


def test_what_is_known_of_neighbours_grows(gallery):
    row = {"rank": 0, "neighbour": "train/1.jpg", "label": "NA", "distance": 1.0}
    gallery.keep_neighbours(pd.DataFrame([{"path": "a", **row}]))
    gallery.keep_neighbours(pd.DataFrame([{"path": "b", **row}, {"path": "a", **row, "label": "real"}]))
    assert dict(gallery.neighbours()[["path", "label"]].to_numpy()) == {"a": "real", "b": "NA"}


def test_facts_of_files_come_back_also_without_a_quality(gallery):
    assert gallery.facts().empty
    facts = {"format": ["JPEG", "PNG"], "width": 640, "height": 480, "jpeg_quality": [90.0, float("nan")], "size": 7}
    rows = pd.DataFrame({"path": ["a", "b"], **facts})
    gallery.keep_facts(rows.assign(key="left out"))
    pd.testing.assert_frame_equal(gallery.facts(), rows, check_dtype=False)

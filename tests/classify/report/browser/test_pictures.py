import pandas as pd
import pytest
from PIL import Image

from classify.predictions import VALIDATION, Predictions
from classify.report.browser import pictures as room
from classify.report.browser.gallery import LARGE, SMALL, Gallery
from classify.report.browser.pictures import (
    N_NEAR,
    N_OTHER,
    N_RIGHT,
    embedded,
    file_facts,
    similar,
    small_and_large,
    worth_showing,
)


@pytest.fixture
def gallery(tmp_path):
    (tmp_path / "images").mkdir()
    for i, side in enumerate((64, 600, 700)):
        Image.effect_noise((side, side), 50).convert("RGB").save(tmp_path / "images" / f"{i}.jpg")
    gallery = Gallery(tmp_path / "kept", tmp_path / "images")
    facts = {"format": "JPEG", "jpeg_quality": [90, None, 75], "size": 12_345}
    sides = {"width": [64, 600, 700], "height": [64, 600, 700]}
    gallery.keep_facts(pd.DataFrame({"path": ["0.jpg", "1.jpg", "2.jpg"], **facts, **sides}))
    return gallery


def test_the_most_confident_errors_of_each_set_come_first(rows_of):
    table = pd.concat([rows_of(name=VALIDATION), rows_of(), rows_of(name="wild", n=8), rows_of("cnn", right=[39])])
    paths = worth_showing(Predictions(table), "cnn")
    wrong = [f"test/{i}.jpg" for i in range(37, 0, -2)]
    assert paths[: len(wrong)] == wrong
    assert "test/39.jpg" in paths[len(wrong) : len(wrong) + 2 * N_OTHER]  # the other model is wrong there
    assert paths[-N_RIGHT + 1 :] == [f"test/{i}.jpg" for i in (38, 36, 34, 32, 30)]  # 39 is there already
    two_sets = worth_showing(Predictions(table), "svm")
    assert two_sets[:4] == ["test/39.jpg", "wild/7.jpg", "test/37.jpg", "wild/5.jpg"]
    assert not any(path.startswith(VALIDATION) for path in paths)


def test_pictures_fill_the_bytes_there_are_in_order(gallery):
    sizes = {path: len(gallery.picture(path)) for path in ("1.jpg", "2.jpg")}
    assert list(embedded(gallery, ["1.jpg", "gone.jpg", "2.jpg"], SMALL, sum(sizes.values()))) == ["1.jpg", "2.jpg"]
    assert list(embedded(gallery, ["1.jpg", "2.jpg"], SMALL, sum(sizes.values()) - 1)) == ["1.jpg"]


def test_an_image_as_small_as_its_thumbnail_has_no_larger_picture(gallery):
    near = {"1.jpg": [("2.jpg", "ai")]}
    small, large = small_and_large(gallery, ["0.jpg", "1.jpg"], near)
    assert list(small) == ["0.jpg", "1.jpg", "2.jpg"]  # the similar image comes last
    assert list(large) == ["1.jpg"]
    assert room.LARGE == LARGE


def test_similar_images_are_the_nearest_with_their_class(gallery):
    ranks = [3, 1, 0, 2]
    table = pd.DataFrame({"path": "a", "rank": ranks, "neighbour": [f"{rank}.jpg" for rank in ranks], "label": "ai"})
    gallery.keep_neighbours(table.assign(distance=1.0))
    assert similar(gallery, ["a", "b"]) == {"a": [(f"{rank}.jpg", "ai") for rank in range(N_NEAR)]}


def test_facts_of_a_file_are_in_words(gallery):
    facts = file_facts(gallery, ["0.jpg", "1.jpg", "other.jpg"])
    assert facts == {
        "0.jpg": "JPEG, 64 × 64 pixels, JPEG quality about 90, 12.3 kB",
        "1.jpg": "JPEG, 600 × 600 pixels, 12.3 kB",
    }

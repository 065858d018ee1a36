import pytest

from featex.datasets import table_paths
from featex.datasets.table_paths import ImageFinder


@pytest.fixture
def finder(tmp_path):
    for path in ("img/1.jpg", "img/a.b.png", "deep/img/2.jpg", "x/3.jpg", "y/3.jpg", " 4.jpg", "5.jpg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"1")
    return ImageFinder(tmp_path, [tmp_path])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("img/1.jpg", "img/1.jpg"),
        ("img\\1.jpg", "img/1.jpg"),
        (" img/1.jpg ", "img/1.jpg"),
        (" 4.jpg", " 4.jpg"),
        ("1.jpg", "img/1.jpg"),
        ("img/1", "img/1.jpg"),
        ("a.b", "img/a.b.png"),
        ("img/2.jpg", "deep/img/2.jpg"),
        ("D:\\data\\x\\3.jpg", "x/3.jpg"),
        ("/mnt/set/deep/img/2.jpg", "deep/img/2.jpg"),
        ("../../set/deep/img/2.jpg", "deep/img/2.jpg"),
        ("set/img/1.jpg", "img/1.jpg"),
        ("img/1.JPG", "img/1.jpg"),
        ("'img/1.jpg'", "img/1.jpg"),
        ("img/%31.jpg", "img/1.jpg"),
        ("https://site.org/img/1.jpg?size=9", "img/1.jpg"),
        ("001", "img/1.jpg"),
    ],
)
def test_a_name_finds_the_one_image_that_it_can_mean(finder, name, path):
    rows, _ = finder.rows([name], [""])
    assert rows[0][:2] == (path, 1)


@pytest.mark.parametrize("name", ["3.jpg", "other/1.jpg", "1.png", "6.jpg", "", "/mnt/5.jpg", "img/x/1.jpg", "a\0"])
def test_a_name_that_may_mean_several_or_another_image_finds_none(finder, name):
    rows, by_end = finder.rows([name], [""])
    assert rows[0][1] < 0
    assert by_end == 0


def test_the_set_of_a_row_chooses_between_equal_names(finder):
    rows, by_end = finder.rows(["3.jpg", "3.jpg"], ["x", "y"])
    assert [path for path, *_ in rows] == ["x/3.jpg", "y/3.jpg"]
    assert by_end == 2


def test_an_image_that_several_names_could_mean_is_none_of_theirs(finder):
    rows, by_end = finder.rows(["a/img/1.jpg", "b/img/1.jpg", "img/2.jpg"], [""] * 3)
    assert [size for _, size, _ in rows] == [-1, -1, 1]
    assert by_end == 1
    rows, by_end = finder.rows(["img/1.jpg", "b/img/1.jpg"], [""] * 2)
    assert [size for _, size, _ in rows] == [1, -1]


@pytest.mark.parametrize(
    ("name", "words"),
    [("3.jpg", "2 images"), ("img/1.png", "'img/1.jpg' exists, with another suffix"), ("7.jpg", "")],
)
def test_what_is_there_in_place_of_a_missing_image_is_said(finder, name, words):
    assert finder.hint(name).startswith(words)


def test_images_of_one_name_in_many_folders_are_not_all_held_against_each_row(tmp_path, monkeypatch):
    for number in range(50):
        (tmp_path / f"film{number}").mkdir()
        (tmp_path / f"film{number}/007.jpg").write_bytes(b"1")
    compared, compare = [], table_paths.ends_alike
    monkeypatch.setattr(table_paths, "ends_alike", lambda *ends: compared.append(ends) or compare(*ends))
    names = [f"/elsewhere/film{number}/{'007.jpg' if number % 2 else '7'}" for number in range(50)]
    _, by_end = ImageFinder(tmp_path, [tmp_path]).rows(names, [""] * 50)
    assert by_end == len(compared) == 50

from pathlib import Path

import pytest

from featex.disk import born_whole, checked_name, read_json, restored, set_aside, swap_in, write_json
from featex.errors import InputError, StoreError


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(UnicodeEncodeError), born_whole(path) as temporary:
        temporary.write_text("half\ud800")
    assert read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_folders_are_made_and_others_may_read_the_file(tmp_path):
    path = tmp_path / "deep" / "er" / "a.json"
    write_json(path, {"ä": [1.5]})
    assert read_json(path) == {"ä": [1.5]}
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*a\.json: .*choose another place"):
        write_json(tmp_path / "file" / "a.json", {})


@pytest.mark.parametrize("name", ["", " ", ".a", "a/b", "a\\b", "a\nb", "a\0b", "\udcff", "x" * 201, "\u00e9" * 101])
def test_what_no_file_can_be_called_is_refused_with_the_way_out(name):
    with pytest.raises(InputError, match=r"a set cannot be called .*--name$"):
        checked_name(name, "a set")
    assert checked_name("\u00e9" * 100, "a set")


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_damaged_json_is_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StoreError, match="delete it"):
        read_json(tmp_path / "a.json")


@pytest.fixture
def folders(tmp_path):
    """An old folder in its place and a new one beside it, each with a file that says which it is."""
    for name in ("place", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    return tmp_path / "new", tmp_path / "place"


def test_a_folder_takes_the_place_of_another_and_leaves_nothing_beside_it(folders, tmp_path):
    new, place = folders
    swap_in(new, place)
    assert (place / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize("move", [1, 2])
def test_a_kill_before_the_new_folder_is_in_place_loses_nothing_of_the_old_one(folders, tmp_path, monkeypatch, move):
    new, place = folders
    moved, rename = [], Path.rename

    def die(path, target):
        moved.append(path)
        if len(moved) == move:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            swap_in(new, place)
    assert set_aside(tmp_path) == ([place] if move == 2 else [])
    assert restored(place) == (move == 2)
    assert (place / "a").read_text() == "place"
    swap_in(new, place)
    assert (place / "a").read_text() == "new"
    assert set_aside(tmp_path) == []


def test_a_new_folder_that_cannot_be_moved_leaves_the_old_one_in_place(folders, tmp_path):
    _, place = folders
    with pytest.raises(OSError, match="gone"):
        swap_in(tmp_path / "gone", place)
    assert (place / "a").read_text() == "place"

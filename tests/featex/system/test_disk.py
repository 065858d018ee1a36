import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from featex.errors import InputError, StoreError
from featex.system.disk import born_whole, checked_name, new_folder, read_json, restored, set_aside, swap_in, write_json


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
    with pytest.raises(StoreError, match=r"cannot write .*a\.json: .*"):
        write_json(tmp_path / "file" / "a.json", {})


@pytest.mark.parametrize("name", ["", " ", ".a", "a/b", "a\\b", "a\nb", "a\0b", "\udcff", "x" * 201, "\u00e9" * 101])
def test_what_no_file_can_be_called_is_refused_with_the_way_out(name):
    with pytest.raises(InputError, match=r"a set cannot be called .*--name$"):
        checked_name(name, "a set")
    assert checked_name("\u00e9" * 100, "a set")


def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(tmp_path):
    write_json(tmp_path / "real" / "a.json", {"old": 1})
    (tmp_path / "link.json").symlink_to("real/a.json")
    (tmp_path / "dangling.json").symlink_to("real/new.json")
    for name in ("link.json", "dangling.json"):
        write_json(tmp_path / name, {"new": 2})
        assert (tmp_path / name).is_symlink()
    assert read_json(tmp_path / "real" / "a.json") == read_json(tmp_path / "real" / "new.json") == {"new": 2}
    assert {path.name for path in tmp_path.rglob("*")} == {"real", "a.json", "new.json", "link.json", "dangling.json"}


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_json(pipe, {"a": 1})
    reader.join(10)
    assert pipe.is_fifo()
    assert json.loads(read[0]) == {"a": 1}


@pytest.mark.parametrize("redirect", [">", ">>"])
def test_the_standard_output_is_written_to_where_its_path_is_named(tmp_path, redirect):
    (tmp_path / "out").write_text("before\n")
    script = "from featex.system.disk import write_json; print(1, flush=True); write_json('/dev/stdout', {}); print(2)"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} {redirect} {shlex.quote(str(tmp_path / 'out'))}"
    subprocess.run(command, shell=True, check=True)
    assert (tmp_path / "out").read_text().split() == ["before"] * (redirect == ">>") + ["1", "{}", "2"]


def test_a_device_stays_a_device():
    write_json("/dev/null", {"a": 1})
    assert Path("/dev/null").is_char_device()


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


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_whole_and_nothing_is_left_beside_it(tmp_path):
    with new_folder(tmp_path / "deep" / "new") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "deep" / "new").exists()
        assert folder.parent.name.startswith(".")
    assert names(tmp_path / "deep") == ["new"]
    assert (tmp_path / "deep" / "new" / "a").read_text() == "a"
    assert (tmp_path / "deep" / "new").stat().st_mode == (tmp_path / "deep").stat().st_mode  # others may read it


def test_a_block_that_fails_leaves_nothing(tmp_path):
    def stopped():
        with new_folder(tmp_path / "new") as folder:
            (folder / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path) == []


def test_an_empty_folder_is_taken_and_one_with_files_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "a").write_text("a")
    assert names(tmp_path / "empty") == ["a"]
    for taken in (tmp_path / "empty", tmp_path / "empty" / "a"):
        with pytest.raises(InputError, match="exists and is not empty; choose a new name"), new_folder(taken):
            pytest.fail("the block was run")
    assert (tmp_path / "empty" / "a").read_text() == "a"


def test_a_folder_that_was_filled_meanwhile_is_left_alone(tmp_path):
    def disturbed():
        with new_folder(tmp_path / "new"):
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "other").write_text("other")

    with pytest.raises(StoreError, match="cannot write"):
        disturbed()
    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["other"]


def test_nothing_is_written_into_the_source(tmp_path):
    (tmp_path / "source").mkdir()
    for inside in ("source", "source/new", "other/../source/new"):
        with pytest.raises(InputError, match="choose a place outside"):
            new_folder(tmp_path / inside, source=tmp_path / "source").__enter__()
    assert names(tmp_path / "source") == []
    with new_folder(tmp_path / "source-new", source=tmp_path / "source"):
        pass

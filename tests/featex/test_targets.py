import pytest

from featex import extract, layout
from featex.errors import InputError
from featex.layout import Artifacts
from featex.system.progress import Progress
from featex.targets import folder_target, set_target


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_the_newest_set_is_taken_and_said(data, with_vectors, weights_file, artifacts):
    heard = Heard()
    with_vectors(artifacts.features)
    extract(data, artifacts.features, weights=weights_file, device="cpu")
    assert set_target(None, artifacts, heard) == "images"
    assert heard.lines == ["images (the newest set)"]


def test_a_given_target_is_taken_without_a_word(tmp_path):
    heard = Heard()
    assert set_target("photos", Artifacts(tmp_path), heard) == "photos"
    assert str(folder_target("photos", heard)) == "photos"
    assert heard.lines == []


def test_where_nothing_is_there_the_command_that_makes_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no set of features in .*; make one: featex extract DIR"):
        set_target(None, Artifacts(tmp_path), Progress())
    with pytest.raises(InputError, match="pipelines sample"):
        folder_target(None, Progress())


def test_the_folder_data_is_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout.DATA.mkdir()
    heard = Heard()
    assert folder_target(None, heard) == layout.DATA
    assert heard.lines == [f"{layout.DATA} (the default folder)"]

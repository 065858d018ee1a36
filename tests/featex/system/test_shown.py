from pathlib import Path

import pandas as pd
import pytest

from featex.system.shown import shown_command, shown_path, shown_table, shown_text, shown_url, shown_value


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder with a project in it, where the work is done."""
    project = tmp_path / "alice" / "project"
    project.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(project.parent))
    monkeypatch.chdir(project)
    return project.parent


def test_a_path_is_relative_to_the_project_or_to_the_home_folder(home):
    assert shown_path(home / "project" / "images") == "images"
    assert shown_path(home / "project") == "."
    assert shown_path(home / "photos" / "a.jpg") == "~/photos/a.jpg"
    assert shown_path("/mnt/disk/a.jpg") == "/mnt/disk/a.jpg"
    assert shown_path("images/a.jpg") == "images/a.jpg"
    assert shown_path(f"{home}2/a.jpg") == f"{home}2/a.jpg"


def test_a_home_folder_that_is_the_whole_disk_hides_nothing(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert shown_text("/mnt/a") == "/mnt/a"
    assert shown_path("/mnt/a") == "/mnt/a"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bob:secret@db.example:5432/studies?sslmode=require", "postgresql://db.example:5432/studies"),
        ("mysql+pymysql://bob:se/cr@et?#1@db/studies#x", "mysql+pymysql://db/studies"),
        ("https://token@host/x", "https://host/x"),
        ("sqlite:///studies.db?password=1", "sqlite:///studies.db"),
    ],
)
def test_a_url_has_no_user_no_password_and_no_query(url, shown):
    assert shown_url(url) == shown
    assert shown_command("classify", ["tune", "--storage", url]) == f"classify tune --storage {shown}"
    assert shown_command("classify", ["tune", f"--storage={url}"]) == f"classify tune --storage={shown}"


def test_a_command_names_no_home_folder_and_still_works_in_a_shell(home):
    arguments = ["tune", "--out", f"{home}/my results", f"--weights={home}/w.pth", f"{home}/project/images", "a b"]
    assert shown_command("classify", arguments) == (
        "classify tune --out ~/'my results' '--weights=~/w.pth' images 'a b'"
    )


def test_texts_and_tables_name_no_home_folder_and_no_password(home):
    text = f"cannot read {home}/a.jpg from https://bob:secret@host/x or https://host:80/@bob; {home}2 stays"
    shown = f"cannot read ~/a.jpg from https://host/x or https://host:80/@bob; {home}2 stays"
    assert shown_text(text) == shown
    assert shown_value({"a": [text, 1], "b": None}) == {"a": [shown, 1], "b": None}
    assert shown_table(pd.DataFrame({"a": [text], "n": [1]})).iloc[0].tolist() == [shown, 1]
    assert Path.home() == home

import re
import shlex
from pathlib import Path

import pytest

from classify.pages.codes import CODES, FILE, LEVELS, PARTS, Notice, explained, texts
from tests.documents import CLIS

ROOT = Path(__file__).parents[3]
USED = {
    id
    for package in ("classify", "pipelines")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "codes.py"
    for id in re.findall(r"\"(FX\d+)\"", path.read_text(encoding="utf-8"))
}


def test_ids_have_one_form_and_each_has_a_text_of_four_parts():
    assert all(re.fullmatch(r"FX\d{3}", id) for id in CODES)
    assert list(texts()) == list(CODES)  # the documentation and the table list them in one order
    headings = re.findall(r"^### (\w+)", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(headings) == len(set(headings))
    for code in texts().values():
        assert code.title
        for part in PARTS:
            assert getattr(code, part), (code.id, part)
            assert "**" not in getattr(code, part), (code.id, part)


def test_the_code_uses_ids_that_have_a_text_and_each_text_is_of_an_id_in_use():
    assert set(CODES) == USED


@pytest.mark.parametrize("id", CODES)
def test_the_next_command_of_an_id_is_understood(id, tmp_path):
    program, name, *arguments = shlex.split(texts()[id].command_for(DIR=str(tmp_path), REPORT="r", SET="s", MODEL="m"))
    CLIS[program].commands[name].make_context(name, arguments)


def test_a_command_names_what_it_is_about():
    assert texts()["FX101"].command_for(DIR="my set") == "pipelines normalise 'my set' 'my set-normalised'"


def test_a_page_explains_each_id_once_in_the_order_of_ids():
    assert [code.id for code in explained(["FX201", "FX101", "FX201"])] == ["FX101", "FX201"]


def test_a_notice_has_the_title_of_its_id():
    assert Notice("FX608", "…").title == "Untrained weights"


def test_the_least_level_comes_first():
    assert LEVELS == ("ok", "warning", "critical")

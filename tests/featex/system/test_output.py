import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from featex.system.output import GATE, Result, Saved, Table, as_text, show_result, shown_lines

SCORES = Table(
    ["model", "test", "interval", "what it is"],
    [["svm-sample", "0.80", "0.71-0.88", "the default model"], ["logreg-sample", "1.00", None, "linear"]],
    optional=["what it is", "interval"],
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_table_aligns_numbers_to_the_right_and_texts_to_the_left():
    assert SCORES.lines(80) == [
        "model          test  interval   what it is",
        "svm-sample     0.80  0.71-0.88  the default model",
        "logreg-sample  1.00             linear",
    ]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (48, ["model", "test", "interval"]),
        (30, ["model", "test", "interval"]),
        (27, ["model", "test"]),
        (9, ["model", "test"]),
    ],
)
def test_a_narrow_table_loses_its_optional_columns_in_their_order_and_then_wraps(width, columns):
    lines = SCORES.lines(width)
    assert lines[0].split() == columns
    assert max(map(len, lines)) <= max(width, 17)


def test_a_long_text_is_wrapped_in_its_column():
    lines = Table(["check", "finding"], [["leaks", "17 images are also in the training set"]]).lines(30)
    assert lines[1:] == ["leaks  17 images are also in", "       the training set"]


def test_json_holds_plain_values_utf_8_and_unescaped_slashes():
    record = {
        "path": Path("a/ü.jpg"),
        "score": np.float64(0.5),
        "n": np.int64(3),
        "nan": float("nan"),
        "rows": pd.DataFrame({"set": ["test"], "x": [float("inf")]}),
    }
    text = as_text(record)
    assert "a/ü.jpg" in text
    expected = {"path": "a/ü.jpg", "score": 0.5, "n": 3, "nan": None, "rows": [{"set": "test", "x": None}]}
    assert json.loads(text) == expected


def test_people_read_lines_and_machines_one_object(capsys):
    result = Result(
        {"page": Path("a.html")}, ["16 images", Saved("Page", "a.html")], ["classify tune svm", "featex show"]
    )
    assert show_result(result) == 0
    assert capsys.readouterr() == ("16 images\nPage: a.html\nNext: classify tune svm\n      featex show\n", "")
    show_result(result, quiet=True)
    assert capsys.readouterr() == ("16 images\nPage: a.html\n", "")
    show_result(result, as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"page": "a.html"}
    assert err.startswith("16 images\n")
    show_result(result, as_json=True, quiet=True)
    assert capsys.readouterr() == (out, "")


def test_content_goes_to_standard_output_alone(capsys):
    show_result(Result({"n": 1}, ["1 image"], text="path,predicted\n"))
    assert capsys.readouterr() == ("path,predicted\n", "1 image\n")


def test_a_gate_that_failed_has_its_own_exit_code(capsys):
    assert show_result(Result({"n": 1}, ["1 problem"], failed="1 problem in a"), as_json=True) == GATE
    out, err = capsys.readouterr()
    assert json.loads(out) == {"n": 1, "failed": "1 problem in a", "exit_code": 3}
    assert err.endswith("Error: 1 problem in a\n")


def test_colours_and_links_need_a_terminal_that_shows_them(monkeypatch):
    lines = [Table(["set"], [["test"]]), Saved("Page", "/a.html")]
    for name in ("NO_COLOR", "TERM_PROGRAM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    link = "Page: \033]8;;file:///a.html\033\\/a.html\033]8;;\033\\"
    assert shown_lines(lines, Terminal()) == ["\033[1mset\033[0m", "test", link]
    assert shown_lines(lines, io.StringIO()) == ["set", "test", "Page: /a.html"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown_lines(lines, Terminal()) == ["set", "test", link]
    monkeypatch.setenv("TERM", "dumb")
    assert shown_lines(lines, Terminal()) == ["set", "test", "Page: /a.html"]

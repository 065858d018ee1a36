import io
import signal
import sys
import warnings
from functools import partial

import click
import pytest

from featex.system.stopping import Stopped
from featex.system.terminal import run, write_utf8


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_output_is_utf_8_whatever_the_stream_was_opened_for(encoding):
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding=encoding)
    write_utf8(stream)
    stream.write("cat_\U0001f600 caf\udce9")
    stream.flush()
    assert data.getvalue() == "cat_\U0001f600 caf\\udce9".encode()


def test_ctrl_c_ends_with_the_exit_code_of_an_interrupt(capsys):
    @click.command()
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run(partial(stopped, []))
    assert ended.value.code == 130
    assert "Stopped" in capsys.readouterr().err


def test_a_signal_gives_its_own_exit_code_and_the_line_says_what_is_stored(capsys):
    @click.command()
    def stopped():
        raise Stopped("The features of 3 of 9 images are stored", signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        run(partial(stopped, []))
    assert ended.value.code == 143
    assert "3 of 9 images are stored. Run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--unknown"], 2), ([], 0)])
def test_what_click_says_of_options_is_said(capsys, arguments, code):
    @click.command()
    def quiet():
        return "ignored"

    with pytest.raises(SystemExit) as ended:
        run(partial(quiet, arguments))
    assert ended.value.code == code
    printed = capsys.readouterr()
    assert ("Usage" in printed.out + printed.err) == bool(arguments)


def test_a_warning_about_lost_warning_filters_is_not_shown_and_others_are(capsys, monkeypatch):
    def warn(standalone_mode):
        with warnings.catch_warnings():
            warnings.filters = []
            warnings.warn("`sklearn.utils.parallel.delayed` should be used with ...", UserWarning, stacklevel=1)
            warnings.warn("something else", UserWarning, stacklevel=1)

    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: sys.stderr.write(f"{message}\n"))
    with pytest.raises(SystemExit):
        run(warn)
    assert capsys.readouterr().err == "something else\n"

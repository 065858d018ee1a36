"""The frame of every command (UTF-8, Ctrl-C), and what a terminal can show: its width, colours and links."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

_SIGINT = 2  # signal.SIGINT, without an import that --help does not need
_WIDEST, _ELSEWHERE = 120, 100
_LINKS = ("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "ITERM_SESSION_ID", "DOMTERM")
_LINK_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio")
_LINK_TERMS = ("xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm")


def run(cli: Callable) -> None:
    """Run a command line and exit with its code.

    A signal that stops it gives 128 and its number, as shells have it: 130 after Ctrl-C, 143 after SIGTERM.
    """
    write_utf8(sys.stdout)
    write_utf8(sys.stderr)
    warnings.showwarning = _but_for_races(warnings.showwarning)
    try:
        code = cli(standalone_mode=False)  # else click turns an interrupt into exit code 1
    except (KeyboardInterrupt, Exception) as error:
        stopped = error if isinstance(error, KeyboardInterrupt) else error.__cause__
        if isinstance(stopped, KeyboardInterrupt):
            stored = f" {stopped}." if str(stopped) else ""
            sys.stderr.write(f"Stopped.{stored} Run the same command again to continue from the stored results.\n")
            raise SystemExit(128 + getattr(stopped, "number", _SIGINT)) from None
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()  # click's message about a wrong option
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _but_for_races(show: Callable) -> Callable:
    """Return a `warnings.showwarning` that leaves out the one by which scikit-learn notes missing warning filters.

    Its threads save and restore the filters of the whole process and can lose them all; then every tree of a forest
    warns (18,704 lines in one comparison), and no filter is left that could stop it.
    """

    def shown(message, *arguments, **attributes) -> None:
        if not str(message).startswith("`sklearn.utils.parallel.delayed`"):
            show(message, *arguments, **attributes)

    return shown


def write_utf8(stream) -> None:
    """Make a stream write UTF-8, whatever its own encoding; bytes that are not UTF-8 are written as escapes."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def width_of(stream) -> int:
    """Return how many characters a line of output may have: the terminal's width, at most 120; 100 elsewhere."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    import shutil  # here, since it takes longer than the rest of this module

    return min(_WIDEST, shutil.get_terminal_size((_ELSEWHERE, 24)).columns) if stream.isatty() else _ELSEWHERE


def is_plain(stream) -> bool:
    """Return whether a stream takes text only: it is no terminal or a dumb one, or NO_COLOR is set."""
    return not stream.isatty() or os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))


def bold(text: str, stream) -> str:
    """Return a text in bold, where the stream can show it."""
    return text if is_plain(stream) else f"\033[1m{text}\033[0m"


def red(text: str, stream) -> str:
    """Return a text in bold red, where the stream can show it."""
    return text if is_plain(stream) else f"\033[1;31m{text}\033[0m"


def hyperlink(path: str | Path, stream) -> str:
    """Return a path that a click opens (OSC 8), where the stream is a terminal that is known to support it."""
    if not stream.isatty() or not _shows_links():
        return str(path)
    return f"\033]8;;{Path(path).absolute().as_uri()}\033\\{path}\033]8;;\033\\"


def _shows_links() -> bool:
    environ = os.environ
    vte = environ.get("VTE_VERSION", "")
    return environ.get("TERM") != "dumb" and (
        any(environ.get(name) for name in _LINKS)
        or environ.get("TERM_PROGRAM") in _LINK_PROGRAMS
        or environ.get("TERM", "").startswith(_LINK_TERMS)
        or (vte.isdecimal() and int(vte) >= 5000)
    )

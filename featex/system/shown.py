"""Paths, command lines and texts as they may be published: without home folders, passwords and queries of URLs."""

import os
import re
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)")
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]*:[^\s/@]*@")  # "https://host/@name" is no password


def shown_path(path: str | Path) -> str:
    """Return a path relative to the working folder, or with "~" for the home folder, or unchanged."""
    path = Path(path)
    for place, lead in ((Path.cwd(), ""), *((home, "~/") for home in _homes())):
        if path.is_absolute() and place != Path(place.anchor) and path.is_relative_to(place):
            return lead + path.relative_to(place).as_posix()
    return str(path)


def shown_text(text: str) -> str:
    """Return a text in which "~" replaces the home folder, and URLs hold no user and password."""
    for home in _homes():
        text = re.sub(re.escape(str(home)) + r"(?![\w.-])", "~", text)
    return _USER.sub(r"\1", text)


def shown_url(url: str) -> str:
    """Return a URL without user, password, query and fragment; a password may hold any character."""
    scheme, rest = _URL.split(url, maxsplit=1)[1:]
    rest = rest.rpartition("@")[2]
    return shown_text(scheme + re.split(r"[?#]", rest, maxsplit=1)[0])


def shown_command(program: str, arguments: Sequence[str]) -> str:
    """Return a command line that repeats the run and may be published."""
    return " ".join([program, *(_quoted(_shown(text)) for text in arguments)])


def shown_value(value):
    """Return a JSON value with `shown_text` applied to each text in it."""
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, dict):
        return {key: shown_value(item) for key, item in value.items()}
    return [shown_value(item) for item in value] if isinstance(value, list | tuple) else value


def shown_table(table):
    """Return a pandas DataFrame with `shown_text` applied to each text in it."""
    return table.map(lambda value: shown_text(value) if isinstance(value, str) else value)


def _homes() -> list[Path]:
    """Return the home folder as named and with links resolved; [] if it is unknown or is the root of the disk."""
    try:
        return _names(Path.home())
    except RuntimeError:
        return []


@cache
def _names(home: Path) -> list[Path]:
    return [path for path in dict.fromkeys((home, home.resolve())) if path != Path(path.anchor)]


def _shown(text: str) -> str:
    name, sign, value = text.partition("=")
    if "://" in text:
        lead = f"{name}=" if sign and "://" in value and "://" not in name else ""
        return lead + shown_url(text[len(lead) :])
    if sign and os.path.isabs(value):
        return f"{name}={shown_path(value)}"
    return shown_path(text) if os.path.isabs(text) else shown_text(text)


def _quoted(text: str) -> str:
    """Return a text quoted for a shell; a leading "~/" stays unquoted, so that the shell expands it."""
    return "~/" + shlex.quote(text[2:]) if text.startswith("~/") and text != "~/" else shlex.quote(text)

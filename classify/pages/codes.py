"""Stable ids of findings and warnings, such as FX101, and the text of each.

``codes.md`` holds the texts: the documentation shows that file, and a page shows those of its ids. An id keeps its
meaning for ever: a finding that is no longer made leaves its number unused.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CODES = {
    **dict.fromkeys(("FX101", "FX102", "FX103", "FX104", "FX105"), "shortcuts"),
    **dict.fromkeys(("FX201", "FX202", "FX203", "FX204", "FX205", "FX206", "FX207", "FX208"), "leaks"),
    **dict.fromkeys(("FX301", "FX302", "FX303"), "balance"),
    **dict.fromkeys(("FX401",), "coverage"),
    **dict.fromkeys(("FX402",), "appearance"),
    **dict.fromkeys(("FX501",), "labels"),
    **dict.fromkeys(
        ("FX601", "FX602", "FX603", "FX604", "FX605", "FX606", "FX607", "FX608", "FX609"),
        "report",
    ),
    **dict.fromkeys(("FX701", "FX702", "FX703"), "stress"),
    **dict.fromkeys(("FX704",), "transfer"),
    **dict.fromkeys(("FX705",), "travel"),
    **dict.fromkeys(("FX706", "FX707"), "explain"),
}
"""The check or flow that makes the finding, by id."""

LEVELS = ("ok", "warning", "critical")
"""How much a finding matters: nothing to fix; keep it in mind when you read a score; no score counts until fixed."""

PARTS = {
    "meaning": "What it means",
    "computed": "How it is computed",
    "advice": "What to do",
    "command": "Next command",
}
FILE = Path(__file__).with_name("codes.md")


@dataclass(frozen=True)
class Code:
    """The text of an id. `command` names images as DIR, features as SET, a report as REPORT and a model as MODEL."""

    id: str
    title: str
    meaning: str
    computed: str
    advice: str
    command: str

    def command_for(self, **names: str) -> str:
        """Return the command with names in place of DIR, SET, REPORT or MODEL, quoted for a shell where needed."""
        words = self.command.split()
        for placeholder, name in names.items():
            words = [word.replace(placeholder, name) for word in words]
        return shlex.join(words)


@dataclass(frozen=True)
class Notice:
    """A finding or warning on a page.

    Parameters
    ----------
    id : str
        A key of `CODES`.
    text : str
        What was found, in a sentence.
    level : str
        One of `LEVELS`.
    command : str
        What to type next, "" for none.
    """

    id: str
    text: str
    level: str = "warning"
    command: str = ""

    @property
    def title(self) -> str:
        return texts()[self.id].title

    @property
    def line(self) -> str:
        """The finding for a terminal: "FX701 warning  svm is right on …"."""
        return f"{self.id} {self.level:8} {self.text}"


def explained(ids: Iterable[str]) -> list[Code]:
    """Return the text of each id, once, in the order of ids: what ``codes.html`` shows at the end of a page."""
    return [texts()[id] for id in sorted(set(ids))]


@cache
def texts() -> dict[str, Code]:
    """Return the texts of ``codes.md`` by id."""
    sections = re.split(r"^### (FX\d{3}) (.*) \{#\1\}$", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    codes = {}
    for id, title, body in zip(*(sections[part::3] for part in (1, 2, 3)), strict=True):
        parts = {}
        for name, heading in PARTS.items():
            match = re.search(rf"^\*\*{heading}\.\*\* (.*?)(?=\n\n|\Z)", body.strip(), re.MULTILINE | re.DOTALL)
            parts[name] = " ".join(match[1].split())
        codes[id] = Code(id, title, **parts | {"command": parts["command"].strip("`")})
    return codes

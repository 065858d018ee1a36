"""README and the pages of docs/ as the tests read them: their blocks of code, commands and options."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLIS = {name: importlib.import_module(f"{name}.cli").cli for name in ("featex", "classify", "pipelines")}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def prose(page):
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page):
    """Return what links to the titles of a page end in."""
    titles = re.findall(r"^#+ (.+)", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in titles}


def commands(page):
    """Return the commands of a page's console blocks: the lines that begin with a prompt, each without it."""
    lines = [line for block in blocks(page, "console") for line in block.replace("\\\n", "").splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def commands_in_sentences(page):
    """Yield (program, subcommand, rest) of each command that a page names between backticks."""
    yield from re.findall(r"`(featex|classify|pipelines) ([a-z]+)([^`|]*)`", prose(page))

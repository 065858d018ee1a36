"""What README and docs/ name is there, and the pages build without a broken link or anything loaded from elsewhere."""

import importlib
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.documents import CLIS, PAGES, ROOT, anchors, blocks, commands, commands_in_sentences, prose

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


class Loaded(HTMLParser):
    """The addresses that a browser loads when it shows a page; links that a reader follows are none of them."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        names = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
        attributes = dict(attributes)
        if tag in names and attributes.get("rel") not in ("next", "prev", "canonical"):
            self.addresses.append(attributes.get(names[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.long
def test_pages_build_with_every_link_and_anchor_in_place(site):
    assert {page.stem for page in PAGES} - {"README"} <= {page.stem for page in site.glob("*.html")}


@pytest.mark.long
def test_one_page_shows_the_help_of_every_command(site):
    page = (site / "options.html").read_text(encoding="utf-8")
    for program, cli in CLIS.items():
        assert [name for name in cli.commands if f"Usage: {program} {name} [OPTIONS]" not in page] == []


@pytest.mark.long
def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert len(loaded.addresses) >= 3, page
        assert not [address for address in loaded.addresses if re.match(r"(https?:)?//", address)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_a_page_at_the_top_leads_somewhere(name):
    """MkDocs checks the links of the pages in docs/."""
    for target, anchor in re.findall(r"""(?:]\(|src="|srcset=")(?!https?:)([^)"#]+)#?([^)"]*)""", prose(ROOT / name)):
        assert (ROOT / target).exists(), target
        assert not anchor or anchor in anchors(ROOT / target), f"{target}#{anchor}"


@EVERY_PAGE
def test_every_console_command_is_understood(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("predictions.csv", "scores.csv"):
        Path(name).touch()  # files that a command before has written
    for command in commands(page):
        program, *arguments = shlex.split(command.split(" | ")[0])
        if program in CLIS and arguments and not arguments[0].startswith("-"):
            CLIS[program].commands[arguments[0]].make_context(arguments[0], arguments[1:])


@EVERY_PAGE
def test_every_option_that_a_sentence_gives_a_command_is_there(page):
    for program, subcommand, rest in commands_in_sentences(page):
        parameters = CLIS[program].commands[subcommand].params
        known = {"--help", *(option for parameter in parameters for option in parameter.opts)}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"{program} {subcommand}"


@EVERY_PAGE
def test_every_name_that_python_code_imports_is_there(page):
    lines = [line for block in blocks(page, "python") for line in block.splitlines()]
    exec("\n".join(line for line in lines if line.startswith(("from ", "import "))), {})


@EVERY_PAGE
def test_every_benchmark_and_make_target_named_is_there(page):
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"python benchmarks/(\w+)\.py", text) + re.findall(r"python -m benchmarks\.(\w+)", text):
        assert (ROOT / "benchmarks" / f"{script}.py").exists() or (ROOT / "benchmarks" / script).is_dir(), script
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= set(targets)


def test_the_reference_shows_every_public_name():
    shown = re.findall(r"^::: (\S+)", (ROOT / "docs/api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = {package: importlib.import_module(package).__all__ for package in CLIS}
    assert {f"{package}.{name}" for package in names for name in names[package]} <= set(shown)


def test_every_command_has_its_paragraph_with_an_example_among_the_commands():
    """The options of each are taken from the programs when the pages are built."""
    page = ROOT / "docs/commands.md"
    examples = {tuple(command.split()[:2]) for command in commands(page)}
    named = set(re.findall(r"^\*\*`(\w+) ([a-z-]+)`\*\*", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
    every = {(program, name) for program, cli in CLIS.items() for name in cli.commands}
    assert named == every
    assert every <= examples

"""What holds for every command of the three programs: its help text, its example, its options."""

import re
import shlex

import click
import pytest

from featex.commands import GROUPS
from tests.documents import CLIS

COMMANDS = {(program, name): command for program, cli in CLIS.items() for name, command in cli.commands.items()}
EVERY_COMMAND = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


def help_of(program, name, columns):
    command = COMMANDS[program, name]
    context = click.Context(command, info_name=f"{program} {name}", terminal_width=columns, show_default=True)
    return command.get_help(context)


@EVERY_COMMAND
@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits_the_terminal_and_ends_with_examples_that_work(command, columns, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scores.csv").touch()
    text = help_of(*command, columns)
    assert [line for line in text.splitlines() if len(line) > columns] == []
    examples = [line.strip() for line in text.split("\nExamples:\n")[1].splitlines() if line.strip()]
    assert examples
    for example in examples:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == command
        COMMANDS[command].make_context(name, arguments)


@EVERY_COMMAND
def test_every_option_has_a_sentence_under_a_heading_that_is_known(command):
    for option in (one for one in COMMANDS[command].params if isinstance(one, click.Option)):
        assert option.group in GROUPS, option.name
        assert re.match(r"[A-Z`]|\w+: ", option.help), option.name
        assert option.help.endswith("."), option.name


@EVERY_COMMAND
def test_quiet_verbose_and_json_are_on_every_command(command):
    flags = {flag for option in COMMANDS[command].params for flag in option.opts}
    assert {"--quiet", "-q", "--verbose", "-v", "--json"} <= flags

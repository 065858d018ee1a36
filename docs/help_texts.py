"""A hook of MkDocs: the line `<!-- help texts -->` of a page becomes the help of every command, as on a terminal."""

import importlib

import click

MARK = "<!-- help texts -->"


def on_page_markdown(markdown, **_):
    """Return a page's Markdown with the help of all commands in it, if it asks for that."""
    return markdown.replace(MARK, "\n\n".join(help_texts())) if MARK in markdown else markdown


def help_texts():
    """Yield a title for each program, and a title and a help text for each of its commands."""
    for program in ("featex", "classify", "pipelines"):
        cli = importlib.import_module(f"{program}.cli").cli
        yield f"## {program}"
        with click.Context(cli, info_name=program) as context:
            for name in cli.list_commands(context):
                command = cli.get_command(context, name)
                text = command.get_help(click.Context(command, parent=context, info_name=name, terminal_width=100))
                yield f"### {program} {name}\n\n```text\n{click.unstyle(text)}\n```"

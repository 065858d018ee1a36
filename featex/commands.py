"""How every command of the three programs behaves: grouped help, examples, -q, -v, --json, result and exit code.

A command's body reads its options, calls one function of the library and returns a `featex.system.output.Result`::

    @cli.command(examples=["featex show"])
    @option("--limit", type=click.IntRange(1), group="Output", help="Number of sets, the newest first.")
    @ARTIFACTS
    def show(limit, artifacts):
        sets = stored_sets(artifacts.features, progress=terminal_progress())
        return Result({"sets": [...]}, [Table(["set", "images"], rows)], hints=["classify tune svm"])

- `program` makes a group of such commands from a function with a docstring.
- `option` is `click.option` with a `group`: the heading under which --help lists it, one of `GROUPS`.
- `names` is an option for several names: with commas, or with blanks where its `choices` are known.
- `terminal_progress` is the progress of the command that runs; it obeys -q and -v.
- `following` writes a command that a user may want next.
- `is_quiet`, `wants_json` and `command_line` tell how the command was called.
- What a command returns is shown by `featex.system.output`: people's lines, or one JSON object with --json.
- Errors: a `FeatexError` is one line on standard error, and its class holds the exit code: 1 the command failed,
  2 it was called wrongly (`featex.errors.UsageError`), 3 a gate failed (``Result(failed="...")``), 130 stopped.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NoReturn

import click

from featex.errors import FeatexError, UsageError, WriteError, nearest, unknown

GROUPS = ("Data", "Features", "Models", "Search", "Nets", "Scores", "Checks", "Images", "Run", "Output", "General")
"""The headings of options, in the order in which --help lists them."""

EXIT_CODES = (
    "Exit codes: 0 done; 1 the command failed; 2 it was called wrongly; 3 a gate failed (such as a limit of an audit); "
    "130 stopped by Ctrl-C."
)
_WHOLE = 1000  # characters of a command's first sentence, which click would cut
_QUIET, _VERBOSE, _JSON = "featex.quiet", "featex.verbose", "featex.json"


class Option(click.Option):
    """An option of click with the heading under which --help lists it.

    Parameters
    ----------
    group : str
        One of `GROUPS`.
    choices : callable, optional
        Returns the names that a `names` option takes; it is called only if the option is used, for it may be slow.
    """

    def __init__(self, *arguments, group: str = "Run", choices: Callable | None = None, **attributes):
        super().__init__(*arguments, **attributes)
        self.group, self.choices = group, choices

    def make_metavar(self, ctx: click.Context) -> str:
        """Return what stands for the value in a help text: N for a whole number, X for another, or click's word."""
        word = super().make_metavar(ctx)
        return {"INTEGER RANGE": "N", "INTEGER": "N", "FLOAT RANGE": "X", "FLOAT": "X", "TEXT": "NAME"}.get(word, word)

    def get_help_extra(self, ctx: click.Context) -> dict:
        """Return what stands in brackets at the end of a help text; "1 or more" instead of "x>=1"."""
        extra = super().get_help_extra(ctx)
        if found := re.fullmatch(r"x>=(\d+)", extra.get("range", "")):
            extra["range"] = f"{found[1]} or more"
        elif len(extra.get("range", "")) > 12:  # a limit that nobody meets, such as that of random seeds
            del extra["range"]
        return extra


option = partial(click.option, cls=Option)


def names(*flags: str, kind: str = "name", choices: Callable[[], Iterable[str]] | None = None, **attributes):
    """Return an option that takes several names; the command receives a tuple of them.

    The names have commas between them. Where `choices` are known, blanks do as well (``--only svm logreg``), case does
    not matter, and an unknown name is refused with the nearest one; `kind` is what the error calls it.
    """

    def split(_context, _option, value: str | None) -> tuple[str, ...]:
        wanted = [name.strip() for name in value.split(",") if name.strip()] if value else []
        return tuple(wanted if choices is None else (one_of(kind, name, choices()) for name in wanted))

    return option(*flags, callback=split, choices=choices, **attributes)


def one_of(kind: str, value: str, choices: Iterable[str]) -> str:
    """Return the choice that `value` names, whatever its case, or raise the error that suggests the nearest."""
    choices = list(choices)
    same = {choice.casefold(): choice for choice in choices}
    if value in choices or value.casefold() in same:
        return value if value in choices else same[value.casefold()]
    raise unknown(kind, value, choices)


def _are_names(text: str, choices: Sequence[str]) -> bool:
    """Return whether an argument after a name is another one, or looks like one with a typo, and is no file."""
    known = {choice.casefold() for choice in choices}
    if all(name.strip().casefold() in known for name in text.split(",")):
        return True
    return not text.startswith("-") and bool(nearest(text, choices)) and not Path(text).exists()


def _keep(key: str) -> Callable:
    def callback(context: click.Context, _option, value: bool) -> None:
        if value:
            context.meta[key] = True

    return callback


@cache
def _general() -> list[Option]:
    """Return the options of every command and program, which share them: making them anew takes a while."""
    flag = {"is_flag": True, "expose_value": False, "group": "General"}
    return [
        Option(["-q", "--quiet"], callback=_keep(_QUIET), help="Print only errors and the result.", **flag),
        Option(
            ["-v", "--verbose"],
            callback=_keep(_VERBOSE),
            help="Print every remark, and where in the code an error arose.",
            **flag,
        ),
        Option(
            ["--json"],
            callback=_keep(_JSON),
            help="Print the result as one JSON object on standard output, and all else on standard error.",
            **flag,
        ),
    ]


class Command(click.Command):
    """A command with grouped options and examples; it shows the `Result` that its function returns."""

    def __init__(self, *arguments, examples: Sequence[str] = (), **attributes):
        super().__init__(*arguments, **attributes)
        self.examples = tuple(examples)
        self.params.extend(_general())

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, self._joined(args))

    def _joined(self, args: list[str]) -> list[str]:
        """Return the arguments with ``--only a b`` as ``--only a,b``, for options whose names are known."""
        takers = {flag: one for one in self.params if getattr(one, "choices", None) for flag in one.opts}
        joined, rest = [], list(args)
        while rest:
            joined.append(rest.pop(0))
            if joined[-1] == "--":
                return joined + rest
            if joined[-1] in takers and rest:
                joined.append(rest.pop(0))
                choices = list(takers[joined[-2]].choices())
                while rest and _are_names(rest[0], choices):
                    joined[-1] += f",{rest.pop(0)}"
        return joined

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        headings: dict[str, list] = {name: [] for name in GROUPS}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and isinstance(parameter, click.Option):
                headings[getattr(parameter, "group", "General")].append(record)
        for heading, records in headings.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records, col_max=24)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        super().format_epilog(context, formatter)

    def invoke(self, context: click.Context) -> object:
        from contextlib import nullcontext

        from featex.system.output import Result, show_result  # here, since --help needs none of these
        from featex.system.silence import announced

        try:
            with nullcontext() if is_quiet() else announced(sys.stderr, context.command_path):
                result = super().invoke(context)
        except UsageError as error:
            source, target = (context.params.get(name) for name in ("source", "target"))
            if source and target and not Path(source).exists() and Path(target).is_dir():
                order = f"the folder to read comes first: {target} {source}"
                raise UsageError(f"{error}; if the two are swapped, {order}") from error
            raise
        except WriteError as error:
            raise WriteError(f"{error}; mend that{self._elsewhere(context, error.path)}", error.path) from error

        if not isinstance(result, Result):
            return result
        return show_result(result, quiet=is_quiet(), as_json=wants_json())

    def _elsewhere(self, context: click.Context, path: object) -> str:
        """Return ", or choose another place with --artifacts DIR", by the option or argument that says the place."""
        artifacts = context.params.get("artifacts")
        if artifacts and Path(path).resolve().is_relative_to(Path(artifacts.root).resolve()):
            return ", or choose another place with --artifacts DIR"
        for parameter in self.params:
            if parameter.name == "out":
                return ", or choose another place with --out"
            if parameter.name == "target" and isinstance(parameter, click.Argument):
                return f", or choose another {parameter.make_metavar(context)}"
        return ""


class Program(click.Group):
    """A group of `Command`; it turns errors into one line and an exit code."""

    command_class = Command

    def __init__(self, *arguments, **attributes):
        super().__init__(*arguments, **attributes)
        self.params.extend(_general())

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if "--json" in args:  # so that a wrong option, which ends the parsing, is reported as JSON as well
            context.meta[_JSON] = True
        return super().parse_args(context, args)

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands in the order in which one needs them, which is that of the file."""
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in self.commands.items()])

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(EXIT_CODES)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except FeatexError as error:
            if context.meta.get(_VERBOSE):
                import traceback

                traceback.print_exception(error)
            _end(context, str(error), error.exit_code)
        except click.ClickException as error:
            if not wants_json(context):
                raise
            error.show()
            _end(context, error.format_message(), error.exit_code, said=True)


def _end(context: click.Context, message: str, code: int, said: bool = False) -> NoReturn:
    from featex.system.output import show_error

    show_error(message, code, as_json=wants_json(context), said=said)
    raise SystemExit(code)


def program(function: Callable) -> Program:
    """Make a group of commands, with --help, -h and --version, and with defaults in every help text."""
    settings = {"help_option_names": ["-h", "--help"], "show_default": True}
    group = click.group(cls=Program, context_settings=settings)(function)
    return click.version_option(package_name="featex")(group)


def _meta(key: str, context: click.Context | None = None) -> bool:
    context = context or click.get_current_context(silent=True)
    return bool(context and context.meta.get(key))


def is_quiet() -> bool:
    """Return whether the command was called with -q."""
    return _meta(_QUIET)


def wants_json(context: click.Context | None = None) -> bool:
    """Return whether the command was called with --json."""
    return _meta(_JSON, context)


def terminal_progress():
    """Return the progress of the command that runs; with -q it is silent, with -v it shows every remark."""
    from featex.system.progress import Progress, TerminalProgress

    return Progress() if is_quiet() else TerminalProgress(verbose=_meta(_VERBOSE))


def following(command: str) -> str:
    """Return a command that comes next, with the --artifacts of the command that runs unless that is the default."""
    from featex.system.shown import shown_path

    context = click.get_current_context()
    typed = context.get_parameter_source("artifacts") is click.core.ParameterSource.COMMANDLINE
    return f"{command} --artifacts {shown_path(context.params['artifacts'].root)}" if typed else command


def command_line() -> str:
    """Return the command that runs now, as a page or a record may show it."""
    from featex.system.shown import shown_command

    return shown_command(click.get_current_context().find_root().info_name, sys.argv[1:])

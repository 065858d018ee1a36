"""What every command line does: write UTF-8, print an error as one line, and report that it was stopped."""

import signal
import sys
from collections.abc import Callable

from featex.errors import FeatexError


def run(cli: Callable) -> None:
    """Run a command line; an error that the user can correct is one line on stderr and exit code 1.

    A signal that stops it gives 128 and its number, as shells have it: 130 after Ctrl-C, 143 after SIGTERM.
    """
    write_utf8(sys.stdout)
    write_utf8(sys.stderr)
    try:
        code = cli(standalone_mode=False)  # else click turns an interrupt into exit code 1
    except FeatexError as error:
        sys.exit(f"Error: {error}")
    except (KeyboardInterrupt, Exception) as error:
        stopped = error if isinstance(error, KeyboardInterrupt) else error.__cause__
        if isinstance(stopped, KeyboardInterrupt):
            stored = f" {stopped}." if str(stopped) else ""
            sys.stderr.write(f"Stopped.{stored} Run the same command again to continue from the stored results.\n")
            raise SystemExit(128 + getattr(stopped, "number", signal.SIGINT)) from None
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()  # click's message about a wrong option
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def write_utf8(stream) -> None:
    """Make a stream write UTF-8, whatever its own encoding; bytes that are not UTF-8 are written as escapes."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")

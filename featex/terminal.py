"""What every command line does alike: it writes UTF-8, says an error in one line, and says when it was stopped."""

import sys
from collections.abc import Callable

from featex.errors import FeatexError

STOPPED = 130  # 128 and the number of the signal that Ctrl-C sends, as shells have it


def run(cli: Callable) -> None:
    """Run a command line: an error that the user can mend is one line on stderr and exit code 1, Ctrl-C 130."""
    write_utf8(sys.stdout)
    write_utf8(sys.stderr)
    try:
        code = cli(standalone_mode=False)  # else click turns an interrupt into exit code 1
    except FeatexError as error:
        sys.exit(f"Error: {error}")
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt):
            sys.stderr.write("Stopped; the next run goes on from what is kept.\n")
            raise SystemExit(STOPPED) from None
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()  # what click says of options
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def write_utf8(stream) -> None:
    """Make a stream write UTF-8 whatever its terminal or pipe says; of a name that is none, escapes for its bytes."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")

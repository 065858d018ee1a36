"""Errors that a user can cause and correct: each message names the problem, the value and the way out.

The command lines print a `FeatexError` as one line and exit with the code of its class. Any other exception is a bug
and keeps its traceback.
"""

from collections.abc import Iterable


class FeatexError(Exception):
    """Base class of every error that a user can correct."""

    exit_code = 1


class InputError(FeatexError, ValueError):
    """A folder, table, option or name that cannot be used."""


class UsageError(InputError):
    """A value that the caller typed and that cannot be: an unknown name, a path that is not there, a wrong option."""

    exit_code = 2


class ImageError(FeatexError, ValueError):
    """One image cannot be used; the message holds the reason, not the path."""


class WeightsError(FeatexError, ValueError):
    """Weights cannot be found, or do not fit the backbone."""


class StoreError(FeatexError, RuntimeError):
    """A file under artifacts/ is missing or damaged, or was not written by this program."""


class WriteError(StoreError):
    """A file or folder that cannot be written.

    Parameters
    ----------
    message : str
    path : path
    """

    def __init__(self, message: str, path: object):
        super().__init__(message)
        self.path = path


def nearest(value: str, choices: Iterable[str]) -> str:
    """Return "; did you mean 'svm'?" for the choice that is most like `value`, whatever its case, or ""."""
    from difflib import get_close_matches  # here, since --help needs none

    by_folded = {choice.casefold(): choice for choice in choices}
    folded = value.casefold()
    near = get_close_matches(folded, by_folded, n=1)
    near = near or [name for name in by_folded if name and (name.startswith(folded) or folded.startswith(name))][:1]
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def unknown(kind: str, value: str, choices: Iterable[str]) -> UsageError:
    """Return the error for a name that is not in a registry; it suggests the nearest name and lists all names."""
    choices = list(choices)
    return UsageError(f"unknown {kind} {value!r}{nearest(value, choices) or ';'} available: {', '.join(choices)}")

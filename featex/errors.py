"""Errors that a user can cause and correct: each message names the problem, the value and the way out.

The command lines print a `FeatexError` as one line and exit with code 1. Any other exception is a bug and keeps its
traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class FeatexError(Exception):
    """Base class of every error that a user can correct."""


class InputError(FeatexError, ValueError):
    """A folder, table, option or name that cannot be used."""


class ImageError(FeatexError, ValueError):
    """One image cannot be used; the message holds the reason, not the path."""


class WeightsError(FeatexError, ValueError):
    """Weights cannot be found, or do not fit the backbone."""


class StoreError(FeatexError, RuntimeError):
    """A file under artifacts/ is missing or damaged, or was not written by this program."""


def unknown(kind: str, value: str, choices: Iterable[str]) -> InputError:
    """Return the error for a name that is not in a registry; it suggests the nearest name and lists all names."""
    choices = list(choices)
    near = get_close_matches(value, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return InputError(f"unknown {kind} {value!r}{hint} available: {', '.join(choices)}")

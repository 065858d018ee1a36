"""What can go wrong, said in a sentence: what, the value, and the way out.

Every error a user can cause is a `FeatexError`; the command lines print it as one line and exit with 1. Anything
else is a bug and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class FeatexError(Exception):
    """Base of every error that a user can mend."""


class InputError(FeatexError, ValueError):
    """A folder, table, option or name that cannot be used."""


class ImageError(FeatexError, ValueError):
    """One image that cannot be used; the message is the reason alone, without the path."""


class WeightsError(FeatexError, ValueError):
    """Weights that cannot be had, or that do not fit the backbone."""


class StoreError(FeatexError, RuntimeError):
    """Something under artifacts/ that is absent, damaged, or made by something else."""


def unknown(kind: str, value: str, choices: Iterable[str]) -> InputError:
    """Return the error for a name that is not in a registry, with the nearest name and all of them."""
    choices = list(choices)
    near = get_close_matches(value, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return InputError(f"unknown {kind} {value!r}{hint} available: {', '.join(choices)}")

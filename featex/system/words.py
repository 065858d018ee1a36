"""Words: counts and lists as people read them, and sets of words as this code holds them."""

from collections.abc import Mapping, Sequence


def count(number: int, noun: str) -> str:
    """Return "1 image", "2 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def none_usable(number: int, noun: str, place: str = "") -> str:
    """Return "none of 2 images below data can be used", "the only image below data cannot be used"."""
    if number == 1:
        return f"the only {noun}{place} cannot be used"
    return f"none of {count(number, noun)}{place} can be used"


def with_counts(names: Sequence[str], counts: Mapping[str, int], most: int) -> str:
    """Return "ai (20), real (18)" with no more than `most` names, in their order."""
    shown = ", ".join(f"{name} ({counts[name]:,})" for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


def each_word(text: str) -> frozenset[str]:
    """Return the words of a text that are separated by blanks or line breaks."""
    return frozenset(text.split())

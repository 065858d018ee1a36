"""Sentences of a report about the numbers of `abstention`, `classify.stats.drift`, `classify.stats.novelty` and
`classify.stats.effective`."""

from collections.abc import Mapping

import pandas as pd

from classify.pages.words import p_value, percent, with_interval
from classify.predictions import HELD_OUT, VALIDATION, set_title
from classify.stats import novelty
from classify.stats.abstention import KEPT, UNCLEAR
from classify.stats.effective import LEAST
from featex.system.words import count

SAME = 0.005  # means that differ by less read alike


def rule_sentences(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each model and unseen set of `classify.stats.abstention.rule_table`."""
    return [_rule_sentence(row) for _, row in table[table["set"] != VALIDATION].iterrows()]


def _rule_sentence(row: pd.Series) -> str:
    held_out = row["set"] == HELD_OUT
    images = count(row["n"], "held-out image") if held_out else f"{count(row['n'], 'image')} of “{row['set']}”"
    goal = f"Asked to err in at most {100 * row['target']:g} % of its answers, "
    if not row["answered"]:
        return f"{goal}{row['model']} answers none of the {images}."
    sentence = f"{goal}{row['model']} answers {with_interval(row, 'answered')} of the {images}"
    if not row["judged"]:
        return f"{sentence}; they have no labels, so nothing is known of its errors there."
    sentence = f"{sentence} and errs in {with_interval(row, 'error')} of these answers"
    if row["promise"] == KEPT:
        return f"{sentence}, as promised."
    if row["promise"] == UNCLEAR:
        answers = count(row["judged"], "answer")
        if row["error"] <= row["target"]:
            return f"{sentence}: no more than promised, and {answers} cannot show that it stays so."
        return f"{sentence}: more than promised, but {answers} cannot tell it from chance."
    if held_out:
        return f"{sentence}: the promise is broken: these images are unlike those of training, or its folds flatter it."
    return f"{sentence}: the promise holds only for images like those it was trained on."


def drift_sentences(table: pd.DataFrame) -> list[str]:
    """Return a warning for each model and set that `classify.stats.drift.drift_table` calls unlike.

    A last sentence says what the absence of other warnings is worth.
    """
    warnings = [_drift_sentence(row) for _, row in table[table["unlike"].astype(bool)].iterrows()]
    silent = table[~table["unlike"].astype(bool)]
    if silent.empty:
        return warnings
    pairs = f"{len(silent)} of {len(table)} pairs of model and set"
    return [
        *warnings,
        f"That there is no warning for {pairs} proves nothing: a model can be just as sure of images unlike any it has "
        f"seen, and wrong; and distances below {silent['visible'].max():.2f} could not show for the smallest of these.",
    ]


def _drift_sentence(row: pd.Series) -> str:
    name = "the held-out set" if row["set"] == HELD_OUT else f"“{row['set']}”"
    change = row["sure"] - row["sure_reference"]
    how = "otherwise" if abs(change) < SAME else "less" if change < 0 else "more"
    return (
        f"{row['model']} is {how} sure of {name} than of images like those it was trained on (on average "
        f"{percent(row['sure'])}, out of fold {percent(row['sure_reference'])}; Kolmogorov–Smirnov distance "
        f"{row['distance']:.2f}, {p_value(row['p'])}): the set is unlike the training images, and scores on "
        "others do not tell how it does there."
    )


def novelty_sentences(model: str, counts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a sentence for each set that holds more unlike images than chance makes.

    `counts` holds `classify.stats.novelty.novelty_counts` by the set's name.
    """
    sentences = []
    for name, numbers in counts.items():
        if numbers["p"] > novelty.LEVEL:
            continue
        others = numbers["n"] - numbers["unlike"]
        errors = f"{model} errs in {numbers['wrong unlike']:,} of these {numbers['unlike']:,}"
        errors += f" and in {numbers['wrong others']:,} of the other {others:,}" if others else ""
        sentences.append(
            f"{percent(numbers['unlike'] / numbers['n'])} of {set_title(name)} images are unlike all that {model} was "
            f"trained on, where chance makes {percent(novelty.LEVEL)} ({p_value(numbers['p'])}); {errors}."
        )
    return sentences


def too_few(n: int, n_units: int, effective: float) -> str:
    """Return why there is no interval, as the end of a sentence; empty where images are enough.

    >>> too_few(40, 1, 1.0)
    'no interval: its 40 images form 1 group, and an interval takes 5 independent groups'
    >>> too_few(100, 20, 2.3)
    'no interval: its 100 images form 20 groups so unequal that they are worth 2.3, and an interval takes 5'
    """
    if n_units == n or effective >= LEAST - 1e-9:
        return ""
    groups = f"its {count(n, 'image')} form {count(n_units, 'group')}"
    if n_units < LEAST:
        return f"no interval: {groups}, and an interval takes {LEAST:.0f} independent groups"
    return f"no interval: {groups} so unequal that they are worth {effective:.1f}, and an interval takes {LEAST:.0f}"

"""Sentences of a report about the numbers of `abstention`, `classify.stats.drift`, `classify.stats.novelty` and
`classify.stats.effective`."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from classify.pages.words import listed, p_value, percent, with_interval
from classify.predictions import HELD_OUT, VALIDATION, set_images, set_title
from classify.stats import novelty
from classify.stats.abstention import KEPT, UNCLEAR
from classify.stats.effective import LEAST
from classify.stats.selection import Group
from featex.system.words import count

SAME = 0.005  # means that differ by less read alike


def rule_sentences(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each model and unseen set of `classify.stats.abstention.rule_table`."""
    return [_rule_sentence(row) for _, row in table[table["set"] != VALIDATION].iterrows()]


def _rule_sentence(row: pd.Series) -> str:
    images = set_images(row["set"], row["n"])
    goal = f"With a target of at most {100 * row['target']:g} % wrong answers, "
    if not row["answered"]:
        return f"{goal}{row['model']} answers 0 of {images}."
    sentence = f"{goal}{row['model']} answers {with_interval(row, 'answered')} of the {images}"
    if not row["judged"]:
        return f"{sentence}; they have no labels, so its error rate there is unknown."
    sentence = f"{sentence}, and {with_interval(row, 'error')} of these answers are wrong"
    if row["promise"] == KEPT:
        return f"{sentence}: the target is met."
    if row["promise"] == UNCLEAR:
        answers = count(row["judged"], "answer")
        if row["error"] <= row["target"]:
            return f"{sentence}: no more than the target, but {answers} are too few to prove it."
        return f"{sentence}: more than the target, but with {answers} this may be chance."
    if row["set"] == HELD_OUT:
        why = "Either these images differ from the training images, or its cross-validation scores are too high."
        return f"{sentence}: the target is missed. {why}"
    return f"{sentence}: the target is missed. It is promised only for images like the training images."


def drift_sentences(table: pd.DataFrame) -> list[str]:
    """Return a warning for each model and set that `classify.stats.drift.drift_table` calls unlike.

    A last sentence says what the absence of other warnings is worth.
    """
    warnings = [_drift_sentence(row) for _, row in table[table["unlike"].astype(bool)].iterrows()]
    unsteady = list(dict.fromkeys(table.loc[table["p"].isna(), "model"]))
    if unsteady:
        warnings.append(
            f"The confidence of {listed(unsteady)} differs from fold to fold beyond chance, so it cannot show whether "
            "a set is out of distribution."
        )
    silent = table[~table["unlike"].astype(bool) & table["p"].notna()]
    if silent.empty:
        return warnings
    pairs = f"{len(silent)} of {len(table)} pairs of model and set"
    return [
        *warnings,
        f"The absence of a warning for {pairs} proves nothing: a model can be just as confident, and wrong, on images "
        f"unlike any it has seen. In the smallest of these sets, a distance below {silent['visible'].max():.2f} cannot "
        "be detected.",
    ]


def _drift_sentence(row: pd.Series) -> str:
    name = f"the {set_title(row['set'])}"
    change = row["sure"] - row["sure_reference"]
    how = "differently" if abs(change) < SAME else "less" if change < 0 else "more"
    return (
        f"{row['model']} is {how} confident on {name} than out of fold (mean {percent(row['sure'])} against "
        f"{percent(row['sure_reference'])}; Kolmogorov–Smirnov distance {row['distance']:.2f}, {p_value(row['p'])}). "
        "The set differs from the training images, so scores on other sets do not apply to it."
    )


def novelty_sentences(model: str, counts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a sentence for each set that holds more out-of-distribution images than chance makes.

    `counts` holds `classify.stats.novelty.novelty_counts` by the set's name.
    """
    sentences = []
    for name, numbers in counts.items():
        if numbers["p"] > novelty.LEVEL:
            continue
        others = numbers["n"] - numbers["unlike"]
        errors = f"{model} is wrong on {numbers['wrong unlike']:,} of these {numbers['unlike']:,}"
        errors += f" and on {numbers['wrong others']:,} of the other {others:,}" if others else ""
        sentences.append(
            f"{percent(numbers['unlike'] / numbers['n'])} of the {set_images(name)} are out of distribution for "
            f"{model}; {percent(novelty.LEVEL)} are expected by chance ({p_value(numbers['p'])}). {errors}."
        )
    return sentences


def too_few(n: int, n_units: int, effective: float) -> str:
    """Return why there is no interval, as the end of a sentence; empty where images are enough.

    >>> too_few(40, 1, 1.0)
    'no interval: its 40 images form 1 group, and an interval needs 5 independent groups'
    >>> too_few(100, 20, 2.3)
    'no interval: its 100 images form 20 groups of such unequal sizes that they count as 2.3, and an interval needs 5'
    """
    if n_units == n or effective >= LEAST - 1e-9:
        return ""
    groups = f"its {count(n, 'image')} form {count(n_units, 'group')}"
    if n_units < LEAST:
        return f"no interval: {groups}, and an interval needs {LEAST:.0f} independent groups"
    unequal = f"of such unequal sizes that they count as {effective:.1f}"
    return f"no interval: {groups} {unequal}, and an interval needs {LEAST:.0f}"


def not_ranked(groups: Sequence[Group], baselines: Collection[str] = ()) -> str:
    """Return which models were not ranked, since they were validated in another way than the first group; or ""."""
    names = [[name for name in group.models if name not in baselines] for group in groups]
    pairs = zip(groups[1:], names[1:], strict=True)
    others = [f"{listed(models)} ({group.validation})" for group, models in pairs if models]
    if not others:
        return ""
    return (
        f"Not ranked with {listed(names[0])}, validated in {groups[0].validation}: {'; '.join(others)}. Scores from "
        "different folds, or of models tuned for different scores, are not comparable."
    )

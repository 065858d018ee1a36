"""A third answer, "unsure": answer only where so few answers are wrong that a bound on them can be proven."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classify.effective import units
from classify.errors import DataError
from classify.predictions import HELD_OUT, VALIDATION, Predictions
from classify.reliability import share_interval, sureness
from classify.tails import log_tail_of_groups, log_tail_of_images
from classify.words import percent, with_interval
from featex.words import count

UNSURE = "unsure"
TARGET, CONFIDENCE = 0.05, 0.95
# Of the images, the surest, which are tested first. Of 870 simulated images, from an eighth a chance error too many
# stops the sequence at its start oftener (64 % against 25 % of draws, where 2 % of the surest are wrong); from a half,
# a model that is right on 84 % answers nothing in 78 % of draws, from a quarter in 3 %.
FIRST_SHARE = 1 / 4
MOST_UNITS = 1_000_000  # to ask for more would be no help
MOST_STEPS = 100  # thresholds that are tested where images stand in groups
KEPT, BROKEN, UNCLEAR, NOTHING = "kept", "broken", "unclear", "no answers"


@dataclass(frozen=True)
class Rule:
    """Answer with the decision where its probability is at least `least`, and with "unsure" elsewhere.

    With confidence `confidence`, at most a share `target` of the answers is wrong on new images of the kind it was
    fitted on. All fields are such that JSON holds them: ``Rule(**json.loads(json.dumps(asdict(rule)))) == rule``.

    Parameters
    ----------
    target, confidence : float
        In 0..1.
    least : float or None
        None where no threshold could be proven: such a rule answers nothing.
    unit : {"image", "group"}
        What is independent, see `prove`; a single image is a group of one.
    n, units : int
        Images that the rule was fitted on, and the units that they stand in.
    tested, tested_units : int
        Those that it answers; where `least` is None, those answered at the first threshold, which failed.
    wrong : int
        How many of the `tested` images are wrong.
    needed : int or None
        About how many units would prove the first threshold, where `least` is None and some number would.
    """

    target: float
    confidence: float
    least: float | None
    unit: str
    n: int
    units: int
    tested: int
    tested_units: int
    wrong: int
    needed: int | None = None

    def answers(self, probabilities: np.ndarray, decided: Sequence[str], classes: Sequence[str]) -> np.ndarray:
        """Return the answer to each image, (n,) of str: one of `classes`, or "unsure".

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
            Calibrated, as the rule was fitted on.
        decided : sequence of str
            The class that the model decides for, of each image.
        classes : sequence of str
            In the order of the columns.

        Raises
        ------
        DataError
            If a class is itself called "unsure".
        """
        _refuse_unsure(classes)
        sure = sureness(np.asarray(probabilities), decided, classes)
        return np.where(self.answered(sure), np.asarray(decided, dtype=object), UNSURE)

    def answered(self, sure: np.ndarray) -> np.ndarray:
        """Return which decisions are answers, of their probabilities (n,)."""
        return np.zeros(len(sure), dtype=bool) if self.least is None else sure >= self.least

    def sentence(self, model: str) -> str:
        """Return how the threshold was found, or why there is none."""
        goal = f"at most {100 * self.target:g} % of its answers are wrong"
        sure = f"{100 * self.confidence:g} %"
        grouped = self.unit == "group"
        tested = count(self.tested, "image") + (f" in {count(self.tested_units, 'group')}" if grouped else "")
        if self.least is not None:
            like = "like these, in groups of like sizes" if grouped else "like these"
            return (
                f"{model} answers where it is at least {percent(self.least)} sure. Out of fold it then answers "
                f"{tested} of {self.n:,} and is wrong on {self.wrong:,}; so, with {sure} confidence, {goal} on "
                f"new images {like}."
            )
        refusal = f"{model} answers nothing: it cannot be shown with {sure} confidence that {goal}."
        few = f"{'about ' if grouped else ''}{count(self.needed or 0, self.unit)}"
        if not self.tested:
            if self.needed is None:
                return f"{refusal} One group holds too many of the images for any number of groups of such sizes."
            like = " of such sizes" if grouped else ""
            return f"{refusal} That takes {few}{like} at least, and there are {self.units:,}."
        rate = f"{refusal} Of the {tested} that it is surest of, it is wrong on {self.wrong:,}; at that rate"
        if self.needed is None:
            return f"{rate} no number of images would show it."
        return f"{rate} it takes about {count(self.needed, self.unit)}, and there are {self.units:,}."


def fit(
    predictions: Predictions, model: str | None = None, *, target: float = TARGET, confidence: float = CONFIDENCE
) -> Rule:
    """Return the rule of a model, fitted on its labelled out-of-fold rows (set ``validation``); see `prove`.

    Parameters
    ----------
    predictions : Predictions
    model : str, optional
        May be left out where there is one.

    Raises
    ------
    DataError
        If there are no such rows, it is not clear whose, or a class is called "unsure".
    """
    _refuse_unsure(predictions.classes)
    if model is None:
        if len(predictions.models) != 1:
            raise DataError(f"a rule is that of one model; name one of {', '.join(predictions.models) or 'none'}")
        model = predictions.models[0]
    rows = predictions.labelled
    rows = rows[(rows["model"] == model) & (rows["set"] == VALIDATION)]
    if rows.empty:
        raise DataError(f"{model} has no labelled out-of-fold predictions to fit a rule on; tune it here, or add them")
    sure = sureness(predictions.probabilities(rows), rows["predicted"], predictions.classes)
    wrong = rows["predicted"].to_numpy() != rows["label"].to_numpy()
    return prove(sure, wrong, rows["group"].to_numpy(), target=target, confidence=confidence)


def prove(
    top: np.ndarray,
    wrong: np.ndarray,
    group: np.ndarray | None = None,
    *,
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> Rule:
    """Return the rule that answers most among those whose error can be proven to be at most `target`.

    Learn then test (Angelopoulos et al. 2021, arXiv 2110.01052) with fixed-sequence testing: thresholds go down from
    the one that answers the surest quarter (or the 59 that a bound of 5 % takes), and the last before the first that
    fails is taken. A threshold fails when the errors among its answers are not so few that a true error of `target`
    would give that few with a probability of ``1 - confidence`` at most. Of single images that is binomial, hence exact
    (the upper limit of Clopper and Pearson 1934 is at most `target`). Of images in groups it is
    `classify.tails.log_tail_of_groups`: groups count by how many answers they hold, and those of one size may be wrong
    oftener than those of another. What is bounded is the share of wrong answers in both cases. Counting among the
    answered alone is what makes it a bound on answers (selective risk: Geifman and El-Yaniv 2017, arXiv 1705.08500).

    What it rests on:

    - New images are drawn as those here were: same sources, same mix of classes, groups of the same sizes. Nothing is
      promised of others.
    - Error does not grow with the top probability. Where it does, the bound may be broken oftener than said.
    - Out-of-fold rows stand in for a set held out for this alone. They come of models fitted on fewer images than the
      one that will answer, whose settings (and the slope of whose calibration) were chosen on these very rows. The
      first errs on the careful side, the second does not, and a refitted net may be surer than its folds' nets were:
      `rule_table` shows what became of the promise on the held-out set.

    Why not split conformal prediction, with the sets of one class as answers: it bounds the share of wrong answers
    among all images (or among those of each true class, where it is class-conditional), not among the answers. Of a
    model that is right on 75 % it answers few, and errs in far more of them than in 5 %, as the tests show.

    Parameters
    ----------
    top : ndarray of shape (n,)
        Probability of each decision; any score that grows with confidence would do.
    wrong : ndarray of shape (n,), bool
        Whether the decision is not the true class.
    group : ndarray of shape (n,), str, optional
        Images of one non-empty group are not independent, groups are; an image without one is a group of its own.
    target, confidence : float
        Above 0 and below 1.

    Raises
    ------
    DataError
        If there are no images, or the bound asked for is none.
    """
    if not len(top):
        raise DataError("no images to fit a rule on")
    if not (0 < target < 1 and 0 < confidence < 1):
        raise DataError(f"target and confidence must lie between 0 and 1, not {target:g} and {confidence:g}")
    ladder = _Ladder(np.asarray(top), np.asarray(wrong), group, target)
    allowed = np.log1p(-confidence)
    whole = len(ladder.ends) - 1
    # Which threshold is the first depends on how many answers there are, in groups of which sizes, and on no error.
    enough = (i for i in ladder.steps if ladder.log_tail(i, spotless=True) <= allowed)
    first = next(enough, None)
    if first is None:
        needed = _times_as_many(ladder.units(whole), ladder.log_tail(whole, spotless=True), allowed)
        return Rule(target, confidence, None, ladder.unit, len(top), ladder.units(whole), 0, 0, 0, needed)
    last = None
    for i in ladder.steps[ladder.steps >= first]:
        if ladder.log_tail(i) > allowed:
            break
        last = i
    at = first if last is None else last
    counts = (len(top), ladder.units(whole), int(ladder.ends[at]), ladder.units(at), int(ladder.errors[at]))
    if last is not None:
        return Rule(target, confidence, float(ladder.at[last]), ladder.unit, *counts)
    if ladder.unit == "image":
        return Rule(target, confidence, None, "image", *counts, _needed(counts[-1] / counts[2], target, allowed))
    needed = _times_as_many(ladder.units(whole), ladder.log_tail(first), allowed)
    return Rule(target, confidence, None, "group", *counts, needed)


class _Ladder:
    """The thresholds that may be tested, from the highest down, with what is answered from each on.

    ``at`` are the distinct probabilities, ``ends`` how many images are answered from each on, ``errors`` how many of
    these are wrong, and ``steps`` the numbers of those that are tested.
    """

    def __init__(self, top: np.ndarray, wrong: np.ndarray, group: np.ndarray | None, target: float):
        order = np.argsort(-top, kind="stable")
        top = top[order]
        last = np.flatnonzero(np.r_[top[1:] != top[:-1], True])
        self.target, self.at, self.ends = target, top[last], last + 1
        self.errors = np.cumsum(wrong[order])[last]
        self.group, self.unit = None, "image"
        self._of_images = log_tail_of_images(self.errors, self.ends, target)
        steps = np.flatnonzero(self.ends >= np.ceil(FIRST_SHARE * len(top)))
        if group is not None and (np.asarray(group) != "").any():
            self.group, self.unit = units(np.asarray(group)[order], len(top)), "group"
            steps = steps[np.linspace(0, len(steps) - 1, min(len(steps), MOST_STEPS)).round().astype(int)]
        self.steps = steps

    def units(self, i: int) -> int:
        """Return how many units hold an answer from a threshold on."""
        return int(self.ends[i]) if self.group is None else len(self._sizes(i))

    def log_tail(self, i: int, spotless: bool = False) -> float:
        """Return the log probability of so few errors, or of none, where `target` of the answers are wrong."""
        if self.group is None:
            return float(self.ends[i] * np.log1p(-self.target) if spotless else self._of_images[i])
        return log_tail_of_groups(0 if spotless else int(self.errors[i]), self._sizes(i), self.target)

    def _sizes(self, i: int) -> np.ndarray:
        sizes = np.bincount(self.group[: self.ends[i]])
        return sizes[sizes > 0]


def _needed(rate: float, target: float, allowed: float) -> int | None:
    """Return how many images would prove the first threshold if errors came at this rate; None if none would."""
    tested = np.unique(np.geomspace(1, FIRST_SHARE * MOST_UNITS, 2000).astype(int))
    proven = log_tail_of_images(np.ceil(rate * tested), tested, target) <= allowed
    return int(np.ceil(tested[proven.argmax()] / FIRST_SHARE)) if proven.any() else None


def _times_as_many(n_units: int, log_tail: float, allowed: float) -> int | None:
    """Return how many units would prove it; None if none would, or too many to ask for.

    A sample that is k times as large, errors and all, has k times the logarithm.
    """
    needed = n_units * allowed / log_tail if log_tail < 0 else np.inf
    return int(np.ceil(needed)) if needed <= MOST_UNITS else None


def rule_table(
    predictions: Predictions, target: float = TARGET, *, confidence: float = CONFIDENCE, rules: dict | None = None
) -> pd.DataFrame:
    """Return what a rule for each model does on each set, a row a model and set.

    Parameters
    ----------
    predictions : Predictions
        Models without labelled out-of-fold rows have no rule, and no row.
    target, confidence : float
    rules : dict of str to Rule, optional
        The rules by model; else each is fitted on the predictions.

    Returns
    -------
    pandas.DataFrame
        ``model, set, target, least`` (NaN: the rule answers nothing), ``n``, ``answered`` (a share of all images,
        with or without label), ``judged`` (answers to labelled images), ``error`` (the share of these that is wrong),
        ``accuracy`` (if every image were answered by the decision), each share with its 95 % interval
        ``<share>_low, <share>_high``; ``promise``: "kept" where the whole interval lies at or below `target`,
        "broken" where it lies above it, else "unclear", and "no answers". The row of ``validation`` is what the rule
        was fitted on; its promise is empty. All shares are of images.
    """
    if rules is None:
        fitted = predictions.labelled.query("set == @VALIDATION")["model"].unique()
        rules = {model: fit(predictions, model, target=target, confidence=confidence) for model in fitted}
    found = []
    for model in predictions.models:
        of_model = predictions.table[predictions.table["model"] == model]
        for name in predictions.sets if model in rules else ():
            rows = of_model[of_model["set"] == name]
            if len(rows):
                found.append({"model": model, "set": name, **_on_set(rules[model], predictions, rows)})
    shares = [f"{share}{end}" for share in ("answered", "error", "accuracy") for end in ("", "_low", "_high")]
    columns = ["model", "set", "target", "least", "n", *shares[:3], "judged", *shares[3:], "promise"]
    return pd.DataFrame(found, columns=columns)


def _on_set(rule: Rule, predictions: Predictions, rows: pd.DataFrame) -> dict:
    sure = sureness(predictions.probabilities(rows), rows["predicted"], predictions.classes)
    said = rows["predicted"].to_numpy()
    label, group = rows["label"].to_numpy(), rows["group"].to_numpy()
    answered, labelled = rule.answered(sure), label != ""
    judged = answered & labelled
    row = {"target": rule.target, "least": np.nan if rule.least is None else rule.least, "n": len(rows)}
    row |= _share("answered", answered, group) | {"judged": int(judged.sum())}
    row |= _share("error", (said != label)[judged], group[judged])
    row |= _share("accuracy", (said == label)[labelled], group[labelled])
    row["promise"] = ""
    if rows["set"].iloc[0] != VALIDATION:
        row["promise"] = NOTHING if not answered.any() else _promise(row) if judged.any() else ""
    return row


def _promise(row: dict) -> str:
    if row["error_high"] <= row["target"]:
        return KEPT
    return BROKEN if row["error_low"] > row["target"] else UNCLEAR


def _share(name: str, hits: np.ndarray, group: np.ndarray) -> dict:
    low, high = share_interval(hits, group) if len(hits) else (np.nan, np.nan)
    return {name: hits.mean() if len(hits) else np.nan, f"{name}_low": low, f"{name}_high": high}


def sentences(table: pd.DataFrame) -> list[str]:
    """Return what `rule_table` says, a sentence a model and unseen set."""
    return [_sentence(row) for _, row in table[table["set"] != VALIDATION].iterrows()]


def _sentence(row: pd.Series) -> str:
    held_out = row["set"] == HELD_OUT
    images = count(row["n"], "held-out image") if held_out else f"{count(row['n'], 'image')} of “{row['set']}”"
    asked = f"Asked to err in at most {100 * row['target']:g} % of its answers, "
    if not row["answered"]:
        return f"{asked}{row['model']} answers none of the {images}."
    said = f"{asked}{row['model']} answers {with_interval(row, 'answered')} of the {images}"
    if not row["judged"]:
        return f"{said}; they have no labels, so nothing is known of its errors there."
    said = f"{said} and errs in {with_interval(row, 'error')} of these answers"
    if row["promise"] == KEPT:
        return f"{said}, as promised."
    if row["promise"] == UNCLEAR:
        answers = count(row["judged"], "answer")
        if row["error"] <= row["target"]:
            return f"{said}: no more than promised, and {answers} cannot show that it stays so."
        return f"{said}: more than promised, but {answers} cannot tell it from chance."
    if held_out:
        return f"{said}: the promise is broken: these images are unlike those of training, or its folds flatter it."
    return f"{said}: the promise holds only for images like those it was trained on."


def _refuse_unsure(classes: Sequence[str]) -> None:
    if UNSURE in classes:
        raise DataError(f"a class is called {UNSURE!r}, as is the answer that is none; give the class another name")

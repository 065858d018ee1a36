"""A third answer, "unsure": answer only where so few answers are wrong that a bound on them can be proven."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import units
from classify.stats.reliability import share_interval, sureness

UNSURE = "unsure"
TARGET, CONFIDENCE = 0.05, 0.95
# Of the images, the surest, which are tested first. Of 870 simulated images, from an eighth a chance error too many
# stops the sequence at its start oftener (64 % against 25 % of draws, where 2 % of the surest are wrong); from a half,
# a model that is right on 84 % answers nothing in 78 % of draws, from a quarter in 3 %.
FIRST_SHARE = 1 / 4
MOST_STEPS = 100  # thresholds that are tested where images stand in groups
N_TILTS, N_HALVINGS = 40, 50
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
    `log_tail_of_groups`: groups count by how many answers they hold, and those of one size may be wrong
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
        return Rule(target, confidence, None, ladder.unit, len(top), ladder.units(whole), 0, 0, 0)
    last = None
    for i in ladder.steps[ladder.steps >= first]:
        if ladder.log_tail(i) > allowed:
            break
        last = i
    at, least = (first, None) if last is None else (last, float(ladder.at[last]))
    counts = (len(top), ladder.units(whole), int(ladder.ends[at]), ladder.units(at), int(ladder.errors[at]))
    return Rule(target, confidence, least, ladder.unit, *counts)


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
        self._of_images = binom.logcdf(self.errors, self.ends, target)
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


def log_tail_of_groups(wrong: float, sizes: np.ndarray, error: float) -> float:
    """Return a bound on the log probability of so few wrong answers, where answers of a group are wrong together.

    Groups are independent; within one, any number of answers may be wrong, and groups may differ in how likely that
    is. Only the expected share of wrong answers among all of them is `error`. The bound is Chernoff's, at the worst way
    to spread that error over the groups: Hoeffding's (1963, theorem 1), of which it is the case of unequal weights. It
    is exact where nothing is wrong and each group is wrong as a whole or not at all. Where nearly all groups are single
    images, the exact tail of these is smaller, though all the others be wrong, and taken.

    Parameters
    ----------
    wrong : float
        Wrong answers in all groups.
    sizes : ndarray of shape (n_groups,), int
        Answers in each group, 1 or more.
    error : float
        In 0..1.

    Returns
    -------
    float
        0 or less.
    """
    size, count = np.unique(sizes, return_counts=True)
    n = float(size @ count)
    if wrong >= error * n:
        return 0.0
    tilt = np.geomspace(0.01, 30, N_TILTS)[:, None] / size.min() if wrong else np.array([[30.0 / size.min()]])
    spared = -np.expm1(-tilt * size)  # of the weight of a group that is wrong as a whole
    # Lagrange: the mean share of wrong answers in groups of each size, in 0..1, all of them together n * error.
    low, high = np.log(spared / size).min(1), np.log(spared / size).max(1) + tilt[:, 0] * size.max() + 1
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        mean = np.clip(1 / spared - np.exp(-middle)[:, None] / size, 0, 1)
        few = mean @ (size * count) < error * n
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    worst = np.log1p(-np.minimum(mean * spared, 1 - 1e-15)) @ count
    bound = min(0.0, (tilt[:, 0] * wrong + worst).min())
    single = int(count[size == 1].sum())
    if single and (of_single := (error * n - (n - single)) / single) > 0:
        bound = min(bound, binom.logcdf(np.floor(wrong), single, of_single))
    return float(bound)


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


def _refuse_unsure(classes: Sequence[str]) -> None:
    if UNSURE in classes:
        raise DataError(f"a class is called {UNSURE!r}, as is the answer that is none; give the class another name")

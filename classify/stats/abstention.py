"""Abstention: a third answer, "unsure", below a threshold that bounds the share of wrong answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.stats.effective import units
from classify.stats.intervals import share_interval, with_ends
from classify.stats.reliability import sureness

UNSURE = "unsure"
TARGET, CONFIDENCE = 0.05, 0.95
# The share of images, the surest, that the first threshold answers. In simulations with 870 images, tests that start at
# an eighth fail at once more often (64 % against 25 % of draws, where 2 % of the surest are wrong); from a half on, a
# model that is right on 84 % answers nothing in 78 % of draws, from a quarter on in 3 %.
FIRST_SHARE = 1 / 4
MOST_UNITS = 1_000_000  # to ask for more would help nobody
MOST_STEPS = 100  # thresholds that are tested where images are in groups
N_TILTS, N_HALVINGS = 40, 50
KEPT, BROKEN, UNCLEAR, NOTHING = "kept", "broken", "unclear", "no answers"


@dataclass(frozen=True)
class Rule:
    """Answer with the decision where its probability is at least `least`, and with "unsure" elsewhere.

    With confidence `confidence`, at most a share `target` of the answers is wrong on new images of the kind it was
    fitted on. JSON holds all fields: ``Rule(**json.loads(json.dumps(asdict(rule)))) == rule``.

    Parameters
    ----------
    target, confidence : float
        In 0..1.
    least : float or None
        None where no threshold could be proven; the rule then answers nothing.
    unit : {"image", "group"}
        What is independent, see `prove`; a single image is a group of one.
    n, units : int
        Images that the rule was fitted on, and their units.
    tested, tested_units : int
        Images that it answers, and their units; where `least` is None, those of the first threshold, which failed.
    wrong : int
        Wrong answers among the `tested` images.
    needed : int or None
        Where `least` is None: about how many units would prove the first threshold, if errors came at the same rate
        among them; None where no number up to `MOST_UNITS` would. With so many, about half of all samples prove it.
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
            Calibrated, as in the fit of the rule.
        decided : sequence of str
            The decided class of each image.
        classes : sequence of str
            In the order of the columns.

        Raises
        ------
        DataError
            If a class is called "unsure".
        """
        _refuse_unsure(classes)
        sure = sureness(np.asarray(probabilities), decided, classes)
        return np.where(self.answered(sure), np.asarray(decided, dtype=object), UNSURE)

    def answered(self, sure: np.ndarray) -> np.ndarray:
        """Return which decisions, by their probabilities (n,), are answers."""
        return np.zeros(len(sure), dtype=bool) if self.least is None else sure >= self.least


def fit(
    predictions: Predictions, model: str | None = None, *, target: float = TARGET, confidence: float = CONFIDENCE
) -> Rule:
    """Return the rule of a model, fitted on its labelled out-of-fold rows (set ``validation``); see `prove`.

    Parameters
    ----------
    predictions : Predictions
    model : str, optional
        By default the only one.

    Raises
    ------
    DataError
        If the model has no such rows, there are several models and none is named, or a class is called "unsure".
    """
    _refuse_unsure(predictions.classes)
    if model is None:
        if len(predictions.models) != 1:
            raise DataError(f"a rule is fitted for one model; name one of {', '.join(predictions.models) or 'none'}")
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
    """Return the rule that answers most among those whose error is proven to be at most `target`.

    Learn then test (Angelopoulos et al. 2021, arXiv 2110.01052) with fixed-sequence testing: thresholds are tested
    downwards from the one that answers the surest quarter (or the 59 images that a bound of 5 % takes), and the last
    before the first failure is taken. A threshold fails where the probability of so few errors, or fewer, among its
    answers exceeds ``1 - confidence`` for a true error of `target`. For single images it is binomial, hence exact (the
    upper limit of Clopper and Pearson 1934 is at most `target`). For groups it is `log_tail_of_groups`: a group counts
    by the number of its answers, and groups of one size may be wrong more often than those of another. Both bound the
    share of wrong answers. The test counts answered images only, so it bounds the error of answers (selective risk:
    Geifman and El-Yaniv 2017, arXiv 1705.08500).

    It assumes:

    - New images are drawn as these were: same sources, same mix of classes, groups of the same sizes. It promises
      nothing for others.
    - The error does not grow with the probability of the decision. Where it does, the bound fails more often.
    - Out-of-fold rows stand in for a set that is held out for this purpose. Models of fewer images made them, which is
      careful; the settings of the final model and the slope of its calibration were chosen on them, which is not; and a
      net that is fitted again may be surer than the nets of its folds. `rule_table` shows whether the held-out set
      keeps the promise.

    Split conformal prediction, with its sets of one class as answers, bounds the share of wrong answers among all
    images (or among those of each true class), not among the answers. For a model that is right on 75 % it answers
    few images, and errs on far more than 5 % of them, as the tests show.

    Parameters
    ----------
    top : ndarray of shape (n,)
        Probability of each decision, or any score that grows with confidence.
    wrong : ndarray of shape (n,), bool
        Whether the decision is not the true class.
    group : ndarray of shape (n,), str, optional
        Images of one non-empty group are not independent; an image without one is a group by itself.
    target, confidence : float
        Above 0 and below 1.

    Raises
    ------
    DataError
        If there are no images, or `target` or `confidence` is out of range.
    """
    if not len(top):
        raise DataError("no images to fit a rule on")
    if not (0 < target < 1 and 0 < confidence < 1):
        raise DataError(f"target and confidence must lie between 0 and 1, not {target:g} and {confidence:g}")
    ladder = _Ladder(np.asarray(top), np.asarray(wrong), group, target)
    allowed = np.log1p(-confidence)
    whole = len(ladder.ends) - 1
    # The first threshold depends on the number of answers and the sizes of their groups, and on no error.
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
    at, least = (first, None) if last is None else (last, float(ladder.at[last]))
    counts = (len(top), ladder.units(whole), int(ladder.ends[at]), ladder.units(at), int(ladder.errors[at]))
    needed = None
    if least is None and ladder.unit == "image":
        needed = _needed(counts[-1] / counts[2], target, allowed)
    elif least is None:
        needed = _times_as_many(ladder.units(whole), ladder.log_tail(first), allowed)
    return Rule(target, confidence, least, ladder.unit, *counts, needed)


def _needed(rate: float, target: float, allowed: float) -> int | None:
    """Return how many images would prove the first threshold if errors came at this rate; None if none would."""
    tested = np.unique(np.geomspace(1, FIRST_SHARE * MOST_UNITS, 2000).astype(int))
    proven = binom.logcdf(np.ceil(rate * tested), tested, target) <= allowed
    return int(np.ceil(tested[proven.argmax()] / FIRST_SHARE)) if proven.any() else None


def _times_as_many(n_units: int, log_tail: float, allowed: float) -> int | None:
    """Return how many units would prove a threshold: k times the sample, errors and all, has k times the logarithm."""
    needed = n_units * allowed / log_tail if log_tail < 0 else np.inf
    return int(np.ceil(needed)) if needed <= MOST_UNITS else None


class _Ladder:
    """The thresholds, from the highest down, and what each answers.

    ``at`` are the distinct probabilities, ``ends`` the number of images that each answers, ``errors`` the number of
    wrong answers, and ``steps`` the numbers of the thresholds that are tested.
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
        """Return how many units hold an answer at a threshold."""
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
    """Return a bound on the log probability of so few wrong answers in independent groups of answers.

    Within a group any number of answers may be wrong, and groups may differ in their error. Only the expected share of
    wrong answers among all answers is `error`. The bound is Chernoff's, for the worst way to spread that error over the
    groups: Hoeffding's (1963, theorem 1, doi:10.1080/01621459.1963.10500830) for unequal weights. It is exact where
    nothing is wrong and each group is wrong as a whole or not at all. Where nearly all groups are single images, the
    exact tail of these, with all other groups wrong, may be smaller and is then returned.

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
    spared = -np.expm1(-tilt * size)  # the share that a group loses of its weight where it is wrong as a whole
    # Lagrange: the mean share of wrong answers in groups of each size, in 0..1, so that all sum to n * error.
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
    """Return the answers and errors of each model's rule on each set, a row a model and set.

    Parameters
    ----------
    predictions : Predictions
        Models without labelled out-of-fold rows have no rule, and no row.
    target, confidence : float
    rules : dict of str to Rule, optional
        The rules by model; by default each is fitted on the predictions.

    Returns
    -------
    pandas.DataFrame
        ``model, set, target, least`` (NaN: the rule answers nothing), ``n``, ``answered`` (share of all images, with or
        without label), ``judged`` (answers to labelled images), ``error`` (share of these that is wrong), ``accuracy``
        (of the decisions on all labelled images), each share with its 95 % interval ``<share>_low, <share>_high``;
        ``promise``: "kept" where the whole interval of the error is at or below `target`, "broken" where it is above,
        "unclear" otherwise, and "no answers". The promise of ``validation`` is empty, since the rule was fitted there.
    """
    if rules is None:
        fitted = predictions.labelled.query("set == @VALIDATION")["model"].unique()
        rules = {model: fit(predictions, model, target=target, confidence=confidence) for model in fitted}
    outcomes = []
    for model in predictions.models:
        of_model = predictions.table[predictions.table["model"] == model]
        for name in predictions.sets if model in rules else ():
            rows = of_model[of_model["set"] == name]
            if len(rows):
                outcomes.append({"model": model, "set": name, **_on_set(rules[model], predictions, rows)})
    shares = [f"{share}{end}" for share in ("answered", "error", "accuracy") for end in ("", "_low", "_high")]
    columns = ["model", "set", "target", "least", "n", *shares[:3], "judged", *shares[3:], "promise"]
    return pd.DataFrame(outcomes, columns=columns)


def _on_set(rule: Rule, predictions: Predictions, rows: pd.DataFrame) -> dict:
    sure = sureness(predictions.probabilities(rows), rows["predicted"], predictions.classes)
    predicted = rows["predicted"].to_numpy()
    label, group = rows["label"].to_numpy(), rows["group"].to_numpy()
    answered, labelled = rule.answered(sure), label != ""
    judged = answered & labelled
    row = {"target": rule.target, "least": np.nan if rule.least is None else rule.least, "n": len(rows)}
    row |= _share("answered", answered, group) | {"judged": int(judged.sum())}
    row |= _share("error", (predicted != label)[judged], group[judged])
    row |= _share("accuracy", (predicted == label)[labelled], group[labelled])
    row["promise"] = ""
    if rows["set"].iloc[0] != VALIDATION:
        row["promise"] = NOTHING if not answered.any() else _promise(row) if judged.any() else ""
    return row


def _promise(row: dict) -> str:
    if row["error_high"] <= row["target"]:
        return KEPT
    return BROKEN if row["error_low"] > row["target"] else UNCLEAR


def _share(name: str, hits: np.ndarray, group: np.ndarray) -> dict:
    return with_ends(name, hits.mean(), *share_interval(hits, group)) if len(hits) else with_ends(name, *[np.nan] * 3)


def _refuse_unsure(classes: Sequence[str]) -> None:
    if UNSURE in classes:
        raise DataError(f"a class is called {UNSURE!r}, which is the name of the third answer; give it another name")

"""A third answer, "unsure": answer only where so few answers are wrong that a bound on them can be proven."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from classify.errors import DataError
from classify.predictions import HELD_OUT, VALIDATION, Predictions
from classify.reliability import share_interval, sureness
from classify.words import percent, with_interval

UNSURE = "unsure"
TARGET, CONFIDENCE = 0.05, 0.95
# Of the images, the surest, which are tested first. Of 870 simulated images, from an eighth a chance error too many
# stops the sequence at its start oftener (64 % against 25 % of draws, where 2 % of the surest are wrong); from a half,
# a model that is right on 84 % answers nothing in 78 % of draws, from a quarter in 3 %.
FIRST_SHARE = 1 / 4
MOST_UNITS = 1_000_000  # to ask for more would be no help
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
        What was counted, see `prove`.
    n : int
        Units that the rule was fitted on.
    tested : int
        Those that it answers; where `least` is None, those answered at the first threshold, which failed.
    wrong : float
        How many of `tested` are wrong; a group counts with the share of its answers that are.
    needed : int or None
        About how many units would prove the first threshold, where `least` is None and some number would.
    """

    target: float
    confidence: float
    least: float | None
    unit: str
    n: int
    tested: int
    wrong: float
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
        tested = _counted(self.tested, self.unit)
        goal = f"at most {100 * self.target:g} % of its answers are wrong"
        sure = f"{100 * self.confidence:g} %"
        if self.least is not None:
            return (
                f"{model} answers where it is at least {percent(self.least)} sure. Out of fold it so answers {tested} "
                f"of {self.n:,} and is wrong on {self.wrong:.3g}; so, with {sure} confidence, {goal} on new images "
                "like these."
            )
        said = f"{model} answers nothing: it cannot be shown with {sure} confidence that {goal}."
        if self.n < least_units(self.target, self.confidence):
            return f"{said} That takes {_counted(self.needed, self.unit)} at least, and there are {self.n:,}."
        rate = f"{said} Of the {tested} that it is surest of, it is wrong on {self.wrong:.3g}; at that rate"
        if self.needed is None:
            return f"{rate} no number of images would show it."
        return f"{rate} it takes about {_counted(self.needed, self.unit)}, and there are {self.n:,}."


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
    would give that few with a probability of ``1 - confidence`` at most: binomial, hence exact (the upper limit of
    Clopper and Pearson 1934 is at most `target`). Counting among the answered alone is what makes it a bound on
    answers (selective risk: Geifman and El-Yaniv 2017, arXiv 1705.08500).

    What it rests on:

    - New images are drawn as those here were: same sources, same mix of classes. Nothing is promised of others.
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
        Images of one non-empty group are not independent, groups are. If any image has one, groups are counted: one
        is answered if any of its images is, and is wrong by the share of its answers that are. The test is then
        Hoeffding and Bentkus' for means in 0..1 (Bates et al. 2021, arXiv 2101.02703), and the bound holds for the
        mean over groups: for an answer drawn from a group.
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
    grouped = group is not None and (np.asarray(group) != "").any()
    n, answered, errors, at = _by_threshold(np.asarray(top), np.asarray(wrong), group if grouped else None)
    tail = _mean_tail if grouped else binom.cdf
    least = least_units(target, confidence)
    first = max(least, int(np.ceil(FIRST_SHARE * n)))
    ends = np.flatnonzero(answered >= first)
    proven = tail(errors[ends], answered[ends], target) <= 1 - confidence
    unit = "group" if grouped else "image"
    if len(ends) and proven[0]:
        last = ends[len(ends) - 1 if proven.all() else proven.argmin() - 1]
        return Rule(target, confidence, float(at[last]), unit, n, int(answered[last]), float(errors[last]))
    failed = ends[0] if len(ends) else -1
    tested, lost = int(answered[failed]), float(errors[failed])
    needed = least if not len(ends) else _needed(lost / tested, target, confidence, tail)
    return Rule(target, confidence, None, unit, n, tested, lost, needed)


def least_units(target: float = TARGET, confidence: float = CONFIDENCE) -> int:
    """Return how many answers without an error prove a bound: 59 for 5 % with 95 % confidence."""
    return int(np.ceil(np.log1p(-confidence) / np.log1p(-target)))


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
        ``<share>_low, <share>_high``; ``promise``: "kept" where no more than `target` is wrong, "broken" where the
        whole interval lies above it, else "unclear", and "no answers". The row of ``validation`` is what the rule was
        fitted on; its promise is empty. All shares are of images, also where the rule counted groups.
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
    if row["error"] <= row["target"]:
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
    images = f"{row['n']:,} held-out images" if held_out else f"{row['n']:,} images of “{row['set']}”"
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
        return f"{said}: more than promised, but {row['judged']:,} answers cannot tell it from chance."
    if held_out:
        return f"{said}: the promise is broken: these images are unlike those of training, or its folds flatter it."
    return f"{said}: the promise holds only for images like those it was trained on."


def _by_threshold(top: np.ndarray, wrong: np.ndarray, group: np.ndarray | None):
    """Return the number of units, and for each distinct probability, highest first: units answered where it is
    the threshold, errors among them, and itself."""
    order = np.argsort(-top, kind="stable")
    top, wrong = top[order], wrong[order].astype(float)
    ends = np.flatnonzero(np.r_[top[1:] != top[:-1], True])
    if group is None:
        return len(top), ends + 1, np.cumsum(wrong)[ends], top[ends]
    group = np.asarray(group)[order].astype(str)
    unit = pd.Series(np.where(group == "", [f"i{i}" for i in range(len(group))], np.char.add("g", group)))
    share = pd.Series(wrong).groupby(unit).cumsum() / (unit.groupby(unit).cumcount() + 1)
    # a group's share of wrong answers moves with each image of it that is answered: sum what it moves by
    errors = (share - share.groupby(unit).shift(fill_value=0)).cumsum().round(9).clip(lower=0).to_numpy()
    answered = (~unit.duplicated()).cumsum().to_numpy()
    return int(answered[-1]), answered[ends], errors[ends], top[ends]


def _mean_tail(total: np.ndarray, n: np.ndarray, mean: float) -> np.ndarray:
    """Return a bound on the probability that n independent values in 0..1 of this mean sum to `total` or less."""
    share = np.minimum(np.asarray(total) / n, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(share > 0, share * np.log(share / mean), 0)
    hoeffding = np.exp(-n * (low + (1 - share) * np.log((1 - share) / (1 - mean))))
    return np.minimum(hoeffding, np.e * binom.cdf(np.ceil(total), n, mean))


def _needed(rate: float, target: float, confidence: float, tail) -> int | None:
    """Return how many units would prove the first threshold if errors came at this rate; None if none would."""
    tested = np.unique(np.geomspace(1, FIRST_SHARE * MOST_UNITS, 2000).astype(int))
    proven = tail(np.ceil(rate * tested), tested, target) <= 1 - confidence
    return int(np.ceil(tested[proven.argmax()] / FIRST_SHARE)) if proven.any() else None


def _refuse_unsure(classes: Sequence[str]) -> None:
    if UNSURE in classes:
        raise DataError(f"a class is called {UNSURE!r}, as is the answer that is none; give the class another name")


def _counted(n: int, unit: str) -> str:
    return f"{n:,} {unit}{'' if n == 1 else 's'}"

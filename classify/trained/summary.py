"""What a command says of a model at its end: its scores on every set as a table, and what became of the images."""

from collections import Counter

import pandas as pd

from classify.predictions import SELECTION, set_title
from classify.stats.abstention import UNSURE, Rule
from classify.stats.tables import score_table
from classify.trained.model import Tuned
from classify.trained.passport import Passport
from featex.system.output import Table
from featex.system.words import count


def score_rows(tuned: Tuned) -> list[dict]:
    """Return accuracy on each unseen set with labels: set, accuracy, accuracy_low, accuracy_high, n, n_copies."""
    scores = score_table(tuned.predictions, names=["accuracy"])
    copies = tuned.model.passport.data.copies
    if scores.empty:
        return []
    columns = ["set", "accuracy", "accuracy_low", "accuracy_high", "n"]
    return [dict(zip(columns, row, strict=True)) | {"n_copies": copies.get(row[0], 0)}
            for row in scores[columns].itertuples(index=False)]  # fmt: skip


def score_lines(tuned: Tuned) -> list[str | Table]:
    """Return a table of cross-validation and of every unseen set, and what a reader must know about it."""
    passport = tuned.model.passport
    folds = f"{SELECTION}, {passport.cv.scoring}"
    rows = [[folds, f"{passport.cv.selection:.3f}", "", f"{passport.data.n_train or 0:,}"]]
    notes = []
    for row in score_rows(tuned):
        interval = f"{row['accuracy_low']:.3f}-{row['accuracy_high']:.3f}"
        if row["accuracy_low"] != row["accuracy_low"]:
            interval = "none: too few groups"
        rows.append([f"{set_title(row['set'])}, accuracy", f"{row['accuracy']:.3f}", interval, f"{row['n']:,}"])
        if row["n_copies"]:
            notes.append(
                f"{row['n_copies']:,} images of the {set_title(row['set'])} are copies or near-duplicates of training "
                "images, so they are not unseen."
            )
    if len(rows) == 1:
        notes.append("There is no result: no labelled image is unseen by the model. Add a labelled test set.")
    return [Table(["set", "score", "95 % interval", "images"], rows), *notes]


def answers_line(table: pd.DataFrame, passport: Passport) -> str:
    """Return what became of the images of a prediction, such as "16 images: 8 ai, 8 real; 16 unsure: it takes ..."."""
    decided = Counter(table["predicted"])
    line = f"{count(len(table), 'image')}: " + ", ".join(f"{decided[name]:,} {name}" for name in passport.classes)
    if "answer" not in table:
        return line
    unsure = table["answer"] == UNSURE
    if not unsure.any():
        return f"{line}; none unsure"
    strange = int(table["out_of_distribution"].sum()) if "out_of_distribution" in table else 0
    reasons = [f"{strange:,} {'is' if strange == 1 else 'are'} out of distribution"] if strange else []
    if int(unsure.sum()) > strange:
        reasons.append(_why(passport.unsure))
    return f"{line}; {int(unsure.sum()):,} unsure: {', and '.join(reasons)}"


def _why(rule: Rule) -> str:
    promise = f"that at most {100 * rule.target:g} % of answers are wrong"
    if rule.least is not None:
        return f"a probability below {rule.least:.3g} is too low to promise {promise}"
    units = "training images" if rule.unit == "image" else "groups of training images"
    if rule.needed is not None:
        return f"it takes about {rule.needed:,} {units} to promise {promise}, and there were {rule.units:,}"
    if not rule.tested:
        return f"one group holds too many of the training images to promise {promise}"
    rate = 100 * rule.wrong / rule.tested
    surest = f"the {rule.tested:,} training images of which the model is surest"
    return f"of {surest}, {rate:.3g} % are wrong, too many to promise {promise}"


def answers_record(table: pd.DataFrame, passport: Passport) -> dict:
    """Return the counts of `answers_line`, and what a promise on the answers takes, as a record."""
    decided = {name: int((table["predicted"] == name).sum()) for name in passport.classes}
    record = {"n_images": len(table), "decided": decided}
    if "answer" in table:
        rule = passport.unsure
        record |= {"unsure": int((table["answer"] == UNSURE).sum()), "promised_error": rule.target}
        record |= {"units": rule.units, "unit": rule.unit, "units_needed": rule.needed, "least": rule.least}
    if "out_of_distribution" in table:
        record["out_of_distribution"] = int(table["out_of_distribution"].sum())
    return record

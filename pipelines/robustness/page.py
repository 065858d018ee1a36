"""What the page on stress shows: its headline, sentences, tables and figures."""

from collections.abc import Sequence

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import percent
from classify.predictions import set_title
from featex.system.words import count
from pipelines.robustness.conditions import Condition
from pipelines.robustness.figures import pictures
from pipelines.robustness.sentences import sentences

CAPTION = (
    "In brackets: 95 % intervals. A fall of accuracy, or a bias to a class, is reported if McNemar's exact test, with "
    "Holm's correction for all conditions that a model was tested under on a set, finds it beyond chance."
)
MOST_ROWS = 10  # of a table on the page: figures below tell more
ENDS = {"": "", "_low": " low", "_high": " high"}


def stress_section(table: pd.DataFrame, bias: pd.DataFrame, notes: Sequence[str] = ()) -> Section:
    """Return what a page or a report shows: what was found in words, tables with the worst first, and figures."""
    found = table[(table["only"] == "") & (table["transform"] != "")].sort_values("difference", kind="stable")
    fallen = _named(found).assign(fall=-found["difference"])
    fallen["fall low"], fallen["fall high"] = -found["difference_high"], -found["difference_low"]
    scores = {"balanced_accuracy": "balanced accuracy", "roc_auc": "ROC AUC"}
    scores |= {name: f"right of {name.removeprefix('recall_')}" for name in found if name.startswith("recall_")}
    fallen = fallen.assign(**{title: found[name] for name, title in scores.items()})
    tables = [
        Table(
            "conditions",
            "Accuracy under conditions, the deepest fall first",
            fallen.assign(**{"beyond chance": found["apart"].map({True: "yes", False: "no"})}),
            percent=tuple(scores.values()),
            most=MOST_ROWS,
            about="A fall is from the same images as they are.",
        )
    ]
    if len(bias):
        tables.append(_one_class(table, bias))
    return Section(
        "stress",
        "Where it breaks",
        sentences(table, bias),
        tables,
        pictures(table, bias),
        " ".join(
            [
                "Unseen images were changed before the models saw them; pixels are those of the files, which a model "
                "that looks at images made small sees less of. Intervals are of 95 %, of each number by itself.",
                *notes,
            ]
        ),
    )


def _one_class(table: pd.DataFrame, bias: pd.DataFrame) -> Table:
    leaning = bias.sort_values("bias", key=lambda values: -values.abs(), kind="stable")
    shown, labels = _named(leaning, accuracy=False), [name.removeprefix("n_") for name in bias if name.startswith("n_")]
    positive = leaning["positive"].iloc[0]
    lean = {f"bias{end}": f"lean to {positive}{title}" for end, title in ENDS.items()}
    for label in labels:
        lean |= {f"shift_{label}{end}": f"shift of {label}{title}" for end, title in ENDS.items()}
    shown = shown.assign(**{title: leaning[name] for name, title in lean.items()})
    accuracy = table[table["only"] != ""].set_index(["model", "set", "transform", "grade", "only"])["accuracy"]
    where = leaning[["model", "set", "transform", "grade"]]
    for label in labels:
        at = pd.MultiIndex.from_frame(where.assign(only=label))
        shown[f"accuracy, {label} alone"] = accuracy.loc[at].to_numpy()
    shown["looks"] = leaning["looks"].where(leaning["looks"] != "", "—")
    return Table(
        "one-class",
        "What conditions make images look like, the strongest lean first",
        shown,
        percent=tuple(f"accuracy, {label} alone" for label in labels),
        most=MOST_ROWS,
        about=f"A shift is how many more images of a class are taken for {positive}; the lean is the mean of both "
        "shifts. Accuracy is that of a set of which one class alone went through the condition.",
    )


def _named(rows: pd.DataFrame, *, accuracy: bool = True) -> pd.DataFrame:
    named = [Condition(*key).name for key in zip(rows["transform"], rows["grade"], strict=True)]
    told = pd.DataFrame({"model": rows["model"], "set": rows["set"].map(set_title), "condition": named, "n": rows["n"]})
    if accuracy:
        told = told.assign(**{f"accuracy{title}": rows[f"accuracy{end}"] for end, title in ENDS.items()})
    return told


def headline(table: pd.DataFrame) -> str:
    """Return what matters most in a sentence: of the model most accurate on the first set, where it falls deepest."""
    here = table[(table["set"] == table["set"].iloc[0]) & (table["only"] == "")]
    as_is = here[here["transform"] == ""]
    best = as_is.loc[as_is["accuracy"].idxmax()]
    tried = here[(here["model"] == best["model"]) & (here["transform"] != "")]
    fallen = tried[tried["apart"] & (tried["difference"] < 0)]
    start = f"{best['model']} is right on {percent(best['accuracy'])} of {set_title(best['set'])} images as they are"
    if fallen.empty:
        return f"{start}; under {count(len(tried), 'condition')} no fall can be told from chance."
    worst = fallen.loc[fallen["difference"].idxmin()]
    said = Condition(worst["transform"], worst["grade"]).said
    return f"{start}, and on {percent(worst['accuracy'])} under {said}."

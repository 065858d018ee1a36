"""What the page of a stress test shows: its headline, sentences, tables and figures."""

from collections.abc import Sequence

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import percent
from classify.predictions import set_images, set_title
from featex.system.words import count
from pipelines.robustness.conditions import Condition
from pipelines.robustness.figures import pictures
from pipelines.robustness.sentences import findings

CAPTION = (
    "In brackets: 95 % intervals. A fall of accuracy, or a bias to a class, is reported if McNemar's exact test, with "
    "Holm's correction for all conditions that a model was tested under on a set, finds it beyond chance."
)
MOST_ROWS = 10  # of a table on the page; the figures show all
ENDS = {"": "", "_low": " low", "_high": " high"}


def stress_section(table: pd.DataFrame, bias: pd.DataFrame, notes: Sequence[str] = ()) -> Section:
    """Return what a page or a report shows: sentences, tables with the worst rows first, and figures."""
    treated = table[(table["only"] == "") & (table["transform"] != "")].sort_values("difference", kind="stable")
    fallen = _named(treated).assign(fall=-treated["difference"])
    fallen["fall low"], fallen["fall high"] = -treated["difference_high"], -treated["difference_low"]
    scores = {"balanced_accuracy": "balanced accuracy", "roc_auc": "ROC AUC"}
    scores |= {name: f"right of {name.removeprefix('recall_')}" for name in treated if name.startswith("recall_")}
    fallen = fallen.assign(**{title: treated[name] for name, title in scores.items()})
    tables = [
        Table(
            "conditions",
            "Accuracy under conditions, the largest fall first",
            fallen.assign(**{"beyond chance": treated["apart"].map({True: "yes", False: "no"})}),
            percent=tuple(scores.values()),
            most=MOST_ROWS,
            about="A fall is the accuracy on the same images untreated, less this accuracy.",
        )
    ]
    if len(bias):
        tables.append(_one_class(table, bias))
    return Section(
        "stress",
        "Where it breaks",
        (),
        tables,
        pictures(table, bias),
        " ".join(
            [
                "Unseen images were treated before the models read them. Pixels are those of the files: a model that "
                "reads images made small sees less of a change. Each 95 % interval is of one number.",
                *notes,
            ]
        ),
        findings=findings(table, bias),
    )


def _one_class(table: pd.DataFrame, bias: pd.DataFrame) -> Table:
    strongest = bias.sort_values("bias", key=lambda values: -values.abs(), kind="stable")
    shown, labels = (
        _named(strongest, accuracy=False),
        [name.removeprefix("n_") for name in bias if name.startswith("n_")],
    )
    positive = strongest["positive"].iloc[0]
    columns = {f"bias{end}": f"bias to {positive}{title}" for end, title in ENDS.items()}
    for label in labels:
        columns |= {f"shift_{label}{end}": f"shift of {label}{title}" for end, title in ENDS.items()}
    shown = shown.assign(**{title: strongest[name] for name, title in columns.items()})
    accuracy = table[table["only"] != ""].set_index(["model", "set", "transform", "grade", "only"])["accuracy"]
    where = strongest[["model", "set", "transform", "grade"]]
    for label in labels:
        at = pd.MultiIndex.from_frame(where.assign(only=label))
        shown[f"accuracy, only {label} treated"] = accuracy.loc[at].to_numpy()
    shown["looks"] = strongest["looks"].where(strongest["looks"] != "", "—")
    return Table(
        "one-class",
        "The class that conditions make images look like, the strongest bias first",
        shown,
        percent=tuple(f"accuracy, only {label} treated" for label in labels),
        most=MOST_ROWS,
        about=f"A shift is how many more images of a class are taken for {positive}; the bias is the mean of both "
        "shifts. Accuracy is on a set with only one class treated.",
    )


def _named(rows: pd.DataFrame, *, accuracy: bool = True) -> pd.DataFrame:
    named = [Condition(*key).name for key in zip(rows["transform"], rows["grade"], strict=True)]
    sets = rows["set"].map(set_title)
    shown = pd.DataFrame({"model": rows["model"], "set": sets, "condition": named, "n": rows["n"]})
    if accuracy:
        shown = shown.assign(**{f"accuracy{title}": rows[f"accuracy{end}"] for end, title in ENDS.items()})
    return shown


def headline(table: pd.DataFrame) -> str:
    """Return the main result in a sentence: the worst condition for the model most accurate on the first set."""
    here = table[(table["set"] == table["set"].iloc[0]) & (table["only"] == "")]
    untreated = here[here["transform"] == ""]
    best = untreated.loc[untreated["accuracy"].idxmax()]
    tried = here[(here["model"] == best["model"]) & (here["transform"] != "")]
    fallen = tried[tried["apart"] & (tried["difference"] < 0)]
    start = f"{best['model']} is right on {percent(best['accuracy'])} of {set_images(best['set'], which='untreated')}"
    if fallen.empty:
        return f"{start}; {count(len(tried), 'condition')} caused no fall beyond chance."
    worst = fallen.loc[fallen["difference"].idxmin()]
    phrase = Condition(worst["transform"], worst["grade"]).phrase
    return f"{start}, and on {percent(worst['accuracy'])} under {phrase}."

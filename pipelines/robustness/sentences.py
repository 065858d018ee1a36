"""The result of a stress test in sentences; nothing is stated that may be chance."""

import numpy as np
import pandas as pd

from classify.pages.codes import Notice
from classify.pages.words import listed, percent, within
from classify.predictions import set_images, set_title
from featex.system.words import count
from pipelines.robustness.conditions import CONDITIONS, Condition

MOST_BIASES = 3  # sentences on bias for each model and set; the table has all


def findings(table: pd.DataFrame, bias: pd.DataFrame) -> list[Notice]:
    """Return a few findings for each model and set on the tables of `pipelines.robustness.tables`."""
    lines = []
    for (model, name), part in table[table["only"] == ""].groupby(["model", "set"], sort=False):
        untreated, treated = part.iloc[0], part.iloc[1:]
        lines.append(_fragility(model, name, untreated, treated))
        biased = bias[(bias["model"] == model) & (bias["set"] == name) & (bias["looks"] != "")]
        worst = biased.loc[biased.groupby("transform", sort=False)["bias"].apply(lambda values: values.abs().idxmax())]
        worst = worst.sort_values("bias", key=np.abs, ascending=False, kind="stable").head(MOST_BIASES)
        one_class = table[(table["model"] == model) & (table["set"] == name) & (table["only"] != "")]
        lines += [Notice("FX702", _bias(row, one_class, untreated)) for _, row in worst.iterrows()]
    return lines


def _fragility(model: str, name: str, untreated: pd.Series, treated: pd.DataFrame) -> Notice:
    start = f"{model} is right on {_within(untreated)} of the {set_images(name, untreated['n'], 'untreated')}"
    fallen = treated[treated["apart"] & (treated["difference"] < 0)]
    risen = treated[treated["apart"] & (treated["difference"] > 0)]
    conditions = count(len(treated), "condition")
    if fallen.empty:
        text = f"{start}; {conditions} caused no fall beyond chance."
    else:
        worst = fallen.loc[fallen["difference"].idxmin()]
        text = f"{start}, and under {_condition(worst).phrase} on {_within(worst)}, the worst of {conditions}."
        mildest = fallen.groupby("transform", sort=False).head(1)
        harmful = set(mildest["transform"])
        harmless = [CONDITIONS[one].title for one in treated["transform"].unique() if one not in harmful]
        text += f" Its accuracy falls beyond chance from {_names(mildest)} on."
        text += f" No fall beyond chance under {listed(harmless)}." if harmless else ""
    text += f" Its accuracy rises beyond chance under {_names(risen)}." if len(risen) else ""
    return Notice("FX701", text, "ok" if fallen.empty else "warning")


def _bias(row: pd.Series, one_class: pd.DataFrame, untreated: pd.Series) -> str:
    positive, looks, phrase = row["positive"], row["looks"], _condition(row).phrase
    labels = [column.removeprefix("n_") for column in row.index if column.startswith("n_")]
    (moved,) = (label for label in labels if label != looks)
    shares = {}
    for label in (moved, looks):
        before, after = row[f"share_{label}"], row[f"share_{label}"] + row[f"shift_{label}"]
        shares[label] = (before, after) if positive == looks else (1 - before, 1 - after)
    rows = one_class[(one_class["transform"] == row["transform"]) & (one_class["grade"] == row["grade"])]
    accuracy = rows.set_index("only")["accuracy"]
    taken = "; ".join(
        f"it takes {percent(after)} of {row[f'n_{label}']:,.0f} {label} images for {looks}, {percent(before)} untreated"
        for label, (before, after) in shares.items()
    )
    value, *ends = (100 * abs(row[end]) for end in ("bias", "bias_low", "bias_high"))
    return (
        f"{phrase[0].upper()}{phrase[1:]} makes {moved} images look {looks} to {row['model']} on "
        f"the {set_title(row['set'])}: {taken}. Bias of {value:.1f} points ({min(ends):.1f}–{max(ends):.1f}): accuracy "
        f"is {percent(accuracy[looks])} if only the {looks} images are treated, {percent(accuracy[moved])} if only the "
        f"{moved} images are, and {percent(untreated['accuracy'])} untreated."
    )


def _within(row: pd.Series) -> str:
    return within(row["accuracy"], row["accuracy_low"], row["accuracy_high"])


def _condition(row: pd.Series) -> Condition:
    return Condition(row["transform"], row["grade"])


def _names(rows: pd.DataFrame) -> str:
    return listed([_condition(row).name for _, row in rows.iterrows()])

"""What a stress run found, in words; what cannot be told from chance is not said."""

import numpy as np
import pandas as pd

from classify.pages.words import listed, percent, within
from classify.predictions import set_title
from featex.system.words import count
from pipelines.robustness.conditions import CONDITIONS, Condition

MOST_BIASES = 3  # sentences on bias for a model and set; the table has all


def sentences(table: pd.DataFrame, bias: pd.DataFrame) -> list[str]:
    """Return what the tables of `pipelines.robustness.tables` say, a few sentences a model and set."""
    said = []
    for (model, name), part in table[table["only"] == ""].groupby(["model", "set"], sort=False):
        untouched, tried = part.iloc[0], part.iloc[1:]
        said.append(_fragility(model, name, untouched, tried))
        ours = bias[(bias["model"] == model) & (bias["set"] == name) & (bias["looks"] != "")]
        worst = ours.loc[ours.groupby("transform", sort=False)["bias"].apply(lambda values: values.abs().idxmax())]
        worst = worst.sort_values("bias", key=np.abs, ascending=False, kind="stable").head(MOST_BIASES)
        one_class = table[(table["model"] == model) & (table["set"] == name) & (table["only"] != "")]
        said += [_bias(row, one_class, untouched) for _, row in worst.iterrows()]
    return said


def _fragility(model: str, name: str, untouched: pd.Series, tried: pd.DataFrame) -> str:
    start = (
        f"{model} is right on {_within(untouched)} of the {untouched['n']:,.0f} {set_title(name)} images as they are"
    )
    fallen = tried[tried["apart"] & (tried["difference"] < 0)]
    risen = tried[tried["apart"] & (tried["difference"] > 0)]
    if fallen.empty:
        text = f"{start}; under {count(len(tried), 'condition')} no fall can be told from chance."
    else:
        worst = fallen.loc[fallen["difference"].idxmin()]
        of = count(len(tried), "condition")
        text = f"{start}, and under {_condition(worst).said} on {_within(worst)}, the worst of {of}."
        first = fallen.groupby("transform", sort=False).head(1)
        stands = [CONDITIONS[one].title for one in tried["transform"].unique() if one not in set(first["transform"])]
        text += f" The mildest under which a fall can be told from chance: {_names(first)}."
        text += f" Under {listed(stands)} none can." if stands else ""
    return text + (f" It does better under {_names(risen)}." if len(risen) else "")


def _bias(row: pd.Series, one_class: pd.DataFrame, untouched: pd.Series) -> str:
    positive, looks, condition = row["positive"], row["looks"], _condition(row)
    labels = [column.removeprefix("n_") for column in row.index if column.startswith("n_")]
    (moved,) = (label for label in labels if label != looks)
    shares = {}
    for label in (moved, looks):
        before, after = row[f"share_{label}"], row[f"share_{label}"] + row[f"shift_{label}"]
        shares[label] = (before, after) if positive == looks else (1 - before, 1 - after)
    here = one_class[(one_class["transform"] == row["transform"]) & (one_class["grade"] == row["grade"])]
    alone = here.set_index("only")["accuracy"]
    told = "; ".join(
        f"{percent(after)} of {row[f'n_{label}']:,.0f} {label} images are taken for {looks}, "
        f"{percent(before)} as they are"
        for label, (before, after) in shares.items()
    )
    lean = [100 * abs(row[end]) for end in ("bias", "bias_low", "bias_high")]
    return (
        f"{condition.said[0].upper()}{condition.said[1:]} makes {moved} images look {looks} to {row['model']} on "
        f"{set_title(row['set'])}: {told}. A lean of {lean[0]:.1f} points ({min(lean[1:]):.1f}–{max(lean[1:]):.1f}): "
        f"with {looks} images alone treated so its accuracy would be {percent(alone[looks])}, with {moved} ones alone "
        f"{percent(alone[moved])}, and it is {percent(untouched['accuracy'])} as they are."
    )


def _within(row: pd.Series) -> str:
    return within(row["accuracy"], row["accuracy_low"], row["accuracy_high"])


def _condition(row: pd.Series) -> Condition:
    return Condition(row["transform"], row["grade"])


def _names(rows: pd.DataFrame) -> str:
    return listed([_condition(row).name for _, row in rows.iterrows()])

"""Sentences on differences between models: which is more accurate, or how many images it would take to show one."""

from collections.abc import Collection

import pandas as pd

from classify.pages.words import listed, p_value, percent
from classify.predictions import set_images
from classify.stats.paired import LEVEL

MOST_OTHERS = 3
MILLION = 1_000_000
CERTAIN = 0.995  # reads as 1.00


def pair_sentence(row: pd.Series) -> str:
    """Return a row of `classify.stats.differences.paired` as a sentence."""
    a, b = row["model_a"], row["model_b"]
    if not row["only_a"] + row["only_b"]:
        return f"{a} and {b} are right on the same {round(row['accuracy_a'] * row['n']):,} of {_images(row)}."
    if not row["apart"]:
        return _not_apart(row.to_frame().T)
    if row["difference"] < 0:
        row = swapped(row)
    sentence = (
        f"{row['model_a']} is more accurate than {row['model_b']} on {_images(row)}: {percent(row['accuracy_a'])} "
        f"against {percent(row['accuracy_b'])}, {_difference(row)}."
    )
    if row["only_class"]:
        sentence += (
            f" All of them are {row['only_class']}, so calling more images {row['only_class']} is enough for that."
        )
    return sentence


def chosen_against_others(rows: pd.DataFrame, chosen: str | None, baselines: Collection[str] = ()) -> list[str]:
    """Return the sentences for a page's opening: the chosen model against others, on each unseen set.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `classify.stats.differences.paired`, models from the best on: the chosen one is compared with the first
        `MOST_OTHERS` others.
    chosen : str, optional
        Without it there are no sentences.
    baselines : collection of str
        Models that see no image. The chosen one is compared with each of them, after the others.
    """
    sentences = []
    for _, part in pairs_of(rows, chosen).groupby("set", sort=False):
        is_baseline = part["model_b"].isin(baselines)
        for some in (part[~is_baseline].head(MOST_OTHERS), part[is_baseline]):
            apart = some["apart"].astype(bool)
            sentences += [pair_sentence(row) for _, row in some[apart].iterrows()]
            for _, alike in some[~apart].groupby("n", sort=False):
                sentences.append(_not_apart(alike) if len(alike) > 1 else pair_sentence(alike.iloc[0]))
    return sentences


def pairs_of(rows: pd.DataFrame, model: str | None) -> pd.DataFrame:
    """Return the rows that a model is in, swapped so that it is `model_a`."""
    rows = rows[(rows["model_a"] == model) | (rows["model_b"] == model)]
    return rows.apply(lambda row: row if row["model_a"] == model else swapped(row), axis=1) if len(rows) else rows


def swapped(row: pd.Series) -> pd.Series:
    """Return a row of a table of differences as b less a."""
    new = row.copy()
    for name in row.index:
        if name.endswith("_a"):
            new[name], new[f"{name[:-2]}_b"] = row[f"{name[:-2]}_b"], row[name]
        elif name.endswith("difference"):
            new[name] = 0.0 - row[name]  # never -0.0
            new[f"{name}_low"], new[f"{name}_high"] = 0.0 - row[f"{name}_high"], 0.0 - row[f"{name}_low"]
    return new


def _not_apart(rows):
    """Return one sentence on rows of one model and equally many images, none of which is a significant difference."""
    first, more = rows.iloc[0], " or more" if len(rows) > 1 else ""
    others = listed([f"{row['model_b']} ({percent(row['accuracy_b'])})" for _, row in rows.iterrows()])
    sentence = (
        f"On {_images(first)} there is no significant difference between {first['model_a']} "
        f"({percent(first['accuracy_a'])}) and {others}, {_p(rows.loc[rows['p'].astype(float).idxmin()], more)}"
    )
    images = rows["needed"].astype(float).min()
    if not images > first["n"]:  # nothing differs
        return f"{sentence}."
    about = f"about {_round(images)}" if images < MILLION else "over a million"
    groups = f" in {_round(images * first['units'] / first['n'])} such groups" if first["units"] < first["n"] else ""
    return f"{sentence}; it would take {about} images{groups}{more} to show a difference."


def _round(number):
    return f"{float(f'{number:.2g}'):,.0f}"


def _images(row):
    images = set_images(row["set"], row["n"])
    return f"{images} in {row['units']:,} groups" if row["units"] < row["n"] else images


def _difference(row):
    low, high = 100 * row["difference_low"], 100 * row["difference_high"]
    if pd.isna(low):
        return f"a difference of {100 * row['difference']:.1f} points, {_p(row, corrected=True)}"
    return f"a difference of {100 * row['difference']:.1f} points ({low:.1f}–{high:.1f}), {_p(row, corrected=True)}"


def _p(row, more="", *, corrected=False):
    """Return the p value before correction where it is not significant, else the corrected one."""
    if not corrected and row["p"] >= LEVEL:
        return p_value(row["p"]) + (more if row["p"] < CERTAIN else "")
    after = f" after correction for {int(row['tests'])} comparisons" if row["tests"] > 1 else ""
    return p_value(row["p_holm"]) + (more if row["p_holm"] < CERTAIN else "") + after

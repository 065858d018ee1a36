"""A model card in Markdown: what a model is, how well it does, what it cannot do, and what it was made from."""

import re
import shlex
from collections.abc import Sequence

import pandas as pd

from classify.pages.words import listed, spread, with_interval
from classify.predictions import HELD_OUT, set_images, set_title
from classify.report.provenance import how_made
from classify.report.verdict import ability_words
from classify.stats.chance import BETTER, ONE_CLASS
from classify.stats.evaluation import Evaluation
from classify.stats.scores import SCORES
from classify.trained.estimators import skops_io
from classify.trained.inputs import INPUTS
from classify.trained.passport import Passport

HEADING = "Cross-validation scores (optimistic)"
ABOUT_SELECTION = (
    "Scores over the folds of cross-validation. They were used to choose the settings, so they tend to be too high."
)


def model_card(passport: Passport, evaluation: Evaluation, sentences: Sequence[str] = ()) -> str:
    """Return the card of a model as Markdown.

    Parameters
    ----------
    passport : Passport
    evaluation : Evaluation
        Of this model, and others if any.
    sentences : sequence of str
        Its results in sentences, the most important first.
    """
    skops_io()  # before skops.card, which would import it together with torch
    from skops.card import Card

    name = passport.name
    kept = passport.kept or name  # a page may use a shorter name
    scores, folds = (table[table["model"] == name] for table in (evaluation.scores, evaluation.folds))
    elsewhere = not INPUTS[passport.reads].runs
    parts = {
        (): _bullets(sentences) or _plain(passport.about),
        ("What it is",): _bullets(_what(passport)),
        ("Limitations",): _bullets(_limits(passport, scores, evaluation)),
        ("Results",): _results(scores),
        (HEADING,): _selection(folds),
        ("Images",): None if elsewhere else _images(passport),
        **{
            ("How it was made", _heading(part["title"], name)): pd.DataFrame(part["facts"], columns=["what", "value"])
            for part in how_made([passport])
        },
        ("Use it",): "" if elsewhere else _code(f"classify predict {shlex.quote(kept)} FILE_OR_FOLDER"),
        ("Reproduce",): _code(passport.command),
    }
    chosen = f"{ABOUT_SELECTION} It was validated in {passport.validation}." if passport.cv else ABOUT_SELECTION
    about = {"Results": "On unseen images, with 95 % intervals.", HEADING: chosen}
    card = Card(None, model_diagram=False, template=None)
    for path, content in parts.items():
        # a slash would split a title
        key = "/".join(_plain(part).replace("/", r"\/") for part in (name, *path))
        if isinstance(content, pd.DataFrame) and len(content):
            table = {_plain(column): [_plain(value) for value in content[column]] for column in content}
            card.add_table(description=about.get(path[-1]), **{key: table})
            card.select(key).title = _plain(path[-1])  # the library would show the whole path
        elif isinstance(content, str) and (content or not path):
            card.add(**{key: content})
    return card.render()


def _what(passport: Passport) -> list[str]:
    classes = passport.classes
    about = passport.about
    sentences = [about[0].upper() + about[1:] + "."] if about else []
    sentences.append(INPUTS[passport.reads].about)
    if classes:
        sentences.append(f"It predicts {' or '.join(classes)}.")
    if sentence := passport.threshold_sentence("It"):
        sentences.append(sentence)
    if members := passport.members:
        sentences.append(f"It combines {listed([member.name for member in members])}.")
    return sentences


def _limits(passport: Passport, scores: pd.DataFrame, evaluation: Evaluation) -> list[str]:
    sentences = list(passport.notes)
    if passport.classes:
        sentences.append("It gives an answer for every image, also for kinds of images that it was not trained on.")
    if (passport.extractor or {}).get("trained") is False:
        sentences.append("Its features come from an untrained net (random weights).")
    for _, row in scores.iterrows():
        ability = evaluation.abilities[row["model"], row["set"]]
        if ability.kind not in (BETTER, ONE_CLASS):
            score = with_interval(row, "balanced_accuracy")
            sentences.append(f"On {set_images(row['set'])}: balanced accuracy {score}: {ability_words(row, ability)}.")
    if HELD_OUT not in set(scores["set"]):
        sentences.append("Its performance on unseen images of the kind that it was trained on is unknown.")
    return sentences


def _results(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a column for each set and a row for each score."""
    # macro recall is balanced accuracy by another name
    names = [name for name in SCORES if name != "recall_macro" and name in scores and scores[name].notna().any()]
    table = {"score": ["images", *(SCORES[name].title for name in names)]}
    for _, row in scores.iterrows():
        cells = [with_interval(row, name, unit=SCORES[name].unit) for name in names]
        table[set_title(row["set"])] = [f"{row['n']:,.0f}", *cells]
    return pd.DataFrame(table) if len(scores) else pd.DataFrame()


def _selection(folds: pd.DataFrame) -> pd.DataFrame:
    titles = [SCORES[scoring].title for scoring in folds["scoring"]]
    values = [spread(row) if SCORES[row["scoring"]].unit else f"{row['mean']:.3f}" for _, row in folds.iterrows()]
    return pd.DataFrame({"score": titles, "mean ± std": values})


def _images(passport: Passport) -> pd.DataFrame:
    """Return the number of images of each class in each set that the model was trained or tested on."""
    table = pd.DataFrame(passport.data.counts).T.fillna(0).astype(int)
    return table.rename(index=set_title).reset_index(names="set")


def _heading(title: str, name: str) -> str:
    return "Model" if title == name else title.removesuffix(f" of {name}").capitalize()


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences)


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _plain(value: object) -> str:
    """Return text with Markdown's special characters escaped; names come from folders and may hold any of them."""
    text = str(value).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|]|^[#>+-])", r"\\\1", " ".join(text.split()))

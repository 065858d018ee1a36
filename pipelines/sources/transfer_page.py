"""The page that shows how well models do on other sources, with its tables and figure as files beside it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import percent
from classify.splits.partition import images_digest
from classify.trained.persist import passports
from featex.layout import ARTIFACTS, Artifacts
from featex.store.features import load_features
from featex.system.progress import Progress
from featex.system.shown import shown_path
from featex.system.words import count
from pipelines.result_page import ResultPage
from pipelines.sources.transfer import DEFAULT, Transfer, kept_params, transfer
from pipelines.sources.transfer_figures import matrix_picture

CAPTION = (
    "In brackets: 95 % intervals. They show how much chance there is in these images, not how a model would do on "
    "other sources."
)


def transfer_set(
    name: str | None = None,
    *,
    only: Sequence[str] = (),
    vary: str | None = None,
    positive: str | None = None,
    seed: int = 0,
    artifacts: Artifacts = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
) -> tuple[Transfer, Path]:
    """Compare the sources of a set of features, write a page on it, and return the results with the page.

    Models that were tuned on these features are fitted with the parameters found then.

    Parameters
    ----------
    name : str, optional
        The set's; by default the newest.
    only : sequence of str
        Models; none stands for `pipelines.sources.transfer.DEFAULT`.
    vary, positive, seed
        As `pipelines.sources.transfer.transfer` takes them.
    artifacts : Artifacts
        Where results are kept.
    command : str
        What makes the page again; printed on it.

    Raises
    ------
    DataError
        If the set has fewer than two sources to compare.
    InputError, ModelError
        If there is no such set, model or class, or a model reads pixels.
    """
    features, models = load_features(artifacts.features, name), only or DEFAULT
    params = kept_params(features, passports(artifacts.models), models)
    done = transfer(features, models, params=params, vary=vary, positive=positive, seed=seed, progress=progress)
    extractor = features.extractor
    untrained = "" if extractor.get("trained", True) else "; UNTRAINED: judge no model by them"
    facts = {
        "images": f"{count(len(features.rows), 'image')} below {shown_path(features.root)}",
        "features": f"{extractor['backbone']}, weights {extractor['weights']}{untrained}",
        "parameters": "; ".join(f"{model}: {_params(params.get(model))}" for model in models),
        "seed": str(seed),
    }
    page = ResultPage(
        "transfer",
        title=f"Does what a model learnt from one source of {features.name} hold for the others?",
        headline=headline(done.summary),
        section=transfer_section(done),
        caption=CAPTION,
        facts=facts,
        images=images_digest(features.rows),
        notes=done.notes,
        command=command,
    )
    return done, page.write(artifacts.transfer / features.name)


def transfer_section(done: Transfer) -> Section:
    """Return what a page or a report shows: what the matrices say, and they themselves."""
    ends = {"": "", "_low": " low", "_high": " high"}
    named = {"same": "same source", "other": "other sources", "fall": "fall"}
    means = done.summary[["model", *(f"{name}{end}" for name in named for end in ends)]]
    means = means.rename(columns={f"{name}{end}": named[name] + ends[end] for name in named for end in ends})
    pair = done.summary["worst_train"] + " → " + done.summary["worst_test"]
    means = means.assign(**{"worst pair": pair, "right there": done.summary["worst"]})
    wanted = {"model": "model", "train_source": "trained on", "test_source": "tested on", "n": "images"}
    wanted |= {"accuracy": "accuracy", "low": "accuracy low", "high": "accuracy high"}
    scores = {"own": "own images right", "roc_auc": "ROC AUC"}
    if (done.table["n_own"] == done.table["n"]).all():  # nothing is held fixed, so this is accuracy again
        del scores["own"]
    wanted |= {f"{score}{end}": title + ends[end] for score, title in scores.items() for end in ends}
    pairs = done.table[done.table["train_source"] != done.table["test_source"]]
    pairs = pairs.sort_values("accuracy", kind="stable", ignore_index=True)[list(wanted)].rename(columns=wanted)
    return Section(
        "transfer",
        "From one source to another",
        done.sentences,
        [
            Table(
                "same-and-others",
                "The same source and others",
                means,
                percent=("right there",),
                about="Means of accuracy over the pairs of a source with itself, and with each other one; a fall is "
                "the former less the latter.",
            ),
            Table(
                "pairs",
                "Pairs of sources, the worst first",
                pairs,
                about="Own images are those of the source that is tested on, without what is held fixed."
                if "own" in scores
                else "",
            ),
        ],
        [matrix_picture(done.table)],
        "Intervals of 95 % tell how much chance there is in these images, not how a model would do on a source that "
        "is not among them. " + " ".join(done.notes),
    )


def headline(summary: pd.DataFrame) -> str:
    """Return what matters most in a sentence: of the model that is best on its own source, how it does on others."""
    row = summary.iloc[0]
    others = "another" if row["n_sources"] == 2 else "others"
    return (
        f"{row['model']} is right on {percent(row['same'])} of unseen images where it was trained on their source, and "
        f"on {percent(row['other'])} where it was trained on {others}."
    )


def _params(params: dict | None) -> str:
    if params is None:
        return "its recipe's"
    told = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items())
    return f"{told}, as tuned on training images of all these sources"

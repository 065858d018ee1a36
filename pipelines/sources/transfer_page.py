"""transfer_set: from stored features to the page that shows how accurate models are on other sources."""

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
    """Compare the sources of a set of features, write a page, and return the result with the page.

    Models that were tuned on these features are fitted with the parameters of that search.

    Parameters
    ----------
    name : str, optional
        The set's; by default the newest.
    only : sequence of str
        Models; empty: `pipelines.sources.transfer.DEFAULT`.
    vary, positive, seed
        As `pipelines.sources.transfer.transfer` takes them.
    artifacts : Artifacts
        Where results are kept.
    command : str
        The command that makes the page again; printed on it.

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
    untrained = "" if extractor.get("trained", True) else "; UNTRAINED, so these scores say little"
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
    """Return what a page or a report shows: sentences, tables and the matrices."""
    ends = {"": "", "_low": " low", "_high": " high"}
    named = {"same": "same source", "other": "other sources", "fall": "fall"}
    means = done.summary[["model", *(f"{name}{end}" for name in named for end in ends)]]
    means = means.rename(columns={f"{name}{end}": named[name] + ends[end] for name in named for end in ends})
    pair = done.summary["worst_train"] + " → " + done.summary["worst_test"]
    means = means.assign(**{"worst pair": pair, "accuracy there": done.summary["worst"]})
    wanted = {"model": "model", "train_source": "trained on", "test_source": "tested on", "n": "images"}
    wanted |= {"accuracy": "accuracy", "low": "accuracy low", "high": "accuracy high"}
    scores = {"own": "accuracy on own images", "roc_auc": "ROC AUC"}
    if (done.table["n_own"] == done.table["n"]).all():  # nothing is held fixed, so this equals the accuracy
        del scores["own"]
    wanted |= {f"{score}{end}": title + ends[end] for score, title in scores.items() for end in ends}
    pairs = done.table[done.table["train_source"] != done.table["test_source"]]
    pairs = pairs.sort_values("accuracy", kind="stable", ignore_index=True)[list(wanted)].rename(columns=wanted)
    return Section(
        "transfer",
        "From one source to another",
        (),
        [
            Table(
                "same-and-others",
                "The same source and others",
                means,
                percent=("accuracy there",),
                about="Mean accuracy over the pairs of a source with itself, and with each other source; the fall is "
                "the difference.",
            ),
            Table(
                "pairs",
                "Pairs of sources, the worst first",
                pairs,
                about="Own images come from the tested source; the images held fixed do not count."
                if "own" in scores
                else "",
            ),
        ],
        [matrix_picture(done.table)],
        "Each 95 % interval shows how much chance there is in these images, not how a model would do on other sources. "
        + " ".join(done.notes),
        findings=done.findings,
    )


def headline(summary: pd.DataFrame) -> str:
    """Return the main result in a sentence: the best model on the same source, and its accuracy on others."""
    row = summary.iloc[0]
    others = "the other source" if row["n_sources"] == 2 else "other sources"
    return (
        f"{row['model']} is right on {percent(row['same'])} of unseen images of the source it was trained on, and on "
        f"{percent(row['other'])} of images of {others}."
    )


def _params(params: dict | None) -> str:
    if params is None:
        return "its recipe's"
    settings = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in params.items())
    return f"{settings}, as tuned on training images of all these sources"

"""travel_set: from a folder of images to the page of `travel`: extraction, the grid, costs and tables."""

import time
from pathlib import Path

import pandas as pd

from classify.errors import DataError
from classify.pages.sections import Section, Table
from classify.splits.content import content_of
from classify.splits.partition import images_digest, partition
from classify.splits.scheme import robust_scheme
from featex.extraction.extract import extract
from featex.extraction.extractor import Extractor
from featex.extraction.recipes import FeatureRecipe
from featex.images.decode import decode
from featex.layout import ARTIFACTS, DATA, Artifacts
from featex.network.choice import settle_network
from featex.network.views import DEFAULT, LAYERS, View
from featex.store.features import Features
from featex.system.progress import Progress
from featex.system.shown import shown_path
from featex.system.words import count
from pipelines.result_page import ResultPage
from pipelines.sources.transfer_page import CAPTION
from pipelines.sources.travel import Travel, choices, columns, travel

EARLY = tuple(layer for layer in LAYERS if layer != "penultimate")
SIGNALS = ("tiles: spectrum", "tiles: statistics")
VIEWS = {
    "resize": View(layers=LAYERS),
    "crop": View("crop", inputs=("rgb", "residual"), layers=EARLY),
    "tiles": View("tiles", inputs=("spectrum", "statistics")),
}
"""One decoding and one pass of the network give all columns of a view; the grid takes them apart."""

QUICK = ("resize", "tiles")
JOINED = (
    " + ".join(SIGNALS),
    *(" + ".join((f"resize: rgb {layer}", *SIGNALS)) for layer in ("layer1", "layer2", "penultimate")),
)
WITH_CROPS = (" + ".join(("crop: residual layer2", *SIGNALS)),)
N_TIMED = 32
LEAST = 60
"""Least training images: with fewer, a fold by content holds a dozen images and ranks choices by chance."""


def travel_set(
    root: str | Path = DATA,
    *,
    quick: bool = False,
    n_folds: int = 5,
    seed: int = 0,
    artifacts: Artifacts = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
    **extraction,
) -> tuple[Travel, Path]:
    """Find which features, training and model generalise best from a folder of images; write a page on it.

    Parameters
    ----------
    root : path
        As `featex.extract` takes it.
    quick : bool
        Leave out the early layers of crops, and weights by content.
    n_folds : int
        Number of folds by content, or by source.
    seed : int
        Seed of folds and clusters.
    artifacts : Artifacts
        Where results are kept.
    command : str
        The command that makes the page again; printed on it.
    **extraction
        As `featex.extract` takes it: backbone, weights, device, name, and how the data are read.

    Raises
    ------
    InputError, DataError
        If there are no images, more than two classes, or too few images.
    """
    progress = progress or Progress()
    network = (extraction.pop(name, "auto") for name in ("backbone", "weights"))
    extraction |= settle_network(*network, progress)
    sets: dict[str, Features] = {}
    for view in QUICK if quick else VIEWS:
        done = extract(
            root,
            artifacts.features,
            recipe=FeatureRecipe(view, (VIEWS[view],), copies=1),
            progress=progress,
            **extraction,
        )
        progress.say(f"{view}: {VIEWS[view].sentence()}: {done.computed:,} computed, {done.cached:,} cached")
        sets[view] = done.load()
    first = sets["resize"]
    if any(list(other.rows["path"]) != list(first.rows["path"]) for other in sets.values()):
        raise DataError("an image can be used for one view and not for another; leave it out of the folder")
    parts = partition(first.rows)
    if len(parts.train) < LEAST:
        raise DataError(f"{len(parts.train)} training images are too few; travel needs {LEAST}")
    blocks = columns(sets)
    content = content_of(first, [])
    labels, sources = (first.rows[column].to_numpy(dtype=str)[parts.train] for column in ("label", "source"))
    scheme = robust_scheme(labels, sources, content)
    grid = choices(list(blocks), JOINED if quick else JOINED + WITH_CROPS, quick=quick)
    done = travel(first, parts, blocks, grid, scheme, n_folds=n_folds, seed=seed, progress=progress)
    options = {key: extraction[key] for key in ("backbone", "weights", "device") if key in extraction}
    costs = _costs(done, first, options, progress)
    trained = first.extractor.get("trained", True)
    facts = {
        "images": f"{count(len(first.rows), 'image')} below {shown_path(first.root)}, {len(parts.train):,} of them for "
        "training",
        "network": f"{first.extractor['backbone']}, weights {first.extractor['weights']}"
        + ("" if trained else "; UNTRAINED, so these scores say little about layers"),
        "folds": f"{done.n_folds}, each holds out {done.folds}",
        "seed": str(seed),
    }
    page = ResultPage(
        "travel",
        title=f"Features, training and model that generalise best from {first.name}",
        headline=done.sentences[0],
        section=travel_section(done, costs),
        caption=CAPTION,
        facts=facts,
        images=images_digest(first.rows),
        notes=[*filter(None, [done.note]), *NOTES],
        command=command,
    )
    return done, page.write(artifacts.travel / first.name)


NOTES = (
    "If each class has only one source, held-out content stands for other sources: a choice is scored on clusters of "
    "content that it was not trained on, and only on the third of each class whose content looks least like it. Varied "
    "copies are the same images resized, blurred and encoded again at random.",
    "Choices are ranked only by the mean of both. Test and external sets played no part.",
    "All choices use the same settings (SVM: C = 10, gamma = 0.5 over the number of columns; logistic regression: "
    "C = 0.01), so that only the choice differs. classify tune would find better settings for each.",
)


def travel_section(done: Travel, costs: pd.DataFrame) -> Section:
    """Return what a page or a report shows."""
    areas = [name for name in done.table if name not in ("choice", "features", "training", "model", "both")]
    table = done.table[["features", "training", "model", "both", *areas]]
    effects = _with_interval(done.effects)
    gains = _with_interval(done.gains).rename(columns={"n": "images"})
    about = "ROC AUC; guessing gets 0.5. For the unseen sets, each choice was fitted on all training images."
    return Section(
        "travel",
        "What generalises",
        (),
        [
            Table("gains", "The best choice and the default on unseen sets", gains, about="ROC AUC, paired by image."),
            Table(
                "effects",
                "The effect of each choice, all else equal",
                effects,
                most=60,
                about="Mean gain in ROC AUC on held-out folds and their varied copies, with 95 % intervals over folds.",
            ),
            Table(
                "costs", "What it costs", costs, about=f"Mean over {N_TIMED} images at most, one run on this machine."
            ),
            Table("choices", "All choices, the best first", table, most=40, about=about),
        ],
        findings=done.findings,
    )


def _with_interval(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with each gain and its interval as one text, for a gain in ROC AUC is no share."""
    limits = ["" if pd.isna(row.low) else f" ({row.low:+.3f} to {row.high:+.3f})" for row in table.itertuples()]
    gains = [f"{gain:+.3f}{ends}" for gain, ends in zip(table["gain"], limits, strict=True)]
    return table.assign(gain=gains).drop(columns=["low", "high"])


def _costs(done: Travel, features: Features, options: dict, progress: Progress) -> pd.DataFrame:
    """Return the time that extraction of each view takes for an image, and the size of a vector."""
    paths = features.paths[:N_TIMED]
    views = {"resize: rgb penultimate": DEFAULT, "resize: all layers": VIEWS["resize"]}
    views |= {f"resize: rgb {layer}": View(layers=(layer,)) for layer in ("layer1", "layer2")}
    views |= {f"crop: {kind} layer2": View("crop", inputs=(kind,), layers=("layer2",)) for kind in ("rgb", "residual")}
    views |= {JOINED[0]: VIEWS["tiles"]}
    rows = []
    for name, view in views.items():
        extractor = Extractor(**options, view=view)
        images = [decode(path.read_bytes()) for path in paths]
        extractor([extractor.preprocess(images[0])])  # builds the model
        started = time.perf_counter()
        inputs = [extractor.preprocess(decode(path.read_bytes())) for path in paths]
        for start in range(0, len(inputs), extractor.batch_size):
            extractor(inputs[start : start + extractor.batch_size])
        ms = 1e3 * (time.perf_counter() - started) / len(paths)
        rows.append({"features": name, "ms an image": round(ms, 1), "bytes a vector": 4 * extractor.n_features})
    progress.say("costs: decoding in one thread, then the model")
    table = pd.DataFrame(rows)
    table["times the default"] = (table["ms an image"] / table["ms an image"].iloc[0]).round(2)
    best = done.table.drop_duplicates("features").set_index("features")["both"]
    return table.assign(**{"best area": [best.get(name, float("nan")) for name in table["features"]]})

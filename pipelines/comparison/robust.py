"""The model of a robust recipe: its features, the folds that choose its settings, and what a report says of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from classify.errors import DataError
from classify.splits.content import content_of
from classify.splits.scheme import robust_scheme
from classify.tuning.plan import Plan, plan
from featex.extraction.extract import extract
from featex.extraction.recipes import FeatureRecipe
from featex.store.features import Features, StoredSet
from featex.system.progress import Progress

FOLDS = {
    "source": "each fold holds out whole sources of every class, and the worst fold chose its settings",
    "content": "each fold holds out clusters of similar images, so its settings were chosen on new content",
    "random": "its folds are random, because neither sources nor content can be held out",
}


def robust_job(
    recipe: FeatureRecipe,
    like: Plan,
    default: StoredSet,
    out: Path,
    root: Path,
    *,
    progress: Progress | None = None,
    **extraction,
) -> Plan:
    """Return the job of a recipe's model on the same images as `like`, with folds that hold out sources or content.

    Parameters
    ----------
    recipe : FeatureRecipe
    like : Plan
        A job on the default features, whose number of folds, seed, report and other choices are taken over.
    default : StoredSet
        The default features, by which images are grouped by content.
    out : Path
        Where features are kept.
    root : Path
        The folder of images.
    **extraction
        As `featex.extract` takes them: backbone, weights, ...
    """
    progress = progress or Progress()
    done = extract(root, out, recipe=recipe, progress=progress, **extraction)
    progress.say(
        f"{recipe.name}: {recipe.sentence()}: {done.computed:,} computed, {done.cached:,} cached, and "
        f"{done.computed_copies:,} varied copies"
    )
    features = _same_rows(done.load(), like.features)
    train = like.parts.train
    labels, sources = (features.rows[column].to_numpy(dtype=str)[train] for column in ("label", "source"))
    scheme = robust_scheme(labels, sources, content_of(features, [default]))
    options = {
        "trials": like.trials if like.spec.name == recipe.model else None,
        "n_folds": like.n_folds,
        "scoring": like.scoring,
        "seed": like.seed,
        "name": f"{recipe.model}-{recipe.name}-{like.report}",
        "report": like.report,
        "positive": like.positive and like.positive.name,
        "command": like.command,
        "progress": progress,
    }
    notes = [note for note in like.notes if note not in like.parts.notes]
    job = plan(recipe.model, features, scheme=scheme, notes=notes, **options)
    try:
        job.pairs()
    except DataError as error:
        progress.say(f"{recipe.name}: folds are random, because {error}")
        job = plan(recipe.model, features, notes=notes, **options)
    return replace(job, notes=(*job.notes, _note(job, recipe)))


def _note(job: Plan, recipe: FeatureRecipe) -> str:
    noun = "copy" if job.n_copies == 1 else "copies"
    copies = f", and {job.n_copies} varied {noun} of each training image" if job.n_copies else ""
    return (
        f"{recipe.model}-{recipe.name} uses the recipe {recipe.name}: {recipe.sentence()}{copies}; "
        f"{FOLDS[job.scheme.folds]}. Its cross-validation score is not ranked with those of other folds."
    )


def _same_rows(features: Features, default: Features) -> Features:
    """Return the features with the rows of the default ones: both models then train and test on the same images."""
    if not np.array_equal(features.rows[["path", "key"]], default.rows[["path", "key"]]):
        raise DataError("an image can be used by one extractor and not by the other; leave it out of the folder")
    return replace(features, rows=default.rows)

"""compare: extract -> tune each -> predict -> report; what is done is skipped."""

from collections.abc import Sequence
from pathlib import Path

from classify.models import MODELS, ModelSpec, get_model
from classify.plan import N_FOLDS, Plan, plan
from classify.results import is_kept, keep, replaced, write_report_on
from classify.tuning import tune
from featex.extraction import extract
from featex.layout import FEATURES, PREDICTIONS, REPORTS, STUDIES
from featex.layout import MODELS as MODELS_DIR
from featex.progress import Progress

QUICK_FOLDS = 3
QUICK = {  # for a first look in minutes on two cores
    "svm": {"trials": 8},
    "logreg": {"trials": 6},
    "forest": {"trials": 3},
    "lenet5": {"max_epochs": 12},
    "cnn": {"image_size": 32, "max_epochs": 8},
}


def compare(
    root: str | Path,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    weights: str = "auto",
    backbone: str = "resnet18",
    device: str = "auto",
    trials: int | None = None,
    n_folds: int | None = None,
    scoring: str = "accuracy",
    seed: int = 0,
    image_size: int | None = None,
    max_epochs: int | None = None,
    name: str | None = None,
    project: Path = Path("."),
    command: str = "",
    progress: Progress | None = None,
    **dataset_options,
) -> Path:
    """Compare models on a folder of images, from the images to the report, and return the report's path.

    Parameters
    ----------
    root : path
        A folder in one of the layouts that `featex.dataset.find_images` knows.
    only : sequence of str
        Names in `classify.models.MODELS`; none stands for all.
    quick : bool
        Fewer folds, trials and epochs: a first look, with models and a report of its own (``<set>-quick``).
    weights : str
        As `featex.weights.find_weights` takes it. "auto" goes on with untrained ones where ImageNet's cannot be had,
        and the report's first screen says so.
    backbone, device, name, **dataset_options
        As `featex.extract` takes them.
    trials, n_folds, scoring, seed, image_size, max_epochs
        As `classify.plan.plan` takes them; given, they go before `quick`.
    project : Path
        The folder that artifacts/ is in.
    command : str
        What makes the report again; printed on it.
    """
    progress = progress or Progress()
    specs = [get_model(model) for model in (only or MODELS)]
    extraction = extract(
        root,
        project / FEATURES,
        backbone=backbone,
        weights=weights,
        device=device,
        name=name,
        progress=progress,
        **dataset_options,
    )
    progress.say(
        f"features: {extraction.computed:,} computed, {extraction.cached:,} cached, {extraction.failed:,} failed"
    )
    features = extraction.load()
    notes = []
    if quick:
        notes.append("This is a quick look: fewer folds, trials and epochs than a full run (leave out --quick).")
    if extraction.failed:
        files = "1 file" if extraction.failed == 1 else f"{extraction.failed:,} files"
        notes.append(f"{files} cannot be used; which and why is in {extraction.stored.failed_path}.")
    folds = n_folds or (QUICK_FOLDS if quick else N_FOLDS)
    asked = {"trials": trials, "image_size": image_size, "max_epochs": max_epochs}
    jobs = [
        plan(
            spec.name,
            features,
            n_folds=folds,
            scoring=scoring,
            seed=seed,
            report=f"{features.name}-quick" if quick else features.name,
            notes=notes,
            command=command,
            device=device,
            **_wishes(spec, quick, asked),
        )
        for spec in specs
    ]
    for job in jobs:
        _run(job, project, progress)
    return write_report_on(
        jobs[0].report,
        project / MODELS_DIR,
        project / PREDICTIONS,
        project / REPORTS,
        names=[job.name for job in jobs],
    )


def _wishes(spec: ModelSpec, quick: bool, asked: dict) -> dict:
    """What `plan` is told of a model: the quick form's choices, and before them what was asked for and it can use."""
    usable = {"trials", *(("image_size", "max_epochs") if spec.reads == "pixels" else ())}
    return (QUICK[spec.name] if quick else {}) | {key: asked[key] for key in usable if asked[key] is not None}


def _run(job: Plan, project: Path, progress: Progress) -> None:
    models, predictions = project / MODELS_DIR, project / PREDICTIONS
    if is_kept(job, models, predictions):
        progress.say(f"{job.name}: done before")
        return
    settings = "".join(f", {key} {value}" for key, value in job.settings.items() if key != "random_state")
    progress.say(f"{job.name}: {job.trials} trials of {job.n_folds} folds on {len(job.parts.train):,} images{settings}")
    if sentence := replaced(job, models):
        progress.say(sentence)
    tuned = tune(job, storage=project / STUDIES / f"{job.name}.journal", progress=progress)
    keep(tuned, models, predictions)
    cv = tuned.model.passport["cv"]
    progress.say(f"{job.name}: {cv['scoring']} {cv['mean']:.3f} ± {cv['std']:.3f} over folds (a selection score)")

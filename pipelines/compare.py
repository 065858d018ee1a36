"""compare: extract, audit, tune each, predict, report, of the usual models or of a study; what is done is skipped."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from classify.ensemble import combine, plan_ensemble
from classify.errors import ModelError
from classify.methods import METHODS
from classify.models import ModelSpec, get_model
from classify.plan import N_FOLDS, Plan, images_digest, plan, settled
from classify.results import find_members, is_kept, keep, read_predictions, replaced, report_again
from classify.sections import read_section
from classify.selection import in_words
from classify.tuning import Tuned, tune
from featex.errors import unknown
from featex.extraction import extract
from featex.features import Features, StoredSet
from featex.layout import ARTIFACTS, DATA, Artifacts
from featex.progress import Progress
from featex.recipes import choose
from featex.shown import shown_path
from featex.units import rows_as_in
from featex.words import count
from pipelines.audit import audit
from pipelines.studies import Study
from pipelines.study_files import load_study
from pipelines.travelling import travelling_job

USUAL = ("svm", "logreg", "forest", "lenet5", "cnn", "resnet18")  # compared unless told otherwise: these need no GPU
BLIND = "shortcut"  # stands in every comparison: what the scores could be had for without a picture
QUICK_FOLDS = 3
QUICK = {  # for a first look in minutes on two cores
    "svm": {"trials": 8},
    "logreg": {"trials": 6},
    "forest": {"trials": 3},
    BLIND: {},
    "lenet5": {"max_epochs": 12},
    "cnn": {"image_size": 32, "max_epochs": 8},
    "cnn3": {"max_epochs": 8},
    "resnet18": {"max_epochs": 15},
}
QUICK_NET = {"image_size": 96, "max_epochs": 3}  # any other: 96 pixels are enough for each of them


def compare(
    root: str | Path | None = None,
    *,
    study: str | None = None,
    only: Sequence[str] = (),
    quick: bool = False,
    weights: str = "auto",
    backbone: str = "resnet18",
    device: str = "auto",
    trials: int | None = None,
    n_folds: int | None = None,
    scoring: str = "accuracy",
    positive: str | None = None,
    seed: int = 0,
    image_size: int | None = None,
    max_epochs: int | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    recipe: str = "default",
    name: str | None = None,
    near_duplicates: str = "group",
    audited: bool = True,
    artifacts: Artifacts = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
    **dataset_options,
) -> Path:
    """Compare models on a folder of images, from the images to the report, and return the report's path.

    Parameters
    ----------
    root : path, optional
        A folder in one of the layouts that `featex.dataset.find_images` knows; by default data/, or the folder of the
        study below it.
    study : str, optional
        A published study to run again, as `pipelines.study_files.load_study` takes it. It gives the models and their
        settings, the folds, how the data are read, and the name; all that is given here goes before it.
    only : sequence of str
        Names in `classify.models.MODELS`; none stands for `USUAL`, or for all of the study's. The model that sees no
        picture, `BLIND`, is always among them.
    quick : bool
        Fewer folds, trials and epochs: a first look, with models and a report of its own (``<set>-quick``).
    weights : str
        As `featex.weights.find_weights` takes it. "auto" goes on with untrained ones where ImageNet's cannot be had,
        and the report's first screen says so.
    backbone, device, name, **dataset_options
        As `featex.extract` takes them.
    trials, n_folds, scoring, positive, seed, image_size, max_epochs
        As `classify.plan.plan` takes them; given, they go before `quick`.
    settings : mapping
        Fields of `classify.recipe.Recipe`, for nets.
    recipe : str
        A name in `featex.recipes.RECIPES`. The model of another than the default is set beside the others.
    near_duplicates : {"group", "keep"}
        Whether near-duplicates stay on one side of every split, or are taken for different images.
    audited : bool
        Whether what could inflate the scores is looked for first, and stands on the page.
    artifacts : Artifacts
        Where results are kept.
    command : str
        What makes the report again; printed on it.

    Raises
    ------
    InputError
        If a name is unknown, or the data are absent or not of the study's layout.
    """
    progress = progress or Progress()
    told = load_study(study) if study else None
    own = told.models if told else {model: {} for model in USUAL}
    asked = {"trials": trials, "image_size": image_size, "max_epochs": max_epochs, "weights": weights, **settings}
    root = Path(root or DATA / (told.directory if told else ""))
    travelling = choose(recipe)
    specs = [get_model(model) for model in dict.fromkeys([*(_chosen(only, told) or own), BLIND])]
    for choice in settings:
        if not any(choice in spec.wishes for spec in specs):
            raise ModelError(f"none of {', '.join(spec.name for spec in specs)} takes {choice}; leave it out")
    wishes = {spec.name: _wishes(spec, own.get(spec.name, {}), quick, asked) for spec in specs}
    if told:
        name = name or told.name
        dataset_options = told.dataset_options(root, dataset_options)
        told.check(root, **dataset_options)
    for spec in specs:  # before any work: a wish that cannot be had, weights that cannot be found
        all_settings = settled(spec, seed, device=device, progress=progress, **wishes[spec.name])
        wishes[spec.name] |= {"weights": all_settings["weights"]} if "weights" in all_settings else {}
    extraction = extract(
        root,
        artifacts.features,
        backbone=backbone,
        weights=wishes.get(backbone, {}).get("weights", weights),  # not looked for twice
        device=device,
        name=name,
        progress=progress,
        **dataset_options,
    )
    progress.say(
        f"features: {extraction.computed:,} computed, {extraction.cached:,} cached, {extraction.failed:,} failed"
    )
    features, notes = extraction.load(), []
    features = replace(features, rows=rows_as_in(features.rows, near_duplicates))
    if quick:
        notes.append("This is a quick look: fewer folds, trials and epochs than a full run (leave out --quick).")
    if extraction.failed:
        files, reasons = count(extraction.failed, "file"), shown_path(extraction.stored.failed_path)
        notes.append(f"{files} cannot be used; which and why is in {reasons}.")
    folds = n_folds or (QUICK_FOLDS if quick else told and told.folds) or N_FOLDS
    jobs = [
        plan(
            spec.name,
            features,
            n_folds=folds,
            scoring=scoring,
            seed=seed,
            report=f"{features.name}-quick" if quick else features.name,
            notes=notes,
            positive=positive,
            command=command,
            published=told and told.published_of(spec.name),
            device=device,
            **wishes[spec.name],
        )
        for spec in specs
    ]
    if jobs[0].positive:
        progress.say(jobs[0].positive.sentence())
    jobs[0].pairs()  # data that cannot be cut into folds are refused before the audit, which takes minutes
    if audited:
        _audit(extraction.stored, features, artifacts, seed, progress)
    travellers = []
    if travelling != choose():
        travellers = [
            travelling_job(
                travelling,
                jobs[0],
                extraction.stored,
                artifacts.features,
                root=root,
                backbone=backbone,
                weights=weights,
                device=device,
                name=name,
                progress=progress,
                **dataset_options,
            )
        ]
    for job in (*jobs, *travellers):
        _run(job, artifacts, progress)
    names = [job.name for job in (*jobs, *travellers)]
    # Ensembles are of models on the default's features: one that travels would be outvoted by those that do not
    seeing = [job.name for job in jobs if job.spec.name != BLIND]
    if len(seeing) > 1 and not told:  # a study is run as it was
        names += [_combine(method, seeing, artifacts, command, progress) for method in METHODS]
    return report_again(artifacts, jobs[0].report, names=names, positive=positive)


def _audit(stored: StoredSet, features: Features, artifacts: Artifacts, seed: int, progress: Progress) -> None:
    if read_section(artifacts.audits / stored.name, images_digest(features.rows)):
        progress.say("audit: done before")
        return
    for line in audit(stored, seed=seed, artifacts=artifacts, progress=progress).lines():
        progress.say(f"audit: {line}")


def _chosen(only: Sequence[str], told: Study | None) -> Sequence[str]:
    for model in only if told else ():
        if model not in told.models:
            raise unknown(f"model of the study {told.name}", model, told.models)
    return only


def _wishes(spec: ModelSpec, own: dict, quick: bool, asked: dict) -> dict:
    """What `plan` is told of a model: the study's settings, cut down for a quick look, and what was asked for."""
    small = QUICK.get(spec.name, QUICK_NET) if quick else {}
    small = {key: min(value, own.get(key, value)) for key, value in small.items()}
    asked = {key: asked[key] for key in ("trials", *spec.wishes) if asked.get(key) is not None}
    wishes = own | small | asked
    searched = spec.first(1)[0] if wishes.get("trials") else {}  # trials vary what the study had settled
    return {key: value for key, value in wishes.items() if key not in searched}


def _run(job: Plan, artifacts: Artifacts, progress: Progress) -> None:
    models, predictions = artifacts.models, artifacts.predictions
    if is_kept(job, models, predictions):
        progress.say(f"{job.name}: done before")
        return
    how = (
        f"{count(job.trials, 'trial')} of {job.folds_in_words}"
        if job.trials
        else f"by its recipe, {job.folds_in_words}"
    )
    shown = ("image_size", "max_epochs", "train", "device")
    settings = "".join(f", {key} {job.settings[key]}" for key in shown if key in job.settings)
    progress.say(f"{job.name}: {how} on {count(len(job.parts.train), 'image')}{settings}")
    if sentence := replaced(job, models):
        progress.say(sentence)
    studies = artifacts.studies
    checkpoints = studies / job.training_folder
    tuned = tune(job, storage=studies / f"{job.name}.journal", checkpoints=checkpoints, progress=progress)
    keep(tuned, models, predictions, done_with=checkpoints)
    _say_outcome(tuned, progress)


def _combine(method: str, members: list[str], artifacts: Artifacts, command: str, progress: Progress) -> str:
    """Keep an ensemble of the models, unless it is kept already, and return its name."""
    models, predictions = artifacts.models, artifacts.predictions
    job = plan_ensemble(method, find_members(members, models), command=command)
    if is_kept(job, models, predictions):
        progress.say(f"{job.name}: done before")
        return job.name
    if sentence := replaced(job, models):
        progress.say(sentence)
    combined = combine(job, read_predictions(job.passports, predictions))
    keep(combined, models, predictions)
    _say_outcome(combined, progress)
    return job.name


def _say_outcome(tuned: Tuned, progress: Progress) -> None:
    progress.say(f"{tuned.model.name}: {in_words(tuned.model.passport['cv'])} (a selection score)")

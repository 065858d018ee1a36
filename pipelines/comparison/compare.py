"""compare: extract, audit, tune, predict and report, for the usual models or those of a study.

What an earlier run has done is skipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from classify.errors import SettingError
from classify.models.combine import METHODS
from classify.models.registry import ModelSpec, get_model
from classify.pages.sections import read_section
from classify.predictions import SELECTION
from classify.report.summary import Report
from classify.splits.partition import images_digest
from classify.trained.ensemble import plan_ensemble
from classify.trained.model import Tuned
from classify.trained.pair import find_members, is_kept
from classify.tuning.plan import N_FOLDS, Plan, plan, settled
from classify.workspace import combine_and_keep, report_again, tune_and_keep
from featex.errors import unknown
from featex.extraction.extract import Extraction, extract
from featex.extraction.recipes import choose_recipe
from featex.layout import ARTIFACTS, DATA, Artifacts
from featex.network.choice import FIRST, SECOND, settle_network
from featex.store.features import Features, StoredSet
from featex.store.units import rows_as_in
from featex.system.progress import Progress
from featex.system.shown import shown_path
from featex.system.words import count
from pipelines.auditing.audit import audit
from pipelines.comparison.robust import robust_job
from pipelines.comparison.study import Study
from pipelines.comparison.study_files import load_study

USUAL = ("svm", "logreg", "forest", "lenet5", "cnn", FIRST)  # compared by default; none of them needs a GPU
BASELINE = "metadata"  # in every comparison: the score that file metadata reach without the pixels
QUICK_FOLDS = 3
QUICK = {  # for a first look in minutes on two cores
    "svm": {"trials": 8},
    "logreg": {"trials": 6},
    "forest": {"trials": 3},
    BASELINE: {},
    "lenet5": {"max_epochs": 12},
    "cnn": {"image_size": 32, "max_epochs": 8},
    "cnn3": {"max_epochs": 8},
    FIRST: {"max_epochs": 15},
    SECOND: {"max_epochs": 15},
}
QUICK_NET = {"image_size": 96, "max_epochs": 3}  # for every other net: 96 pixels are enough for each of them


@dataclass(frozen=True)
class Comparison:
    """Which models to compare, and how to tune them.

    Parameters
    ----------
    study : str, optional
        A published study to run again, as `study_files.load_study` takes it. It gives the models and their
        settings, the folds, how the data are read, and the name. Every other choice here overrides it.
    only : sequence of str
        Names in `registry.MODELS`. Empty: `USUAL`, or all models of the study. `BASELINE` is always added.
    quick : bool
        Fewer folds, trials and epochs: a first look, with models and a report of its own (``<set>-quick``).
    recipe : str
        A name in `featex.extraction.recipes.RECIPES`. Any but "default" adds a model on that recipe's features.
    trials, n_folds, scoring, positive, seed, image_size, max_epochs
        As `classify.tuning.plan.plan` takes them; they override `quick`.
    settings : mapping
        Fields of `classify.nets.recipe.NetRecipe`, for nets.
    near_duplicates : {"group", "keep"}
        Whether near-duplicates stay on one side of every split, or count as different images.
    audited : bool
        Whether to audit the images first and show the result in the report.
    name : str, optional
        The name of the set and of its report; by default the study's or the folder's.
    """

    study: str | None = None
    only: Sequence[str] = ()
    quick: bool = False
    recipe: str = "default"
    trials: int | None = None
    n_folds: int | None = None
    scoring: str = "accuracy"
    positive: str | None = None
    seed: int = 0
    image_size: int | None = None
    max_epochs: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    near_duplicates: str = "group"
    audited: bool = True
    name: str | None = None

    def wishes(self, study: Study | None, weights: str) -> dict[str, dict]:
        """Return what `plan` takes for each model, by its name.

        Raises
        ------
        InputError
            If a model is unknown, or none of the study's.
        ModelError
            If no model takes one of the settings.
        """
        models = study.models if study else {model: {} for model in USUAL}
        for model in self.only if study else ():
            if model not in models:
                raise unknown(f"model of the study {study.name}", model, models)
        specs = [get_model(model) for model in dict.fromkeys([*(self.only or models), BASELINE])]
        for name in self.settings:
            if not any(name in spec.wishes for spec in specs):
                raise SettingError(f"none of {', '.join(spec.name for spec in specs)} takes {name}; leave it out")
        return {spec.name: self._wishes(spec, models.get(spec.name, {}), weights) for spec in specs}

    def _wishes(self, spec: ModelSpec, published: dict, weights: str) -> dict:
        """Return the study's settings of a model, cut down for a quick look, with the caller's in their place."""
        small = QUICK.get(spec.name, QUICK_NET) if self.quick else {}
        small = {key: min(value, published.get(key, value)) for key, value in small.items()}
        asked = {"trials": self.trials, "image_size": self.image_size, "max_epochs": self.max_epochs}
        asked |= {"weights": weights, **self.settings}
        asked = {key: asked[key] for key in ("trials", *spec.wishes) if asked.get(key) is not None}
        wishes = published | small | asked
        searched = spec.first(1)[0] if wishes.get("trials") else {}  # a search varies these, also if the study set them
        return {key: value for key, value in wishes.items() if key not in searched}


DEFAULT = Comparison()


def compare(
    root: str | Path | None = None,
    comparison: Comparison = DEFAULT,
    *,
    backbone: str = "auto",
    weights: str = "auto",
    device: str = "auto",
    artifacts: Artifacts | str | Path = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
    **dataset_options,
) -> Report:
    """Compare models on a folder of images, from the images to the report, and return the report with its numbers.

    Parameters
    ----------
    root : path, optional
        A folder in one of the layouts that `dataset.find_images` knows; by default data/, or the folder of the
        study below it.
    comparison : Comparison
        Which models to compare, and how to tune them.
    backbone, device, **dataset_options
        As `featex.extract` takes them.
    weights : str
        Of features and of pretrained nets, as `featex.network.choice.choose_network` takes it. Where the features are
        those of efficientnet_lite0, the usual models have the net of that name in place of resnet18. The first screen
        of the report names features of an untrained network.
    artifacts : Artifacts or path
        Where results are kept.
    command : str
        The command that makes the report again; printed on it.

    Raises
    ------
    InputError
        If a name is unknown, or the data are absent or not of the study's layout.
    """
    progress, artifacts = progress or Progress(), Artifacts.at(artifacts)
    study = load_study(comparison.study) if comparison.study else None
    recipe, wishes = choose_recipe(comparison.recipe), comparison.wishes(study, weights)
    root = Path(root or DATA / (study.directory if study else ""))
    name = comparison.name or (study and study.name)
    if study:
        dataset_options = study.dataset_options(root, dataset_options)
        study.check(root, **dataset_options)
    # A study is run as it was, so no other network stands in.
    network = settle_network(FIRST if study and backbone == "auto" else backbone, weights, progress)
    wishes = with_network(wishes, network, usual=not (comparison.only or study))
    _find_weights(wishes, comparison.seed, device, progress)
    dataset = {"name": name, **network, "device": device, "progress": progress, **dataset_options}
    extraction = extract(root, artifacts.features, **dataset)
    progress.say(
        f"features: {extraction.computed:,} computed, {extraction.cached:,} cached, {extraction.failed:,} failed"
    )
    features = extraction.load()
    features = replace(features, rows=rows_as_in(features.rows, comparison.near_duplicates))
    quick_folds = QUICK_FOLDS if comparison.quick else None
    options = {
        "n_folds": comparison.n_folds or quick_folds or (study and study.folds) or N_FOLDS,
        **{key: getattr(comparison, key) for key in ("scoring", "seed", "positive")},
        "report": f"{features.name}-quick" if comparison.quick else features.name,
        "notes": _notes(comparison, extraction),
        "command": command,
        "device": device,
    }
    jobs = [
        plan(model, features, published=study and study.published_of(model), **options, **chosen)
        for model, chosen in wishes.items()
    ]
    if jobs[0].positive:
        progress.say(jobs[0].positive.sentence())
    jobs[0].pairs()  # data that cannot be cut into folds are refused before the audit, which takes minutes
    if comparison.audited:
        _audit(extraction.stored, features, artifacts, comparison.seed, progress)
    robust = []
    if recipe != choose_recipe():
        robust = [robust_job(recipe, jobs[0], extraction.stored, artifacts.features, root, **dataset)]
    names = [_run(job, artifacts, progress) for job in (*jobs, *robust)]
    # Ensembles combine models on the default features only: a robust one would be outvoted by the others
    members = [job.name for job in jobs if job.spec.name != BASELINE]
    if len(members) > 1 and not study:  # a study is run as it was
        names += [_combine(method, members, artifacts, command, progress) for method in METHODS]
    progress.step("write the report")
    return report_again(artifacts, jobs[0].report, names=names, positive=comparison.positive)


def with_network(wishes: dict[str, dict], network: dict[str, str], *, usual: bool) -> dict[str, dict]:
    """Return the wishes with the weights of the features for the net that is the same network.

    Where the features are those of `SECOND`, it also stands in for `FIRST` among the usual nets.
    """
    if usual and network["backbone"] == SECOND:
        wishes = {SECOND if model == FIRST else model: chosen for model, chosen in wishes.items()}
    same = wishes.get(network["backbone"])
    return wishes | ({network["backbone"]: same | {"weights": network["weights"]}} if same is not None else {})


def _find_weights(wishes: dict[str, dict], seed: int, device: str, progress: Progress) -> None:
    """Put the weights that are found into the wishes; raise, before any work, if a wish cannot be met."""
    for model, chosen in wishes.items():
        settings = settled(get_model(model), seed, device=device, progress=progress, **chosen)
        chosen |= {"weights": settings["weights"]} if "weights" in settings else {}


def _notes(comparison: Comparison, extraction: Extraction) -> list[str]:
    notes = []
    if comparison.quick:
        notes.append("This is a quick look: fewer folds, trials and epochs than a full run (leave out --quick).")
    if extraction.failed:
        files, reasons = count(extraction.failed, "file"), shown_path(extraction.stored.failed_path)
        notes.append(f"{files} cannot be used; {reasons} lists them with the reason.")
    return notes


def _audit(stored: StoredSet, features: Features, artifacts: Artifacts, seed: int, progress: Progress) -> None:
    if read_section(artifacts.audits / stored.name, images_digest(features.rows)):
        progress.say("audit: done before")
        return
    for line in audit(stored, seed=seed, artifacts=artifacts, progress=progress).lines():
        progress.say(f"audit: {line}")


def _run(job: Plan, artifacts: Artifacts, progress: Progress) -> str:
    """Save the tuned model, unless an earlier run did, and return its name."""
    if is_kept(job, artifacts.models, artifacts.predictions):
        progress.say(f"{job.name}: done before")
        return job.name
    search = f"{count(job.trials, 'trial')} of" if job.trials else "with its recipe's settings,"
    shown = ("image_size", "max_epochs", "train", "device")
    settings = "".join(f", {key} {job.settings[key]}" for key in shown if key in job.settings)
    images = count(len(job.parts.train), "image")
    progress.say(f"{job.name}: {search} {job.folds_in_words} on {images}{settings}")
    tuned = tune_and_keep(job, artifacts, progress=progress)
    _say_outcome(tuned, progress)
    return job.name


def _combine(method: str, members: list[str], artifacts: Artifacts, command: str, progress: Progress) -> str:
    """Save an ensemble of the models, unless an earlier run did, and return its name."""
    job = plan_ensemble(method, find_members(members, artifacts.models), command=command)
    if is_kept(job, artifacts.models, artifacts.predictions):
        progress.say(f"{job.name}: done before")
    else:
        combined = combine_and_keep(job, artifacts, progress=progress)
        _say_outcome(combined, progress)
    return job.name


def _say_outcome(tuned: Tuned, progress: Progress) -> None:
    progress.say(f"{tuned.model.name}: {SELECTION} {tuned.model.passport.cv}")

"""What a user does with models, in the folder that holds all results: tune, combine, load, predict, import, report."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from classify.explain.neighbours import neighbours
from classify.pages.codes import Notice
from classify.pages.sections import read_section
from classify.predictions import Predictions
from classify.report.browser.gallery import Gallery
from classify.report.browser.pictures import N_NEAR, worth_showing
from classify.report.browser.view import begins_with
from classify.report.notices import of_making
from classify.report.summary import Report
from classify.report.write import write_report
from classify.splits.content import content_of
from classify.splits.partition import images_digest, partition
from classify.splits.scheme import DEFAULT_SCHEME
from classify.stats.evaluation import Evaluation, ModelFacts
from classify.stats.evaluation import evaluate as evaluate_predictions
from classify.trained import persist
from classify.trained.adaptation import Adaptation, decision_sentence
from classify.trained.ensemble import Ensemble, combine, plan_ensemble
from classify.trained.imported import Scores, import_scores, keep_imported
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel, Tuned
from classify.trained.pair import find_members, keep, left_out, read_predictions, replaced, report_models
from classify.trained.passport import DataFacts, Passport, positive_of_report
from classify.trained.predict import predict_images, predict_set
from classify.tuning.plan import Plan, plan
from classify.tuning.tune import tune as tune_job
from featex.errors import UsageError, nearest
from featex.layout import ARTIFACTS, Artifacts
from featex.store.features import load_features, stored_sets
from featex.store.joined import join
from featex.store.units import rows_as_in
from featex.system.progress import Progress
from featex.system.words import count
from featex.targets import NEWEST_REPORT, newest


def tune(
    model: str,
    sets: str | Sequence[str] = (),
    *,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    near_duplicates: str = "group",
    timeout: float | None = None,
    storage: str | Path | None = None,
    progress: Progress | None = None,
    **choices,
) -> Tuned:
    """Tune a model by cross-validation, keep it, and return it with its predictions of every set.

    Parameters
    ----------
    model : str
        A name in `classify.models.registry.MODELS`, such as "svm".
    sets : str, or sequence of str
        Names of sets of features, as `featex show` lists them; by default the newest. The columns of several sets of
        the same images are joined.
    artifacts : Artifacts or path
        Where features are read, and where the model and its predictions are kept.
    near_duplicates : {"group", "keep"}
        Whether near-duplicates stay on one side of every split.
    timeout : float, optional
        Seconds after which no further trial starts.
    storage : str or Path, optional
        Where the search is stored: a journal file, or a URL for Optuna; by default a journal in artifacts/studies.
    progress : Progress, optional
    **choices
        As `classify.tuning.plan.plan` takes them: fields of `classify.tuning.plan.Choices`, and what the model takes.

    Raises
    ------
    InputError, DataError, ModelError
        If a name is unknown, a number is out of range, or the data cannot be trained on.

    Examples
    --------
    >>> from classify import tune
    >>> tuned = tune("svm", trials=10)  # doctest: +SKIP
    >>> tuned.model.passport.cv.mean, tuned.predictions.sets  # doctest: +SKIP
    """
    progress, artifacts = progress or Progress(), Artifacts.at(artifacts)
    sets = [sets] if isinstance(sets, str) else sets
    features = join([load_features(artifacts.features, name) for name in sets or (None,)])
    features = replace(features, rows=rows_as_in(features.rows, near_duplicates))
    scheme = choices.pop("scheme", DEFAULT_SCHEME)
    if "content" in (scheme.folds, scheme.weigh):
        scheme = replace(scheme, content=content_of(features, stored_sets(artifacts.features)))
    job = plan(model, features, scheme=scheme, progress=progress, **choices)
    search = count(job.trials, "trial") if job.trials else "with its recipe's settings"
    n_train, subject = len(job.parts.train), f"{job.spec.name} on {job.features.name}"
    progress.say(f"{subject}: {n_train:,} training images, {job.folds_in_words}, {search}")
    if job.positive:
        progress.say(job.positive.sentence())
    return tune_and_keep(job, artifacts, timeout=timeout, storage=storage, progress=progress)


def tune_and_keep(
    job: Plan,
    artifacts: Artifacts,
    *,
    timeout: float | None = None,
    storage: str | Path | None = None,
    progress: Progress,
) -> Tuned:
    """Tune a planned job, keep the outcome below `artifacts`, and return it.

    Parameters
    ----------
    timeout, storage
        As `classify.tuning.tune.tune` takes them; by default the search is stored in a journal of the job's name.
    """
    _announce(job, artifacts, progress)
    checkpoints = artifacts.studies / job.training_folder
    storage = storage or artifacts.studies / f"{job.name}.journal"
    progress.step(f"tune {job.name}")
    tuned = tune_job(job, timeout=timeout, storage=storage, checkpoints=checkpoints, progress=progress)
    progress.step(f"predict every set with {job.name}")
    keep(tuned, artifacts.models, artifacts.predictions, done_with=checkpoints)
    return tuned


def combine_and_keep(job: Ensemble, artifacts: Artifacts, *, progress: Progress) -> Tuned:
    """Combine the members of a planned ensemble, keep the outcome below `artifacts`, and return it."""
    _announce(job, artifacts, progress)
    progress.step(f"combine {job.name}")
    combined = combine(job, read_predictions(job.passports, artifacts.predictions))
    keep(combined, artifacts.models, artifacts.predictions)
    return combined


def _announce(job: Plan | Ensemble, artifacts: Artifacts, progress: Progress) -> None:
    if sentence := replaced(job, artifacts.models):
        progress.say(sentence)


def combine_models(
    names: Sequence[str],
    method: str = "vote",
    *,
    name: str | None = None,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
) -> Tuned:
    """Combine trained models into one, keep that, and return it with its predictions of every set.

    Parameters
    ----------
    names : sequence of str
        The members, two or more.
    method : str
        A name in `classify.models.combine.METHODS`.
    name : str, optional
        Of the new model; by default ``METHOD-REPORT``.
    artifacts : Artifacts
    command : str
        What makes the model again.
    progress : Progress, optional
    """
    artifacts = Artifacts.at(artifacts)
    passports = find_members(names, artifacts.models)
    job = plan_ensemble(method, passports, name=name, command=command)
    return combine_and_keep(job, artifacts, progress=progress or Progress())


def load_model(
    name: str,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    device: str = "auto",
    *,
    beside: Sequence[str] = (),
) -> TrainedModel:
    """Return the trained model called `name`, or the one in the folder `name`; a net is put on `device`.

    If there is none, the error says whether a name that was given `beside` it is one, since arguments get swapped.

    Raises
    ------
    InputError
        If there is no such model; the error lists those there are.
    ModelError
        If the model is a detector that is known by its scores alone, or an ensemble whose members have changed.
    StoreError
        If a file is damaged, or has another format.
    """
    return persist.load(persist.find_model(Artifacts.at(artifacts).models, name, beside), device)


def predict(
    model: TrainedModel,
    paths: str | Path | Sequence[str | Path],
    *,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    weights: str | None = None,
    device: str = "auto",
    adapt: Adaptation | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the model's predictions of images, folders of images, or one set of features.

    Parameters
    ----------
    model : TrainedModel
        From `load_model`.
    paths : path, or sequence of path
        Image files and folders; or the name of one set of features.
    artifacts : Artifacts or path
        Where vectors are looked up first and kept.
    weights : str, optional
        Where the extractor's weights are now, if not where the model's passport says.
    device : str
    adapt : Adaptation, optional
        From `classify.trained.adaptation.adaptation`; all images are taken to be of one source.
    progress : Progress, optional
        Hears which images are left out, and how the model decides.

    Returns
    -------
    DataFrame
        A row an image, with the columns that `classify.trained.predict.predict_images` explains. ``attrs["failed"]``
        lists (path, reason) of the images that cannot be used.

    Raises
    ------
    InputError
        If a path does not exist, or no image can be used.
    ModelError
        If the weights are not those that the model was trained with.
    """
    progress, artifacts, failed = progress or Progress(), Artifacts.at(artifacts), []
    sets, paths = stored_sets(artifacts.features), [paths] if isinstance(paths, str | Path) else list(paths)
    names = {stored.name for stored in sets} | {f"{stored.extractor_dir.name}/{stored.name}" for stored in sets}
    if len(paths) == 1 and not Path(paths[0]).exists() and paths[0] in names:
        features = load_features(artifacts.features, paths[0])
        table = predict_set(model, features, progress, adapt)
        if features.name == model.passport.data.set:
            progress.say(f"{model.name} was trained on images of this set; see classify report for how good it is.")
    else:
        for path in (path for path in paths if str(path) and not Path(path).exists()):
            near = nearest(str(path), [*names, *(str(one) for one in Path(path).parent.glob("*"))])
            raise UsageError(f"no image, folder or set of features {str(path)!r}{near}")
        options = {"weights": weights, "device": device, "progress": progress, "adapt": adapt}
        table, unusable = predict_images(model, paths, cache=artifacts.features, **options)
        failed = list(unusable.itertuples(index=False, name=None))
        for path, reason in failed:
            progress.say(f"Left out: {path}: {reason}")
    progress.say(decision_sentence(model, adapt, table["predicted"]))
    table.attrs["failed"] = failed
    return table


def import_detector(
    scores: Scores,
    name: str,
    *,
    report: str | None = None,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    command: str = "",
) -> tuple[TrainedModel, list[str]]:
    """Add a detector to a report by its scores; return it as a model, and sentences for the user.

    Parameters
    ----------
    scores : Scores
    name : str
        Of the detector.
    report : str, optional
        The report that it joins; by default that of the newest model.
    artifacts : Artifacts
    command : str
        What brings the scores in again.
    """
    artifacts = Artifacts.at(artifacts)
    passports = report_models(report, artifacts.models)
    known = Predictions.concat(read_predictions(passports, artifacts.predictions))
    model, predictions, notes = import_scores(scores, passports, known, name=name, command=command)
    keep_imported(model, predictions, artifacts.models, artifacts.predictions)
    choice = positive_of_report(model.classes, passports, scores.positive)
    return model, [*([choice.sentence()] if choice else []), *notes]


def evaluate(
    predictions: Predictions | None = None,
    *,
    artifacts: Artifacts | str | Path = ARTIFACTS,
    report: str | None = None,
    positive: str | None = None,
) -> Evaluation:
    """Return every number of a report: on `predictions`, or on the stored models of a report.

    Parameters
    ----------
    predictions : Predictions, optional
        By default those of all models of `report`.
    artifacts : Artifacts or path
        Where models and their predictions are stored.
    report : str, optional
        By default the report of the newest model.
    positive : str, optional
        The positive one of two classes; by default the models' own.

    Raises
    ------
    InputError
        If there is no such report, or predictions are missing.

    Examples
    --------
    >>> evaluation = evaluate()  # doctest: +SKIP
    >>> evaluation.scores[["model", "set", "accuracy", "accuracy_low", "accuracy_high"]]  # doctest: +SKIP
    >>> FIGURES["roc"](evaluation)  # doctest: +SKIP
    """
    if predictions is not None:
        return evaluate_predictions(predictions, positive=positive)
    artifacts = Artifacts.at(artifacts)
    return _evaluated(*_with_short_names(report_models(report, artifacts.models), artifacts), positive)


def report_target(given: str | None, artifacts: Artifacts, progress: Progress) -> str:
    """Return the name of the report that a command works on; by default that of the newest model, which is said."""
    names = [] if given is not None else [passport.report for passport in persist.passports(artifacts.models)[-1:]]
    missing = f"there is no model in {artifacts.models} yet; make one: classify tune svm"
    return newest(given, names, NEWEST_REPORT, missing, progress)


def report_again(
    artifacts: Artifacts,
    report: str | None = None,
    *,
    names: Sequence[str] | None = None,
    positive: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write ``reports/REPORT/index.html`` on the models that belong to a report, and return it with its numbers.

    Parameters
    ----------
    artifacts : Artifacts
    report : str, optional
        By default that of the newest model. The name of a model stands for a report on the models of the same data.
    names : sequence of str, optional
        Only these models, and imported detectors.
    positive : str, optional
        The positive one of two classes; by default the models' own.
    progress : Progress, optional
        Hears which models are left out because they do not compare.

    Raises
    ------
    InputError
        If there is no such model, or predictions are missing.
    """
    passports = report_models(report, artifacts.models)
    report, others = report or passports[-1].report, ""
    if names is not None:
        passports = [p for p in passports if p.name in names or not INPUTS[p.reads].runs]
    elif others := left_out(passports, artifacts.models):
        (progress or Progress()).say(others)
    passports, predictions = _with_short_names(passports, artifacts)
    data = passports[-1].data
    commands = dict.fromkeys(p.command for p in passports if p.command)
    gallery = Gallery(artifacts.gallery / f"{data.set}-{data.digest[:12]}", Path(data.root).expanduser())
    evaluation = _evaluated(passports, predictions, positive)
    _find_out(gallery, worth_showing(predictions, begins_with(evaluation)), artifacts.features, data)
    sections = [read_section(folder / data.set, data.images) for folder in artifacts.sections]
    page = write_report(
        evaluation,
        artifacts.reports / report,
        title=_title(passports),
        passports=passports,
        notices=[*of_making(passports), *([Notice("FX603", others)] if others else [])],
        sections=[section for section in sections if section],
        gallery=gallery,
        command="\n".join([*commands, _report_command(report, positive)]),
    )
    return Report(page, evaluation, {passport.name: passport.kept for passport in passports})


def _with_short_names(passports: Sequence[Passport], artifacts: Artifacts) -> tuple[list[Passport], Predictions]:
    """Return passports and predictions of the models of a report, with their names but for the report's at the end."""
    predictions = Predictions.concat(read_predictions(passports, artifacts.predictions))
    short = {p.name: p.name.removesuffix(f"-{p.report}") for p in passports}
    if len(set(short.values())) < len(short):
        short = {name: name for name in short}
    passports = [replace(p, name=short[p.name], kept=p.name) for p in passports]
    return passports, Predictions(predictions.table.replace({"model": short}))


def _evaluated(passports: Sequence[Passport], predictions: Predictions, positive: str | None) -> Evaluation:
    choice = positive_of_report(predictions.classes, passports, positive)
    facts = {passport.name: facts_of(passport) for passport in passports}
    return evaluate_predictions(predictions, facts, positive=choice and choice.name)


def facts_of(passport: Passport) -> ModelFacts:
    """Return what an evaluation needs to know about a model."""
    return ModelFacts(
        passport.validation,
        INPUTS[passport.reads].sees_images,
        passport.calibration,
        passport.novelty or {},
        tuple(passport.training),
    )


def _report_command(report: str, positive: str | None) -> str:
    return shlex.join(["classify", "report", report, *(["--positive", positive] if positive else [])])


def _find_out(gallery: Gallery, paths: Sequence[str], folder: Path, data: DataFacts) -> None:
    """Store facts and the nearest training images of some images, if the features of the set are stored."""
    new = sorted(set(paths) - (set(gallery.neighbours()["path"]) & set(gallery.facts()["path"])))
    for stored in stored_sets(folder) if new else ():
        if stored.name == data.set and images_digest((features := stored.load()).rows) == data.images:
            rows = rows_as_in(features.rows, data.near_duplicates)
            gallery.keep_neighbours(neighbours(features, partition(rows).train, new, k=N_NEAR))
            gallery.keep_facts(features.rows[features.rows["path"].isin(new)])
            return


def _title(passports: list[Passport]) -> str:
    for passport in passports:
        if study := passport.published:
            return f"{study['title']}: run again"
    return f"How well models tell the classes of {passports[-1].data.set} apart"

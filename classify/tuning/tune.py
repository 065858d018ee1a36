"""tune(): k folds, an Optuna study, refit, out-of-fold calibration."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from classify.errors import ModelError
from classify.predictions import VALIDATION, Predictions
from classify.splits.partition import images_digest
from classify.stats.calibration import Calibration
from classify.stats.novelty import fit_novelty, novelty_counts
from classify.stats.selection import Validation
from classify.stats.tables import fold_values
from classify.trained.inputs import read_inputs
from classify.trained.model import TrainedModel, Tuned, predictions_table
from classify.trained.passport import DataFacts, FoldFacts, Passport, made_here
from classify.tuning.cross_validation import CrossValidation, Folded
from classify.tuning.journal import open_journal
from classify.tuning.plan import Plan
from classify.tuning.race import FINALISTS, ROUNDS, STEP, behind, neighbours, part_of
from featex.errors import FeatexError
from featex.store.units import near_sentence
from featex.system.progress import Progress
from featex.system.shown import shown_text, shown_url

FAILED = "failed"  # of a trial whose setting failed: why
FOLD_SCORES = "scores"  # of a trial: later trials are compared with the best one fold by fold


def tune(
    job: Plan,
    *,
    timeout: float | None = None,
    storage: str | Path | None = None,
    checkpoints: str | Path | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Tune a model by cross-validation, fit it on all training rows, and predict every set.

    A job of 0 trials is not tuned: the first setting that the model is known to be good at is cross-validated and
    fitted.

    Parameters
    ----------
    job : Plan
        From `classify.tuning.plan.plan`.
    timeout : float, optional
        Seconds after which no further trial is begun; one is always finished.
    storage : str or Path, optional
        A journal file, or a URL that Optuna knows; an earlier study in it goes on where it stopped. None keeps the
        study in memory.
    checkpoints : str or Path, optional
        Folder for checkpoints of nets; a killed training goes on from its last epoch. It is for this job only, and may
        be deleted once the outcome is kept. None writes no checkpoints.
    progress : Progress, optional

    Raises
    ------
    DataError, ModelError
        If there are fewer images than folds, an image has gone, and so on.
    """
    progress = progress or Progress()
    started = time.monotonic()
    near = [f"{near_sentence(job.parts.near)}."] if job.parts.near else []
    for note in (*near, *job.parts.notes):
        progress.say_once(note)
    X = read_inputs(job.spec.name, job.features, job.settings, progress)
    copies = job.features.copies if job.on_features else None
    train = job.parts.train
    inputs = (job, X[train], None if copies is None else copies[train], checkpoints and Path(checkpoints))
    validation = CrossValidation(*inputs)
    if job.trials:
        part = part_of(job.y, job.parts.units[train], job.seed) if job.spec.searches_part else None
        first = validation if part is None else CrossValidation(*inputs, part=part)
        best, n_trials, before = _search(job, first, validation, storage, timeout, started, progress)
    else:
        n_features = job.n_features
        known_good = job.spec.first(n_features)[0]
        best = validation.run({k: v for k, v in known_good.items() if k not in job.settings}, progress)
        n_trials, before = 0, 0.0
    estimator = validation.refit(best.params, progress)
    classes = validation.classes.tolist()
    calibration = Calibration.fit(best.oof, np.searchsorted(classes, job.y))
    histories = [*best.histories, getattr(estimator, "history_", None)]
    seconds = before + time.monotonic() - started
    passport = _passport(job, best, classes, calibration, n_trials, histories, seconds)
    novelty = None
    if job.on_features:
        blocks = [width for _, width in job.features.blocks]
        novelty = fit_novelty(X[train], job.parts.units[train], job.seed, blocks=blocks)
    model = TrainedModel(estimator, passport, novelty=novelty)
    predictions = _predict_all(job, model, best, X)
    unlike = novelty and {name: _novelty(model, job, X, index) for name, index in job.parts.tests.items()}
    passport = replace(passport, cv=_cv(job, validation, predictions, passport.positive), novelty=unlike)
    return Tuned(replace(model, passport=passport), predictions)


def _novelty(model: TrainedModel, job: Plan, X: np.ndarray, index: np.ndarray) -> dict[str, float]:
    index = index[job.features.y[index] != ""]
    wrong = model.predict(X[index])[1] != job.features.y[index]
    return novelty_counts(model.novelty, X[index], wrong, job.parts.units[index])


def _search(
    job: Plan, first: CrossValidation, validation: CrossValidation, storage, timeout, started: float, progress: Progress
):
    """Return the best setting, the number of finished trials, and the seconds that earlier sessions spent on them.

    Trials are judged by `first`; where that fits a part of the rows alone, the best of them go on to all.
    """
    study = _study(job, storage, progress)
    before = sum(trial.duration.total_seconds() for trial in _complete(study))
    with progress.task(f"tune {job.spec.name}", job.trials, "trial") as tick:
        best = _optimise(study, job, first, timeout, started, tick, progress)
    done = _complete(study)
    if first is not validation:
        settings = _finalists(done)
        progress.say(
            f"{job.spec.name}: {len(done)} trials were fitted on a part of the {len(job.y):,} training images; "
            f"the best {len(settings)}, and settings around them, go on to all of them"
        )
        best = _refined(validation.race(settings, progress), settings, done[0].distributions, validation, progress)
    elif best is None or best.params != study.best_trial.params:
        best = validation.run(study.best_trial.params, progress)  # its trial was run by an earlier session
    return best, len(done), before


def _refined(best: Folded, tried: list[dict], distributions: dict, validation: CrossValidation, progress: Progress):
    """Return the best of settings around the best, step by step (Hooke & Jeeves 1961, doi:10.1145/321062.321069)."""
    step = STEP
    for _ in range(ROUNDS):
        around = [setting for setting in neighbours(best.params, distributions, step) if setting not in tried]
        before, best = best, validation.race(around, progress, best)
        tried = [*tried, *around]
        if best is before:
            step /= 2
    return best


def _finalists(trials: Sequence[FrozenTrial]) -> list[dict]:
    """Return the best settings, each once, the best first."""
    settings = []
    for trial in sorted(trials, key=lambda trial: -trial.value):
        if trial.params not in settings:
            settings.append(trial.params)
    return settings[:FINALISTS]


def _study(job: Plan, storage: str | Path | None, progress: Progress) -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # `progress` says what a user needs
    try:
        return optuna.create_study(
            study_name=f"{job.name}-{job.digest[:12]}",
            storage=_backend(storage, progress),
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # whatever the database or its driver raises
        if isinstance(error, FeatexError):
            raise
        shown = shown_url(str(storage)) if "://" in str(storage) else str(storage)
        reason = str(error).splitlines()[0].replace(str(storage), shown)
        raise ModelError(
            f"cannot open the study in {shown!r} ({shown_text(reason)}); name another with --storage"
        ) from error
    finally:
        optuna.logging.set_verbosity(verbosity)


def _backend(storage: str | Path | None, progress: Progress) -> BaseStorage | str | None:
    if storage is None or "://" in str(storage):
        return storage
    return open_journal(Path(storage), progress)


def _optimise(
    study: optuna.Study,
    job: Plan,
    validation: CrossValidation,
    timeout: float | None,
    started: float,
    tick: Callable[[int], None],
    progress: Progress,
) -> Folded | None:
    """Run the trials that are missing, and return the best of those run here."""
    n_features = job.n_features
    first = job.spec.first(n_features)
    best = None
    before = len(_ended(study))
    if not _complete(study) and before >= job.trials:
        before = 0  # all have failed; perhaps they do no longer
    tick(min(before, job.trials))
    for number in range(before, job.trials):
        if timeout is not None and number and time.monotonic() - started > timeout:
            progress.say(f"{timeout:.0f} s are over after {number} of {job.trials} trials")
            break
        if number < len(first) and not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            study.enqueue_trial(first[number])
        # A seed for each trial, so that a study that was stopped goes on as it would have.
        # Trials that a killed session left running must not count.
        study.sampler = optuna.samplers.TPESampler(seed=job.seed + number, constant_liar=False)
        trial = study.ask()
        leader = study.best_trial if _complete(study) else None
        scores = leader.user_attrs.get(FOLD_SCORES, ()) if leader else ()
        try:
            folded = validation.run(job.spec.suggest(trial, n_features), progress, scores)
        except ModelError as error:  # such as a loss that is no number: a setting that fails is one to keep away from
            trial.set_user_attr(FAILED, str(error))
            study.tell(trial, state=TrialState.FAIL)
            if number == job.trials - 1 and not _complete(study):
                raise
            progress.say(f"trial {number + 1} failed: {error}")
            continue
        value = validation.value(folded)
        if len(folded.scores) < len(validation.pairs):  # stopped: what it would reach, by how far it is behind
            value = min(value, leader.value) if job.scheme.worst else leader.value - behind(folded.scores, scores)
        else:
            trial.set_user_attr(FOLD_SCORES, folded.scores)
            if best is None or value > validation.value(best):
                best = folded
        study.tell(trial, value)
        tick(1)
    return best


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: those with a score, and those whose setting failed."""
    failed = study.get_trials(deepcopy=False, states=[TrialState.FAIL])
    return [*_complete(study), *(trial for trial in failed if FAILED in trial.user_attrs)]


def _passport(
    job: Plan,
    best: Folded,
    classes: list[str],
    calibration: Calibration,
    n_trials: int,
    histories: list[list[dict] | None],
    seconds: float,
) -> Passport:
    rows = job.features.rows
    used = {"train": job.parts.train, **job.parts.tests}
    data = DataFacts(
        set=job.features.name,
        root=str(job.features.root),
        digest=job.data_digest,
        images=images_digest(rows),
        near_duplicates="keep" if "kept_near" in rows else "group",
        near=job.parts.near,
        copies=job.parts.copies,
        n_train=len(job.parts.train),
        counts={name: rows["label"].iloc[index].value_counts().to_dict() for name, index in used.items()},
    )
    return Passport(
        name=job.name,
        model=job.spec.name,
        about=job.spec.about,
        reads=job.spec.reads,
        classes=classes,
        positive=job.positive and job.positive.name,
        thresholds=dict(zip(classes, calibration.thresholds, strict=True)),
        slope=calibration.slope,
        params=best.params,
        settings=job.settings,
        weigh=job.scheme.weigh,
        copies=job.n_copies,
        tile_score=job.scheme.tile_score,
        extractor=job.features.extractor if job.on_features else None,
        data=data,
        report=job.report,
        notes=list(job.notes),
        published=job.published,
        command=job.command,
        trials=n_trials,
        training=_training(histories),
        digest=job.digest,
        seconds=seconds,
        seed=job.seed,
        device=job.settings.get("device", "cpu"),
        **made_here(),
    )


def _cv(job: Plan, validation: CrossValidation, predictions: Predictions, positive: str | None) -> FoldFacts:
    """Return the scores of the folds, taken from the predictions, as a report takes them."""
    scores = fold_values(predictions, job.scoring, positive)
    content = job.scheme.facts.get("content", "") if job.scheme.folds == "content" else ""
    alike = Validation(job.scheme.folds, len(scores), job.seed, job.scoring, content)
    return FoldFacts.of(scores, alike, validation.held_out)


def _training(histories: list[list[dict] | None]) -> list[dict]:
    """Return what is kept of models that are trained in epochs: a fold each, and all training images at last."""
    labels = [f"fold {number}" for number in range(1, len(histories))] + ["all"]
    return [{"fit": label, "epochs": rows} for label, rows in zip(labels, histories, strict=True) if rows]


def _predict_all(job: Plan, model: TrainedModel, best: Folded, X: np.ndarray) -> Predictions:
    rows, train = job.features.rows.assign(group=job.parts.groups), job.parts.train
    decided = np.array(model.classes)[best.oof.argmax(axis=1)]
    out_of_fold = predictions_table(
        model.name, model.classes, rows.iloc[train], VALIDATION, model.calibration(best.oof), decided, best.fold
    )
    tests = [model.predictions(rows.iloc[index], X[index], name) for name, index in job.parts.tests.items()]
    return Predictions.concat([out_of_fold, *tests])

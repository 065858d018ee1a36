"""classify ...: features or pixels -> models -> predictions -> report."""

import os
from functools import partial
from pathlib import Path

import click

from featex.commands import command_line, following, option, program, terminal_progress, wants_json
from featex.layout import Artifacts
from featex.options import ARTIFACTS, DEVICE, KNOWN_WEIGHTS, NEAR_DUPLICATES, POSITIVE, SCORING, SEED
from featex.system.terminal import run


@program
def cli() -> None:
    """Tune models on features or pixels, and measure how good they are on unseen images."""


@cli.command(
    examples=[
        "classify tune svm",
        "classify tune logreg --features photos --trials 20",
        "classify tune resnet18 --train last:1 --epochs 5",
    ]
)
@click.argument("model", metavar="MODEL", required=False)
@option("--model", "named", metavar="MODEL", group="Models", help="The model, if it is not named as MODEL.")
@option(
    "--features",
    "sets",
    multiple=True,
    metavar="SET",
    show_default="the newest",
    group="Data",
    help="Set of features; `featex show` lists them. Repeat it to join the columns of several sets (EXTRACTOR/SET) of "
    "the same images.",
)
@NEAR_DUPLICATES
@option(
    "--trials",
    type=click.IntRange(0),
    show_default="the model's own",
    group="Search",
    help="Trials of the search; 0 trains with the recipe's settings, without a search.",
)
@option(
    "--folds",
    default="5",
    metavar="N|source|content|content:N",
    group="Search",
    help="Number of random folds; source: each fold holds out one image source per class, and the worst fold is the "
    "score; content: folds of visually similar images.",
)
@option(
    "--weigh",
    default="none",
    metavar="none|source|content",
    group="Search",
    help="source: all sources of a class get the same total weight; content: images whose content reveals their class "
    "get a low weight.",
)
@option(
    "--timeout",
    type=click.FloatRange(0),
    show_default="none",
    group="Search",
    help="Seconds after which no further trial starts.",
)
@option(
    "--storage",
    show_default="a journal in artifacts/studies",
    group="Search",
    help="Where the search is stored: a journal file, or a URL for Optuna.",
)
@SEED
@SCORING
@POSITIVE
@option(
    "--tile-score",
    default="mean",
    type=click.Choice(["mean", "max"]),
    group="Scores",
    help="Score of an image whose tiles are scored one by one (featex extract --pool each): the mean over tiles, or "
    "the maximum, which is that of the tile most like the positive class.",
)
@option(
    "--train",
    metavar="head|last:N|all",
    show_default="all; head without a GPU",
    group="Nets",
    help="Layers of a pretrained net to train: only its new head, also its last N layers, or all.",
)
@option(
    "--image-size",
    type=click.IntRange(1),
    show_default="each net's own",
    group="Nets",
    help="Side of the images that a net reads, in pixels.",
)
@option(
    "--epochs",
    "max_epochs",
    type=click.IntRange(1),
    show_default="each net's own",
    group="Nets",
    help="Most epochs that a net is trained for.",
)
@option(
    "--balance",
    metavar="none|weights|oversample",
    show_default="none",
    group="Nets",
    help="How nets make up for small classes: a higher weight in the loss, or more frequent draws.",
)
@option(
    "--augment",
    metavar="none|study|flips|shifts|strong",
    show_default="each net's own",
    group="Nets",
    help="Random changes to the images that nets train on.",
)
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    group="Nets",
    help="Any other choice of a net's recipe, such as lr=0.001; `classify models --model NAME` lists them. Repeatable.",
)
@option(
    "--weights",
    metavar="auto|imagenet|random|FILE|DIR",
    show_default="FEATEX_WEIGHTS, else auto",
    group="Nets",
    help="Weights that a pretrained net starts with; random trains it from scratch; auto: ImageNet's, or random with a "
    "warning.",
)
@DEVICE
@option("--name", show_default="MODEL-SET", group="Output", help="Name of the trained model.")
@ARTIFACTS
def tune(model, named, sets, folds, weigh, tile_score, settings, artifacts, **choices):
    """Tune MODEL by cross-validation, save it, and test it on every set it was not trained on.

    MODEL is svm, logreg or forest, which read features; or a net such as lenet5, cnn or resnet18, which reads pixels.
    `classify models` lists all.
    """
    from classify.models.registry import get_model
    from classify.nets.recipe import parse_setting
    from classify.splits.scheme import Scheme, parse_folds
    from classify.workspace import tune
    from featex.network.backbones import FallbackWeights
    from featex.targets import set_target

    spec = get_model(_one_model(model, named))
    choices = {name: value for name, value in choices.items() if value is not None}
    choices = {**dict(map(parse_setting, settings)), **choices}
    if "weights" in spec.wishes:
        choices.setdefault("weights", FallbackWeights(os.environ.get("FEATEX_WEIGHTS") or "auto"))
    kind, n_folds = parse_folds(folds)
    choices |= {"scheme": Scheme(kind, weigh, tile_score), "n_folds": n_folds, "command": command_line()}
    progress = terminal_progress()
    sets = sets or (set_target(None, artifacts, progress),)
    return _trained(tune(spec.name, sets, artifacts=artifacts, progress=progress, **choices), artifacts)


def _one_model(model: str | None, named: str | None) -> str:
    from classify.models.registry import MODELS
    from featex.errors import UsageError

    if (model is None) == (named is None):
        what = "name the model to tune" if model is None else "name one model, as MODEL or with --model"
        raise UsageError(f"{what}, such as: classify tune svm; available: {', '.join(MODELS)}")
    return model or named


def _trained(tuned, artifacts: Artifacts):
    """Return what `tune` and `ensemble` say at their end."""
    from classify.trained.summary import score_lines, score_rows
    from featex.system.output import Result, Saved
    from featex.system.words import count

    passport = tuned.model.passport
    params = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in passport.params.items())
    summary = f"Best of {count(passport.trials, 'trial')} in {passport.seconds:.0f} s: {params}"
    if not passport.trials:
        summary = f"Trained with its recipe's settings in {passport.seconds:.0f} s"
    if members := passport.members:
        summary = f"{passport.model.capitalize()} of {', '.join(member.name for member in members)}"
    folder = artifacts.models / passport.name
    cv = {"scoring": passport.cv.scoring, "score": passport.cv.selection, "folds": passport.cv.scores}
    record = {"model": passport.name, "path": folder, "set": passport.data.set, "n_train": passport.data.n_train}
    record |= {"cross_validation": cv, "scores": score_rows(tuned), "params": passport.params}
    record |= {"trials": passport.trials, "seconds": passport.seconds, "members": [one.name for one in members]}
    hints = [following(f"classify predict {passport.name} IMAGES"), following(f"classify report {passport.report}")]
    return Result(record, [summary, *score_lines(tuned), Saved("Model", folder)], hints)


@cli.command(examples=["classify ensemble svm-photos resnet18-photos"])
@click.argument("members", nargs=-1, required=True, metavar="MODEL MODEL...")
@option(
    "--method",
    default="vote",
    metavar="vote|stack",
    group="Models",
    help="vote: the mean of the models' probabilities; stack: logistic regression on these.",
)
@option("--name", show_default="METHOD-REPORT", group="Output", help="Name of the ensemble.")
@ARTIFACTS
def ensemble(members: tuple[str, ...], method: str, name: str | None, artifacts: Artifacts):
    """Combine trained models by their predictions, save the ensemble as a model, and test it on every unseen set."""
    from classify.workspace import combine_models

    options = {"artifacts": artifacts, "command": command_line(), "progress": terminal_progress()}
    return _trained(combine_models(members, method, name=name, **options), artifacts)


@cli.command(
    examples=[
        "classify predict svm-photos holiday.jpg scans/",
        "classify predict svm-photos scans/ --out scans.csv",
        "classify predict svm-photos scans/ --share 0.2",
    ]
)
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@KNOWN_WEIGHTS
@option(
    "--align",
    default="none",
    metavar="none|mean|coral",
    group="Features",
    help="Shift the images' features towards the training images' (mean), and match their covariance (coral). All "
    "images must come from one source and hold both classes.",
)
@option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    group="Scores",
    help="Known share of the positive class among the images, such as 0.2: the threshold is moved until that share is "
    "predicted positive. Images with equal scores stay together.",
)
@POSITIVE
@DEVICE
@option(
    "--out",
    type=click.Path(),
    show_default="the terminal, as CSV",
    group="Output",
    help="File to write; its name ends in .csv, .json or .parquet.",
)
@ARTIFACTS
def predict(model, paths, out, weights, align, share, positive, device, artifacts: Artifacts):
    """Write MODEL's predictions for images, folders of images, or a set of features.

    A row holds the image's path, the predicted class, the probabilities, and the answer: the class, or "unsure" where
    the model cannot promise that at most 5 % of its answers are wrong, or where the image is out of distribution.
    """
    from classify.trained.adaptation import adaptation
    from classify.trained.summary import answers_line, answers_record
    from classify.workspace import load_model, predict
    from featex.system.output import Result, Saved
    from featex.system.table_file import check_suffix, write_table

    if out:
        check_suffix(out)
    trained = load_model(model, artifacts, device, beside=paths)
    adapt = adaptation(trained, align, share, artifacts.features, positive)
    options = {"weights": weights, "device": device, "progress": terminal_progress()}
    table = predict(trained, paths, artifacts=artifacts, adapt=adapt, **options)
    record = {"model": trained.name, "path": out, **answers_record(table, trained.passport)}
    record["failed"] = [{"path": path, "reason": reason} for path, reason in table.attrs["failed"]]
    line = answers_line(table, trained.passport)
    if out:
        write_table(table, out)
        return Result(record, [line, Saved("Predictions", out)])
    record["predictions"] = table
    text = None if wants_json() else table.to_csv(index=False)
    return Result(record, [line], text=text)


@cli.command(examples=["classify models", "classify models --model resnet18"])
@option("--model", group="Models", help="Show only this model, with the settings of its recipe.")
@ARTIFACTS
def models(model: str | None, artifacts: Artifacts):
    """List the models that can be trained, and those that have been."""
    from classify.models.registry import MODELS, get_model
    from classify.trained.persist import passports
    from featex.system.output import Result, Table
    from featex.system.progress import Progress

    if model:
        spec = get_model(model)
        recipe = spec.settle(0, Progress(), weights="random") | {"weights": "auto"}
        settings = {name: recipe[name] for name in spec.wishes}
        record = {"model": spec.name, "reads": spec.reads, "about": spec.about, "settings": settings}
        lines = [f"{spec.name} reads {spec.reads}: {spec.about}"]
        return Result(record, lines + [f"  {name}: {value}" for name, value in settings.items()])
    can = [{"model": spec.name, "reads": spec.reads, "about": spec.about} for spec in MODELS.values()]
    trained = [_listed(passport) for passport in passports(artifacts.models)]
    lines = ["Can be trained:", Table(["model", "reads", "what it is"], [list(one.values()) for one in can]), ""]
    if not trained:
        lines.append(f"No model trained yet in {artifacts.models}.")
        return Result({"models": can, "trained": trained}, lines, [following("classify tune svm")])
    rows = [["-" if value is None else value for value in list(one.values())[:-1]] for one in trained]
    columns = ["trained", "model", "set", "images", "cross-validation"]
    lines += [f"Trained, in {artifacts.models} (scores of cross-validation are optimistic):"]
    lines.append(Table(columns, rows, optional=["images", "model"]))
    return Result({"models": can, "trained": trained}, lines, [following(f"classify report {trained[-1]['report']}")])


def _listed(passport) -> dict:
    score = None if passport.cv is None else f"{passport.cv.scoring} {passport.cv.selection:.3f}"
    facts = {"name": passport.name, "model": passport.model, "set": passport.data.set, "n_train": passport.data.n_train}
    return facts | {"cross_validation": score, "report": passport.report}


@cli.command(examples=["classify explain svm-photos scans/a.jpg --out why"])
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, metavar="IMAGE...")
@option(
    "--occlusion/--no-occlusion", "occlude", default=True, help="Also cover the image patch by patch, to check the map."
)
@KNOWN_WEIGHTS
@DEVICE
@option(
    "--out",
    required=True,
    type=click.Path(),
    group="Output",
    help="Folder for the page, a picture for each image, and a table.",
)
@ARTIFACTS
def explain(model: str, paths: tuple[str, ...], out: str, artifacts: Artifacts, device: str, **options):
    """Show which pixels of images changed MODEL's score most, and the most similar training images."""
    from classify.explain.explain import explain
    from classify.explain.page import line, summary, write_explanation
    from classify.workspace import load_model
    from featex.system.output import Result, Saved

    progress = terminal_progress()
    trained = load_model(model, artifacts, device, beside=paths)
    explanation = explain(trained, paths, cache=artifacts.features, device=device, progress=progress, **options)
    for note in explanation.notes:
        progress.say(note)
    for row in explanation.failed.itertuples():
        progress.say(f"Left out: {row.path}: {row.reason}")
    page = write_explanation(explanation, Path(out), command=command_line())
    sentence = summary(explanation)
    lines = [*map(line, explanation.images), *([sentence] if sentence else []), Saved("Page", page)]
    failed = explanation.failed[["path", "reason"]]
    images = [str(one.path) for one in explanation.images]
    record = {"model": trained.name, "page": page, "images": images, "failed": failed, "notes": explanation.notes}
    return Result(record | {"summary": sentence}, lines)


@cli.command("import", examples=["classify import scores.csv --name detector"])
@click.argument("scores", type=click.Path(exists=True, dir_okay=False))
@option("--name", required=True, group="Output", help="Name of the detector.")
@option(
    "--report",
    show_default="that of the newest model",
    group="Output",
    help="The report that it joins.",
)
@option(
    "--threshold",
    show_default="0.5",
    type=click.FloatRange(0, 1, min_open=True),
    group="Scores",
    help="The detector decides for the positive class at this probability or above, as its authors state.",
)
@option(
    "--positive",
    metavar="CLASS",
    show_default="the report's",
    group="Scores",
    help="The class that `score` is the probability of, and that --threshold refers to.",
)
@ARTIFACTS
def import_(scores, name, report, threshold, positive, artifacts: Artifacts):
    """Add any detector to all tables and figures of a report: SCORES is a CSV file with the columns path and score.

    `path` names images as the report does; a longer path, or only the file name, also works. `score` is the
    probability of the positive class; a column `prob_CLASS` for each class can replace it. Only unseen images are
    scored.
    """
    from classify.trained.imported import Scores, read_scores
    from classify.workspace import import_detector, report_target
    from featex.system.output import Result, Saved

    progress = terminal_progress()
    report = report_target(report, artifacts, progress)
    detector = Scores(read_scores(Path(scores)), threshold, positive, scores)
    model, notes = import_detector(detector, name, report=report, artifacts=artifacts, command=command_line())
    for note in notes:
        progress.say(note)
    folder = artifacts.models / name
    record = {"model": name, "path": folder, "report": model.passport.report, "notes": notes}
    return Result(record, [Saved("Model", folder)], [following(f"classify report {model.passport.report}")])


@cli.command(examples=["classify report", "classify report photos --positive fake"])
@click.argument("name", metavar="[REPORT]", required=False)
@POSITIVE
@ARTIFACTS
def report(name: str | None, positive: str | None, artifacts: Artifacts):
    """Write REPORT again, with all its models; the default is the report of the newest model.

    A report is called as its set, or SET-quick; the name of a model gives the report that the model belongs to.
    """
    from classify.workspace import report_again, report_target
    from featex.system.output import Result, Saved

    progress = terminal_progress()
    name = report_target(name, artifacts, progress)
    done = report_again(artifacts, name, positive=positive, progress=progress)
    return Result(done.record(), ["Accuracy:", done.table(), Saved("Report", done.page)])


@cli.command(examples=["classify dashboard", "classify dashboard svm-photos --port 8081"])
@click.argument("name", metavar="[MODEL|STUDY]", required=False)
@option("--port", default=8080, type=click.IntRange(0, 65535), group="Run", help="Port; 0 takes a free one.")
@ARTIFACTS
def dashboard(name: str | None, port: int, artifacts: Artifacts):
    """Show the stored searches in optuna-dashboard, in a browser on this machine, until Ctrl-C.

    By default it shows the searches of all models. It reads copies of the searches as they are now: nothing in it
    changes them, and trials that finish later are shown after a restart.
    """
    from classify.tuning.dashboard import dashboard
    from featex.system.output import Result
    from featex.system.silence import WAITING, working_on

    progress = terminal_progress()
    done = dashboard(artifacts.studies, name, port=port, progress=progress)
    names = [path.stem for path in done.journals]
    progress.say(f"Searches of {', '.join(names)}: {done.url}\nCtrl-C ends it.")
    working_on(WAITING)
    done.serve()
    return Result({"url": done.url, "studies": done.studies, "journals": done.journals})


main = partial(run, cli)

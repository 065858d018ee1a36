"""classify ...: features or pixels -> models -> predictions -> report."""

import os
from functools import partial
from pathlib import Path

import click

from featex.commands import command_line, option, program, terminal_progress
from featex.layout import Artifacts
from featex.options import ARTIFACTS, DEVICE, KNOWN_WEIGHTS, NEAR_DUPLICATES, POSITIVE, SCORING, SEED
from featex.system.terminal import run


@program
def cli() -> None:
    """Tune models on features or pixels, and measure how good they are on unseen images."""


@cli.command()
@option(
    "--model", required=True, help="Such as svm, logreg, forest, lenet5, cnn or resnet18; `classify models` lists all."
)
@option(
    "--features",
    "sets",
    multiple=True,
    metavar="SET",
    show_default="the newest",
    help="Set of features; `featex show` lists them. Repeat it to join the columns of several sets (EXTRACTOR/SET) of "
    "the same images.",
)
@option(
    "--trials",
    type=click.IntRange(0),
    show_default="the model's own",
    help="Trials of the search; 0 trains with the recipe's settings, without a search.",
)
@option(
    "--tile-score",
    default="mean",
    type=click.Choice(["mean", "max"]),
    help="Score of an image whose tiles are scored one by one (featex extract --pool each): the mean over tiles, or "
    "the maximum, which is that of the tile most like the positive class.",
)
@option("--timeout", type=click.FloatRange(0), help="Seconds after which no further trial starts.")
@option(
    "--folds",
    default="5",
    metavar="N|source|content|content:N",
    help="Number of random folds; source: each fold holds out one image source per class, and the worst fold is the "
    "score; content: folds of visually similar images.",
)
@option(
    "--weigh",
    default="none",
    metavar="none|source|content",
    help="source: all sources of a class get the same total weight; content: images whose content reveals their class "
    "get a low weight.",
)
@SCORING
@POSITIVE
@NEAR_DUPLICATES
@SEED
@option(
    "--storage",
    show_default="a journal in artifacts/studies",
    help="Where the search is stored: a journal file, or a URL for Optuna.",
)
@option("--name", show_default="MODEL-SET", help="Name of the trained model.")
@option(
    "--train",
    metavar="head|last:N|all",
    help="Layers of a pretrained net to train: only its new head, also its last N layers, or all.",
)
@option("--image-size", type=click.IntRange(1), help="Pixels a side, for nets.")
@option("--epochs", "max_epochs", type=click.IntRange(1), help="Most epochs, for nets.")
@option(
    "--balance",
    metavar="none|weights|oversample",
    help="How nets make up for small classes: a higher weight in the loss, or more frequent draws.",
)
@option("--augment", metavar="none|study|flips|shifts|strong", help="Random changes to the images that nets train on.")
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set any other choice of a net's recipe, such as lr=0.001; `classify models --model NAME` lists them. "
    "Repeatable.",
)
@option(
    "--weights",
    metavar="auto|imagenet|random|FILE|DIR",
    show_default="FEATEX_WEIGHTS, else auto",
    help="Weights that a pretrained net starts with; random trains it from scratch; auto: ImageNet's, or random with a "
    "warning.",
)
@DEVICE
@ARTIFACTS
def tune(
    model: str,
    sets: tuple[str, ...],
    folds: str,
    weigh: str,
    tile_score: str,
    settings: tuple[str, ...],
    artifacts: Artifacts,
    **choices,
) -> None:
    """Tune a model by cross-validation, save it, and test it on every set it was not trained on."""
    from classify.models.registry import get_model
    from classify.nets.recipe import parse_setting
    from classify.splits.scheme import Scheme, parse_folds
    from classify.workspace import tune
    from featex.network.backbones import FallbackWeights

    choices = {name: value for name, value in choices.items() if value is not None}
    choices = {**dict(map(parse_setting, settings)), **choices}
    if "weights" in get_model(model).wishes:
        choices.setdefault("weights", FallbackWeights(os.environ.get("FEATEX_WEIGHTS") or "auto"))
    kind, n_folds = parse_folds(folds)
    choices |= {"scheme": Scheme(kind, weigh, tile_score), "n_folds": n_folds, "command": command_line()}
    tuned = tune(model, sets, artifacts=artifacts, progress=terminal_progress(), **choices)
    click.echo(_summary(tuned))
    click.echo(f"Saved: {artifacts.models / tuned.model.name}")


def _summary(tuned) -> str:
    from classify.predictions import SELECTION, set_title
    from classify.report.sentences import too_few
    from classify.stats.tables import score_table
    from featex.system.words import count

    passport = tuned.model.passport
    params = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in passport.params.items())
    cv = passport.cv
    values = ", ".join(f"{value:.3f}" for value in cv.scores)
    summary = f"Best of {count(passport.trials, 'trial')} in {passport.seconds:.0f} s: {params}"
    if not passport.trials:
        summary = f"Trained with its recipe's settings in {passport.seconds:.0f} s"
    if members := passport.members:
        summary = f"{passport.model.capitalize()} of {', '.join(member.name for member in members)}"
    lines = [summary, f"{SELECTION.capitalize()}: {cv} ({values})"]
    scores = score_table(tuned.predictions, names=["accuracy"])
    if scores.empty:
        lines.append("No result: no labelled image is unseen by the model. Add a labelled test set.")
    else:
        lines.append("Results on images that the model has never seen:")
    for row in scores.itertuples():
        name = set_title(row.set)
        limits = f"95 % interval {row.accuracy_low:.3f}-{row.accuracy_high:.3f}"
        limits = too_few(row.n, row.units, row.effective_units) or limits
        lines.append(f"  {name}: accuracy {row.accuracy:.3f}, {limits}, n = {row.n:,}")
        if n_copies := passport.data.copies.get(row.set):
            lines.append(f"    {n_copies:,} of them are copies or near-duplicates of training images, so not unseen")
    return "\n".join(lines)


@cli.command()
@click.argument("members", nargs=-1, required=True, metavar="MODEL MODEL...")
@option(
    "--method", default="vote", help="vote: the mean of the models' probabilities; stack: logistic regression on these."
)
@option("--name", show_default="METHOD-REPORT", help="Name of the ensemble.")
@ARTIFACTS
def ensemble(members: tuple[str, ...], method: str, name: str | None, artifacts: Artifacts) -> None:
    """Combine trained models by their predictions, save the ensemble as a model, and test it on every unseen set."""
    from classify.workspace import combine_models

    options = {"artifacts": artifacts, "command": command_line(), "progress": terminal_progress()}
    combined = combine_models(members, method, name=name, **options)
    click.echo(_summary(combined))
    click.echo(f"Saved: {artifacts.models / combined.model.name}")


@cli.command()
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@option("--format", "as_", default="csv", type=click.Choice(["csv", "json"]))
@option("--out", type=click.Path(), show_default="the terminal", help="File to write.")
@KNOWN_WEIGHTS
@option(
    "--align",
    default="none",
    metavar="none|mean|coral",
    help="Shift the images' features towards the training images' (mean), and match their covariance (coral). All "
    "images must come from one source and hold both classes.",
)
@option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Known share of the positive class among the images, such as 0.2: the threshold is moved until that share is "
    "predicted positive. Images with equal scores stay together.",
)
@POSITIVE
@DEVICE
@ARTIFACTS
def predict(
    model: str,
    paths: tuple[str, ...],
    as_: str,
    out: str | None,
    weights: str | None,
    align: str,
    share: float | None,
    positive: str | None,
    device: str,
    artifacts: Artifacts,
) -> None:
    """Write MODEL's predictions for images, folders of images, or a set of features."""
    from classify.trained.adaptation import adaptation
    from classify.workspace import load_model, predict
    from featex.system.disk import born_whole

    trained = load_model(model, artifacts, device)
    adapt = adaptation(trained, align, share, artifacts.features, positive)
    options = {"weights": weights, "device": device, "progress": terminal_progress()}
    table = predict(trained, paths, artifacts=artifacts, adapt=adapt, **options)
    text = table.to_csv(index=False) if as_ == "csv" else table.to_json(orient="records", indent=2) + "\n"
    if out:
        with born_whole(Path(out)) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        click.echo(f"{len(table):,} rows: {out}")
    else:
        click.echo(text, nl=False)


@cli.command()
@option("--model", help="Show only this model, with the settings of its recipe.")
@ARTIFACTS
def models(model: str | None, artifacts: Artifacts) -> None:
    """List the models that can be trained, and those that have been."""
    from classify.models.registry import MODELS, get_model
    from classify.predictions import SELECTION
    from classify.trained.persist import passports
    from featex.system.progress import Progress

    if model:
        spec = get_model(model)
        click.echo(f"{spec.name} reads {spec.reads}: {spec.about}")
        recipe = spec.settle(0, Progress(), weights="random") | {"weights": "auto"}
        for name in spec.wishes:
            click.echo(f"  {name}: {recipe[name]}")
        return
    click.echo("Can be trained (classify tune --model NAME):")
    for spec in MODELS.values():
        click.echo(f"  {spec.name:<15} reads {spec.reads:<9} {spec.about}")
    trained = passports(artifacts.models)
    click.echo(f"Trained, in {artifacts.models}:" if trained else f"No model trained yet in {artifacts.models}.")
    for passport in trained:
        cv = passport.cv
        if cv is None:
            click.echo(f"  {passport.name}: {passport.about}")
            continue
        click.echo(
            f"  {passport.name}: {passport.model}, trained on {passport.data.n_train:,} rows of "
            f"{passport.data.set}; {SELECTION} {cv}"
        )


@cli.command()
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, metavar="IMAGE...")
@option("--out", required=True, type=click.Path(), help="Folder for the page, a picture for each image, and a table.")
@option(
    "--occlusion/--no-occlusion", "occlude", default=True, help="Also cover the image patch by patch, to check the map."
)
@KNOWN_WEIGHTS
@DEVICE
@ARTIFACTS
def explain(model: str, paths: tuple[str, ...], out: str, artifacts: Artifacts, device: str, **options) -> None:
    """Show which pixels of images changed MODEL's score most, and the most similar training images."""
    from classify.explain.explain import explain
    from classify.explain.page import line, summary, write_explanation
    from classify.workspace import load_model

    progress = terminal_progress()
    trained = load_model(model, artifacts, device)
    explanation = explain(trained, paths, cache=artifacts.features, device=device, progress=progress, **options)
    for note in explanation.notes:
        progress.say(note)
    for row in explanation.failed.itertuples():
        progress.say(f"Left out: {row.path}: {row.reason}")
    for one in explanation.images:
        click.echo(line(one))
    if sentence := summary(explanation):
        click.echo(sentence)
    page = write_explanation(explanation, Path(out), command=command_line())
    click.echo(f"Page: {page}")


@cli.command("import")
@click.argument("scores", type=click.Path(exists=True, dir_okay=False))
@option("--name", required=True, help="Name of the detector.")
@option("--report", show_default="that of the newest model", help="The report that it joins.")
@option(
    "--threshold",
    show_default="0.5",
    type=click.FloatRange(0, 1, min_open=True),
    help="The detector decides for the positive class at this probability or above, as its authors state.",
)
@option(
    "--positive",
    metavar="CLASS",
    show_default="the report's",
    help="The class that `score` is the probability of, and that --threshold refers to.",
)
@ARTIFACTS
def import_(
    scores: str,
    name: str,
    report: str | None,
    threshold: float | None,
    positive: str | None,
    artifacts: Artifacts,
) -> None:
    """Add any detector to all tables and figures of a report: SCORES is a CSV file with the columns path and score.

    `path` names images as the report does; a longer path, or only the file name, also works. `score` is the
    probability of the positive class; a column `prob_CLASS` for each class can replace it. Only unseen images are
    scored.
    """
    from classify.trained.imported import Scores, read_scores
    from classify.workspace import import_detector

    detector = Scores(read_scores(Path(scores)), threshold, positive, scores)
    model, notes = import_detector(detector, name, report=report, artifacts=artifacts, command=command_line())
    for note in notes:
        click.echo(note, err=True)
    click.echo(f"Saved: {artifacts.models / name}; now: classify report {model.passport.report}")


@cli.command()
@click.argument("name", metavar="[REPORT]", required=False)
@POSITIVE
@ARTIFACTS
def report(name: str | None, positive: str | None, artifacts: Artifacts) -> None:
    """Write REPORT (a set, or SET-quick) again, with all its models. The default is the report of the newest model."""
    from classify.workspace import report_again

    path = report_again(artifacts, name, positive=positive)
    click.echo(f"Report: {path}")


main = partial(run, cli)

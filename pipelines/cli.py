"""pipelines ...: whole flows, from a folder of images to a report."""

import os
import sys
from pathlib import Path

import click

from featex import layout
from featex.errors import FeatexError, InputError
from featex.shown import shown_command
from featex.terminal import run

DEVICE = click.option(
    "--device",
    default="auto",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="auto: a GPU where there is one.",
)
SCORING = "accuracy, balanced_accuracy, f1_macro, roc_auc or average_precision: its mean over folds is maximised."


POSITIVE = click.option(
    "--positive",
    metavar="CLASS",
    show_default="by its name",
    help="The positive one of two classes, such as fake: precision, recall, F1 and thresholds are about it.",
)


def told_by_table(command):
    """Add the options that say which images there are, beside the folder: `featex.dataset.find_images` takes them."""
    options = [
        click.option("--layout", metavar="LEVEL/LEVEL/...", help="What each level of folders is: see featex extract."),
        click.option("--labels", type=click.Path(), help="A table that names the images: see featex extract."),
        click.option("--path-column", help="Column of the table that holds paths: see featex extract."),
        click.option("--label-column", help="Column of the table that holds labels: see featex extract."),
        click.option("--set-column", help="Column of the table that names the set of each image."),
        click.option("--group-column", help="Column of the table; rows with equal values stay on one side of a split."),
        click.option(
            "--group-rows", type=click.IntRange(2), help="Every N successive rows of the table are one group."
        ),
        click.option("--class", "classes", multiple=True, metavar="NAME=PATTERN", help="As featex extract takes it."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


TABLE = ("layout", "labels", "path_column", "label_column", "set_column", "group_column", "group_rows")


def _weights(_context, _option, value: str | None) -> str | None:
    from featex.backbones import Spare

    spare = os.environ.get("FEATEX_WEIGHTS")
    return value or (Spare(spare) if spare else None)


WEIGHTS = click.option(
    "--weights",
    metavar="FILE",
    callback=_weights,
    show_default="where they were, or FEATEX_WEIGHTS where that is the same file",
    help="The extractor's weights.",
)


def extractor_options(command):
    """Add the options that say which network is taken: `featex.extraction.extract` takes them."""
    weights = click.option(
        "--weights",
        default="auto",
        envvar="FEATEX_WEIGHTS",
        show_envvar=True,
        metavar="auto|imagenet|random|FILE|DIR",
        help="auto takes ImageNet's, or where they cannot be had untrained ones; the report says which. DIR holds a "
        "file for each net.",
    )
    backbone = click.option("--backbone", default="resnet18", help="See `featex backbones`.")
    return backbone(weights(DEVICE(command)))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="featex")
def cli() -> None:
    """Run whole flows, from a folder of images to a report."""


@cli.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@click.option(
    "--study",
    metavar="NAME|FILE.toml|travel",
    help="A published study to run again: see `pipelines studies`, or your own. travel tries choices of features and "
    "training by what they do on content that was held out.",
)
@click.option(
    "--only",
    metavar="MODEL,...",
    show_default="svm,logreg,forest,lenet5,cnn,resnet18, or the study's",
    help="Models to compare; see `classify models`.",
)
@click.option("--quick", is_flag=True, help="Fewer folds, trials and epochs: a first look in minutes.")
@extractor_options
@click.option(
    "--trials",
    type=click.IntRange(0),
    show_default="each model's own",
    help="Of each search; 0 trains by the recipe, without a search.",
)
@click.option(
    "--folds",
    "n_folds",
    type=click.IntRange(2),
    show_default="5, or the study's; 3 if quick",
    help="Of the cross-validation.",
)
@click.option(
    "--scoring",
    default="accuracy",
    help=SCORING,
)
@POSITIVE
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), help="Of folds, search and training.")
@click.option("--image-size", type=click.IntRange(1), show_default="each net's own", help="Pixels a side, for nets.")
@click.option(
    "--epochs", "max_epochs", type=click.IntRange(1), show_default="each net's own", help="At most, for nets."
)
@click.option(
    "--recipe",
    multiple=True,
    metavar="robust|NAME=VALUE",
    help="robust adds a model on features made to travel to other sources (see featex extract --recipe). Any other "
    "choice for nets, such as train=all; see classify models --model NAME. Repeatable.",
)
@click.option("--name", show_default="the study's or the folder's", help="What to call the set and its report.")
@click.option(
    "--near-duplicates",
    default="group",
    type=click.Choice(["group", "keep"]),
    help="group: near-duplicates stay on one side of every split; keep: they are taken for different images.",
)
@click.option(
    "--audit/--no-audit", "audited", default=True, help="Look first for what could inflate the scores; on the page."
)
@told_by_table
def compare(
    directory: str | None, only: str | None, classes: tuple[str, ...], recipe: tuple[str, ...], **options
) -> None:
    """Compare models on the images in DIR: extract, tune, predict every set, write the report.

    DIR is data/ unless you say otherwise; with --study, the study's folder below it.

    What was done before is skipped, so a run that was stopped goes on where it was.
    """
    from classify.recipe import parse_choice
    from featex.dataset import parse_class
    from featex.progress import TerminalProgress
    from pipelines.compare import compare

    if options["study"] == "travel":
        _travel(directory, classes, only, recipe, options)
        return
    named = [word for word in recipe if "=" not in word]
    if len(named) > 1:
        raise InputError(f"--recipe names {' and '.join(named)}; name one, the others are NAME=VALUE")
    path = compare(
        directory,
        only=[name.strip() for name in only.split(",")] if only else (),
        classes=[parse_class(text) for text in classes],
        recipe=dict(map(parse_choice, (word for word in recipe if "=" in word))),
        features_recipe=named[0] if named else "default",
        command=shown_command("pipelines", sys.argv[1:]),
        progress=TerminalProgress(),
        **options,
    )
    click.echo(f"Report: {path}")


def _travel(directory: str | None, classes: tuple, only: str | None, recipe: tuple, options: dict) -> None:
    from featex.dataset import parse_class
    from featex.progress import TerminalProgress
    from pipelines.travel_page import travel_set

    keys = ("trials", "image_size", "positive")
    of_models = {"--only": only, "--recipe": recipe, **{f"--{key}": options[key] for key in keys}}
    if given := [name for name, value in of_models.items() if value not in (None, ())]:
        raise InputError(f"--study travel has a grid of its own; leave out {', '.join(given)}")
    taken = ("quick", "backbone", "weights", "device", "n_folds", "seed", "name", *TABLE)
    done = travel_set(
        directory,
        classes=[parse_class(text) for text in classes],
        command=shown_command("pipelines", sys.argv[1:]),
        progress=TerminalProgress(),
        **{name: options[name] for name in taken},
    )
    for sentence in done.done.sentences:
        click.echo(sentence)
    click.echo(f"Page: {done.page}")


@cli.command()
@click.argument("report", metavar="[REPORT]", required=False)
@click.option("--models", metavar="NAME,...", show_default="all of the report that see pixels", help="Models to try.")
@click.option(
    "--transforms", metavar="NAME,...", show_default="all", help="Of jpeg, webp, resize, downscale, blur, crop, noise."
)
@click.option("--grades", default="full", type=click.Choice(["full", "quick"]), help="quick: two grades of each.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N images of each set, drawn at random.")
@POSITIVE
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), help="Of that draw, and of intervals.")
@WEIGHTS
@DEVICE
def stress(report: str | None, models: str | None, transforms: str | None, **options) -> None:
    """Show the models of REPORT unseen images re-encoded, resized, blurred, cropped and noisy: where do they break?

    REPORT is that of the newest model unless you say otherwise. What was computed before is kept.
    """
    from featex.progress import TerminalProgress
    from pipelines.stress_run import stress_set

    split = [[name.strip() for name in given.split(",")] if given else () for given in (models, transforms)]
    stressed = stress_set(
        report,
        names=split[0],
        transforms=split[1],
        command=shown_command("pipelines", sys.argv[1:]),
        progress=TerminalProgress(),
        **options,
    )
    for line in stressed.lines():
        click.echo(line)
    click.echo(f"Page: {stressed.page}")


@cli.command()
@click.argument("name", metavar="[SET]", required=False)
@click.option(
    "--only",
    metavar="MODEL,...",
    show_default="svm,logreg,forest,shortcut",
    help="Models that read features or how files are stored.",
)
@click.option(
    "--vary",
    metavar="CLASS",
    show_default="the positive class, or the one with most sources",
    help="Class whose sources are compared.",
)
@POSITIVE
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), help="Of folds, draws and training.")
def transfer(name: str | None, only: str | None, **options) -> None:
    """Train on one source of SET and test on each other one: does what was learnt travel?"""
    from featex.progress import TerminalProgress
    from pipelines.transfer_page import transfer_set

    models = [model.strip() for model in only.split(",")] if only else ()
    command = shown_command("pipelines", sys.argv[1:])
    made = transfer_set(name, only=models, command=command, progress=TerminalProgress(), **options)
    for sentence in made.done.sentences:
        click.echo(sentence)
    click.echo(f"Page: {made.page}")


@cli.command()
@click.argument("target", metavar="[DIR|SET]", required=False)
@click.option(
    "--only",
    metavar="CHECK,...",
    show_default="all",
    help="Of shortcuts, leaks, balance, coverage, doubts, appearance.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Exit with 1 if file metadata tells the classes apart with a balanced accuracy above X. The lower limit of "
    "its 95 % interval is compared, corrected for all families of metadata. Two classes: 0.5 is chance. Example: 0.6.",
)
@extractor_options
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), help="Of folds, clusters and samples.")
@click.option("--name", show_default="the folder's", help="What to call the set.")
@told_by_table
def audit(target: str | None, only: str | None, fail_above: float | None, classes: tuple[str, ...], **options) -> None:
    """Look for what could inflate a score: shortcuts, leaks, gaps, doubtful labels; write a page on it.

    DIR is a folder of images, SET a set of features (see featex show); by default the newest set.
    """
    from featex.dataset import parse_class
    from featex.progress import TerminalProgress
    from pipelines.audit import audit

    done = audit(
        target,
        only=[name.strip() for name in only.split(",")] if only else (),
        classes=[parse_class(text) for text in classes],
        command=shown_command("pipelines", sys.argv[1:]),
        progress=TerminalProgress(),
        **options,
    )
    for line in done.lines():
        click.echo(line)
    click.echo(f"Page: {done.page}")
    if fail_above is not None and not done.shortcut <= fail_above:  # where nothing could be told, the gate is shut too
        raise FeatexError(
            f"file metadata tells the classes apart: the lower limit of its balanced accuracy is {done.shortcut:.3f}, "
            f"which is not at most {fail_above:g}"
        )


@cli.command()
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@click.option(
    "--skip",
    multiple=True,
    metavar="RULE",
    help="Switch a rule off: screenshots, blank, sheets, bar, marks or duplicates. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Write the report alone.")
@click.option("--workers", type=click.IntRange(1), show_default="one a core", help="Threads that read and write.")
@told_by_table
def prepare(source: str, target: str, classes: tuple[str, ...], **options) -> None:
    """Write a cleaned copy of the images in SRC into DST: signatures cropped, sheets split, screenshots, blanks and
    copies dropped.

    What was done to each file and why, and what is left for you to decide, is in DST-prepared/.
    """
    from featex.dataset import parse_class
    from featex.progress import TerminalProgress
    from pipelines.prepare import prepare

    classes = [parse_class(text) for text in classes]
    done = prepare(source, target, classes=classes, progress=TerminalProgress(), **options)
    for line in done.lines():
        click.echo(line)


@cli.command()
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@click.option("--format", default="jpeg", type=click.Choice(["jpeg", "png"]))
@click.option("--quality", default=95, type=click.IntRange(1, 100), help="Of JPEG.")
@click.option("--subsampling", default="4:2:0", type=click.Choice(["4:4:4", "4:2:2", "4:2:0"]), help="Of JPEG.")
@click.option(
    "--size",
    default="auto",
    callback=lambda _context, _option, text: int(text) if text.isdecimal() else text,
    metavar="auto|keep|PIXELS",
    help="Sides of the square that each image becomes; auto is about half of what nearly all reach.",
)
@click.option("--enlarge", is_flag=True, help="Enlarge what is too small instead of leaving it out.")
@click.option("--workers", type=click.IntRange(1), show_default="one a core", help="Threads that read and write.")
@told_by_table
def normalise(source: str, target: str, workers: int | None, classes: tuple[str, ...], **options) -> None:
    """Write the images of SRC into DST, all alike in format, quality and size, with no metadata.

    Then say by how much images were reduced, how well files and pixels tell the class before and after, and which
    traces stay.
    """
    from classify.errors import DataError
    from featex.dataset import parse_class
    from featex.progress import TerminalProgress
    from pipelines.before_after import before_and_after
    from pipelines.normalise import Form, normalise

    progress = TerminalProgress()
    dataset = {name: options.pop(name) for name in TABLE} | {"classes": [parse_class(text) for text in classes]}
    done = normalise(source, target, Form(**options), workers=workers, progress=progress, **dataset)
    for line in done.lines():
        click.echo(line)
    try:
        both = before_and_after(source, done.folder, progress=progress, **dataset)
    except DataError as error:  # the copy is whole
        click.echo(f"How well files and pixels tell the class is not measured: {error}")
        return
    click.echo("How well files and pixels tell the class, in balanced accuracy:")
    click.echo(both.words.to_string(index=False))
    click.echo(both.sentence)


@cli.command()
def studies() -> None:
    """List the published studies that compare can run again, and whether their data are here."""
    from pipelines.study_files import load_study, study_names

    for name in study_names():
        study = load_study(name)
        folder = layout.DATA / study.directory
        there = "is there" if folder.is_dir() else f"is not there (where to get it: {study.where})"
        click.echo(f"{name}: {study.title}")
        click.echo(f"  models: {', '.join(study.models)}")
        click.echo(f"  data: {study.data_name}; {folder} {there}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.SAMPLE), type=click.Path())
@click.option("--seed", default=0, type=click.IntRange(0, 2**31 - 1), help="Of folds, search and training.")
def sample(directory: str, seed: int) -> None:
    """Make a small set of real and generated images in DIR, to try everything on, with no download."""
    from featex.progress import TerminalProgress
    from pipelines.sample import make_sample

    table = make_sample(Path(directory), seed=seed, progress=TerminalProgress().say)
    counts = ", ".join(f"{split} {n:,}" for split, n in table["split"].value_counts(sort=False).items())
    click.echo(f"{len(table):,} images ({counts}): {directory}")


def main() -> None:
    """Run the command line."""
    run(cli)

"""pipelines ...: whole flows, from a folder of images to a report."""

from functools import partial
from pathlib import Path

import click

from featex import layout
from featex.commands import command_line, names, option, program, terminal_progress
from featex.errors import FeatexError
from featex.options import (
    ARTIFACTS,
    BACKBONE,
    DATASET,
    DEVICE,
    KNOWN_WEIGHTS,
    NEAR_DUPLICATES,
    POSITIVE,
    SCORING,
    SEED,
    WEIGHTS,
    WORKERS,
    dataset_options,
)
from featex.system.terminal import run

SET_NAME = option("--name", show_default="the folder's name", help="Name of the set and of its page.")


@program
def cli() -> None:
    """Run whole flows, from a folder of images to a report."""


def _record(kind: type, options: dict):
    """Return a record of the options that it has fields for, which leave the others."""
    return kind(**{name: options.pop(name) for name in kind.__dataclass_fields__})


@cli.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@option(
    "--study",
    metavar="NAME|FILE.toml",
    help="A published study to run again: `pipelines studies` lists them; or a file of your own.",
)
@names(
    "--only",
    metavar="MODEL,...",
    show_default="svm,logreg,forest,lenet5,cnn,resnet18, or the study's",
    help="Models to compare; `classify models` lists them.",
)
@option("--quick", is_flag=True, help="Fewer folds, trials and epochs: a first look in minutes.")
@BACKBONE
@WEIGHTS
@DEVICE
@option(
    "--trials",
    type=click.IntRange(0),
    show_default="each model's own",
    help="Trials of each search; 0 trains with the recipe's settings, without a search.",
)
@option(
    "--folds",
    "n_folds",
    type=click.IntRange(2),
    show_default="5, or the study's; 3 with --quick",
    help="Folds of the cross-validation.",
)
@SCORING
@POSITIVE
@SEED
@option("--image-size", type=click.IntRange(1), show_default="each net's own", help="Pixels a side, for nets.")
@option("--epochs", "max_epochs", type=click.IntRange(1), show_default="each net's own", help="Most epochs, for nets.")
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other setting of nets, such as train=all; `classify models --model NAME` lists them. Repeatable.",
)
@option(
    "--recipe",
    default="default",
    metavar="default|robust",
    help="robust: also train a model on the features of `featex extract --recipe robust`.",
)
@option("--name", show_default="the study's or the folder's", help="Name of the set and of its report.")
@NEAR_DUPLICATES
@option(
    "--audit/--no-audit", "audited", default=True, help="Look first for what could inflate the scores, and report it."
)
@dataset_options
@ARTIFACTS
def compare(directory: str | None, settings: tuple[str, ...], **options) -> None:
    """Compare models on the images in DIR: extract, tune, predict every set, write the report.

    DIR is data/ by default; with --study, the study's folder below data/. What was done before is skipped, so a run
    that was stopped goes on where it was.
    """
    from classify.nets.recipe import parse_setting
    from pipelines.comparison.compare import Comparison, compare

    options["settings"] = dict(map(parse_setting, settings))
    comparison = _record(Comparison, options)
    path = compare(directory, comparison, command=command_line(), progress=terminal_progress(), **options)
    click.echo(f"Report: {path}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.DATA), type=click.Path())
@option("--quick", is_flag=True, help="Leave out the early layers of crops, and weights by content.")
@BACKBONE
@WEIGHTS
@DEVICE
@option("--folds", "n_folds", default=5, type=click.IntRange(2), help="Folds that hold out content or sources.")
@SEED
@SET_NAME
@dataset_options
@ARTIFACTS
def travel(directory: str, **options) -> None:
    """Find which features, training and model generalise best from the images in DIR to others.

    Each choice is scored on held-out content or sources, and on varied copies of the images. Test and custom sets
    play no part in the ranking; the best choice is compared with the default on them.
    """
    from pipelines.sources.travel_page import travel_set

    done, page = travel_set(directory, command=command_line(), progress=terminal_progress(), **options)
    click.echo("\n".join([*(one.line for one in done.findings), f"Page: {page}"]))


@cli.command()
@click.argument("report", metavar="[REPORT]", required=False)
@names(
    "--models",
    metavar="NAME,...",
    show_default="all models of the report that read pixels",
    help="Models to test.",
)
@names(
    "--transforms",
    metavar="NAME,...",
    show_default="all",
    help="Changes to make: jpeg, webp, resize, downscale, blur, crop, noise.",
)
@option(
    "--grades", default="full", type=click.Choice(["full", "quick"]), help="full: five strengths of each; quick: two."
)
@option("--limit", type=click.IntRange(1), metavar="N", help="At most N images of each set, drawn at random.")
@POSITIVE
@SEED
@KNOWN_WEIGHTS
@DEVICE
@ARTIFACTS
def stress(report: str | None, **options) -> None:
    """Test the models of REPORT on unseen images that were re-encoded, resized, blurred, cropped or made noisy.

    REPORT is the report of the newest model by default. What was computed before is kept.
    """
    from pipelines.robustness.stress import StressTest, stress

    test = _record(StressTest, options)
    result = stress(report, test, command=command_line(), progress=terminal_progress(), **options)
    click.echo("\n".join([*result.lines(), f"Page: {result.page}"]))


@cli.command()
@click.argument("name", metavar="[SET]", required=False)
@names(
    "--only",
    metavar="MODEL,...",
    show_default="svm,logreg,forest,metadata",
    help="Models that read features or file metadata.",
)
@option(
    "--vary",
    metavar="CLASS",
    show_default="the positive class, or the one with most sources",
    help="Class whose sources are compared.",
)
@POSITIVE
@SEED
@ARTIFACTS
def transfer(name: str | None, **options) -> None:
    """Train on each source of SET and test on every other one: does what a model learnt hold for other sources?"""
    from pipelines.sources.transfer_page import transfer_set

    done, page = transfer_set(name, command=command_line(), progress=terminal_progress(), **options)
    click.echo("\n".join([*(one.line for one in done.findings), f"Page: {page}"]))


@cli.command()
@click.argument("target", metavar="[DIR|SET]", required=False)
@names(
    "--only",
    metavar="CHECK,...",
    show_default="all",
    help="Checks to run: shortcuts, leaks, balance, coverage, labels, appearance.",
)
@option(
    "--fail-above",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Exit with code 1 if file metadata predict the class with a balanced accuracy above X, such as 0.6 (0.5 is "
    "chance for two classes). The lower limit of its 95 % interval, corrected for all families of metadata, counts.",
)
@BACKBONE
@WEIGHTS
@DEVICE
@SEED
@SET_NAME
@dataset_options
@ARTIFACTS
def audit(target: str | None, fail_above: float | None, **options) -> None:
    """Look for what could make scores too high: shortcuts, leaks, content gaps, possible label errors.

    It writes a page about them.

    DIR is a folder of images, SET a set of features (`featex show` lists them). The default is the newest set.
    """
    from pipelines.auditing.audit import audit

    done = audit(target, command=command_line(), progress=terminal_progress(), **options)
    click.echo("\n".join([*done.lines(), f"Page: {done.page}"]))
    if fail_above is not None and (reason := done.shortcut_above(fail_above)):
        raise FeatexError(reason)


@cli.command()
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@option(
    "--skip",
    multiple=True,
    metavar="RULE",
    help="Rule to switch off: screenshots, blank, sheets, bar, marks or duplicates. Repeatable.",
)
@option("--dry-run", is_flag=True, help="Write only the record, DST-prepared/.")
@WORKERS
@dataset_options
def prepare(source: str, target: str, **options) -> None:
    """Write a cleaned copy of the images in SRC to DST: crop signatures, split sheets, drop screenshots, blank images
    and copies.

    DST-prepared/ lists what was done to each file and why, and what is left for you to decide.
    """
    from pipelines.cleaning.prepare import prepare

    done = prepare(source, target, progress=terminal_progress(), **options)
    click.echo("\n".join(done.lines()))


@cli.command()
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@option("--format", default="jpeg", type=click.Choice(["jpeg", "png"]), help="Format of the new files.")
@option("--quality", default=95, type=click.IntRange(1, 100), help="Quality of JPEG.")
@option("--subsampling", default="4:2:0", type=click.Choice(["4:4:4", "4:2:2", "4:2:0"]), help="Chroma of JPEG.")
@option(
    "--size",
    default="auto",
    callback=lambda _context, _option, text: int(text) if text.isdecimal() else text,
    metavar="auto|keep|PIXELS",
    help="Side of the square that each image is cropped and resized to; auto takes about half the side that nearly all "
    "images reach; keep changes no size.",
)
@option("--enlarge", is_flag=True, help="Enlarge images that are too small instead of leaving them out.")
@WORKERS
@dataset_options
def normalise(source: str, target: str, workers: int | None, **options) -> None:
    """Write the images of SRC to DST, all in one format, quality and size, without metadata.

    Then print how much images were reduced, how well file metadata and pixel statistics predict the class before and
    after, and which traces remain.
    """
    from classify.errors import DataError
    from pipelines.cleaning.before_after import before_and_after
    from pipelines.cleaning.normalise import Form, normalise

    progress = terminal_progress()
    dataset = {name: options.pop(name) for name in DATASET}
    done = normalise(source, target, Form(**options), workers=workers, progress=progress, **dataset)
    click.echo("\n".join(done.lines()))
    try:
        comparison = before_and_after(source, done.folder, progress=progress, **dataset)
    except DataError as error:  # the copy is whole
        click.echo(f"How well file metadata and pixel statistics predict the class was not measured: {error}")
        return
    click.echo("How well file metadata and pixel statistics predict the class, in balanced accuracy:")
    click.echo(comparison.words.to_string(index=False))
    click.echo(comparison.sentence)


@cli.command()
def studies() -> None:
    """List the published studies that `pipelines compare` can run again, and whether their data are here."""
    from pipelines.comparison.study_files import load_study, study_names

    for name in study_names():
        study = load_study(name)
        folder = layout.DATA / study.directory
        state = "is there" if folder.is_dir() else f"is not there (where to get it: {study.where})"
        click.echo(f"{name}: {study.title}")
        click.echo(f"  models: {', '.join(study.models)}")
        click.echo(f"  data: {study.data_name}; {folder} {state}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.SAMPLE), type=click.Path())
@SEED
def sample(directory: str, seed: int) -> None:
    """Make a small set of real and generated images in DIR, without a download, to try every command on."""
    from pipelines.sample.make import make_sample

    table = make_sample(Path(directory), seed=seed, progress=terminal_progress().say)
    counts = ", ".join(f"{split} {n:,}" for split, n in table["split"].value_counts(sort=False).items())
    click.echo(f"{len(table):,} images ({counts}): {directory}")


@cli.command(examples=["pipelines doctor"])
@WEIGHTS
@ARTIFACTS
def doctor(weights: str, artifacts):
    """Check Python, packages, devices, weights, disk and extras, and show the command that mends what is missing.

    Nothing is downloaded. Exit code 3: features cannot be extracted, or nothing can be stored.
    """
    from dataclasses import asdict

    from featex.system.output import Result
    from pipelines.doctor import diagnose

    done = diagnose(artifacts, weights)
    record = {"ready": not done.critical, "findings": [asdict(finding) for finding in done.findings]}
    return Result(record, [*done.lines(), done.sentence], failed=done.sentence if done.critical else "")


main = partial(run, cli)

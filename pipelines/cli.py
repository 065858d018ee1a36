"""pipelines ...: whole flows, from a folder of images to a report."""

from functools import partial
from pathlib import Path

import click

from featex import layout
from featex.commands import command_line, names, option, program, terminal_progress
from featex.options import (
    ARTIFACTS,
    BACKBONE,
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
from featex.targets import folder_target, set_target

SET_NAME = option("--name", show_default="the folder's name", group="Output", help="Name of the set and of its page.")


def _models() -> list[str]:
    from classify.models.registry import MODELS

    return list(MODELS)


def _transforms() -> list[str]:
    from pipelines.robustness.conditions import CONDITIONS

    return list(CONDITIONS)


def _checks() -> list[str]:
    from pipelines.auditing.audit import CHECKS

    return list(CHECKS)


def _rules() -> list[str]:
    from pipelines.cleaning.rules import RULES

    return list(RULES)


@program
def cli() -> None:
    """Run whole flows, from a folder of images to a report."""


def _record(kind: type, options: dict):
    """Return a record of the options that it has fields for, which leave the others."""
    return kind(**{name: options.pop(name) for name in kind.__dataclass_fields__})


@cli.command(
    examples=[
        "pipelines compare data/photos --quick",
        "pipelines compare data/photos --only svm logreg",
        "pipelines compare --study cifake-cnn",
    ]
)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@option(
    "--study",
    metavar="NAME|FILE.toml",
    group="Models",
    help="A published study to run again: `pipelines studies` lists them; or a file of your own.",
)
@names(
    "--only",
    kind="model",
    choices=_models,
    metavar="MODEL,...",
    show_default="svm,logreg,forest,lenet5,cnn,resnet18, or the study's",
    group="Models",
    help="Models to compare; `classify models` lists them.",
)
@option("--quick", is_flag=True, group="Search", help="Fewer folds, trials and epochs: a first look in minutes.")
@BACKBONE
@WEIGHTS
@DEVICE
@option(
    "--trials",
    type=click.IntRange(0),
    group="Search",
    show_default="each model's own",
    help="Trials of each search; 0 trains with the recipe's settings, without a search.",
)
@option(
    "--folds",
    "n_folds",
    type=click.IntRange(2),
    show_default="5, or the study's; 3 with --quick",
    group="Search",
    help="Folds of the cross-validation.",
)
@SCORING
@POSITIVE
@SEED
@option(
    "--image-size",
    type=click.IntRange(1),
    show_default="each net's own",
    group="Nets",
    help="Pixels a side, for nets.",
)
@option(
    "--epochs",
    "max_epochs",
    type=click.IntRange(1),
    show_default="each net's own",
    group="Nets",
    help="Most epochs, for nets.",
)
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    group="Nets",
    help="Any other setting of nets, such as train=all; `classify models --model NAME` lists them. Repeatable.",
)
@option(
    "--recipe",
    default="default",
    metavar="default|robust",
    group="Features",
    help="robust: also train a model on the features of `featex extract --recipe robust`.",
)
@option("--name", show_default="the study's or the folder's", group="Output", help="Name of the set and of its report.")
@NEAR_DUPLICATES
@option(
    "--audit/--no-audit",
    "audited",
    default=True,
    group="Checks",
    help="Look first for what could inflate the scores, and report it.",
)
@dataset_options
@ARTIFACTS
def compare(directory: str | None, settings: tuple[str, ...], **options):
    """Compare models on the images in DIR: extract, tune, predict every set, write the report.

    DIR is data/ by default; with --study, the study's folder below data/. What was done before is skipped, so a run
    that was stopped goes on where it was. The table at the end shows the accuracy of each model: in cross-validation,
    which is optimistic, and on each set that no model was trained on, with 95 % intervals.
    """
    from classify.nets.recipe import parse_setting
    from featex.system.output import Result, Saved
    from pipelines.comparison.compare import Comparison, compare

    options["settings"] = dict(map(parse_setting, settings))
    comparison, progress = _record(Comparison, options), terminal_progress()
    if comparison.study is None:
        directory = folder_target(directory, progress)
    done = compare(directory, comparison, command=command_line(), progress=progress, **options)
    hints = [f"classify predict {done.chosen} IMAGE..."] if done.chosen else []
    hints += [f"pipelines stress {done.name}"]
    return Result(done.record(), ["Accuracy:", done.table(), Saved("Report", done.page)], hints)


@cli.command(examples=["pipelines travel data/photos --quick"])
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@option("--quick", is_flag=True, group="Search", help="Leave out the early layers of crops, and weights by content.")
@BACKBONE
@WEIGHTS
@DEVICE
@option(
    "--folds",
    "n_folds",
    default=5,
    type=click.IntRange(2),
    group="Search",
    help="Folds that hold out content or sources.",
)
@SEED
@SET_NAME
@dataset_options
@ARTIFACTS
def travel(directory: str | None, **options):
    """Find which features, training and model generalise best from the images in DIR to others.

    DIR is data/ by default. Each choice is scored on held-out content or sources, and on varied copies of the images.
    Test and external sets play no part in the ranking; the best choice is compared with the default on them.
    """
    from featex.system.output import Result, Saved
    from pipelines.sources.travel_page import travel_set

    progress = terminal_progress()
    directory = folder_target(directory, progress)
    done, page = travel_set(directory, command=command_line(), progress=progress, **options)
    hints = [f"pipelines compare {directory} --recipe robust"]
    return Result({"page": page, **done.record()}, [*done.sentences, Saved("Page", page)], hints)


@cli.command(examples=["pipelines stress photos --transforms jpeg blur"])
@click.argument("report", metavar="[REPORT]", required=False)
@names(
    "--models",
    metavar="NAME,...",
    group="Models",
    show_default="all models of the report that read pixels",
    help="Models to test.",
)
@names(
    "--transforms",
    kind="transform",
    choices=_transforms,
    metavar="NAME,...",
    group="Checks",
    show_default="all",
    help="Changes to make: jpeg, webp, resize, downscale, blur, crop, noise.",
)
@option(
    "--grades",
    default="full",
    type=click.Choice(["full", "quick"]),
    group="Checks",
    help="full: five strengths of each; quick: two.",
)
@option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    group="Data",
    help="At most N images of each set, drawn at random.",
)
@POSITIVE
@SEED
@KNOWN_WEIGHTS
@DEVICE
@ARTIFACTS
def stress(report: str | None, **options):
    """Test the models of REPORT on unseen images that were re-encoded, resized, blurred, cropped or made noisy.

    REPORT is the report of the newest model by default. What was computed before is kept.
    """
    from classify.workspace import report_target
    from featex.system.output import Result, Saved
    from pipelines.robustness.stress import StressTest, stress

    test, progress = _record(StressTest, options), terminal_progress()
    report = report_target(report, options["artifacts"], progress)
    done = stress(report, test, command=command_line(), progress=progress, **options)
    return Result(done.record(), [*done.lines(), Saved("Page", done.page)], [f"classify report {report}"])


@cli.command(examples=["pipelines transfer photos --only svm logreg"])
@click.argument("name", metavar="[SET]", required=False)
@names(
    "--only",
    kind="model",
    choices=_models,
    metavar="MODEL,...",
    group="Models",
    show_default="svm,logreg,forest,metadata",
    help="Models that read features or file metadata.",
)
@option(
    "--vary",
    metavar="CLASS",
    group="Data",
    show_default="the positive class, or the one with most sources",
    help="Class whose sources are compared.",
)
@POSITIVE
@SEED
@ARTIFACTS
def transfer(name: str | None, **options):
    """Train on each source of SET and test on every other one: does what a model learnt hold for other sources?

    SET is a set of features (`featex show` lists them); by default the newest.
    """
    from featex.system.output import Result, Saved
    from pipelines.sources.transfer_page import transfer_set

    progress = terminal_progress()
    name = set_target(name, options["artifacts"], progress)
    done, page = transfer_set(name, command=command_line(), progress=progress, **options)
    return Result({"page": page, **done.record()}, [*done.sentences, Saved("Page", page)], ["pipelines travel DIR"])


@cli.command(examples=["pipelines audit data/photos", "pipelines audit photos --fail-above 0.6"])
@click.argument("target", metavar="[DIR|SET]", required=False)
@names(
    "--only",
    kind="check",
    choices=_checks,
    metavar="CHECK,...",
    group="Checks",
    show_default="all",
    help="Checks to run: shortcuts, leaks, balance, coverage, labels, appearance.",
)
@option(
    "--fail-above",
    type=click.FloatRange(0, 1),
    metavar="X",
    group="Checks",
    help="Exit with code 3 if file metadata predict the class with a balanced accuracy above X, such as 0.6 (0.5 is "
    "chance for two classes). The lower limit of its 95 % interval, corrected for all families of metadata, counts.",
)
@BACKBONE
@WEIGHTS
@DEVICE
@SEED
@SET_NAME
@dataset_options
@ARTIFACTS
def audit(target: str | None, fail_above: float | None, **options):
    """Look for what could make scores too high: shortcuts, leaks, content gaps, possible label errors.

    It writes a page about them.

    DIR is a folder of images, SET a set of features (`featex show` lists them). The default is the newest set.
    """
    from featex.system.output import Result, Saved
    from pipelines.auditing.audit import audit

    progress = terminal_progress()
    target = set_target(target, options["artifacts"], progress)
    done = audit(target, command=command_line(), progress=progress, **options)
    failed = "" if fail_above is None else done.shortcut_above(fail_above)
    return Result(done.record(), [*done.lines(), Saved("Page", done.page)], [done.next_command()], failed=failed)


@cli.command(examples=["pipelines prepare data/raw data/clean --dry-run"])
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@names(
    "--skip",
    kind="rule",
    choices=_rules,
    metavar="RULE,...",
    group="Checks",
    help="Rules to switch off: screenshots, blank, sheets, bar, marks or duplicates.",
)
@option("--dry-run", is_flag=True, group="Output", help="Write only the record, DST-prepared/.")
@WORKERS
@dataset_options
def prepare(source: str, target: str, **options):
    """Write a cleaned copy of the images in SRC to DST: crop signatures, split sheets, drop screenshots, blank images
    and copies.

    DST-prepared/ lists what was done to each file and why, and what is left for you to decide.
    """
    from featex.system.output import Result
    from pipelines.cleaning.prepare import prepare

    done = prepare(source, target, progress=terminal_progress(), **options)
    hint = f"pipelines audit {target}" if done.folder else f"pipelines prepare {source} {target}"
    return Result(done.record(), done.lines(), [hint])


@cli.command(
    examples=["pipelines normalise data/photos data/photos-normalised", "pipelines normalise raw new --size 128"]
)
@click.argument("source", metavar="SRC", type=click.Path())
@click.argument("target", metavar="DST", type=click.Path())
@option("--format", default="jpeg", type=click.Choice(["jpeg", "png"]), group="Images", help="Format of the new files.")
@option("--quality", default=95, type=click.IntRange(1, 100), group="Images", help="Quality of JPEG.")
@option(
    "--subsampling",
    default="4:2:0",
    type=click.Choice(["4:4:4", "4:2:2", "4:2:0"]),
    group="Images",
    help="Chroma of JPEG.",
)
@option(
    "--size",
    default="auto",
    callback=lambda _context, _option, text: int(text) if text.isdecimal() else text,
    metavar="auto|keep|PIXELS",
    group="Images",
    help="Side of the square that each image is cropped and resized to; auto takes about half the side that nearly all "
    "images reach; keep changes no size.",
)
@option(
    "--enlarge",
    is_flag=True,
    group="Images",
    help="Enlarge images that are too small instead of leaving them out.",
)
@WORKERS
@dataset_options
def normalise(source: str, target: str, **options):
    """Write the images of SRC to DST, all in one format, quality and size, without metadata.

    Then print how much images were reduced, how well file metadata and pixel statistics predict the class before and
    after, and which traces remain.
    """
    from featex.system.output import Result, Table
    from pipelines.cleaning.before_after import normalise_and_measure
    from pipelines.cleaning.normalise import Form

    form = _record(Form, options)
    done = normalise_and_measure(source, target, form, progress=terminal_progress(), **options)
    lines = list(done.lines)
    if done.comparison:
        words = done.comparison.words
        lines += ["Balanced accuracy with which these predict the class:"]
        lines += [Table(list(words), words.values.tolist()), done.comparison.sentence]
    return Result(done.record(), lines, [f"pipelines compare {target}"])


@cli.command(examples=["pipelines studies"])
def studies():
    """List the published studies that `pipelines compare` can run again, and whether their data are here."""
    from featex.system.output import Result
    from pipelines.comparison.study_files import listed_studies

    rows, lines = listed_studies(layout.DATA), []
    for row in rows:
        state = "is there" if row["here"] else f"is not there (where to get it: {row['where']})"
        lines += [f"{row['name']}: {row['title']}", f"  models: {', '.join(row['models'])}"]
        lines += [f"  data: {row['data']}; {row['folder']} {state}"]
    first = next((row for row in rows if row["here"]), rows[0])
    return Result({"studies": rows}, lines, [f"pipelines compare --study {first['name']}"])


SAMPLE_SEED = option(
    "--seed",
    default=0,
    type=click.IntRange(0),
    group="Images",
    help="Random seed of the sample: which regions are in which set, the crops, and the training of the generators.",
)


@cli.command(examples=["pipelines sample", "pipelines sample data/other --seed 1"])
@click.argument("directory", metavar="[DIR]", default=str(layout.SAMPLE), type=click.Path())
@SAMPLE_SEED
def sample(directory: str, seed: int):
    """Make a small set of real and generated images in DIR, without a download, to try every command on.

    One shortcut is planted: in train and test, real images are JPEG files and generated ones PNG files. `pipelines
    audit` finds it, and `pipelines normalise` removes it.
    """
    from featex.system.output import Result, Saved
    from pipelines.sample.make import PLANTED, make_sample

    table = make_sample(Path(directory), seed=seed, progress=terminal_progress().say)
    sets = table["split"].value_counts(sort=False).to_dict()
    counts = ", ".join(f"{split} {n:,}" for split, n in sets.items())
    record = {"folder": directory, "images": len(table), "sets": sets, "planted_shortcut": PLANTED}
    lines = [f"{len(table):,} images ({counts})", f"Planted shortcut: {PLANTED}", Saved("Folder", directory)]
    return Result(record, lines, hints=[f"pipelines audit {directory}", f"pipelines compare {directory} --quick"])


@cli.command(examples=["pipelines demo", "pipelines demo --artifacts /tmp/artifacts"])
@click.argument("directory", metavar="[DIR]", default=str(layout.SAMPLE), type=click.Path())
@BACKBONE
@WEIGHTS
@DEVICE
@SAMPLE_SEED
@ARTIFACTS
def demo(directory: str, **options):
    """Show in minutes what this project does: make a sample in DIR, audit and normalise it, compare models on it.

    At the end the results are compared with the expected ones. Exit code 3: they differ. A run that was stopped goes
    on where it was.
    """
    from featex.system.output import Result
    from pipelines.demo.run import demo

    done = demo(Path(directory), progress=terminal_progress(), **options)
    record = {
        "verdict": done.verdict,
        "differs": done.differs,
        "backbone": done.backbone,
        "numbers": done.outcome.numbers,
        "story": done.outcome.story,
        "pages": done.pages,
    }
    return Result(record, done.lines(), failed=done.verdict if done.differs else "")


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

"""What the three command lines share: their options, each defined once."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from featex.layout import Artifacts
from featex.system.shown import shown_command

SEEDS = click.IntRange(0, 2**31 - 1)


def program(function: Callable) -> click.Group:
    """Make a group of commands, with --help, -h and --version, and with defaults in every help text."""
    settings = {"help_option_names": ["-h", "--help"], "show_default": True}
    return click.version_option(package_name="featex")(click.group(context_settings=settings)(function))


def command_line() -> str:
    """Return the command that runs now, as a page or a record may show it."""
    return shown_command(click.get_current_context().find_root().info_name, sys.argv[1:])


def names(*flags: str, **attributes) -> Callable:
    """Return an option that takes names with commas between them; the command receives a tuple of them."""

    def split(_context, _option, value: str | None) -> tuple[str, ...]:
        return tuple(name.strip() for name in value.split(",")) if value else ()

    return click.option(*flags, callback=split, **attributes)


def _class_patterns(_context, _option, texts: tuple[str, ...]) -> list:
    from featex.datasets.dataset import parse_class

    return [parse_class(text) for text in texts] if texts else []


def _fallback(context, option, value: str | None) -> str | None:
    """Return the file of weights; a file named by the environment is only a fallback."""
    from featex.network.backbones import FallbackWeights

    source = context.get_parameter_source(option.name)
    return FallbackWeights(value) if value and source is click.core.ParameterSource.ENVIRONMENT else value


ARTIFACTS = click.option(
    "--artifacts",
    default="artifacts",
    envvar="FEATEX_ARTIFACTS",
    show_envvar=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    callback=lambda _context, _option, path: Artifacts(path),
    help="Folder that keeps features, models, predictions, reports and all other results.",
)
DEVICE = click.option(
    "--device",
    default="auto",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="Where networks run; auto takes a GPU if there is one.",
)
BACKBONE = click.option("--backbone", default="resnet18", help="Network; `featex backbones` lists them.")
KNOWN_WEIGHTS = click.option(
    "--weights",
    metavar="FILE",
    envvar="FEATEX_WEIGHTS",
    callback=_fallback,
    show_default="where they were, or FEATEX_WEIGHTS if that is the same file",
    help="The weights that the features were extracted with.",
)
BATCH_SIZE = click.option(
    "--batch-size",
    type=click.IntRange(1),
    show_default="6 on a CPU, 256 on a GPU",
    help="Images in one batch of the network.",
)
WORKERS = click.option(
    "--workers", type=click.IntRange(1), show_default="one per core", help="Threads that read and write images."
)
SEED = click.option("--seed", default=0, type=SEEDS, help="Seed of all that is random: folds, draws and training.")
POSITIVE = click.option(
    "--positive",
    metavar="CLASS",
    show_default="by its name",
    help="The positive one of two classes, such as fake: precision, recall, F1 and thresholds refer to it.",
)
SCORING = click.option(
    "--scoring",
    default="accuracy",
    metavar="NAME",
    help="The score whose mean over folds is maximised: accuracy, balanced_accuracy, f1_macro, roc_auc or "
    "average_precision.",
)
NEAR_DUPLICATES = click.option(
    "--near-duplicates",
    default="group",
    type=click.Choice(["group", "keep"]),
    help="group: near-duplicates stay on one side of every split; keep: they count as different images.",
)


def weights_option(default: str) -> Callable:
    """Return the option for the weights with which a network starts."""
    return click.option(
        "--weights",
        default=default,
        envvar="FEATEX_WEIGHTS",
        show_envvar=True,
        metavar="imagenet|random|auto|FILE|DIR",
        help="imagenet: from torch's cache, else downloaded; random: untrained; auto: imagenet, or untrained weights "
        "if those are not available; a .safetensors or .pth file; or a folder with a file for each network.",
    )


_DATASET = (
    click.option(
        "--layout",
        metavar="LEVEL/LEVEL/...",
        show_default="recognised by the folders' names",
        help="What each level of folders means: set, class, source, set_class (as in train_real), * (nothing) or ** "
        "(any number of folders, kept as the source). Examples: class, set/class, set/source/class, class/set.",
    ),
    click.option(
        "--labels",
        type=click.Path(),
        show_default="metadata.csv, .jsonl, .parquet or .tsv in DIR, or in each of its sets",
        help="A table with one row for each image: CSV, TSV, JSON, JSON lines or Parquet. Without one, folders give "
        "the labels.",
    ),
    click.option("--path-column", show_default="file_name, path, file, ...", help="Column of the table with paths."),
    click.option("--label-column", show_default="label, class, target, ...", help="Column of the table with labels."),
    click.option(
        "--set-column",
        show_default="split, set, or one that names train",
        help="Column of the table with the set of each image: train, val, test or a custom set.",
    ),
    click.option(
        "--group-column",
        show_default="group",
        help="Column of the table; rows with equal values stay on one side of every split.",
    ),
    click.option(
        "--group-rows",
        type=click.IntRange(2),
        help="Every N successive rows of the table form one group (pairs: 2).",
    ),
    click.option(
        "--class",
        "classes",
        multiple=True,
        metavar="NAME=PATTERN",
        callback=_class_patterns,
        help="Name of the class of all folders (or labels of a table) that match PATTERN, such as ai='AI_*'. "
        "Repeatable; the first match wins.",
    ),
)


DATASET = ("layout", "labels", "path_column", "label_column", "set_column", "group_column", "group_rows", "classes")


def dataset_options(command: Callable) -> Callable:
    """Add the options of `featex.datasets.options.DatasetOptions`."""
    for option in reversed(_DATASET):
        command = option(command)
    return command

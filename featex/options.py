"""The options that several commands share, each defined once; `featex.commands` says how all commands behave."""

from collections.abc import Callable
from pathlib import Path

import click

from featex.commands import option
from featex.layout import Artifacts

SEEDS = click.IntRange(0, 2**31 - 1)


def _class_patterns(_context, _option, texts: tuple[str, ...]) -> list:
    from featex.datasets.dataset import parse_class

    return [parse_class(text) for text in texts] if texts else []


def _fallback(context, option, value: str | None) -> str | None:
    """Return the weights; a file that the environment names counts only where it fits."""
    from featex.network.backbones import FallbackWeights

    source = context.get_parameter_source(option.name)
    return FallbackWeights(value) if value and source is click.core.ParameterSource.ENVIRONMENT else value


ARTIFACTS = option(
    "--artifacts",
    default="artifacts",
    envvar="FEATEX_ARTIFACTS",
    show_envvar=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    callback=lambda _context, _option, path: Artifacts(path),
    group="General",
    help="Folder that keeps features, models, predictions, reports and all other results.",
)
DEVICE = option(
    "--device",
    default="auto",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    group="Run",
    help="Where networks run; auto takes a GPU if there is one.",
)
BACKBONE = option(
    "--backbone",
    default="auto",
    metavar="auto|NAME",
    group="Features",
    help="Network; `featex backbones` lists them. auto: resnet18; or efficientnet_lite0, whose weights come with an "
    "installed package, if no weights of resnet18 can be had.",
)
KNOWN_WEIGHTS = option(
    "--weights",
    metavar="FILE",
    envvar="FEATEX_WEIGHTS",
    callback=_fallback,
    show_default="where they were, or FEATEX_WEIGHTS if that is the same file",
    group="Run",
    help="The weights that the features were extracted with.",
)
BATCH_SIZE = option(
    "--batch-size",
    type=click.IntRange(1),
    show_default="6 on a CPU, 256 on a GPU",
    group="Run",
    help="Images in one batch of the network.",
)
WORKERS = option(
    "--workers",
    type=click.IntRange(1),
    show_default="one per core",
    group="Run",
    help="Threads that read and write images.",
)
SEED = option("--seed", default=0, type=SEEDS, group="Search", help="Random seed of folds, draws and training.")
POSITIVE = option(
    "--positive",
    metavar="CLASS",
    show_default="by its name",
    group="Scores",
    help="The positive one of two classes, such as fake: precision, recall, F1 and thresholds refer to it.",
)
SCORING = option(
    "--scoring",
    default="accuracy",
    metavar="NAME",
    group="Scores",
    help="The score whose mean over folds is maximised: accuracy, balanced_accuracy, f1_macro, roc_auc or "
    "average_precision.",
)
NEAR_DUPLICATES = option(
    "--near-duplicates",
    default="group",
    type=click.Choice(["group", "keep"]),
    group="Data",
    help="group: near-duplicates stay on one side of every split; keep: they count as different images.",
)


WEIGHTS = option(
    "--weights",
    default="auto",
    envvar="FEATEX_WEIGHTS",
    show_envvar=True,
    callback=_fallback,
    metavar="auto|imagenet|random|FILE|DIR",
    group="Features",
    help="imagenet: on this machine, else downloaded; random: untrained; auto: imagenet, or untrained with a warning; "
    "a .safetensors or .pth file; or a folder with a file for each network.",
)


_DATASET = (
    option(
        "--layout",
        metavar="LEVEL/LEVEL/...",
        show_default="recognised by the folders' names",
        group="Data",
        help="What each level of folders means: set, class, source, set_class (as in train_real), * (nothing) or ** "
        "(any number of folders, kept as the source). Examples: class, set/class, set/source/class, class/set.",
    ),
    option(
        "--labels",
        type=click.Path(),
        show_default="metadata.csv, .jsonl, .parquet or .tsv in DIR, or in each of its sets",
        group="Data",
        help="A table with one row for each image: CSV, TSV, JSON, JSON lines or Parquet. Without one, folders give "
        "the labels.",
    ),
    option(
        "--path-column", show_default="file_name, path, file, ...", group="Data", help="Column of the table with paths."
    ),
    option(
        "--label-column",
        show_default="label, class, target, ...",
        group="Data",
        help="Column of the table with labels.",
    ),
    option(
        "--set-column",
        show_default="split, set, or one that names train",
        group="Data",
        help="Column of the table with the set of each image: train, val, test or an external set.",
    ),
    option(
        "--group-column",
        show_default="group",
        group="Data",
        help="Column of the table; rows with equal values stay on one side of every split.",
    ),
    option(
        "--group-rows",
        type=click.IntRange(2),
        group="Data",
        help="Every N successive rows of the table form one group (pairs: 2).",
    ),
    option(
        "--class",
        "classes",
        multiple=True,
        metavar="NAME=PATTERN",
        callback=_class_patterns,
        group="Data",
        help="Name of the class of all folders (or labels of a table) that match PATTERN, such as ai='AI_*'. "
        "Repeatable; the first match wins.",
    ),
)


DATASET = ("layout", "labels", "path_column", "label_column", "set_column", "group_column", "group_rows", "classes")


def dataset_options(command: Callable) -> Callable:
    """Add the options of `featex.datasets.options.DatasetOptions`."""
    for decorator in reversed(_DATASET):
        command = decorator(command)
    return command

"""The command line `featex`: from images to features on disk."""

from functools import partial
from pathlib import Path

import click

from featex import layout
from featex.commands import names, option, program, terminal_progress
from featex.errors import InputError
from featex.layout import Artifacts
from featex.options import ARTIFACTS, BACKBONE, BATCH_SIZE, DEVICE, WORKERS, dataset_options, weights_option
from featex.system.terminal import run


@program
def cli() -> None:
    """Turn folders of images into deep features on disk."""


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.DATA), type=click.Path())
@BACKBONE
@weights_option("imagenet")
@DEVICE
@BATCH_SIZE
@WORKERS
@option(
    "--recipe",
    default="default",
    metavar="default|robust",
    help="A preset of all options from --view to --copies. default: the penultimate layer for the resized image. "
    "robust: layer1, spectrum and statistics, with one varied copy of each training image; for images from other "
    "sources.",
)
@option(
    "--view",
    metavar="resize|crop|tiles",
    help="Part of an image: all of it, resized; or its middle, or several squares, at full resolution.",
)
@option("--tiles", type=click.IntRange(1), help="Number of squares for --view tiles.")
@option("--pool", metavar="mean|each", help="mean: average the tiles' vectors; each: keep columns for each tile.")
@names(
    "--input",
    "inputs",
    metavar="rgb,residual,spectrum,statistics",
    help="What features are computed from: the image (rgb) or its noise residual, through the network; or its spectrum "
    "or natural scene statistics, without the network. Several are concatenated.",
)
@names(
    "--layers",
    metavar="stem,layer1,...,layer4,penultimate",
    help="Layers of the network whose output gives features. Several are concatenated.",
)
@option("--tta", metavar="none|flips", help="flips: average the vectors of an image and its mirror image.")
@option(
    "--fast/--exact",
    default=None,
    help="fast: decode large JPEGs at a smaller scale; on a GPU, decode there and compute in half precision.",
)
@option(
    "--copies", type=click.IntRange(0), help="Number of varied copies (resized, blurred, JPEG) of a training image."
)
@ARTIFACTS
@option("--name", show_default="the folder's name", help="Name of the set.")
@dataset_options
def extract(directory: str, artifacts: Artifacts, recipe: str, copies: int | None, **options) -> None:
    """Extract the features of all images in DIR.

    DIR holds CLASS/... folders, or SET/CLASS/... folders (train, val, test; any other name is a custom test set), or
    only images, or a metadata.csv that lists them. If the folders can be read in two ways, the command stops and shows
    both; --layout chooses.
    """
    from featex.extraction.extract import extract
    from featex.extraction.recipes import choose_recipe
    from featex.store.units import near_sentence

    choices = {name: options.pop(name) for name in ("view", "tiles", "pool", "inputs", "layers", "tta", "fast")}
    choices = {name: value for name, value in choices.items() if value not in (None, ())}
    chosen = choose_recipe(recipe, copies=copies, **choices)
    done = extract(
        directory,
        artifacts.features,
        recipe=chosen,
        progress=terminal_progress(),
        **options,
    )
    if chosen != choose_recipe():
        click.echo(f"Features of each image: {chosen.sentence()} ({done.n_features:,} columns)")
    rate = f" ({done.computed / done.seconds:,.1f} images/s on {done.device})" if done.computed else ""
    click.echo(
        f"{done.n_images:,} images: {done.cached:,} cached, {done.computed:,} computed{rate}, {done.failed:,} failed; "
        f"{done.seconds:,.1f} s; {done.stored.path}"
    )
    if chosen.copies:
        click.echo(f"Varied copies of training images: {chosen.copies} each; {done.computed_copies:,} computed now")
    for note in done.notes:
        click.echo(f"Note: {note}")
    if done.near:
        click.echo(
            f"{near_sentence(done.near)} (with classify tune --near-duplicates keep, they count as different images)."
        )
    if done.failed:
        click.echo(f"Cannot be used: {'; '.join(done.failed_kinds)}. Reasons: {done.stored.failed_path}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.DATA), type=click.Path())
@BACKBONE
@weights_option("auto")
@DEVICE
@BATCH_SIZE
@option("--fast", is_flag=True, help="As for `featex extract`.")
@option("--images", "n_images", default=200, type=click.IntRange(1), help="Number of images drawn from DIR.")
@option("--runs", default=3, type=click.IntRange(1), help="Measurements of each stage.")
def bench(directory: str, fast: bool, **options) -> None:
    """Measure how fast this machine extracts the images in DIR, and which stage limits it."""
    from featex.extraction.bench import bench
    from featex.network.views import View

    measurements = bench(directory, view=View(fast=fast), progress=terminal_progress(), **options)
    click.echo("\n".join(measurements.lines()))


@cli.command()
@click.argument("source", metavar="DIR", type=click.Path())
@click.argument("target", metavar="NEW_FOLDER", type=click.Path())
def unpack(source: str, target: str) -> None:
    """Write the images inside the Parquet files in DIR, as Hugging Face stores data sets, to NEW_FOLDER.

    A metadata.csv in NEW_FOLDER holds their labels and sets, so that every other command can read the folder.
    """
    from featex.datasets.unpack import unpack
    from featex.system.words import count

    done = unpack(source, target, terminal_progress())
    empty = f"; {count(done.empty, 'row')} without an image skipped" if done.empty else ""
    click.echo(f"{count(done.images, 'image')}{empty}: {done.folder}")


@cli.command()
def backbones() -> None:
    """List the backbones with their numbers of features, image sizes and weights."""
    from featex.network.backbones import BACKBONES

    click.echo(f"{'name':<16} {'n_features':>10}  {'pixels':>6}  weights")
    for backbone in BACKBONES.values():
        click.echo(f"{backbone.name:<16} {backbone.n_features:>10}  {backbone.crop:>6}  {backbone.weights}")
    click.echo("timm:NAME        any timm model, with the timm extra: pip install '.[timm]'")


@cli.command()
@ARTIFACTS
def show(artifacts: Artifacts) -> None:
    """List the extractors and sets on disk."""
    from featex.store.cache import parts_size
    from featex.store.features import stored_sets

    sets = stored_sets(artifacts.features)
    if not sets:
        click.echo(f"No features in {artifacts.features} yet; make some with: featex extract DIR")
    for directory in dict.fromkeys(stored.extractor_dir for stored in sets):
        members = [stored for stored in sets if stored.extractor_dir == directory]
        passport, cache = members[0].extractor(), members[0].cache()
        size = parts_size([directory / "vectors"]) / 1e6
        click.echo(
            f"{directory.name}: {passport['backbone']}, weights {passport['weights']}, "
            f"{len(cache):,} vectors of {passport['n_features']}, {size:,.1f} MB"
        )
        for stored in members:
            rows, root = stored.read()
            splits = ", ".join(
                f"{split or 'images'} {n:,}" for split, n in rows["split"].value_counts(sort=False).items()
            )
            click.echo(f"  {stored.name}: {len(rows):,} rows ({splits}) from {root}")


@cli.command()
@ARTIFACTS
def verify(artifacts: Artifacts) -> None:
    """Check all stored vectors and rows; list the problems, and exit with code 1 if there are any."""
    from featex.store.features import stored_sets, verify
    from featex.system.words import count

    problems = list(verify(artifacts.features))
    for problem in problems:
        click.echo(problem)
    if problems:
        n_problems = count(len(problems), "problem")
        raise InputError(f"{n_problems} in {artifacts.features}; delete the files named, then run featex extract again")
    click.echo(f"No problems: {count(len(stored_sets(artifacts.features)), 'set')} in {artifacts.features}")


@cli.command()
@click.argument("name", metavar="[SET]", required=False)
@option("--to", "path", type=click.Path(), show_default="SET.npz", help="A .npz, .csv or .parquet file.")
@ARTIFACTS
def export(name: str | None, path: str | None, artifacts: Artifacts) -> None:
    """Write a set (by default the newest) with its vectors to one file."""
    from featex.store.features import export, load_features

    features = load_features(artifacts.features, name)
    target = Path(path or f"{features.name}.npz")
    export(features, target)
    click.echo(f"{len(features.X):,} rows of {features.X.shape[1]} features: {target}")


main = partial(run, cli)

"""featex ...: images -> features on disk."""

from functools import partial
from pathlib import Path

import click

from featex import layout
from featex.errors import InputError
from featex.layout import Artifacts
from featex.options import (
    ARTIFACTS,
    BACKBONE,
    BATCH_SIZE,
    DEVICE,
    WORKERS,
    dataset_options,
    names,
    program,
    weights_option,
)
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
@click.option(
    "--recipe",
    default="default",
    metavar="default|robust",
    help="A preset of all options from --view to --copies; robust is made for images from other sources.",
)
@click.option(
    "--view",
    metavar="resize|crop|tiles",
    help="What is cut from an image: all of it, made small; or its middle, or several squares, at full resolution.",
)
@click.option("--tiles", type=click.IntRange(1), help="Number of squares of view tiles.")
@click.option("--pool", metavar="mean|each", help="mean: average the tiles' vectors; each: keep columns for each tile.")
@names(
    "--input",
    "inputs",
    metavar="rgb,residual,spectrum",
    help="What the network sees: the image (rgb), its noise residual, or its spectrum. Several are concatenated.",
)
@names(
    "--layers",
    metavar="stem,layer1,...,layer4,penultimate",
    help="Layers of the network whose output is kept. Several are concatenated.",
)
@click.option("--tta", metavar="none|flips", help="flips: average the vectors of an image and its mirror image.")
@click.option(
    "--fast/--exact",
    default=None,
    help="fast: decode large JPEGs at a smaller scale; on a GPU, decode there and compute in half precision.",
)
@click.option(
    "--copies", type=click.IntRange(0), help="Altered copies (resized, blurred, JPEG) to extract for a training image."
)
@ARTIFACTS
@click.option("--name", show_default="the folder's name", help="Name of the set.")
@dataset_options
def extract(directory: str, artifacts: Artifacts, recipe: str, copies: int | None, **options) -> None:
    """Extract the features of all images in DIR.

    DIR holds CLASS/... folders, or SET/CLASS/... folders (train, val, test; any other name is a custom test set), or
    only images, or a metadata.csv that lists them. If the folders can be read in two ways, the command stops and shows
    both; --layout chooses.
    """
    from featex.extraction.extract import extract
    from featex.extraction.recipes import choose
    from featex.store.units import near_sentence
    from featex.system.progress import TerminalProgress

    choices = {name: options.pop(name) for name in ("view", "tiles", "pool", "inputs", "layers", "tta", "fast")}
    choices = {name: value for name, value in choices.items() if value not in (None, ())}
    chosen = choose(recipe, copies=copies, **choices)
    done = extract(
        directory,
        artifacts.features,
        views=chosen.views,
        copies=chosen.copies,
        progress=TerminalProgress(),
        **options,
    )
    if chosen != choose():
        click.echo(f"Taken of each image: {chosen.sentence()} ({done.n_features:,} columns)")
    rate = f" ({done.computed / done.seconds:,.1f} images/s on {done.device})" if done.computed else ""
    click.echo(
        f"{done.found:,} found: {done.cached:,} cached, {done.computed:,} computed{rate}, {done.failed:,} failed; "
        f"{done.seconds:,.1f} s; {done.stored.path}"
    )
    if chosen.copies:
        click.echo(f"Varied copies of training images: {chosen.copies} each; {done.computed_copies:,} computed now")
    for note in done.notes:
        click.echo(f"Note: {note}")
    if done.near:
        click.echo(
            f"{near_sentence(done.near)} (classify tune --near-duplicates keep: they count as different images)."
        )
    if done.failed:
        click.echo(f"Cannot be used: {'; '.join(done.failed_kinds)}. Each with its reason: {done.stored.failed_path}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.DATA), type=click.Path())
@BACKBONE
@weights_option("auto")
@DEVICE
@BATCH_SIZE
@click.option("--fast", is_flag=True, help="As for `featex extract`.")
@click.option("--images", "n_images", default=200, type=click.IntRange(1), help="Number of images drawn from DIR.")
@click.option("--runs", default=3, type=click.IntRange(1), help="Measurements of each stage.")
def bench(directory: str, fast: bool, **options) -> None:
    """Measure how fast this machine extracts the images in DIR, and which stage limits it."""
    from featex.extraction.bench import bench
    from featex.network.views import View
    from featex.system.progress import TerminalProgress

    measurements = bench(directory, view=View(fast=fast), progress=TerminalProgress(), **options)
    click.echo("\n".join(measurements.lines()))


@cli.command()
@click.argument("source", metavar="DIR", type=click.Path())
@click.argument("target", metavar="NEW_FOLDER", type=click.Path())
def unpack(source: str, target: str) -> None:
    """Write the images inside Parquet files in DIR, as Hugging Face keeps data sets, to NEW_FOLDER.

    A metadata.csv beside the images holds their labels and sets, so that every other command reads the new folder.
    """
    from featex.datasets.unpack import unpack
    from featex.system.progress import TerminalProgress
    from featex.system.words import count

    done = unpack(source, target, TerminalProgress())
    empty = f"; {count(done.empty, 'row')} without an image left out" if done.empty else ""
    click.echo(f"{count(done.images, 'image')}{empty}: {done.folder}")


@cli.command()
def backbones() -> None:
    """List the backbones."""
    from featex.network.backbones import BACKBONES

    click.echo(f"{'name':<16} {'n_features':>10}  {'pixels':>6}  weights")
    for backbone in BACKBONES.values():
        click.echo(f"{backbone.name:<16} {backbone.n_features:>10}  {backbone.crop:>6}  {backbone.weights}")
    click.echo("timm:NAME        any of timm's, with the timm extra: pip install 'featex[timm]'")


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
        own = [stored for stored in sets if stored.extractor_dir == directory]
        passport, cache = own[0].extractor(), own[0].cache()
        size = parts_size([directory / "vectors"]) / 1e6
        click.echo(
            f"{directory.name}: {passport['backbone']}, weights {passport['weights']}, "
            f"{len(cache):,} vectors of {passport['n_features']}, {size:,.1f} MB"
        )
        for stored in own:
            rows, root = stored.read()
            splits = ", ".join(
                f"{split or 'images'} {n:,}" for split, n in rows["split"].value_counts(sort=False).items()
            )
            click.echo(f"  {stored.name}: {len(rows):,} rows ({splits}) from {root}")


@cli.command()
@ARTIFACTS
def verify(artifacts: Artifacts) -> None:
    """Check every part and every row on disk; exit 1 and list what is wrong."""
    from featex.store.features import stored_sets, verify
    from featex.system.words import count

    problems = list(verify(artifacts.features))
    for problem in problems:
        click.echo(problem)
    if problems:
        n_problems = count(len(problems), "problem")
        raise InputError(f"{n_problems} in {artifacts.features}; delete the files named, then run featex extract again")
    click.echo(f"All well: {count(len(stored_sets(artifacts.features)), 'set')} in {artifacts.features}")


@cli.command()
@click.argument("name", metavar="[SET]", required=False)
@click.option("--to", "path", type=click.Path(), show_default="SET.npz", help="A .npz, .csv or .parquet file.")
@ARTIFACTS
def export(name: str | None, path: str | None, artifacts: Artifacts) -> None:
    """Write a set (the newest by default) with its vectors as one file."""
    from featex.store.features import export, load_features

    features = load_features(artifacts.features, name)
    target = Path(path or f"{features.name}.npz")
    export(features, target)
    click.echo(f"{len(features.X):,} rows of {features.X.shape[1]} features: {target}")


main = partial(run, cli)

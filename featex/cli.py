"""featex ...: images -> features on disk."""

from pathlib import Path

import click

from featex import layout
from featex.errors import InputError
from featex.terminal import run

DEVICE = click.option(
    "--device",
    default="auto",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="auto: a GPU where there is one.",
)
FEATURES = click.option(
    "--out",
    default=str(layout.FEATURES),
    show_default=True,
    type=click.Path(),
    help="Where features are kept.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="featex")
def cli() -> None:
    """Turn folders of images into deep features on disk."""


@cli.command()
@click.argument("directory", metavar="[DIR]", default=str(layout.DATA), type=click.Path())
@click.option("--backbone", default="resnet18", help="See `featex backbones`.")
@click.option(
    "--weights",
    default="imagenet",
    envvar="FEATEX_WEIGHTS",
    show_envvar=True,
    metavar="imagenet|random|auto|FILE",
    help="ImageNet weights (torch's cache, else a download), untrained ones, the first that can be had, or a "
    ".safetensors or .pth file.",
)
@DEVICE
@click.option("--batch-size", type=click.IntRange(1), show_default="6 on a CPU, 256 on a GPU")
@click.option("--workers", type=click.IntRange(1), show_default="one a core", help="Threads that read and decode.")
@click.option(
    "--recipe",
    default="default",
    metavar="default|robust",
    help="A choice of all that follows down to --copies; robust is made to travel to other sources of images.",
)
@click.option("--view", metavar="resize|crop|tiles", help="The image made small, or squares at its own resolution.")
@click.option("--tiles", type=click.IntRange(1), help="How many squares view tiles takes.")
@click.option("--pool", metavar="mean|each", help="Average tiles, or keep columns for each.")
@click.option("--input", "inputs", metavar="rgb,residual,spectrum", help="What of the pixels; one or several.")
@click.option("--layers", metavar="stem,layer1,...,layer4,penultimate", help="Where the network is read.")
@click.option("--tta", metavar="none|flips", help="Average the vectors of an image and its mirror image.")
@click.option(
    "--fast/--exact", default=None, help="Scaled decoding of large JPEGs; on a GPU its own decoder, and half precision."
)
@click.option("--copies", type=click.IntRange(0), help="Varied copies (resized, blurred, JPEG) of a training image.")
@FEATURES
@click.option("--name", show_default="the folder's name", help="What to call the set.")
@click.option(
    "--layout",
    metavar="LEVEL/LEVEL/...",
    show_default="known by the folders' names",
    help="What each level of folders is: set, class, source, set_class (as in train_real), * (nothing) or ** (any "
    "number of folders, kept as the source). Examples: class, set/class, set/source/class, class/set.",
)
@click.option(
    "--labels",
    type=click.Path(),
    show_default="metadata.csv, .jsonl, .parquet or .tsv in DIR, or in each of its sets",
    help="A table of the images, a row each: CSV, TSV, JSON, JSON lines or Parquet. Without one, folders are read.",
)
@click.option("--path-column", show_default="file_name, path, file, ...", help="Column of the table that holds paths.")
@click.option("--label-column", show_default="label, class, target, ...", help="Column of the table that holds labels.")
@click.option(
    "--set-column",
    show_default="split, set, or one that names train",
    help="Column of the table that names the set of each image: train, val, test or a custom set.",
)
@click.option(
    "--group-column",
    show_default="group",
    help="Column of the table; rows with equal values stay on one side of every split.",
)
@click.option(
    "--group-rows",
    type=click.IntRange(2),
    help="Every N successive rows of the table are one group (pairs: 2).",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME=PATTERN",
    help="Call folders (or labels of a table) that match PATTERN by NAME; repeat it, the first match wins.",
)
def extract(directory: str, out: str, classes: tuple[str, ...], recipe: str, copies: int | None, **options) -> None:
    """Extract the features of all images in DIR.

    DIR holds CLASS/... folders, or SET/CLASS/... folders (train, val, test; any other name is a custom test set), or
    images alone, or a metadata.csv that names them. Where its folders can be read in two ways, the command stops and
    shows both; --layout chooses.
    """
    from featex.dataset import parse_class
    from featex.extraction import extract
    from featex.progress import TerminalProgress
    from featex.recipes import choose
    from featex.units import near_sentence

    choices = {name: options.pop(name) for name in ("view", "tiles", "pool", "inputs", "layers", "tta", "fast")}
    for name in ("inputs", "layers"):
        choices[name] = choices[name] and tuple(word.strip() for word in choices[name].split(","))
    chosen = choose(recipe, copies=copies, **choices)
    done = extract(
        directory,
        out,
        views=chosen.views,
        copies=chosen.copies,
        classes=[parse_class(text) for text in classes],
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
@click.option("--backbone", default="resnet18", help="See `featex backbones`.")
@click.option(
    "--weights",
    default="auto",
    envvar="FEATEX_WEIGHTS",
    show_envvar=True,
    help="As extract takes it; speed is the same.",
)
@DEVICE
@click.option("--batch-size", type=click.IntRange(1), show_default="6 on a CPU, 256 on a GPU")
@click.option("--fast", is_flag=True, help="As extract takes it.")
@click.option("--images", "n_images", default=200, type=click.IntRange(1), help="How many are drawn.")
@click.option("--runs", default=3, type=click.IntRange(1), help="How often each stage is measured.")
def bench(directory: str, fast: bool, **options) -> None:
    """Say how fast this machine extracts the images in DIR, and what holds it back."""
    from featex.bench import bench
    from featex.progress import TerminalProgress
    from featex.views import View

    told = bench(directory, view=View(fast=fast), progress=TerminalProgress(), **options)
    click.echo("\n".join(told.lines()))


@cli.command()
@click.argument("source", metavar="DIR", type=click.Path())
@click.argument("target", metavar="NEW_FOLDER", type=click.Path())
def unpack(source: str, target: str) -> None:
    """Write the images inside Parquet files in DIR, as Hugging Face keeps data sets, to NEW_FOLDER.

    A metadata.csv beside the images holds their labels and sets, so that every other command reads the new folder.
    """
    from featex.progress import TerminalProgress
    from featex.unpack import unpack
    from featex.words import count

    done = unpack(source, target, TerminalProgress())
    empty = f"; {count(done.empty, 'row')} without an image left out" if done.empty else ""
    click.echo(f"{count(done.images, 'image')}{empty}: {done.folder}")


@cli.command()
def backbones() -> None:
    """List the backbones."""
    from featex.backbones import BACKBONES

    click.echo(f"{'name':<16} {'n_features':>10}  {'pixels':>6}  weights")
    for backbone in BACKBONES.values():
        click.echo(f"{backbone.name:<16} {backbone.n_features:>10}  {backbone.crop:>6}  {backbone.weights}")
    click.echo("timm:NAME        any of timm's, with the timm extra: pip install 'featex[timm]'")


@cli.command()
@FEATURES
def show(out: str) -> None:
    """List the extractors and sets on disk."""
    from featex.cache import parts_size
    from featex.features import stored_sets

    sets = stored_sets(Path(out))
    if not sets:
        click.echo(f"No features in {out} yet; make some with: featex extract DIR")
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
@FEATURES
def verify(out: str) -> None:
    """Check every part and every row on disk; exit 1 and list what is wrong."""
    from featex.features import stored_sets, verify
    from featex.words import count

    problems = list(verify(Path(out)))
    for problem in problems:
        click.echo(problem)
    if problems:
        raise InputError(f"{count(len(problems), 'problem')} in {out}; delete what is named, run featex extract again")
    click.echo(f"All well: {count(len(stored_sets(Path(out))), 'set')} in {out}")


@cli.command()
@click.argument("name", metavar="[SET]", required=False)
@click.option("--to", "path", type=click.Path(), show_default="SET.npz", help="A .npz, .csv or .parquet file.")
@FEATURES
def export(name: str | None, path: str | None, out: str) -> None:
    """Write a set (the newest by default) with its vectors as one file."""
    from featex.features import export, load_features

    features = load_features(Path(out), name)
    target = Path(path or f"{features.name}.npz")
    export(features, target)
    click.echo(f"{len(features.X):,} rows of {features.X.shape[1]} features: {target}")


def main() -> None:
    """Run the command line."""
    run(cli)

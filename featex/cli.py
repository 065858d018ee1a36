"""The command line `featex`: from images to features on disk."""

from functools import partial
from pathlib import Path

import click

from featex.commands import following, names, option, program, terminal_progress
from featex.layout import Artifacts
from featex.options import ARTIFACTS, BACKBONE, BATCH_SIZE, DEVICE, WEIGHTS, WORKERS, dataset_options
from featex.system.terminal import run

FOLDER = click.argument("directory", metavar="[DIR]", required=False, type=click.Path())


@program
def cli() -> None:
    """Turn folders of images into deep features on disk."""


@cli.command(
    examples=[
        "featex extract data/photos",
        "featex extract data/photos --recipe robust --name robust",
        "featex extract photos --class ai='AI_*' --class real='*'",
    ]
)
@FOLDER
@dataset_options
@BACKBONE
@WEIGHTS
@option(
    "--recipe",
    default="default",
    metavar="default|robust",
    group="Features",
    help="A preset of all options from --view to --copies. default: the penultimate layer for the resized image. "
    "robust: layer1, spectrum and statistics, with one varied copy of each training image; for images from other "
    "sources.",
)
@option(
    "--view",
    metavar="resize|crop|tiles",
    show_default="resize",
    group="Features",
    help="Part of an image: all of it, resized; or its middle, or several squares, at full resolution.",
)
@option(
    "--tiles", type=click.IntRange(1, 9), show_default="5", group="Features", help="Number of squares for --view tiles."
)
@option(
    "--pool",
    metavar="mean|each",
    show_default="mean",
    group="Features",
    help="mean: average the tiles' vectors; each: keep columns for each tile.",
)
@names(
    "--input",
    "inputs",
    metavar="rgb,residual,spectrum,statistics",
    show_default="rgb",
    group="Features",
    help="What features are computed from: the image (rgb) or its noise residual, through the network; or its spectrum "
    "or natural scene statistics, without the network. Several are concatenated.",
)
@names(
    "--layers",
    metavar="stem,layer1,...,layer4,penultimate",
    show_default="penultimate",
    group="Features",
    help="Layers of the network whose output gives features. Several are concatenated.",
)
@option(
    "--tta",
    metavar="none|flips",
    show_default="none",
    group="Features",
    help="flips: average the vectors of an image and its mirror image.",
)
@option(
    "--copies",
    type=click.IntRange(0),
    show_default="0; 1 for --recipe robust",
    group="Features",
    help="Number of varied copies (resized, blurred, JPEG) of a training image.",
)
@option(
    "--fast/--exact",
    default=None,
    show_default="exact",
    help="fast: decode large JPEGs at a smaller scale; on a GPU, decode there and compute in half precision.",
)
@DEVICE
@BATCH_SIZE
@WORKERS
@option("--name", show_default="the folder's name", group="Output", help="Name of the set.")
@ARTIFACTS
def extract(directory: str | None, artifacts: Artifacts, recipe: str, copies: int | None, **options):
    """Extract the features of all images in DIR, which is data/ by default.

    DIR holds CLASS/... folders, or SET/CLASS/... folders (train, val, test; any other name is an external test set), or
    only images, or a metadata.csv that lists them. If the folders can be read in two ways, the command stops and shows
    both; --layout chooses. Vectors that are stored are not computed again.
    """
    from featex.extraction.extract import extract
    from featex.extraction.recipes import choose_recipe
    from featex.targets import folder_target

    progress = terminal_progress()
    directory = folder_target(directory, progress)
    choices = {name: options.pop(name) for name in ("view", "tiles", "pool", "inputs", "layers", "tta", "fast")}
    choices = {name: value for name, value in choices.items() if value not in (None, ())}
    chosen = choose_recipe(recipe, copies=copies, **choices)
    done = extract(directory, artifacts.features, recipe=chosen, progress=progress, **options)
    return _extracted(done, chosen)


def _extracted(done, chosen):
    from featex.extraction.recipes import choose_recipe
    from featex.store.units import near_sentence
    from featex.system.output import Result, Saved

    rows, _ = done.stored.read()
    classes = {label: int(n) for label, n in rows["label"].value_counts(sort=False).items() if label}
    sets = {split or "images": int(n) for split, n in rows["split"].value_counts(sort=False).items()}
    rate = f" ({done.computed / done.seconds:,.1f} images/s on {done.device})" if done.computed else ""
    lines = [
        f"{done.n_images:,} images: {done.cached:,} cached, {done.computed:,} computed{rate}, {done.failed:,} failed; "
        f"{done.seconds:,.1f} s"
    ]
    if chosen != choose_recipe():
        lines.insert(0, f"Features of each image: {chosen.sentence()} ({done.n_features:,} columns)")
    if chosen.copies:
        lines.append(f"Varied copies of training images: {chosen.copies} each; {done.computed_copies:,} computed now")
    lines += [f"Note: {note}" for note in done.notes]
    if done.near:
        lines.append(
            f"{near_sentence(done.near)} (with classify tune --near-duplicates keep, they count as different images)."
        )
    if done.failed:
        lines.append(f"Cannot be used: {'; '.join(done.failed_kinds)}. Reasons: {done.stored.failed_path}")
    record = {name: getattr(done, name) for name in ("n_images", "cached", "computed", "failed", "seconds", "device")}
    record |= {"set": done.stored.name, "path": done.stored.path, "sets": sets, "classes": classes}
    record |= {"n_features": done.n_features, "near_duplicates": done.near, "notes": done.notes}
    usable = (
        following("classify tune svm") if len(classes) > 1 else following(f"classify predict MODEL {record['set']}")
    )
    return Result(record, [*lines, Saved(f"Set {done.stored.name!r}", done.stored.path)], [usable])


@cli.command(examples=["featex bench data/photos", "featex bench data/photos --images 50 --fast"])
@FOLDER
@BACKBONE
@WEIGHTS
@option("--fast", is_flag=True, help="As for `featex extract`.")
@DEVICE
@BATCH_SIZE
@option("--images", "n_images", default=200, type=click.IntRange(1), help="Number of images drawn from DIR.")
@option("--runs", default=3, type=click.IntRange(1), help="Measurements of each stage.")
def bench(directory: str | None, fast: bool, **options):
    """Measure how fast this machine extracts the images in DIR, and which stage limits it."""
    from dataclasses import asdict

    from featex.extraction.bench import bench
    from featex.network.views import View
    from featex.system.output import Result
    from featex.targets import folder_target

    progress = terminal_progress()
    directory = folder_target(directory, progress)
    done = bench(directory, view=View(fast=fast), progress=progress, **options)
    record = asdict(done) | {"median": {stage: done.rate(stage) for stage in done.rates}, "slowest": done.slowest}
    return Result(record, done.lines(), [f"featex extract {directory}"])


@cli.command(examples=["featex unpack downloads/cifake data/cifake"])
@click.argument("source", metavar="DIR", type=click.Path())
@click.argument("target", metavar="NEW_FOLDER", type=click.Path())
def unpack(source: str, target: str):
    """Write the images inside the Parquet files in DIR, as Hugging Face stores data sets, to NEW_FOLDER.

    A metadata.csv in NEW_FOLDER holds their labels and sets, so that every other command can read the folder.
    """
    from featex.datasets.unpack import unpack
    from featex.system.output import Result, Saved
    from featex.system.words import count

    done = unpack(source, target, terminal_progress())
    empty = f"; {count(done.empty, 'row')} without an image skipped" if done.empty else ""
    record = {"folder": done.folder, "images": done.images, "rows_without_image": done.empty}
    lines = [f"{count(done.images, 'image')}{empty}", Saved("Folder", done.folder)]
    return Result(record, lines, [f"featex extract {done.folder}"])


@cli.command(examples=["featex backbones"])
def backbones():
    """List the backbones with their numbers of features, image sizes and weights."""
    from featex.network.backbones import BACKBONES
    from featex.system.output import Result, Table

    columns = ["name", "features", "pixels", "weights"]
    rows = [[one.name, one.n_features, one.crop, one.weights] for one in BACKBONES.values()]
    record = {"backbones": [dict(zip(columns, row, strict=True)) for row in rows]}
    timm = "timm:NAME is any timm model, with the timm extra: pip install '.[timm]'"
    return Result(record, [Table(columns, rows), timm], ["featex extract data/photos --backbone resnet50"])


@cli.command(examples=["featex show", "featex show --json"])
@ARTIFACTS
def show(artifacts: Artifacts):
    """List the sets of features on disk, the newest last, and the networks that made them."""
    from featex.store.cache import parts_size
    from featex.store.features import stored_sets
    from featex.system.output import Result, Table

    sets, extractors = [], []
    for stored in stored_sets(artifacts.features):
        rows, root = stored.read()
        counts = {split or "images": int(n) for split, n in rows["split"].value_counts(sort=False).items()}
        facts = {"set": stored.name, "images": len(rows), "sets": counts, "extractor": stored.extractor_dir.name}
        sets.append(facts | {"images_in": root})
    for directory in dict.fromkeys(stored.extractor_dir for stored in stored_sets(artifacts.features)):
        stored = next(one for one in stored_sets(artifacts.features) if one.extractor_dir == directory)
        passport, size = stored.extractor(), parts_size([directory / "vectors"]) / 1e6
        facts = {name: passport[name] for name in ("backbone", "weights", "n_features")}
        extractors.append(
            {"extractor": directory.name} | facts | {"vectors": len(stored.cache()), "MB": round(size, 1)}
        )
    record = {"sets": sets, "extractors": extractors}
    if not sets:
        return Result(record, [f"No features in {artifacts.features} yet."], [following("featex extract DIR")])
    cells = [
        [
            one["set"],
            f"{one['images']:,}",
            ", ".join(f"{split} {n:,}" for split, n in one["sets"].items()),
            one["extractor"],
            one["images_in"],
        ]
        for one in sets
    ]
    columns = [[f"{value:,}" if isinstance(value, int) else value for value in one.values()] for one in extractors]
    lines = [
        Table(["set", "images", "in sets", "extractor", "images in"], cells, optional=["images in"]),
        "",
        Table(["extractor", "backbone", "weights", "features", "vectors", "MB"], columns, optional=["MB", "weights"]),
    ]
    return Result(record, lines, [following("classify tune svm"), following(f"featex export {sets[-1]['set']}")])


@cli.command(examples=["featex verify"])
@ARTIFACTS
def verify(artifacts: Artifacts):
    """Check all stored vectors and rows; list the problems, and exit with code 3 if there are any."""
    from featex.store.features import stored_sets, verify
    from featex.system.output import Result
    from featex.system.words import count

    problems = list(verify(artifacts.features))
    n_sets, place = len(stored_sets(artifacts.features)), artifacts.features
    record = {"features": place, "sets": n_sets, "problems": problems}
    if problems:
        failure = f"{count(len(problems), 'problem')} in {place}; delete the files named, then run featex extract again"
        return Result(record, problems, failed=failure)
    return Result(record, [f"No problems: {count(n_sets, 'set')} in {place}"])


@cli.command(examples=["featex export sample --out sample.parquet"])
@click.argument("name", metavar="[SET]", required=False)
@option(
    "--out",
    type=click.Path(),
    show_default="SET.npz",
    group="Output",
    help="File to write; its name ends in .npz, .parquet, .csv or .json.",
)
@ARTIFACTS
def export(name: str | None, out: str | None, artifacts: Artifacts):
    """Write a set (by default the newest) with its vectors to one file."""
    from featex.store.features import export, load_features
    from featex.system.output import Result, Saved
    from featex.targets import set_target

    features = load_features(artifacts.features, set_target(name, artifacts, terminal_progress()))
    target = Path(out or f"{features.name}.npz")
    export(features, target)
    n, n_features = features.X.shape
    record = {"set": features.name, "path": target, "n_images": n, "n_features": n_features}
    return Result(record, [f"{n:,} rows of {n_features:,} features of {features.name}", Saved("File", target)])


main = partial(run, cli)

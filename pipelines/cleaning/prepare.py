"""prepare(): from raw downloads to clean images. It crops signatures, splits sheets, drops screenshots, blanks, copies.

Threads read and decode each image once to judge it; only judgements and hashes stay in memory. Then the images that
remain are written: a file that needs no change byte for byte, parts of an image as `pipelines.cleaning.crops` saves
them. A rule acts only where it is sure.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from featex.datasets.dataset import find_images
from featex.errors import ImageError, InputError, unknown
from featex.images.decode import decode
from featex.images.duplicates import MIN_CORRELATION, SIDE, find_duplicates, thumbnail
from featex.store.cache import content_key
from featex.store.units import independent_units
from featex.system.disk import new_folder
from featex.system.progress import Progress
from pipelines.cleaning.crops import cut
from pipelines.cleaning.judgement import SURE
from pipelines.cleaning.keepers import choose
from pipelines.cleaning.record import Prepared, tabulate, write_report
from pipelines.cleaning.rules import RULES, Box, Rule, Verdict, judge, view
from pipelines.images.new_folder import beside, each, image_bytes, new_paths, none_is_left, save, write_metadata


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is known of one file until it is written; `reason` if it cannot be used."""

    reason: str = ""
    key: str = ""
    n_bytes: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    whole: Box = (0, 0, 0, 0)
    pixels: tuple[str, ...] = ()
    thumbnails: tuple[np.ndarray, ...] = ()


def prepare(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    skip: Sequence[str] = (),
    dry_run: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    **dataset_options,
) -> Prepared:
    """Write a cleaned copy of the images in `source` into the new folder `target`, and return what was done to each.

    `source` is only read. `target` appears whole or not at all. Files keep their paths, and the parts of ``a.png`` are
    ``a_1.png`` to ``a_4.png``. `featex.datasets.dataset.find_images` finds the labels and sets of `source` in it; the
    parts of a sheet, and copies that are kept, share a group, which is written to ``metadata.csv``. The folder
    ``<target>-prepared`` beside it holds the tables and contact sheets of `pipelines.cleaning.record`.

    Copies are searched for among the images to be written, so each part of a sheet is compared;
    `pipelines.cleaning.keepers.choose` decides which one stays. The confidence is 1 for equal pixels, else at most
    0.99, less the more the thumbnails differ.

    Parameters
    ----------
    source : path
        A folder in one of the layouts that `featex.datasets.dataset.find_images` knows.
    target : path
        Absent or empty, and not inside `source`.
    skip : sequence of str
        Names in `RULES` to switch off.
    dry_run : bool
        Write only the record.
    workers : int, optional
        Threads, each with one image at a time; by default one per core, at most 16.
    progress : Progress, optional
    **dataset_options
        As `featex.datasets.dataset.find_images` takes them: labels, path_column, ..., classes.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        If an option, `source` or `target` cannot be used, no image can be read, or none is left.
    StoreError
        If `target` or the record cannot be written.
    """
    for name in skip:
        if name not in RULES:
            raise unknown("rule", name, RULES)
    rules = {name: rule for name, rule in RULES.items() if name not in skip}
    progress = progress or Progress()
    dataset = find_images(source, **dataset_options)
    table, report = dataset.table, beside(target, "prepared", dataset.root)
    progress.say(f"{source}: {dataset.sentence}")
    files = [dataset.root / path for path in table["path"]]
    with nullcontext() if dry_run else new_folder(target, source=source) as folder:
        seen = each(progress, "look", partial(_look, rules), files, table["size"], workers=workers)
        events, parts = _judged(seen), _parts(table, seen)
        if "duplicates" in rules:
            parts, copies = _without_copies(parts, table["path"], progress)
            events += copies
        by_image = dict(list(parts.groupby("image")))
        reasons, saved = {i: one.reason for i, one in enumerate(seen) if one.reason}, {}
        if folder:
            jobs = [files[i] for i in by_image], [seen[i] for i in by_image], list(by_image.values())
            done = each(progress, "write", partial(_write, folder), *jobs, workers=workers)
            reasons |= {i: reason for i, (reason, _) in zip(by_image, done, strict=True) if reason}
            saved = {i: how for i, (_, how) in zip(by_image, done, strict=True)}
        if len(reasons) == len(table):
            raise none_is_left({table["path"][i]: reason for i, reason in reasons.items()}, source)
        parts = parts[~parts["image"].isin(reasons)]
        prepared = Prepared(
            Path(target).resolve() if folder else None,
            report,
            *tabulate(table, parts, events, reasons, saved),
            {name: rule.title for name, rule in rules.items()},
            len(parts),
        )
        write_report(prepared, dataset.root)
        if parts.empty:
            raise InputError(f"the rules drop every image below {source}; {report} says why")
        if folder:
            write_metadata(folder, parts)
    return prepared


def _look(rules: Mapping[str, Rule], file: Path, n_bytes: int) -> _Seen:
    try:
        data = image_bytes(file, n_bytes)
        image = decode(data)
    except ImageError as error:
        return _Seen(str(error))
    verdict = judge(image, rules)
    parts = [view(image, box) for box in verdict.parts] if "duplicates" in rules else []
    height, width, _ = image.shape
    return _Seen(
        "",
        content_key(data),
        len(data),
        verdict,
        (0, 0, width, height),
        tuple(content_key(repr(part.shape).encode() + part.tobytes()) for part in parts),
        tuple(thumbnail(part) for part in parts),
    )


def _judged(seen: Sequence[_Seen]) -> list[dict]:
    """Return a row for each judgement on one image, acted on or for review."""
    return [
        _event(i, name, judgement.action, judgement.confidence, judgement.why, acted)
        for i, one in enumerate(seen)
        for acted, judgements in ((True, one.verdict.acted), (False, one.verdict.unsure))
        for name, judgement in judgements
    ]


def _event(image: int, rule: str, would: str, confidence: float, why: str, acted: bool, other: str = "") -> dict:
    event = {"image": image, "rule": rule, "would": would, "confidence": confidence, "why": why}
    return event | {"acted": acted, "other": other}


def _parts(table: pd.DataFrame, seen: Sequence[_Seen]) -> pd.DataFrame:
    """Return a row for each file to write, with label, set, source and group of the image it comes from."""
    names = new_paths(list(table["path"]), [len(one.verdict.parts) for one in seen])
    rows = [
        {
            "image": i,
            "path": name,
            "box": box,
            "pixels": (box[2] - box[0]) * (box[3] - box[1]),
            "bytes": one.n_bytes,
            "content": one.pixels[number] if one.pixels else "",
            "thumbnail": one.thumbnails[number] if one.thumbnails else None,
            "whole": box == one.whole,
            "several": len(one.verdict.parts) > 1,
        }
        for i, one in enumerate(seen)
        for number, (box, name) in enumerate(zip(one.verdict.parts, names[i], strict=True))
    ]
    columns = ["image", "path", "box", "pixels", "bytes", "content", "thumbnail", "whole", "several"]
    parts = pd.DataFrame(rows, columns=columns).astype({"image": int, "path": str, "several": bool})
    origin = table.iloc[parts["image"]].reset_index(drop=True)
    parts[["label", "split", "source"]] = origin[["label", "split", "source"]]
    together = parts["several"] & (origin["group"] == "")
    parts["group"] = origin["group"].where(~together, "parts of " + origin["path"])
    return parts


def _without_copies(parts: pd.DataFrame, paths: pd.Series, progress: Progress) -> tuple[pd.DataFrame, list[dict]]:
    """Return the parts that stay, with copies in one group, and a row for each copy dropped or disputed."""
    try:
        thumbnails = np.stack([*parts["thumbnail"], np.zeros((SIDE, SIDE), np.uint8)])[:-1]  # also where there is none
        duplicates = find_duplicates(thumbnails, parts["content"], mirrored=False, progress=progress)
    except InputError as error:
        raise InputError(f"{error}, or keep all of them: skip the rule duplicates") from error
    choice = choose(parts, duplicates)
    mirrored = choice.disputed.rename(columns={"image": "other", "other": "image"})
    events = []
    for acted, copies in ((True, choice.dropped), (False, choice.disputed), (False, mirrored)):
        for copy in copies.itertuples():
            one, other = parts.iloc[copy.image], parts.iloc[copy.other]
            exact = copy.kind == "exact"
            alike = "the same pixels as" if exact else f"nearly the same (correlation {1 - copy.distance:.3f}) as"
            place = " ".join(filter(None, (other["split"], other["label"]))) or "without a label"
            would, where = ("drop", "") if acted else ("report", f", which is {place}")
            why = f"{one['path']}: {alike} {other['path']}{where}"
            beside = paths[other["image"]]
            events.append(
                _event(
                    one["image"],
                    "duplicates",
                    would,
                    1.0 if exact else confidence_of(copy.distance),
                    why,
                    acted,
                    beside,
                )
            )
    stay = np.setdiff1d(np.arange(len(parts)), choice.dropped["image"])
    return grouped(parts.iloc[stay].reset_index(drop=True), duplicates.groups[stay]), events


def grouped(parts: pd.DataFrame, copies: np.ndarray) -> pd.DataFrame:
    """Return the parts with one `group` for copies and for everything that shared a group with one of them before."""
    single = parts.assign(key=np.arange(len(parts)).astype(str))
    units = pd.Series(independent_units(single))
    together = independent_units(single.assign(near=copies.astype(str)))
    grew = units.groupby(together).transform("nunique") > 1
    names = "copies of " + parts["path"].groupby(together).transform("first")
    return parts.assign(group=parts["group"].where(~grew.to_numpy(), names))


def confidence_of(distance: float) -> float:
    """Return the confidence that images with different pixels are copies: 0.99 where their thumbnails are equal.

    Wherever pairs that `find_duplicates` returns were checked, they were copies, so the most different get `SURE`.
    """
    return round(0.99 - (0.99 - SURE) * distance / (1 - MIN_CORRELATION), 3)


def _write(folder: Path, file: Path, seen: _Seen, parts: pd.DataFrame) -> tuple[str, str]:
    """Write the parts of one file into `folder`; return the reason if that fails, and how cut parts were saved."""
    try:
        data = image_bytes(file, 0)
        if content_key(data) != seen.key:
            return "it changed during the run", ""
        contents, saved = ([data], "") if parts["whole"].all() else cut(data, list(parts["box"]))
    except ImageError as error:
        return str(error), ""
    for path, content in zip(parts["path"], contents, strict=True):
        save(folder / path, content)
    return "", saved

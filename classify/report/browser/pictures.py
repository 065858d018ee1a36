"""Which pictures a page holds: those of errors first, up to a number of bytes."""

import base64
from collections.abc import Iterable

import pandas as pd

from classify.predictions import Predictions
from classify.report.browser.answers import unseen
from classify.report.browser.gallery import LARGE, SMALL, Gallery

N_CHOSEN, N_OTHER, N_RIGHT = 60, 8, 6  # images of each set: errors of the chosen model, of another, and right answers
N_NEAR = 3  # most similar training images of an image
SMALL_BYTES, LARGE_BYTES = 1_500_000, 1_600_000  # of all pictures in a page; base64 adds a third


def worth_showing(predictions: Predictions, chosen: str) -> list[str]:
    """Return the paths of images to show, the most important first.

    Those are the most confident errors of `chosen`, the sets in turn; then errors of each other model, and images on
    which `chosen` is right.
    """
    rows = unseen(predictions).sort_values("sure", ascending=False, kind="stable")
    rows["rank"] = rows.groupby(["model", "set", "wrong"]).cumcount()
    is_chosen, wrong = rows["model"] == chosen, rows["wrong"]
    parts = [
        rows[is_chosen & wrong & (rows["rank"] < N_CHOSEN)],
        rows[~is_chosen & wrong & (rows["rank"] < N_OTHER)],
        rows[is_chosen & ~wrong & (rows["rank"] < N_RIGHT)],
    ]
    return list(dict.fromkeys(pd.concat([part.sort_values("rank", kind="stable") for part in parts])["path"]))


def similar(gallery: Gallery, paths: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return (path, label) of the most similar training images of each image of which they are stored."""
    table = gallery.neighbours()
    table = table[table["path"].isin(set(paths)) & (table["rank"].astype(int) < N_NEAR)].sort_values("rank")
    return {path: list(zip(part["neighbour"], part["label"], strict=True)) for path, part in table.groupby("path")}


def file_facts(gallery: Gallery, paths: Iterable[str]) -> dict[str, str]:
    """Return in words what is known of each image's file: "JPEG, 640 x 480 pixels, quality 90, 75 kB"."""
    table = gallery.facts()
    return {row.path: _in_words(row) for row in table[table["path"].isin(set(paths))].itertuples()}


def _in_words(row) -> str:
    quality = "" if pd.isna(row.jpeg_quality) else f", JPEG quality about {row.jpeg_quality:.0f}"
    return f"{row.format}, {row.width} × {row.height} pixels{quality}, {row.size / 1000:,.1f} kB"


def embedded(gallery: Gallery, paths: Iterable[str], side: int, most_bytes: int) -> dict[str, str]:
    """Return pictures of images by path, as base64, in the given order, until `most_bytes` are reached."""
    pictures, left = {}, most_bytes
    for path in dict.fromkeys(paths):
        data = gallery.picture(path, side)
        if data is None:
            continue
        if len(data) > left:
            break
        left -= len(data)
        pictures[path] = base64.b64encode(data).decode()
    return pictures


def small_and_large(gallery: Gallery, paths: list[str], near: dict[str, list[tuple[str, str]]]) -> tuple[dict, dict]:
    """Return the thumbnails and the larger pictures that a page has room for, by path.

    A larger picture is left out where the image is as small as a thumbnail.
    """
    similar_paths = [one for path in paths[:N_CHOSEN] for one, _ in near.get(path, ())]
    small = embedded(gallery, [*paths, *similar_paths], SMALL, SMALL_BYTES)
    facts = gallery.facts().set_index("path")
    tiny = set(facts.index[facts[["width", "height"]].astype(float).max(axis=1) <= SMALL])
    large = embedded(gallery, [path for path in paths if path not in tiny], LARGE, LARGE_BYTES)
    return small, large

"""Images that a model gets wrong and right, the most confident first, as thumbnails on the page."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image

from classify.pages.html import uri
from classify.pages.words import percent
from classify.predictions import VALIDATION, Predictions, set_title
from classify.stats.evaluation import Evaluation
from classify.stats.reliability import sureness
from featex.errors import FeatexError
from featex.images.decode import decode
from featex.system.disk import born_whole

SIDE = 144  # pixels of a thumbnail's longer side
N_WRONG, N_RIGHT, N_NEAR = 12, 6, 3
NEIGHBOURS = "neighbours.csv"


@dataclass(frozen=True)
class Gallery:
    """Thumbnails of a data set's images. Each is made once and stored in `folder`, so later pages need no images.

    Parameters
    ----------
    folder : Path
        One folder for each data set, because a thumbnail is named after its image's path alone.
    root : Path
        The folder that paths start from.
    """

    folder: Path
    root: Path

    def thumbnail(self, path: str) -> bytes | None:
        """Return a small JPEG of an image; None if none is stored and the image cannot be read."""
        kept = self.folder / f"{hashlib.sha256(path.encode()).hexdigest()[:24]}.jpg"
        try:
            return kept.read_bytes()
        except OSError:
            pass
        try:
            image = Image.fromarray(decode((self.root / path).read_bytes()))
        except (FeatexError, OSError):
            return None
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        file = BytesIO()
        image.save(file, "JPEG", quality=80, optimize=True)
        with born_whole(kept) as temporary:
            temporary.write_bytes(file.getvalue())
        return file.getvalue()

    def keep_neighbours(self, table: pd.DataFrame) -> None:
        """Store nearest training images: ``path, rank, neighbour, label, distance``."""
        known = self.neighbours()
        table = pd.concat([known[~known["path"].isin(table["path"])], table])
        with born_whole(self.folder / NEIGHBOURS) as temporary:
            table.to_csv(temporary, index=False)

    def neighbours(self) -> pd.DataFrame:
        """Return the nearest training images that `keep_neighbours` stored."""
        try:
            texts = {"path": str, "neighbour": str, "label": str}  # of a class that may be called NA or 00001
            return pd.read_csv(self.folder / NEIGHBOURS, dtype=texts, keep_default_na=False)
        except (OSError, ValueError):
            return pd.DataFrame(columns=["path", "rank", "neighbour", "label", "distance"])


def picked(predictions: Predictions, model: str) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield (set, wrong, right) for each unseen labelled set: rows of a model, the most confident first.

    Their column ``sure`` is the probability of the predicted class.
    """
    rows = predictions.labelled[lambda table: (table["model"] == model) & (table["set"] != VALIDATION)]
    sure = sureness(predictions.probabilities(rows), rows["predicted"], predictions.classes)
    rows = rows.assign(sure=sure).sort_values("sure", ascending=False, kind="stable")
    for name in predictions.sets:
        part = rows[rows["set"] == name]
        if len(part):
            right = part["label"] == part["predicted"]
            yield name, part[~right], part[right]


def shown_errors(predictions: Predictions, model: str) -> list[str]:
    """Return the paths of a model's errors that the page shows."""
    return [path for _, wrong, _ in picked(predictions, model) for path in wrong["path"].head(N_WRONG)]


def galleries(evaluation: Evaluation, gallery: Gallery) -> list[dict]:
    """Return the variables of ``gallery.html``: for each model and set, thumbnails of wrong and right images.

    Errors of the chosen model have their nearest training images beside them.
    """
    near, chosen = gallery.neighbours(), evaluation.chosen
    shown = []
    for model in evaluation.predictions.models:
        sets = []
        for name, wrong, right in picked(evaluation.predictions, model):
            rows = {"wrong": wrong.head(N_WRONG), "right": right.head(N_RIGHT)}
            sets.append(
                {
                    "title": set_title(name),
                    "n_wrong": len(wrong),
                    "n": len(wrong) + len(right),
                    **{key: [_picture(row, gallery) for row in part.to_dict("records")] for key, part in rows.items()},
                }
            )
            for picture in sets[-1]["wrong"] if model == chosen else ():
                of_it = near[near["path"] == picture["path"]].sort_values("rank").head(N_NEAR)
                picture["near"] = [
                    {"path": one.neighbour, "label": one.label, "uri": _uri(gallery, one.neighbour)}
                    for one in of_it.itertuples()
                ]
        shown.append({"model": model, "open": model == chosen, "sets": sets})
    return sorted(shown, key=lambda one: not one["open"])


def _picture(row: dict, gallery: Gallery) -> dict:
    return {
        "path": row["path"],
        "uri": _uri(gallery, row["path"]),
        "label": row["label"],
        "predicted": row["predicted"],
        "sure": percent(row["sure"]),
        "near": [],
    }


def _uri(gallery: Gallery, path: str) -> str:
    data = gallery.thumbnail(path)
    return uri(data, "image/jpeg") if data else ""

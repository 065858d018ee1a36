"""How well files and pixels predict the class before images are changed, and after."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import DataError
from classify.pages.words import listed, percent, with_interval
from featex.datasets.dataset import Dataset, find_images
from featex.errors import ImageError
from featex.images.decode import decode
from featex.images.facts import file_facts
from featex.store.cache import content_key
from featex.system.progress import Progress
from pipelines.auditing.appearance import look
from pipelines.auditing.leaks import sides_of
from pipelines.auditing.shortcuts import HIGH, LOW, SCORE, file_scores, pixel_scores
from pipelines.cleaning.normalise import Form, Normalised, normalise
from pipelines.images.new_folder import each, image_bytes

MOST_LOOKED_AT = 1000
"""Images of each folder whose pixels are measured; their intervals are narrow enough, and each image takes 50 ms."""

FILES, PIXELS = "files", "pixels"


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """How well each family of properties predicts the class in two folders.

    Parameters
    ----------
    table : DataFrame
        ``of`` ("files" or "pixels"), ``family``, and of ``before`` and ``after`` the balanced accuracy, with
        ``_low`` and ``_high`` of its 95 % interval for all families together (NaN where nothing varies).
    n_classes : int
        After.
    """

    table: pd.DataFrame
    n_classes: int

    @property
    def words(self) -> pd.DataFrame:
        """``of, family, before, after``, with each score and its interval as text."""
        columns = {when: [with_interval(row, when) for _, row in self.table.iterrows()] for when in ("before", "after")}
        return self.table[["of", "family"]].assign(**columns)

    @property
    def left(self) -> pd.DataFrame:
        """The families of pixels that still predict the class better than chance, the best first."""
        rows = self.table[self.table["of"] == PIXELS]
        certain = rows["after_low"] > 1 / self.n_classes  # limits are for all families together; NaN: nothing varies
        return rows[certain].sort_values("after", ascending=False, kind="stable")

    @property
    def sentence(self) -> str:
        """The families that still predict the class, in words, or that none does."""
        left = self.left
        if left.empty:
            return (
                "After normalising, no family of pixel statistics is shown to predict the class. A detector that is "
                "made for one trace may still see it."
            )
        names = [
            f"{row['family']} ({percent(row['after'])}, before {percent(row['before'])})" for _, row in left.iterrows()
        ]
        return (
            f"After normalising, these pixel statistics still predict the class: {listed(names)}; chance is "
            f"{percent(1 / self.n_classes)}. Colours and thumbnails may belong to what the pictures show. A smaller "
            "--size removes traces of resampling and saving. Bars, borders and marks stay: crop them, or leave such "
            "images out."
        )


@dataclass(frozen=True, eq=False)
class Measured:
    """Normalised images, and how well files and pixels predict their class, before and after.

    Parameters
    ----------
    done : Normalised
    comparison : BeforeAfter or None
    why : str
        Why there is no comparison.
    """

    done: Normalised
    comparison: BeforeAfter | None
    why: str = ""

    @property
    def lines(self) -> list[str]:
        """What was done, in a few lines for a terminal."""
        why = f"How well file metadata and pixel statistics predict the class was not measured: {self.why}"
        return self.done.lines() + ([] if self.comparison else [why])

    def record(self) -> dict:
        """Return the result as JSON can hold it."""
        table, comparison = self.done.table, self.comparison
        return {
            "folder": str(self.done.folder),
            "table": str(self.done.record),
            "written": int((table["written"] != "").sum()),
            "left_out": int((table["reason"] != "").sum()),
            "size": self.done.form.size,
            "predictability": comparison and comparison.table.to_dict("records"),
            "still_predict": comparison and comparison.left["family"].tolist(),
        }


def normalise_and_measure(
    source: str | os.PathLike,
    target: str | os.PathLike,
    form: Form | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **dataset_options,
) -> Measured:
    """Write every image of `source` in one form into `target`, and measure what still predicts the class.

    The parameters are those of `pipelines.cleaning.normalise.normalise`. Where there are too few classes or images to
    measure anything, the copy is written all the same.
    """
    done = normalise(source, target, form, workers=workers, progress=progress, **dataset_options)
    try:
        return Measured(done, before_and_after(source, done.folder, progress=progress, **dataset_options))
    except DataError as error:
        return Measured(done, None, str(error))


def before_and_after(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    **dataset_options,
) -> BeforeAfter:
    """Return how well each family of file and pixel statistics predicts the class in two folders.

    Parameters
    ----------
    source, target : path
        The images before and after. The options are for `source`; `target` needs none.
    **dataset_options
        As `featex.datasets.dataset.find_images` takes them.

    Raises
    ------
    DataError
        If there are fewer than two classes to train on, or a class has fewer than two images.
    """
    progress = progress or Progress()
    parts = []
    for root, options in ((source, dataset_options), (target, {})):
        rows = _with_facts(find_images(root, **options), progress)
        rows = rows[sides_of(rows).offered].reset_index(drop=True)
        if rows["label"].nunique() < 2:
            raise DataError("it takes two classes with training images")
        parts.append((rows, _scored(rows, Path(root), seed, progress)))
    (_, before), (rows, after) = parts
    table = before.add_prefix("before").join(after.add_prefix("after")).reset_index()
    return BeforeAfter(table, rows["label"].nunique())


def _scored(rows: pd.DataFrame, root: Path, seed: int, progress: Progress) -> pd.DataFrame:
    """Return the score and its limits by ``of`` and ``family``, in columns called "", "_low" and "_high"."""
    labels = rows["label"].to_numpy(dtype=str)
    chosen = np.arange(len(rows))
    if len(rows) > MOST_LOOKED_AT:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MOST_LOOKED_AT, replace=False))
    seen = each(progress, "look", _look, [root / path for path in rows["path"].iloc[chosen]])
    whole = np.array([one is not None for one in seen])
    sample, looks = rows.iloc[chosen[whole]], np.array([one for one in seen if one is not None])
    pixels = pixel_scores(sample.reset_index(drop=True), labels[chosen[whole]], looks, seed=seed)
    files = file_scores(rows, labels, seed=seed)
    table = pd.concat([files.assign(of=FILES), pixels.assign(of=PIXELS)]).set_index(["of", "family"])
    return table[[SCORE, LOW, HIGH]].set_axis(["", "_low", "_high"], axis=1)


def _look(path: Path) -> np.ndarray | None:
    try:
        return look(decode(path.read_bytes()))
    except ImageError:  # damaged behind its header
        return None


def _with_facts(dataset: Dataset, progress: Progress) -> pd.DataFrame:
    """Return the rows of the files that can be read, with content key and facts."""
    files = [dataset.root / path for path in dataset.table["path"]]
    rows = each(progress, "read", _facts, files, dataset.table["size"])
    known = np.array([bool(facts) for facts in rows])
    facts = pd.DataFrame([facts for facts in rows if facts])
    return pd.concat([dataset.table[known].reset_index(drop=True), facts], axis=1)


def _facts(path: Path, n_bytes: int) -> dict:
    try:
        data = image_bytes(path, n_bytes)
        return {"key": content_key(data), **file_facts(data)}
    except ImageError:
        return {}

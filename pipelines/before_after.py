"""What files told of the classes before they were changed, and what they tell after, beside each other."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from classify.words import with_interval
from featex.cache import content_key
from featex.dataset import find_images
from featex.errors import ImageError
from featex.facts import file_facts
from featex.progress import Progress
from pipelines.leaks import sides_of
from pipelines.shortcuts import family_scores


def before_and_after(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    **dataset_options,
) -> pd.DataFrame:
    """Return how well each family of properties of files tells the class in two folders.

    Parameters
    ----------
    source, target : path
        The images before, and after. Options are for `source`; `target` says itself what is in it.
    **dataset_options
        As `featex.dataset.find_images` takes them.

    Returns
    -------
    DataFrame
        ``family``, ``before`` and ``after``: balanced accuracy with its 95 % interval, in words.

    Raises
    ------
    DataError
        If there are fewer than two classes to train on, or than two images of one.
    """
    progress = progress or Progress()
    columns = {}
    for when, root, options in (("before", source, dataset_options), ("after", target, {})):
        rows = _with_facts(find_images(root, **options), progress)
        rows = rows[sides_of(rows).offered].reset_index(drop=True)
        files, _ = family_scores(rows, rows["label"].to_numpy(dtype=str), seed=seed)
        files = files.rename(columns=lambda name: name.replace("balanced accuracy ", "balanced accuracy_"))
        columns[when] = [with_interval(row, "balanced accuracy") for _, row in files.iterrows()]
    return pd.DataFrame({"family": files["family"], **columns})


def _with_facts(dataset, progress: Progress) -> pd.DataFrame:
    """Return the rows of the files that can be read, with their content key and facts."""
    rows = []
    with progress.task("read", len(dataset.table), "file") as tick, ThreadPoolExecutor() as pool:
        for facts in pool.map(_facts, [dataset.root / path for path in dataset.table["path"]]):
            rows.append(facts)
            tick(1)
    known = np.array([bool(facts) for facts in rows])
    facts = pd.DataFrame([facts for facts in rows if facts])
    return pd.concat([dataset.table[known].reset_index(drop=True), facts], axis=1)


def _facts(path: Path) -> dict:
    try:
        data = path.read_bytes()
        return {"key": content_key(data), **file_facts(data)}
    except (OSError, ImageError):
        return {}

"""Predictions for images under conditions.

A file is decoded once, and what is read is cached by content and condition, so that a second run computes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel
from featex.errors import ImageError
from featex.images.decode import decode
from featex.store.cache import content_key
from featex.system.progress import Progress
from pipelines.robustness.conditions import Condition
from pipelines.robustness.readers import Reader, reader_name

CHUNK = 4096  # vectors that are taken from a cache at once, as many as a part of a cache holds


def read_images(
    images: Mapping[str, Path],
    conditions: Sequence[Condition],
    readers: Sequence[Reader],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Let every reader read every image under every condition, into its cache.

    Parameters
    ----------
    images : mapping of str to Path
        The file of each content key.
    workers : int, optional
        Threads that decode and change images; by default one a core, 16 at most.

    Returns
    -------
    dict
        The reason, by content key, for each image that some reader could not read under each condition.

    Raises
    ------
    ModelError
        If something is missing in a cache, and the weights that it takes cannot be had.
    """
    progress = progress or Progress()
    todo = [key for key in images if _missing(key, conditions, readers)]
    if not todo:
        return {}
    # These import torch, which a second run does not need.
    from featex.system.cores import in_order, n_readers, one_core_each

    workers = workers or n_readers()
    used = {id(reader): reader for key in todo for _, _, reader in _missing(key, conditions, readers)}
    ahead = workers + max(reader.batch_size for reader in used.values()) // max(1, len(conditions))
    reasons: dict[str, str] = {}

    def preprocessed(key: str) -> tuple[str, list, str]:
        return _preprocessed(images[key], key, _missing(key, conditions, readers))

    def batches() -> Iterator[tuple[Reader, list]]:
        waiting: dict[int, list] = {at: [] for at in used}
        for key, inputs, reason in in_order(pool, preprocessed, todo, ahead):
            if reason:
                reasons[key] = reason
            for at, reader, pixels in inputs:
                waiting[id(reader)].append((at, pixels))
                if len(waiting[id(reader)]) == reader.batch_size:
                    yield reader, waiting[id(reader)]
                    waiting[id(reader)] = []
            tick(1)
        yield from ((used[at], batch) for at, batch in waiting.items() if batch)

    def read(item: tuple[Reader, list]) -> tuple[Reader, list[str], np.ndarray]:
        reader, batch = item
        return reader, [at for at, _ in batch], reader.read([pixels for _, pixels in batch])

    with progress.task("stress", len(todo), "image") as tick, one_core_each(workers) as pool:
        try:
            for reader, keys, values in in_order(pool, read, batches(), workers + 2):
                finite = np.isfinite(values).all(axis=1)
                reader.cache.add([key for key, good in zip(keys, finite, strict=True) if good], values[finite])
        finally:
            for reader in used.values():
                reader.cache.flush()  # a run that is stopped keeps what it has computed
    for key in todo:
        if key not in reasons and (missing := _missing(key, conditions, readers)):
            reasons[key] = f"what a model reads of it under {missing[0][0].name} is not finite"
    return reasons


def _preprocessed(path: Path, key: str, missing: Sequence[tuple[Condition, str, Reader]]) -> tuple[str, list, str]:
    """Return the key of an image, (key in the cache, reader, pixels) of each missing vector, and a reason or ""."""
    inputs = []
    try:
        image = decode(_unchanged(path, key))
        for condition in dict.fromkeys(condition for condition, _, _ in missing):
            changed = condition(image, key)
            inputs += [(at, reader, reader.preprocess(changed)) for one, at, reader in missing if one == condition]
    except ImageError as error:
        return key, inputs, str(error)
    return key, inputs, ""


def _missing(
    key: str, conditions: Sequence[Condition], readers: Sequence[Reader]
) -> list[tuple[Condition, str, Reader]]:
    keys = [(condition, condition.key(key)) for condition in conditions]
    return [(condition, at, reader) for condition, at in keys for reader in readers if at not in reader.cache]


def _unchanged(path: Path, key: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    if content_key(data) != key:
        raise ImageError("has changed since its features were extracted; run featex extract again")
    return data


def predict_all(
    models: Sequence[TrainedModel],
    keys: Sequence[str],
    conditions: Sequence[Condition],
    readers: Mapping[str, Reader],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the predictions of each model for images under conditions, from caches that `read_images` has filled.

    Returns
    -------
    dict
        By model: probabilities (n_conditions, n_images, n_classes), and decided classes (n_conditions, n_images) of
        str.
    """
    step = max(1, CHUNK // max(1, len(conditions)))
    parts: dict[str, list] = {model.name: [] for model in models}
    for start in range(0, len(keys), step):
        some = keys[start : start + step]
        cached = [condition.key(key) for key in some for condition in conditions]  # in the order of the cache
        values = {name: reader.cache.get(cached) for name, reader in readers.items()}
        for model in models:
            p, decided = _predict(model, values)
            parts[model.name].append((p.reshape(len(some), len(conditions), -1), decided.reshape(len(some), -1)))
    return {
        name: tuple(np.concatenate(side).swapaxes(0, 1) for side in zip(*part, strict=True))
        for name, part in parts.items()
    }


def _predict(model: TrainedModel, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if model.members:
        probabilities = [(member, _predict(member, values)[0]) for member in model.members]
        X = [p[:, [member.classes.index(label) for label in model.classes]] for member, p in probabilities]
        return model.predict(np.stack(X, axis=1))
    inputs = values[reader_name(model)]
    if not INPUTS[model.passport.reads].on_features:
        scores = inputs.astype(np.float64)
        return model.calibration(scores), np.array(model.classes)[scores.argmax(axis=1)]
    return model.predict(inputs)

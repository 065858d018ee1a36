"""Images under conditions, as models see them: a file is decoded once, and what comes of it is kept by content and
condition, so that a second run computes nothing."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from classify.trained.model import TrainedModel
from featex.errors import ImageError
from featex.images.decode import decode
from featex.store.cache import content_key
from featex.system.progress import Progress
from pipelines.robustness.conditions import Condition
from pipelines.robustness.readers import Eye, eye_name

CHUNK = 4096  # vectors read and judged at once, as many as a part of a cache holds


def bring(
    images: Mapping[str, Path],
    conditions: Sequence[Condition],
    eyes: Sequence[Eye],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Bring what every eye sees of every image under every condition into its cache; return why images are left out.

    Parameters
    ----------
    images : mapping of str to Path
        Where the file with a content key is.
    workers : int, optional
        Threads that read and change images; by default one a core, 16 at most.

    Returns
    -------
    dict
        The reason, by content key, of images that some eye has not under each condition.

    Raises
    ------
    ModelError
        If something is missing, and the weights that it takes cannot be had.
    """
    progress = progress or Progress()
    todo = [key for key in images if _missing(key, conditions, eyes)]
    if not todo:
        return {}
    # These take torch with them, and a second run needs none.
    from featex.system.cores import Batches, in_order, n_readers, one_core_each

    workers = workers or n_readers()
    lacking = {id(eye): eye for key in todo for _, _, eye in _missing(key, conditions, eyes)}
    ahead = workers + max(eye.batch_size for eye in lacking.values()) // max(1, len(conditions))
    reasons: dict[str, str] = {}

    def read(key: str) -> tuple[str, list, str]:
        seen, reason = [], ""
        try:
            image = decode(_unchanged(images[key], key))
            wanted = _missing(key, conditions, eyes)
            for condition in dict.fromkeys(condition for condition, _, _ in wanted):
                changed = condition(image, key)
                seen += [(at, eye, eye.see(changed)) for which, at, eye in wanted if which == condition]
        except ImageError as error:
            reason = str(error)
        return key, seen, reason

    with progress.task("stress", len(todo), "image") as tick, one_core_each(workers) as pool:
        batches = {
            at: Batches(pool, eye.look, partial(_keep, eye), eye.batch_size, workers + 1) for at, eye in lacking.items()
        }
        try:
            for key, seen, reason in in_order(pool, read, todo, ahead=ahead):
                if reason:
                    reasons[key] = reason
                for at, eye, pixels in seen:
                    batches[id(eye)].add(at, pixels)
                tick(1)
            for own in batches.values():
                own.finish()
        finally:
            for eye in lacking.values():
                eye.cache.flush()  # what is computed is kept, also when the run is stopped
    for key in todo:
        if key not in reasons and (missing := _missing(key, conditions, eyes)):
            reasons[key] = f"what a model sees of it under {missing[0][0].name} is not finite"
    return reasons


def _missing(key: str, conditions: Sequence[Condition], eyes: Sequence[Eye]) -> list[tuple[Condition, str, Eye]]:
    keys = [(condition, condition.key(key)) for condition in conditions]
    return [(condition, at, eye) for condition, at in keys for eye in eyes if at not in eye.cache]


def _unchanged(path: Path, key: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    if content_key(data) != key:
        raise ImageError("has changed since its features were extracted; run featex extract again")
    return data


def _keep(eye: Eye, keys: list[str], values: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=1)
    eye.cache.add([key for key, good in zip(keys, finite, strict=True) if good], values[finite])


def judge(
    models: Sequence[TrainedModel], keys: Sequence[str], conditions: Sequence[Condition], eyes: Mapping[str, Eye]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return what each model says of images under conditions, from caches that `bring` has filled.

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
        asked = [condition.key(key) for key in some for condition in conditions]  # as they lie in the cache
        seen = {name: eye.cache.get(asked) for name, eye in eyes.items()}
        for model in models:
            p, decided = _say(model, seen)
            parts[model.name].append((p.reshape(len(some), len(conditions), -1), decided.reshape(len(some), -1)))
    return {
        name: tuple(np.concatenate(side).swapaxes(0, 1) for side in zip(*part, strict=True))
        for name, part in parts.items()
    }


def _say(model: TrainedModel, seen: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if model.members:
        said = [(member, _say(member, seen)[0]) for member in model.members]
        X = [p[:, [member.classes.index(label) for label in model.classes]] for member, p in said]
        return model.predict(np.stack(X, axis=1))
    values = seen[eye_name(model)]
    if model.passport["reads"] == "pixels":
        scores = values.astype(np.float64)
        return model.calibration(scores), np.array(model.classes)[scores.argmax(axis=1)]
    return model.predict(values)

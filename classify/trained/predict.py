"""Images, or a feature set, through a trained model."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import ModelError
from classify.stats.abstention import UNSURE
from classify.trained.adaptation import Adaptation
from classify.trained.inputs import INPUTS, Access, read_inputs
from classify.trained.model import TrainedModel
from featex.datasets.dataset import image_files
from featex.errors import InputError, UsageError
from featex.store.features import Features
from featex.system.progress import Progress
from featex.system.words import none_usable


def predict_set(
    model: TrainedModel, features: Features, progress: Progress | None = None, adapt: Adaptation | None = None
) -> pd.DataFrame:
    """Return a row an image of a set: as `predict_images` has them, and the image's split.

    Raises
    ------
    ModelError
        If the features are not those of the extractor that the model, or a member of an ensemble, was trained on.
    """
    X = _set_inputs(model, features, progress or Progress())
    unlike = _unlike(model, lambda _: features.X)
    return _table(model, [str(path) for path in features.paths], X, adapt, unlike).assign(split=features.rows["split"])


def _set_inputs(model: TrainedModel, features: Features, progress: Progress) -> np.ndarray:
    if model.passport.members:
        return _probabilities(model, [_set_inputs(member, features, progress) for member in model.members])
    trained_on = model.passport.extractor
    if trained_on and trained_on["fingerprint"] != features.extractor["fingerprint"]:
        raise ModelError(
            f"{model.name} was trained on features of {trained_on['name']}, and {features.name!r} holds those of "
            f"{features.extractor['name']}; give images instead, or extract the set with the same backbone and weights"
        )
    return read_inputs(model.passport.model, features, model.passport.settings, progress)


def predict_images(
    model: TrainedModel,
    paths: Sequence[str | Path],
    *,
    cache: str | Path,
    weights: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    adapt: Adaptation | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the model's predictions of image files and folders of them, and the images that cannot be used.

    Parameters
    ----------
    model : TrainedModel
    paths : sequence of path
        Files, and folders that are searched.
    cache : path
        Where vectors are looked up first and kept, such as artifacts/features.
    weights : str, optional
        Where the extractor's weights are now, if not where the model's passport says.
    adapt : Adaptation, optional
        From `classify.trained.adaptation.adaptation`; all images are taken to be of one source.

    Returns
    -------
    predicted : DataFrame
        A row an image: path, predicted (the decision), `prob_<class>` for each class, and `threshold_<class>`: of two
        classes the positive one is decided for where its probability is at least its threshold, of more the class
        whose probability is the largest multiple of its threshold. Of a model that was kept with a rule for it also
        `answer`: the decision, or "unsure". Of a model on features, or an ensemble with one, also
        `out_of_distribution`: whether the image is unlike all that it, or one of its members, was trained on, where the
        answer is "unsure" too; see `classify.stats.novelty`.
    failed : DataFrame
        path and reason; for an ensemble, what one of its members cannot read.

    Raises
    ------
    InputError
        If a path does not exist, or no image can be used.
    ModelError
        If the weights are not those that the model was trained with.
    """
    files = _files(paths)
    access = Access(cache, weights, device, progress or Progress())
    X, reasons = _inputs(model, files, access)
    failed = pd.DataFrame(
        [(str(files[i]), reason) for i, reason in sorted(reasons.items())], columns=["path", "reason"]
    )
    if len(failed) == len(files):
        row = failed.iloc[0]
        raise InputError(f"{none_usable(len(files), 'image')} ({row.path}: {row.reason})")
    usable = [path for i, path in enumerate(files) if i not in reasons]
    # The cache holds by now what members read
    unlike = _unlike(model, lambda one: X if one is model else _inputs(one, usable, access)[0])
    return _table(model, [str(path) for path in usable], X, adapt, unlike), failed


def _files(paths: Sequence[str | Path]) -> list[Path]:
    files = []
    if "" in paths:
        raise UsageError("a path is empty; name an image, a folder or a set of features")
    for path in map(Path, dict.fromkeys(paths)):
        if path.is_dir():
            files += image_files(path)
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(f"no image, folder or set of features {str(path)!r}")
    return files


def _inputs(model: TrainedModel, files: list[Path], access: Access) -> tuple[np.ndarray, dict[int, str]]:
    """Return what a model reads of those files that can be used, and why the others cannot, by number."""
    if not model.passport.members:
        return INPUTS[model.passport.reads].read_files(model.passport, files, access)
    sources = [member.passport.extractor_fingerprint or member.name for member in model.members]
    read = {}  # members that read features of the same extractor share them
    for source, member in zip(sources, model.members, strict=True):
        if source not in read:
            read[source] = _inputs(member, files, access)
    reasons = {i: reason for _, missing in read.values() for i, reason in missing.items()}
    if len(reasons) == len(files):
        return np.empty(0), reasons
    for source, (X, missing) in read.items():
        read[source] = X[np.array([i not in reasons for i in range(len(files)) if i not in missing])]
    return _probabilities(model, [read[source] for source in sources]), reasons


def _probabilities(model: TrainedModel, inputs: list[np.ndarray]) -> np.ndarray:
    """Return the members' probabilities, (n_samples, n_members, n_classes), from the inputs of each."""
    if not model.members:
        raise ModelError(f"{model.name} has none of its members with it; load it with classify.load_model")
    parts = []
    for member, X in zip(model.members, inputs, strict=True):
        probabilities, _ = member.predict(X)
        parts.append(probabilities[:, [member.classes.index(label) for label in model.classes]])
    return np.stack(parts, axis=1)


def _unlike(model: TrainedModel, read: Callable[[TrainedModel], np.ndarray]) -> np.ndarray | None:
    """Return which images are unlike all that a model, or one of its members, was trained on; None if none can tell.

    `read` returns the features that the model, or a member, reads of the images.
    """
    unlike, features = [], {}
    for one in (model, *model.members):
        if one.novelty is not None:
            source = one.passport.extractor_fingerprint
            features[source] = read(one) if source not in features else features[source]
            unlike.append(one.novelty.unlike(features[source]))
    return np.any(unlike, axis=0) if unlike else None


def _table(
    model: TrainedModel, paths: list[str], X: np.ndarray, adapt: Adaptation | None, unlike: np.ndarray | None
) -> pd.DataFrame:
    probabilities, decided = adapt.predict(model, X) if adapt else model.predict(X)
    columns = {f"prob_{name}": probabilities[:, i] for i, name in enumerate(model.classes)}
    thresholds = adapt.thresholds(model) if adapt else model.passport.thresholds
    positive = model.passport.positive
    columns |= {f"threshold_{name}": thresholds[name] for name in ([positive] if positive else model.classes)}
    # The rule was proven for the model's own predictions
    if (rule := model.passport.unsure) and not adapt:
        columns["answer"] = rule.answers(probabilities, decided, model.classes)
    if unlike is not None:
        columns["out_of_distribution"] = unlike
        if "answer" in columns:
            columns["answer"] = np.where(unlike, UNSURE, columns["answer"])
    return pd.DataFrame({"path": paths, "predicted": decided, **columns})

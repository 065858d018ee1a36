"""Explain the score of images: which pixels moved it, and which training images are nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import ModelError
from classify.explain.neighbours import nearest
from classify.explain.occlusion import agreement, occlusion, unrelated
from classify.explain.visible import Explainer, FeatureExplainer, PixelExplainer, explainer_of
from classify.splits.partition import images_digest, partition
from classify.trained.model import TrainedModel
from classify.trained.passport import Passport
from classify.trained.predict import predict_images
from featex.errors import FeatexError
from featex.store.cache import content_key
from featex.store.features import Features, load_features
from featex.store.units import rows_as_in
from featex.system.progress import Progress

N_NEAR = 4
NEAR = ("path", "label", "distance")


@dataclass(frozen=True, eq=False)
class Explained:
    """One image.

    Parameters
    ----------
    path, predicted : str
    probability : float
        The probability of the predicted class.
    label, set : str
        The true class, and the set of the image in the model's data ("train", "test", an external set); "" if unknown.
    towards, against : str
        The two classes of score, map and occlusion: a value above 0 is evidence for the first.
    image : ndarray of shape (3, size, size), uint8
        The model's input.
    score, start : float
        The score of the image, and the score at which the sum of its map starts; NaN if the map has no such sum.
    values : ndarray of shape (height, width), or None
        The map.
    drops : ndarray of shape (grid, grid), or None
        The drop of the score when a patch is covered.
    agreement : float
        Rank correlation of map and occlusion, -1..1; NaN without both.
    near : DataFrame
        `path` (absolute), `label` and `distance` of the nearest training images; empty if these are unknown.
    """

    path: str
    predicted: str
    probability: float
    label: str
    set: str
    towards: str
    against: str
    image: np.ndarray
    score: float
    start: float
    values: np.ndarray | None
    drops: np.ndarray | None
    agreement: float
    near: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Explanation:
    """The explanations of a model's scores for some images.

    Parameters
    ----------
    passport : Passport
        The model's.
    images : tuple of Explained
    failed : DataFrame
        path and reason of images that cannot be used.
    about_map, score_name : str
        What a map shows, and what the score measures.
    notes : tuple of str
        What is missing and why, a sentence each.
    """

    passport: Passport
    images: tuple[Explained, ...]
    failed: pd.DataFrame
    about_map: str
    score_name: str
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row for each image: the fields of `Explained` that are no arrays, and the sum of the map."""
        facts = (
            "path",
            "label",
            "set",
            "predicted",
            "probability",
            "towards",
            "against",
            "score",
            "start",
            "agreement",
        )
        rows = [
            {name: getattr(one, name) for name in facts}
            | {"map_sum": float("nan") if one.values is None else float(one.values.sum())}
            for one in self.images
        ]
        return pd.DataFrame(rows)

    @property
    def unrelated(self) -> np.ndarray:
        """Agreement of each map with the occlusion of each other image, (n,); empty without such pairs."""
        checked = [one for one in self.images if one.values is not None and one.drops is not None]
        agreements = unrelated([one.values for one in checked], [one.drops for one in checked])
        return agreements[~np.isnan(agreements)]


def explain(
    model: TrainedModel,
    paths: Sequence[str | Path],
    *,
    cache: str | Path,
    occlude: bool = True,
    weights: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Explanation:
    """Return which pixels moved the score of each image, and its nearest training images.

    With two classes, the score is that of the positive class against the other; with more, that of the predicted class
    against the second most probable.

    Parameters
    ----------
    model : TrainedModel
        On features or pixels.
    paths : sequence of path
        Image files, and folders of them.
    cache : path
        The folder of featex's features, such as artifacts/features. Vectors are read from it and added to it, and the
        nearest training images are found in the model's set there.
    occlude : bool
        Whether to cover each image patch by patch, which checks the map and costs about 50 forward passes an image.
    weights, device, progress : optional
        As `classify.trained.predict.predict_images` takes them.

    Raises
    ------
    InputError
        If a path does not exist, no image can be used, or a net's maps need a package that is not installed.
    ModelError
        If the model reads no images, has no map and `occlude` is False, or was trained with other weights.
    """
    progress = progress or Progress()
    explainer = explainer_of(model, weights=weights, device=device, progress=progress)
    predicted, failed = predict_images(model, paths, cache=cache, weights=weights, device=device, progress=progress)
    notes, images = [], []
    training = _training(model, explainer, Path(cache), notes)
    with progress.task("explain", len(predicted), "image") as done:
        for row in predicted.to_dict("records"):
            images.append(_explained(model, explainer, row, training, occlude, notes))
            done(1)
    notes = tuple(dict.fromkeys(notes))
    return Explanation(model.passport, tuple(images), failed, explainer.about, explainer.score_name, notes)


def _explained(
    model: TrainedModel,
    explainer: Explainer,
    row: dict,
    training: "_Training | None",
    occlude: bool,
    notes: list[str],
) -> Explained:
    towards, against = classes_between(model, row)
    columns = [model.classes.index(name) for name in (towards, against)]
    image = explainer.read(row["path"])
    X = explainer.see(image[None])
    try:
        values, start = explainer.map(image, *columns)
    except ModelError as error:
        if not occlude:
            raise
        notes.append(f"No maps: {error}.")
        values, start = None, float("nan")
    drops = occlusion(image, lambda images: explainer.decide(explainer.see(images), *columns)) if occlude else None
    checked = values is not None and drops is not None
    vector = X[0] if isinstance(explainer, FeatureExplainer) else None
    known = training.of(row["path"], vector) if training else {}
    return Explained(
        path=row["path"],
        predicted=row["predicted"],
        probability=row[f"prob_{row['predicted']}"],
        towards=towards,
        against=against,
        image=image,
        score=float(explainer.decide(X, *columns)[0]),
        start=start,
        values=values,
        drops=drops,
        agreement=agreement(values, drops) if checked else float("nan"),
        **({"label": "", "set": "", "near": pd.DataFrame(columns=list(NEAR))} | known),
    )


def classes_between(model: TrainedModel, row: dict) -> tuple[str, str]:
    """Return the two classes that an image is explained between."""
    if positive := model.passport.positive:
        return positive, next(name for name in model.classes if name != positive)
    others = sorted((name for name in model.classes if name != row["predicted"]), key=lambda name: row[f"prob_{name}"])
    return row["predicted"], others[-1]


class _Training:
    """The images that a model was trained and tested on, in which others are looked up."""

    def __init__(self, features: Features, near_duplicates: str):
        self.features, parts = features, partition(rows_as_in(features.rows, near_duplicates))
        self.train = parts.train
        self.sets = {row: name for name, rows in {"train": parts.train, **parts.tests}.items() for row in rows}
        self.rows = {key: row for row, key in reversed(list(enumerate(features.rows["key"])))}

    def of(self, path: str, vector: np.ndarray | None) -> dict:
        """Return the `label` and `set` of an image, if it is one of them, and the training images `near` to it."""
        key = content_key(Path(path).read_bytes())
        row = self.rows.get(key)
        known = {} if row is None else {"label": self.features.y[row], "set": self.sets.get(row, "")}
        if vector is None:
            return known
        rows = self.features.rows.iloc[self.train]
        others = self.train[(rows["key"] != key).to_numpy()]  # the image is no neighbour of itself
        distances, numbers = nearest(self.features.X[others], vector[None], N_NEAR)
        near = self.features.rows.iloc[others[numbers[0]]]
        paths = [str(self.features.root / name) for name in near["path"]]
        columns = {"path": paths, "label": near["label"].to_numpy(), "distance": distances[0]}
        return known | {"near": pd.DataFrame(columns, columns=list(NEAR))}


def _training(model: TrainedModel, explainer: Explainer, directory: Path, notes: list[str]) -> _Training | None:
    """Return the images of the model's set; if they cannot be had, return None and append a note that says why."""
    data, wanted = model.passport.data, model.passport.extractor_fingerprint
    extractor = (model.passport.extractor or {}).get("name")
    try:
        features = load_features(directory, f"{extractor}/{data.set}" if extractor else data.set)
    except FeatexError as error:
        notes.append(f"No nearest training images: their features are not on disk ({error}).")
        return None
    if images_digest(features.rows) != data.images or wanted not in (None, features.extractor["fingerprint"]):
        notes.append(
            f"No nearest training images: the set {data.set!r} in {directory} is not, or no longer, the one that "
            f"{model.name} was trained on."
        )
        return None
    if isinstance(explainer, PixelExplainer):
        notes.append("No nearest training images: the features of a net are not stored.")
    return _Training(features, data.near_duplicates)

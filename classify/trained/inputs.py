"""What a model reads of an image: a row a kind in INPUTS, with all that differs between the kinds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from classify.errors import ModelError
from classify.models.file_facts import fact_matrix
from classify.models.registry import get_model
from classify.trained import estimators
from classify.trained.passport import Passport
from featex.errors import ImageError, InputError, WeightsError
from featex.images.facts import file_facts
from featex.store.features import Features
from featex.system.progress import Progress

if TYPE_CHECKING:
    from classify.nets.pixels import Pixels, PixelView


@dataclass(frozen=True)
class Access:
    """How a model gets at images.

    Parameters
    ----------
    cache : str or Path
        Where vectors are looked up first and kept, such as artifacts/features.
    weights : str, optional
        Where the extractor's weights are now, if not where the model's passport says.
    device : str
    progress : Progress
    """

    cache: str | Path
    weights: str | None = None
    device: str = "auto"
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True)
class Input:
    """A kind of input.

    Parameters
    ----------
    about : str
        A sentence for the model's card.
    runs : bool
        Whether the model can predict here; False for a detector that is known by its scores alone.
    sees_images : bool
        False for file metadata.
    tabular : bool
        Whether the model reads a matrix, (n_samples, n_columns), that it is fitted on in seconds.
    on_features : bool
        Whether its columns are those of stored features: these have copies, tiles, weights and an extractor.
    read_set : callable
        ``read_set(model, settings, features, progress)`` returns X of a stored set; of members, they read it.
    read_files : callable
        ``read_files(passport, files, access)`` returns X of the files that can be used, and for each of the others, by
        number, the reason; of members, they read them.
    save, load : callable
        ``save(estimator, folder)`` and ``load(folder, passport, device)``.
    """

    about: str
    runs: bool = True
    sees_images: bool = True
    tabular: bool = False
    on_features: bool = False
    read_set: Callable[..., Any] | None = None
    read_files: Callable[..., tuple[Any, dict[int, str]]] | None = None
    save: Callable[[Any, Path], None] = lambda estimator, folder: None
    load: Callable[[Path, Passport, str], Any] | None = None


def read_inputs(model: str, features: Features, settings: dict, progress: Progress) -> "np.ndarray | Pixels":
    """Return X, row i of which is row i of `features`: (n_samples, n_columns) float32, or the images as a net sees
    them.

    Parameters
    ----------
    model : str
        A name in `classify.models.registry.MODELS`.
    settings : dict
        What the model was settled to.

    Raises
    ------
    InputError
        If an image is missing or has changed since its features were extracted.
    """
    return INPUTS[get_model(model).reads].read_set(model, settings, features, progress)


def view_of(model: str, settings: dict) -> "PixelView":
    """Return what the net `model` with these settings takes of an image."""
    from classify.nets.zoo import NETS

    return NETS[model].view(NETS[model].settled(settings))


def extractor_for(record: dict, wanted_by: str, access: Access):
    """Return the extractor that a passport's `record` describes, for the model called `wanted_by`.

    Raises
    ------
    ModelError
        If its weights are missing, or are others.
    """
    from featex.extraction.joined import extractor_of

    try:
        extractor = extractor_of(record, access.weights, access.device, progress=access.progress)
    except WeightsError as error:
        raise ModelError(
            f"{wanted_by} needs the weights it was trained with; name them with --weights ({error})"
        ) from error
    if extractor.fingerprint != record["fingerprint"]:
        raise ModelError(
            f"{wanted_by} was trained on features of {record['name']} (weights sha256 "
            f"{record['weights_sha256'][:12]}), and these weights make {extractor.name}; name the right file with "
            "--weights"
        )
    return extractor


def _pixels_of_set(model: str, settings: dict, features: Features, progress: Progress) -> "Pixels":
    from classify.nets.pixels import load_pixels

    for path, size, mtime_ns in zip(features.paths, features.rows["size"], features.rows["mtime_ns"], strict=True):
        facts = path.stat() if path.exists() else None
        if facts is None or (facts.st_size, facts.st_mtime_ns) != (size, mtime_ns):
            what = "is missing" if facts is None else "has changed"
            raise InputError(f"{path} {what} since its features were extracted; run featex extract again")
    return load_pixels(features.paths, view_of(model, settings), progress=progress)


def _features_of_files(passport: Passport, files: Sequence[Path], access: Access):
    from featex.extraction.embed import embed, open_cache

    extractor = extractor_for(passport.extractor, passport.name, access)
    vectors = open_cache(extractor, access.cache)
    embedding = embed(files, extractor, vectors, progress=access.progress)
    return vectors.get([key for i, key in enumerate(embedding.keys) if i not in embedding.reasons]), embedding.reasons


def _pixels_of_files(passport: Passport, files: Sequence[Path], access: Access):
    from classify.nets.pixels import load_readable

    return load_readable(files, view_of(passport.model, passport.settings), progress=access.progress)


def _facts_of_files(passport: Passport, files: Sequence[Path], access: Access):
    rows, reasons = [], {}
    for i, path in enumerate(files):
        try:
            data = path.read_bytes()
            rows.append({"size": len(data), **file_facts(data)})
        except (ImageError, OSError) as error:
            reasons[i] = str(error)
    return fact_matrix(pd.DataFrame(rows)) if rows else np.empty(0), reasons


INPUTS = {
    "features": Input(
        "It reads features that an extractor takes from an image.",
        tabular=True,
        on_features=True,
        read_set=lambda model, settings, features, progress: features.X,
        read_files=_features_of_files,
        save=estimators.save_skops,
        load=estimators.load_skops,
    ),
    "pixels": Input(
        "It reads the image itself.",
        read_set=_pixels_of_set,
        read_files=_pixels_of_files,
        save=estimators.save_net,
        load=estimators.load_net,
    ),
    "files": Input(
        "It reads file metadata (format, size, compression), and no pixel: its score is what metadata alone can reach.",
        sees_images=False,
        tabular=True,
        read_set=lambda model, settings, features, progress: fact_matrix(features.rows),
        read_files=_facts_of_files,
        save=estimators.save_skops,
        load=estimators.load_skops,
    ),
    "members": Input(
        "It reads what other models predict.", save=estimators.save_combination, load=estimators.load_combination
    ),
    "scores": Input("What it reads is not known here: it is a detector from elsewhere.", runs=False),
}

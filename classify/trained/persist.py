"""A model on disk: skops or safetensors for what was learnt, and its passport (JSON). Loading runs no code from it."""

import shlex
import sys
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from classify.errors import DataError, ModelError
from classify.stats.calibration import Calibration
from classify.stats.novelty import Novelty
from classify.trained.model import TrainedModel, made
from featex.errors import InputError, StoreError
from featex.system.disk import folder_beside, read_json, restored, set_aside, swap_in, write_json
from featex.system.shown import shown_value

FORMAT = 2
PASSPORT = "passport.json"
SKOPS = "estimator.skops"
WEIGHTS = "weights.safetensors"
NOVELTY = "novelty.safetensors"
# All that we write and skops does not trust by itself: our own, and trees, whose nodes `_check_trees` looks at.
TRUSTED = [
    "classify.models.scaling.BlockScaler",
    "classify.models.tiles.Tilewise",
    "classify.models.svm.RBFSVC",
    "sklearn.tree._tree.Tree",
]


def save(model: TrainedModel, directory: Path) -> Path:
    """Write `model` into ``directory/NAME``, whole or not at all, in place of an older one; return that folder."""
    target = Path(directory) / model.name
    passport = {"format": FORMAT, **model.passport}
    if model.calibration is not None:
        passport["calibration"] = {"slope": model.calibration.slope}
    with folder_beside(target) as folder:
        if passport["reads"] == "predictions":
            passport["estimator"] = model.estimator.learnt()
        elif passport["reads"] == "pixels":
            safetensors.numpy.save_file(model.estimator.to_arrays(), folder / WEIGHTS)
            passport["estimator"] = model.estimator.params_as_json()
        elif passport["reads"] != "scores":
            skops_io().dump(model.estimator, folder / SKOPS)
        if model.novelty is not None:
            safetensors.numpy.save_file(model.novelty.arrays(), folder / NOVELTY)
        write_json(folder / PASSPORT, shown_value(passport))  # it is sent on with the model
        for file in folder.iterdir():
            file.chmod(0o644)  # safetensors makes files that no one else may read
        swap_in(folder, target)
    return target


def load(directory: Path, device: str = "auto") -> TrainedModel:
    """Return the model in `directory`, an ensemble with its members from beside it; a net is put on `device`.

    Raises
    ------
    InputError
        If there is no model, or a member has gone.
    ModelError
        If a member was made again after the ensemble had combined it, or the model is known by its scores alone.
    StoreError
        If a file is damaged, of a newer format, or holds a type that we never write.
    """
    directory = Path(directory)
    restored(directory)
    if not (directory / PASSPORT).is_file():
        raise InputError(f"no model in {directory}; make one with: classify tune --model svm")
    passport = _read_passport(directory)
    if passport["reads"] == "scores":
        raise ModelError(
            f"{passport['name']} is a detector from elsewhere, known here by its scores alone; it can be compared "
            "(classify report), and other images are for the tool it came from"
        )
    try:
        if passport["reads"] == "predictions":
            from classify.models.combine import METHODS

            build = METHODS[passport["model"]].build
            estimator = build.from_learnt(passport.pop("estimator"), len(passport["members"]), len(passport["classes"]))
        elif passport["reads"] == "pixels":
            from classify.nets.classifier import NetClassifier

            arrays = safetensors.numpy.load_file(directory / WEIGHTS)
            params = {**passport.pop("estimator"), "device": device}
            estimator = NetClassifier.from_arrays(params, passport["classes"], arrays)
        else:
            estimator = skops_io().load(directory / SKOPS, trusted=TRUSTED)
            _check_trees(estimator)
        novelty = None
        if "novelty" in passport or (directory / NOVELTY).exists():  # of a model on features that saw enough images
            novelty = Novelty.from_arrays(safetensors.numpy.load_file(directory / NOVELTY))
        thresholds = tuple(passport["thresholds"][label] for label in passport["classes"])
        calibration = Calibration(passport.pop("calibration")["slope"], thresholds)
    except (
        OSError,
        BadZipFile,
        KeyError,
        TypeError,  # also skops' UntrustedTypesFoundException
        SafetensorError,
        DataError,
        ModelError,
        StoreError,
    ) as error:
        raise StoreError(f"{directory} is damaged ({error}); delete it and make it again") from error
    return TrainedModel(estimator, calibration, passport, _members(directory, passport, device), novelty)


def _members(directory: Path, passport: dict, device: str) -> tuple[TrainedModel, ...]:
    """Return the models that an ensemble combines, from beside it; refuse others than it was made of."""
    if "members" not in passport:
        return ()
    name, members = passport["name"], []
    names = [told["name"] for told in passport["members"]]
    again = shlex.join(["classify", "ensemble", *names, "--method", passport["model"], "--name", name])
    for told in passport["members"]:
        path = directory.parent / told["name"]
        if not (path / PASSPORT).is_file():
            raise InputError(
                f"{name} combines {told['name']}, which is not in {directory.parent}; tune it again, then: {again}"
            )
        # An ensemble has no ensembles for members, so none can be its own.
        member = None if read_json(path / PASSPORT).get("reads") == "predictions" else load(path, device)
        if member is None or made(member.passport) != told["made"]:
            raise ModelError(f"{told['name']} was made again after {name} had combined it; combine anew with: {again}")
        members.append(member)
    return tuple(members)


class _NoTorch:
    """An import hook that finds no torch."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name)


def skops_io():
    """Return skops.io, imported without torch.

    skops walks through all of scikit-learn when it is imported, and scikit-learn's array-API shims import torch: two
    seconds and a gigabyte that a model on features has no use for. The walk passes over what cannot be imported.
    """
    sys.meta_path.insert(0, _NoTorch)
    try:
        import skops.io
    finally:
        sys.meta_path.remove(_NoTorch)
    return skops.io


def _check_trees(estimator) -> None:
    """Refuse trees with nodes that point outside of them: scikit-learn follows them unchecked, and would crash."""
    for member in getattr(estimator, "estimators_", []):
        tree = member.tree_
        children = np.concatenate([tree.children_left, tree.children_right])
        if children.max() >= tree.node_count or children.min() < -1 or tree.feature.max() >= tree.n_features:
            raise StoreError("a tree has nodes that point outside of it")


def _read_passport(folder: Path) -> dict:
    passport = read_json(folder / PASSPORT)
    if passport.get("format") != FORMAT:
        found = f"{folder} has format {passport.get('format')}, and this version reads {FORMAT}"
        raise StoreError(f"{found}; delete it and make it again")
    return passport


def passports(directory: Path) -> list[dict]:
    """Return the passports of the models below `directory`, oldest first; raises StoreError at another format."""
    for path in set_aside(directory):
        restored(path)
    # A folder with a dot is what a killed `save` left behind.
    found = [_read_passport(path.parent) for path in Path(directory).glob(f"[!.]*/{PASSPORT}")]
    return sorted(found, key=lambda passport: passport["created"])


def find_model(directory: Path, name: str) -> Path:
    """Return the folder of the model called `name` below `directory`, or `name` itself where it is such a folder.

    Raises
    ------
    InputError
        If there is none, naming those there are.
    """
    for path in (Path(directory) / name, Path(name)):
        restored(path)
        if (path / PASSPORT).is_file():
            return path
    names = ", ".join(passport["name"] for passport in passports(directory)) or "none yet"
    raise InputError(f"no model {name!r} in {directory}; there are: {names}")

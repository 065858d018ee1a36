"""Estimators on disk, as skops, safetensors or JSON. Loading one runs no code from the file."""

import sys
from pathlib import Path

import numpy as np
import safetensors.numpy

from classify.trained.passport import Passport
from featex.errors import StoreError
from featex.system.disk import read_json, write_json
from featex.system.shown import shown_value

SKOPS = "estimator.skops"
WEIGHTS = "weights.safetensors"
PARAMETERS = "estimator.json"  # of a net, or what an ensemble learnt
# All that we write and skops does not trust by itself: our own, and trees, whose nodes `_check_trees` looks at.
TRUSTED = [
    "classify.models.scaling.BlockScaler",
    "classify.models.tiles.Tilewise",
    "classify.models.svm.RBFSVC",
    "sklearn.tree._tree.Tree",
]


def save_skops(estimator, folder: Path) -> None:
    """Write a classical model into `folder`."""
    skops_io().dump(estimator, folder / SKOPS)


def load_skops(folder: Path, passport: Passport, device: str):
    """Return the classical model in `folder`."""
    estimator = skops_io().load(folder / SKOPS, trusted=TRUSTED)
    _check_trees(estimator)
    return estimator


def save_net(estimator, folder: Path) -> None:
    """Write the weights and parameters of a net into `folder`."""
    safetensors.numpy.save_file(estimator.to_arrays(), folder / WEIGHTS)
    write_json(folder / PARAMETERS, shown_value(estimator.params_as_json()))


def load_net(folder: Path, passport: Passport, device: str):
    """Return the net in `folder`, on `device`."""
    from classify.nets.classifier import NetClassifier

    params = {**read_json(folder / PARAMETERS), "device": device}
    return NetClassifier.from_arrays(params, passport.classes, safetensors.numpy.load_file(folder / WEIGHTS))


def save_combination(estimator, folder: Path) -> None:
    """Write what an ensemble has learnt into `folder`."""
    write_json(folder / PARAMETERS, estimator.learnt())


def load_combination(folder: Path, passport: Passport, device: str):
    """Return the ensemble's estimator in `folder`."""
    from classify.models.combine import METHODS

    build = METHODS[passport.model].build
    return build.from_learnt(read_json(folder / PARAMETERS), len(passport.members), len(passport.classes))


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

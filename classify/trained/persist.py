"""Models on disk: a folder each, with its passport, its estimator and what tells unlike images."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import safetensors.numpy
from safetensors import SafetensorError

from classify.errors import DataError, ModelError
from classify.stats.novelty import Novelty
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel
from classify.trained.passport import Passport
from featex.errors import InputError, StoreError, UsageError, nearest
from featex.system.disk import folder_beside, read_json, restored, set_aside, swap_in, write_json
from featex.system.shown import shown_value

PASSPORT = "passport.json"
NOVELTY = "novelty.safetensors"


def save(model: TrainedModel, directory: Path) -> Path:
    """Write `model` into ``directory/NAME``, whole or not at all, in place of an older one; return that folder."""
    target = Path(directory) / model.name
    with folder_beside(target) as folder:
        INPUTS[model.passport.reads].save(model.estimator, folder)
        if model.novelty is not None:
            safetensors.numpy.save_file(model.novelty.arrays(), folder / NOVELTY)
        write_json(folder / PASSPORT, shown_value(model.passport.to_json()))  # it is sent on with the model
        for file in folder.iterdir():
            file.chmod(0o644)  # safetensors makes files that no one else may read
        swap_in(folder, target)
    return target


def load(directory: Path, device: str = "auto") -> TrainedModel:
    """Return the model in `directory`, an ensemble with its members from beside it; a net is put on `device`.

    Raises
    ------
    InputError
        If there is no model, or a member is missing.
    ModelError
        If a member was made again after the ensemble had combined it, or only the model's scores are known.
    StoreError
        If a file is damaged, of a newer format, or holds a type that we never write.
    """
    directory = Path(directory)
    restored(directory)
    if not (directory / PASSPORT).is_file():
        raise InputError(f"no model in {directory}; make one with: classify tune --model svm")
    passport = _read_passport(directory)
    kind = INPUTS[passport.reads]
    if not kind.runs:
        raise ModelError(
            f"{passport.name} is a detector from elsewhere, of which only scores are known; compare it with "
            "classify report, and predict other images with the tool it came from"
        )
    try:
        estimator = kind.load(directory, passport, device)
        novelty = None
        if passport.novelty is not None or (directory / NOVELTY).exists():
            novelty = Novelty.from_arrays(safetensors.numpy.load_file(directory / NOVELTY))
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
    return TrainedModel(estimator, passport, _members(directory, passport, device), novelty)


def _members(directory: Path, passport: Passport, device: str) -> tuple[TrainedModel, ...]:
    """Return the models that an ensemble combines, from beside it; refuse others than it was made of."""
    name, members = passport.name, []
    names = [member.name for member in passport.members]
    again = shlex.join(["classify", "ensemble", *names, "--method", passport.model, "--name", name])
    for wanted in passport.members:
        path = directory.parent / wanted.name
        if not (path / PASSPORT).is_file():
            raise InputError(
                f"{name} combines {wanted.name}, which is not in {directory.parent}; tune it again, then: {again}"
            )
        # An ensemble has no ensembles for members, so none can be its own.
        member = None if _read_passport(path).members else load(path, device)
        if member is None or member.passport.fingerprint != wanted.fingerprint:
            raise ModelError(
                f"{wanted.name} was made again after {name} had combined it; combine them again with: {again}"
            )
        members.append(member)
    return tuple(members)


def _read_passport(folder: Path) -> Passport:
    record = read_json(folder / PASSPORT)
    try:
        return Passport.from_json(record)
    except ValueError as error:
        again = f"; make it again: {record['command']}" if record.get("command") else " and make it again"
        raise StoreError(f"{folder} {error}; delete it{again}") from error
    except (TypeError, AttributeError) as error:
        raise StoreError(f"{folder / PASSPORT} is damaged ({error}); delete the folder and make it again") from error


def passports(directory: Path) -> list[Passport]:
    """Return the passports of the models below `directory`, oldest first; raises StoreError at another format."""
    for path in set_aside(directory):
        restored(path)
    # A folder with a dot is what a killed `save` left behind.
    kept = [_read_passport(path.parent) for path in Path(directory).glob(f"[!.]*/{PASSPORT}")]
    return sorted(kept, key=lambda passport: passport.created)


def find_model(directory: Path, name: str, beside: Sequence[str] = ()) -> Path:
    """Return the folder of the model called `name` below `directory`, or `name` itself where it is such a folder.

    Raises
    ------
    UsageError
        If there is none. It names the nearest, or the one among the names that were given `beside` it.
    """
    for path in (Path(directory) / name, Path(name)):
        restored(path)
        if (path / PASSPORT).is_file():
            return path
    names = [passport.name for passport in passports(directory)]
    if swapped := [other for other in map(str, beside) if other in names]:
        order = f"write {swapped[0]} {name}"
        raise UsageError(f"{name!r} is no model, and {swapped[0]!r} is one; the model comes first: {order}")
    if not names:
        raise UsageError(f"no model {name!r} in {directory}; there are none yet; train one: classify tune svm")
    raise UsageError(f"no model {name!r} in {directory}{nearest(name, names) or ';'} there are: {', '.join(names)}")

"""Reading files of weights from any source into a table of tensors, without running any code from the file.

Other objects in a pickle (a whole network, a Namespace of options, a score) are rebuilt as `Inert`, an object that does
nothing and stores its state. For a whole network this is enough to find its tensors.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from featex.errors import WeightsError
from featex.images.formats import START, kind_of

SUFFIXES = (".safetensors", ".pth", ".pt", ".pth.tar", ".ckpt", ".bin")
"""Suffixes, in lower case, of weights in a folder that is searched; a file named by the user may have any suffix."""

_WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "module", "teacher", "ema", "model_ema"),
    *("state_dict_ema", "ema_state_dict", "weights", "params", "backbone", "encoder", "student"),
)
_SECOND = ("encoder_k", "momentum", "target", "student")  # if a file holds two networks, the one that is not taken

_SAVE = "save the network's state_dict()"
_START = 512
MOST_NAMES = 500
_SIGNATURES = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"GGUF", "a GGUF file, as llama.cpp reads it"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"{", "a text in JSON, such as the index of several files; name the file that holds the tensors"),
)


class Inert:
    """Stands for any object in a pickle that is not a tensor; it does nothing."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        self.state = {}

    def __setstate__(self, state):
        self.state = state


def read_checkpoint(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a file of weights by name; the content, not the suffix, decides how it is read."""
    with path.open("rb") as file:
        start = file.read(_START)
    try:
        if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
            return load_file(path)
        if reason := _in_words(start, path):
            raise WeightsError(f"{path} is {reason}")
        state = _unpickle(path)
    except WeightsError:
        raise
    except Exception as error:  # on bytes that are not a pickle, the unpickler raises any exception
        raise WeightsError(
            f"{path} is not a file of weights that can be read without running code: {_reason(error)}"
        ) from error
    tensors = _tensors(state)
    if not tensors:
        raise WeightsError(f"{path} holds no table of tensors; {_SAVE}")
    return tensors


def _in_words(start: bytes, path: Path) -> str:
    """Return what a file without weights is, by its first bytes; "" if it may hold weights."""
    text = start.lstrip().lower()
    if not start:
        return "empty; download it again"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not weights; open the address of the download in a browser"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the weights; fetch them with: git lfs pull"
    if path.suffix.lower() == ".onnx" or (start[:1] == b"\x08" and start[2:3] in b"\x12:B"):
        return f"an ONNX network, whose weights have other names; {_SAVE} where it was made"
    if image := kind_of(start[:START]):
        return f"an image ({image}), not weights"
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    return ""


def _unpickle(path: Path):
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # torch cannot search the format that it wrote before 1.6
        names = []
    while True:
        try:
            with torch.serialization.safe_globals([(Inert, name) for name in names]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            named = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
            if named is None or named.group(1) in names or len(names) > MOST_NAMES:
                raise
            names = [*names, named.group(1)]


def _reason(error: Exception) -> str:
    """Return the line of torch's long message that names the problem."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))[:5000]
    if any(word in text for word in ("PytorchStreamReader", "inline_container", "constants.pkl")):
        return "it is a zip archive that torch did not write, or a damaged one; unpack it or download it again"
    if "Unsupported operand" in text or "Invalid magic number" in text:
        return f"torch.save did not write it; {_SAVE} with torch.save or safetensors"
    if "TorchScript" in text:
        return f"it is a TorchScript program; {_SAVE}"
    if "WeightsUnpickler error: " in text:
        text = text.split("WeightsUnpickler error: ", 1)[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _tensors(state: object) -> dict[str, torch.Tensor]:
    """Return the tensors in an unpickled object: a table, a table in a table, or a network."""
    for _ in range(4):
        if isinstance(state, Inert):
            return dict(_of_network(state))
        if not isinstance(state, Mapping):
            return {}
        inner = (state[name] for name in _WRAPPERS if isinstance(state.get(name), Mapping | Inert))
        wrapped = next((value for value in inner if not isinstance(value, Mapping) or value), None)
        if wrapped is None:
            break
        state = wrapped
    return {str(name): value for name, value in state.items() if isinstance(value, torch.Tensor)}


def _of_network(network: Inert) -> Iterable[tuple[str, torch.Tensor]]:
    """Yield names and tensors of a pickled network, as its state_dict() has them."""
    waiting, visited = [("", network)], set()
    while waiting:
        prefix, module = waiting.pop()
        if id(module) in visited or not isinstance(module.state, Mapping):
            continue
        visited.add(id(module))
        for kind in ("_parameters", "_buffers"):
            for name, value in (module.state.get(kind) or {}).items():
                if isinstance(value, torch.Tensor):
                    yield f"{prefix}{name}", value.detach()
        children = (module.state.get("_modules") or {}).items()
        waiting += [(f"{prefix}{name}.", child) for name, child in children if isinstance(child, Inert)]


def without_prefix(
    state: Mapping[str, torch.Tensor], expected: Iterable[str], heads: tuple[str, ...]
) -> tuple[dict[str, torch.Tensor], str]:
    """Return the tensors of the network whose names are `expected` without their common prefix, and the prefix.

    Of several networks in the file (an encoder and a decoder, encoders of query and key), the one that fits is taken.
    """
    state = {re.sub(r"(denselayer\d{1,3}\.(?:norm|relu|conv))\.(\d)", r"\1\2", name): t for name, t in state.items()}
    expected = {name for name in expected if not name.endswith("num_batches_tracked")}
    endings = {name for name in expected if not name.startswith(heads)} or expected
    anchor = min(endings, key=lambda name: (name.count("."), name))
    prefixes = {name[: -len(anchor)] for name in state if name.endswith(f".{anchor}")} | {""}
    fits = {prefix: sum(f"{prefix}{name}" in state for name in endings) for prefix in prefixes}
    whole = [prefix for prefix in sorted(fits) if fits[prefix] == len(endings)]
    if "" in whole:
        return state, ""
    first = [prefix for prefix in whole if not any(word in prefix for word in _SECOND)] or whole
    if len(first) > 1:
        raise WeightsError(
            f"it holds several networks that fit ({', '.join(first)}); save one of them to a file of its own"
        )
    prefix = first[0] if first else max(sorted(fits), key=fits.get)
    if not fits[prefix]:
        prefix = ""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}, prefix

"""The frozen part of a net, run once an image: where the net is cut, and the activations kept from there."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, fx, nn

from classify.nets.pixels import Pixels, fits_in_memory

BATCH = 8  # always filled up, so that an image's activations do not depend on its neighbours


def cut(module: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """Return the net as two modules that share its parameters: all before the first trained layer, and the rest.

    The first returns a tuple of tensors, which the second takes. None if nothing is frozen, or the net's code cannot be
    traced.
    """
    try:
        graph = _Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError):
        return None
    nodes = list(graph.nodes)
    first = next((i for i, node in enumerate(nodes) if _is_trained(module, node)), None)
    before = [node for node in nodes[:first] if node.op not in ("placeholder", "get_attr")]
    if first is None or not before:
        return None
    after = set(nodes[first:])
    bridge = [node for node in before if after & set(node.users)]
    prefix, suffix = fx.Graph(), fx.Graph()
    known: dict[fx.Node, fx.Node] = {}
    for node in nodes[:first]:
        known[node] = prefix.node_copy(node, lambda old: known[old])
    prefix.output(tuple(known[node] for node in bridge))
    known = {node: suffix.placeholder(node.name) for node in bridge}
    for node in nodes:
        # Parameters and buffers are looked up where they are used.
        if node in after or (node.op == "get_attr" and after & set(node.users)):
            known[node] = suffix.node_copy(node, lambda old: known[old])
    return fx.GraphModule(module, prefix), fx.GraphModule(module, suffix)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        # torchvision's layers behave differently in training, which a trace would fix as it is now; its transforms
        # ignore anything but tensors, and a trace passes proxies. timm's padding computes with sizes.
        return super().is_leaf_module(module, name) or type(module).__module__.startswith(
            ("torchvision.ops", "torchvision.transforms", "timm.layers.conv2d_same", "timm.layers.norm_act")
        )


def _is_trained(module: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        part = module.get_submodule(node.target)
        # A module in training mode, such as dropout that is at work, belongs to the trained part.
        return (part.training and not isinstance(part, nn.Identity)) or any(p.requires_grad for p in part.parameters())
    if node.op == "get_attr":
        owner, _, name = node.target.rpartition(".")
        return getattr(getattr(module.get_submodule(owner), name), "requires_grad", False)
    return False


class Activations:
    """The output of the frozen part for images, computed once for each and kept as long as the images are.

    Parameters
    ----------
    pixels : Pixels
        All parts of one source share the kept output.
    prefix : nn.Module
        The first of the two modules that `cut` returns.
    name : str
        Identifies the prefix: equal names mean equal output.
    """

    def __init__(self, pixels: Pixels, prefix: nn.Module, name: str, device: torch.device):
        self.pixels, self.prefix, self.device = pixels, prefix, device
        self.kept = pixels.memo.setdefault(name, {})

    def affordable(self) -> bool:
        """Return whether the prefix returns tensors only, and those of all images fit into memory."""
        if "done" not in self.kept:
            one = self._run(self.pixels[:1])
            n = len(self.pixels.source)
            if not all(isinstance(part, Tensor) for part in one):  # such as sizes, which belong to one batch
                return False
            if not fits_in_memory(sum(4 * part[0].numel() for part in one) * n):
                return False
            self.kept["parts"] = [torch.empty(n, *part.shape[1:]) for part in one]
            self.kept["done"] = np.zeros(n, bool)
        return True

    def fill(self) -> None:
        """Compute the output of the images that have none yet."""
        todo = np.unique(self.pixels.rows[~self.kept["done"][self.pixels.rows]])
        source = Pixels(self.pixels.source, todo, self.pixels.memo)
        starts = range(0, len(todo), BATCH)
        batches = source.batches((np.arange(start, min(start + BATCH, len(todo))) for start in starts), self.device)
        for start, images in zip(starts, batches, strict=True):
            rows = todo[start : start + BATCH]
            for kept, part in zip(self.kept["parts"], self._forward(images), strict=True):
                kept[rows] = part
            self.kept["done"][rows] = True

    def batches(self, parts) -> Iterator[tuple[Tensor, ...]]:
        """Yield the output for the images of each of `parts` (arrays of row numbers), on the device."""
        for part in parts:
            rows = torch.from_numpy(self.pixels.rows[part])
            yield tuple(kept[rows].to(self.device) for kept in self.kept["parts"])

    def _run(self, pixels: Pixels) -> tuple[Tensor, ...]:
        (images,) = pixels.batches([np.arange(len(pixels))], self.device)
        return self._forward(images)

    def _forward(self, images: Tensor) -> tuple[Tensor, ...]:
        whole = torch.zeros(BATCH, *images.shape[1:], dtype=torch.uint8, device=self.device)
        whole[: len(images)] = images
        with torch.inference_mode():
            parts = self.prefix(whole.float().div_(255))
            return tuple(part[: len(images)].cpu() if isinstance(part, Tensor) else part for part in parts)

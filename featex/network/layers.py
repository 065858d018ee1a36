"""Outputs of several layers of a network in one forward pass."""

from collections.abc import Sequence
from contextlib import suppress
from threading import local

import torch
from torch import Tensor, nn
from torch.fx import Tracer
from torch.nn.utils.fusion import fuse_conv_bn_weights

from featex.errors import UsageError
from featex.network.backbones import TIMM, Backbone
from featex.network.views import LAYERS, PENULTIMATE

DEPTHS = tuple(layer for layer in LAYERS if layer != PENULTIMATE)
_RESNET = ("maxpool", "layer1", "layer2", "layer3", "layer4")
_FEATURES = tuple(f"features.{n}" for n in (0, 1, 3, 5, 7))
STAGES = {
    **dict.fromkeys(("resnet18", "resnet34", "resnet50"), _RESNET),
    **dict.fromkeys(("convnext_tiny", "swin_t"), _FEATURES),
    "vgg16": tuple(f"features.{n}" for n in (4, 9, 16, 23, 30)),
    "densenet121": ("features.pool0", *(f"features.denseblock{n}" for n in range(1, 5))),
    "efficientnet_b0": tuple(f"features.{n}" for n in (0, 2, 3, 5, 7)),
    "efficientnet_lite0": tuple(f"blocks.{n}" for n in (0, 1, 2, 4, 6)),
    "inception_v3": ("maxpool1", "maxpool2", "Mixed_5d", "Mixed_6e", "Mixed_7c"),
    "vit_b_16": ("conv_proj", *(f"encoder.layers.encoder_layer_{n}" for n in (2, 5, 8, 11))),
}
"""For each backbone with a line of its own, the modules whose outputs are called stem and layer1 to layer4."""


class _DeepEnough(Exception):  # noqa: N818
    """Ends a forward pass after the last requested layer."""


class Depths:
    """A network that returns the outputs of several layers; safe to call from several threads.

    Parameters
    ----------
    model : Module
        From `Backbone.build`, with weights and on its device.
    backbone : Backbone
    layers : sequence of str
        Of `featex.network.views.LAYERS`.
    """

    def __init__(self, model: nn.Module, backbone: Backbone, layers: Sequence[str]):
        self.model, self.layers = model, tuple(layers)
        self._inner = [layer for layer in DEPTHS if layer in layers]
        names = dict(zip(DEPTHS, stages(backbone, model), strict=True)) if self._inner else {}
        self._pass = local()  # has `outputs` during a pass of this thread; at other times the hooks do nothing
        for layer in self._inner:
            model.get_submodule(names[layer]).register_forward_hook(self._hook(layer))
        self._maps_last = backbone.name.startswith("swin") or _keeps_channels_last(model)
        self._prefix = getattr(model, "num_prefix_tokens", 1)  # torchvision's transformer has only its class token

    def __call__(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the output (n, width) of each layer for normalised images (n, 3, height, width).

        The penultimate layer gives its values; each other layer the mean and standard deviation of each channel over
        positions. The pass ends at the last requested layer.
        """
        outputs = self._pass.outputs = {}
        try:
            with suppress(_DeepEnough):
                outputs[PENULTIMATE] = self.model(pixels)
        finally:
            del self._pass.outputs
        return {layer: outputs[layer] for layer in self.layers}

    def _hook(self, layer: str):
        last = PENULTIMATE not in self.layers and layer == self._inner[-1]

        def keep(module: nn.Module, inputs, output) -> None:
            if not hasattr(self._pass, "outputs"):
                return
            maps = output[0] if isinstance(output, tuple) else output
            if maps.ndim == 4:
                last_axis = self._maps_last or _keeps_channels_last(module)
                positions = maps.flatten(1, 2) if last_axis else maps.flatten(2).transpose(1, 2)
            else:
                positions = maps[:, 0 if layer == "stem" else self._prefix :]
            self._pass.outputs[layer] = torch.cat([positions.mean(1), positions.std(1, correction=0)], dim=1)
            if last:
                raise _DeepEnough

        return keep


def _keeps_channels_last(module: nn.Module) -> bool:
    return "NHWC" in str(getattr(module, "output_fmt", ""))  # set by timm


def stages(backbone: Backbone, model: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules whose outputs are stem and layer1 to layer4.

    In a transformer, layer1 to layer4 are the blocks at a quarter, a half, three quarters and the end of its depth; in
    timm's other networks, the last four stages that timm lists.
    """
    if not backbone.name.startswith(TIMM):
        return STAGES[backbone.name]
    if hasattr(model, "blocks") and hasattr(model, "patch_embed"):
        n = len(model.blocks)
        return ("patch_embed", *(f"blocks.{max(n * quarter // 4 - 1, 0)}" for quarter in range(1, 5)))
    listed = [info["module"] for info in getattr(model, "feature_info", None) or []]
    first = next((name for name in ("stem", "patch_embed", "conv_stem", "conv1") if hasattr(model, name)), None)
    if len(listed) > 4:
        return (listed[-5], *listed[-4:])
    if len(listed) == 4 and first:
        return (first, *listed)
    raise UsageError(
        f"timm does not list the layers of {backbone.name}; leave out --layers, or choose another backbone"
    )


def widths(backbone: Backbone, layers: Sequence[str]) -> dict[str, int]:
    """Return how many columns each layer gives; this needs no weights."""
    if not set(layers) - {PENULTIMATE}:
        return dict.fromkeys(layers, backbone.n_features)
    with torch.device("meta"), torch.inference_mode():
        outputs = Depths(backbone.build(), backbone, layers)(torch.zeros(1, 3, backbone.crop, backbone.crop))
    return {layer: columns.shape[1] for layer, columns in outputs.items()}


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """Fold each BatchNorm that follows a convolution into it, in place, and return the faster model.

    timm's BatchNorm that ends in an activation leaves that activation. A model that cannot be traced stays unchanged.
    """
    try:
        graph = _Norms().trace(model)
    except Exception:  # tracing runs the model's code on placeholders, which may raise any exception
        return model
    modules = dict(model.named_modules())
    for node in graph.nodes:
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        if before.op == "call_module" and isinstance(modules[before.target], nn.Conv2d) and len(before.users) == 1:
            conv, norm = modules[before.target], modules[node.target]
            statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
            model.set_submodule(node.target, getattr(norm, "act", nn.Identity()))
    return model


class _Norms(Tracer):
    """A tracer that does not look into timm's plain convolution and BatchNorm, which compute what torch's do.

    timm's other convolutions, such as those that standardise their kernels, must not be scaled.
    """

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return type(module).__name__ in ("Conv2dSame", "BatchNormAct2d") or super().is_leaf_module(module, name)

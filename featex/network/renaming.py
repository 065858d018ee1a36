"""Names of the tensors of an EfficientNet: from those of the package efficientnet_pytorch to those of timm."""

import re
from collections.abc import Collection, Mapping

_ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_SE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
_NARROW = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2", **_SE}
_WIDE = {
    **{"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"},
    **{"_project_conv": "conv_pwl", "_bn2": "bn3", **_SE},
}
"""Modules of a block, first without and then with an expansion to more channels."""


def timm_names(state: Mapping, expected: Collection[str]) -> Mapping:
    """Return the tensors under timm's names; a table in other names is returned as it is.

    Parameters
    ----------
    state : mapping of str to Tensor
        Its names are such as ``_blocks.3._bn0.weight``: blocks are counted through all stages.
    expected : collection of str
        timm's names, such as ``blocks.2.0.bn1.weight``: blocks are counted within a stage.
    """
    if "_conv_stem.weight" not in state:
        return state
    blocks = dict.fromkeys(m.group() for name in expected if (m := re.match(r"blocks\.\d+\.\d+(?=\.)", name)))
    numbered = {f"_blocks.{number}": block for number, block in enumerate(blocks)}
    wide = {name.split("._expand_conv")[0] for name in state if "._expand_conv." in name}
    renamed = {}
    for name, tensor in state.items():
        block = re.match(r"_blocks\.\d+(?=\.)", name)
        start = f"{numbered.get(block.group(), block.group())}." if block else ""
        module, _, rest = name[block.end() + 1 if block else 0 :].partition(".")
        names = _ENDS if not block else _WIDE if block.group() in wide else _NARROW
        renamed[f"{start}{names.get(module, module)}.{rest}"] = tensor
    return renamed

"""Pixels to vectors: networks, their weights, and the layers that give features.

backbones    the table of backbones
published    ImageNet weights: from a package, torch's cache, or a download
weights      which weights a name stands for, and loading them
choice       the backbone and the weights of a command, in one order
checkpoints  files of weights from any source, read without running code
renaming     an EfficientNet's tensors, from the names of another package to timm's
views        which pixels, which inputs and which layers are used
forward      a batch of images -> vectors
layers       outputs of several layers in one pass
winograd     fast 3 x 3 convolutions
signals      noise residual, spectrum and natural scene statistics
"""

"""Pixels to vectors: networks, their weights, and the layers that give features.

backbones    the table of backbones
weights      where weights come from: a file, the cache, a download, a seed
checkpoints  files of weights from any source, read without running code
views        which pixels, which inputs and which layers are used
forward      a batch of images -> vectors
layers       outputs of several layers in one pass
winograd     fast 3 x 3 convolutions
signals      noise residual, spectrum and natural scene statistics
"""

"""Forward: squares of pixels on a device to vectors, through a network and the inputs that need none."""

import torch
from torch import Tensor

from featex.network import signals
from featex.network.backbones import Backbone
from featex.network.layers import Depths, fold_batchnorm
from featex.network.views import OF_NETWORK, View
from featex.network.weights import Weights, load_weights
from featex.network.winograd import with_winograd

HALF = torch.float16  # 11 bits of precision; bfloat16 has 8
_WARM_UP = 3  # passes in which cuDNN chooses its algorithms, before a graph is recorded


class Forward:
    """Computes a view with a backbone on a device, a fixed number of squares at a time.

    Parameters
    ----------
    view : View
    backbone : Backbone
    weights : Weights
    device : device
    batch_size : int
        Squares in a pass. Fewer squares are padded to this number, because convolutions choose their algorithm by
        shape, and the vector of an image must not depend on how many images come with it.
    """

    def __init__(self, view: View, backbone: Backbone, weights: Weights, device: torch.device, batch_size: int):
        self.view, self.device, self.batch_size = view, device, batch_size
        self.dtype = HALF if view.fast and device.type == "cuda" else torch.float32
        self._mean = 255 * torch.tensor(backbone.mean, device=device).view(3, 1, 1)
        self._std = 255 * torch.tensor(backbone.std, device=device).view(3, 1, 1)
        self.depths = self._network(backbone, weights) if view.layers_read else None
        self._steady = set(view.inputs) <= set(OF_NETWORK)  # the code of the other inputs depends on the data
        self._pass = None  # on CUDA, set by the first squares

    def __call__(self, squares: Tensor) -> Tensor:
        """Return the vectors (n, columns) float32 of squares (n, 3, side, side) uint8 that are on the device."""
        with torch.inference_mode():
            return torch.cat([self._some(chunk) for chunk in squares.split(self.batch_size)])

    def _some(self, chunk: Tensor) -> Tensor:
        missing = self.batch_size - len(chunk)
        full = torch.cat([chunk, chunk.new_zeros(missing, *chunk.shape[1:])]) if missing else chunk
        if self.device.type != "cuda":
            return self._vectors(full)[: len(chunk)]
        # TensorFloat-32 has only three digits, so vectors would differ from those of a CPU.
        with torch.backends.cudnn.flags(enabled=True, benchmark=self.view.fast, allow_tf32=False):
            if self._pass is None:
                self._pass = _recorded(self._vectors, full) if self._steady else self._vectors
            return self._pass(full)[: len(chunk)]

    def _vectors(self, squares: Tensor) -> Tensor:
        images = squares.contiguous(memory_format=torch.channels_last) if self.depths else squares
        images = images.float()
        vectors = self._read(images)
        return (vectors + self._read(images.flip(-1))) / 2 if self.view.tta == "flips" else vectors

    def _read(self, images: Tensor) -> Tensor:
        """Return the blocks of float squares in 0..255 side by side, (n, columns)."""
        parts, direct = [], [kind for kind in self.view.inputs if kind not in OF_NETWORK]
        values = dict(zip(direct, signals.read(images, direct), strict=True)) if direct else {}
        for kind in self.view.inputs:
            if kind == "rgb":
                parts += self.depths(((images - self._mean) / self._std).to(self.dtype)).values()
            elif kind == "residual":
                parts += self.depths(signals.residual(images) * signals.GAIN / self._std).values()
            else:
                parts.append(values[kind])
        return torch.cat([part.float() for part in parts], dim=1)

    def _network(self, backbone: Backbone, weights: Weights) -> Depths:
        model = fold_batchnorm(load_weights(backbone, weights))
        if self.device.type == "cpu":
            model = with_winograd(model)
        model = model.to(self.device, self.dtype, memory_format=torch.channels_last)
        return Depths(model, backbone, self.view.layers)


def _recorded(function, example: Tensor):
    """Return `function` as a CUDA graph, which starts all its kernels at once; it takes only tensors like `example`."""
    static = example.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            function(static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads pin memory meanwhile
        result = function(static)

    def replay(values: Tensor) -> Tensor:
        static.copy_(values)
        graph.replay()
        return result.clone()  # the next replay overwrites it

    return replay

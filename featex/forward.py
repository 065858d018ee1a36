"""Forward: squares of pixels on a device, through a network and what needs none, to vectors."""

import torch
from torch import Tensor

from featex import signals
from featex.backbones import Backbone
from featex.layers import Depths, fold_batchnorm
from featex.views import OF_NETWORK, View
from featex.weights import Weights, load_weights
from featex.winograd import with_winograd

HALF = torch.float16  # bfloat16 keeps 8 bits where this keeps 11
_WARM_UP = 3  # passes before a graph is recorded, in which cuDNN chooses its algorithms


class Forward:
    """A view through a backbone on a device, a fixed number of squares at a time.

    Parameters
    ----------
    view : View
    backbone : Backbone
    weights : Weights
    device : device
    batch_size : int
        Squares a pass: fewer are filled up, for convolutions choose their algorithm by shape, and an image's vector
        must not depend on how many came with it.
    """

    def __init__(self, view: View, backbone: Backbone, weights: Weights, device: torch.device, batch_size: int):
        self.view, self.device, self.batch_size = view, device, batch_size
        self.dtype = HALF if view.fast and device.type == "cuda" else torch.float32
        self._mean = 255 * torch.tensor(backbone.mean, device=device).view(3, 1, 1)
        self._std = 255 * torch.tensor(backbone.std, device=device).view(3, 1, 1)
        self._depths = self._network(backbone, weights) if view.layers_read else None
        self._steady = set(view.inputs) <= set(OF_NETWORK)  # other inputs choose what to do by what they see
        self._pass = None  # on CUDA, from the first squares on

    def __call__(self, squares: Tensor) -> Tensor:
        """Return the vectors (n, columns) float32 of squares (n, 3, side, side) uint8 that are on the device."""
        with torch.inference_mode():
            return torch.cat([self._some(chunk) for chunk in squares.split(self.batch_size)])

    def _some(self, chunk: Tensor) -> Tensor:
        missing = self.batch_size - len(chunk)
        full = torch.cat([chunk, chunk.new_zeros(missing, *chunk.shape[1:])]) if missing else chunk
        if self.device.type != "cuda":
            return self._vectors(full)[: len(chunk)]
        # TensorFloat-32 would leave three digits, and another vector than the CPU's.
        with torch.backends.cudnn.flags(enabled=True, benchmark=self.view.fast, allow_tf32=False):
            if self._pass is None:
                self._pass = _recorded(self._vectors, full) if self._steady else self._vectors
            return self._pass(full)[: len(chunk)]

    def _vectors(self, squares: Tensor) -> Tensor:
        images = squares.contiguous(memory_format=torch.channels_last) if self._depths else squares
        images = images.float()
        vectors = self._read(images)
        return (vectors + self._read(images.flip(-1))) / 2 if self.view.tta == "flips" else vectors

    def _read(self, images: Tensor) -> Tensor:
        """Return the blocks of float squares in 0..255 side by side, (n, columns)."""
        parts, alone = [], [kind for kind in self.view.inputs if kind not in OF_NETWORK]
        read = dict(zip(alone, signals.read(images, alone), strict=True)) if alone else {}
        for kind in self.view.inputs:
            if kind == "rgb":
                parts += self._depths(((images - self._mean) / self._std).to(self.dtype)).values()
            elif kind == "residual":
                parts += self._depths(signals.residual(images) * signals.GAIN / self._std).values()
            else:
                parts.append(read[kind])
        return torch.cat([part.float() for part in parts], dim=1)

    def _network(self, backbone: Backbone, weights: Weights) -> Depths:
        model = fold_batchnorm(load_weights(backbone, weights))  # folded into convolutions: less to compute
        if self.device.type == "cpu":
            model = with_winograd(model)
        model = model.to(self.device, self.dtype, memory_format=torch.channels_last)
        return Depths(model, backbone, self.view.layers)


def _recorded(function, example: Tensor):
    """Return `function` as a CUDA graph, which starts all its kernels at once; it is only called with such tensors."""
    static = example.clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UP):
            function(static)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads go on pinning memory meanwhile
        given = function(static)

    def replay(values: Tensor) -> Tensor:
        static.copy_(values)
        graph.replay()
        return given.clone()  # the next replay writes there

    return replay

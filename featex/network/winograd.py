"""3 x 3 convolutions with a quarter of the multiplications, exact up to rounding: Winograd's F(4 x 4, 3 x 3).

On a CPU, convolutions run at the speed of matrix products, so only fewer multiplications make a network faster.
Windows of 6 x 6 pixels, which overlap by two, and kernels are each transformed to 36 values; these are multiplied as
matrices over channels, and the products transformed back to 4 x 4 pixels.
Source: Lavin & Gray 2016, https://arxiv.org/abs/1509.09308, section 4.3.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

TILE = 4
WINDOW = TILE + 2  # pixels of input that a tile of output depends on
POINTS = WINDOW * WINDOW
LEAST_CHANNELS = 128  # with fewer channels, the transforms cost what the multiplications save
_WITH_BIAS = WINDOW + 1  # a constant at the point (1, 1) becomes the same constant in all pixels
_OF_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OF_KERNEL = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OF_OUTPUT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


class WinogradConv2d(nn.Module):
    """A float32 3 x 3 convolution of stride 1 and padding 1, for evaluation only; fastest on channels-last input.

    Parameters
    ----------
    conv : Conv2d
        The convolution that it replaces; see `suits`.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        to_points = torch.tensor(_OF_KERNEL)
        weight = conv.weight.detach().permute(2, 3, 1, 0).reshape(9, -1)
        kernel = (torch.kron(to_points, to_points) @ weight).view(POINTS, conv.in_channels, conv.out_channels)
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        self.register_buffer("kernel", kernel)
        self.register_buffer("bias", bias.clone())
        self.register_buffer("of_input", torch.tensor(_OF_INPUT, dtype=torch.float32))
        self.register_buffer("of_output", torch.tensor(_OF_OUTPUT, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution (n, out_channels, height, width), channels last, of `x` (n, in_channels, ...)."""
        n, channels, height, width = x.shape
        rows, columns = -(-height // TILE), -(-width // TILE)
        right, below = columns * TILE + 1 - width, rows * TILE + 1 - height
        pixels = pad(x.permute(0, 2, 3, 1), (0, 0, 1, right, 1, below))
        of_image, of_row, of_column, _ = pixels.stride()
        windows = pixels.as_strided(
            (WINDOW, WINDOW, n, rows, columns, channels),
            (of_row, of_column, of_image, TILE * of_row, TILE * of_column, 1),
        )
        points = _both_ways(self.of_input, windows.reshape(WINDOW, WINDOW, -1)).view(POINTS, -1, channels)
        products = torch.bmm(points, self.kernel)
        products[_WITH_BIAS] += self.bias
        tiles = _both_ways(self.of_output, products.view(WINDOW, WINDOW, -1))
        tiles = tiles.view(TILE, TILE, n, rows, columns, -1).permute(2, 3, 0, 4, 1, 5)
        return tiles.reshape(n, rows * TILE, columns * TILE, -1)[:, :height, :width].permute(0, 3, 1, 2)


def _both_ways(matrix: Tensor, values: Tensor) -> Tensor:
    """Return `matrix` (m, w) times `values` (w, w, any) times its transpose, over the first two axes: (m, m * any)."""
    return matrix @ torch.matmul(matrix, values).view(len(values), -1)


def suits(module: nn.Module) -> bool:
    """Return whether a module is a convolution that `WinogradConv2d` can replace and makes faster."""
    return (
        type(module) is nn.Conv2d
        and (module.kernel_size, module.stride, module.padding, module.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and (module.groups, module.padding_mode) == (1, "zeros")
        and min(module.in_channels, module.out_channels) >= LEAST_CHANNELS
    )


def with_winograd(model: nn.Module) -> nn.Module:
    """Replace each convolution that `suits` by a `WinogradConv2d`, in place, and return the model."""
    for name, module in list(model.named_modules()):
        if suits(module):
            model.set_submodule(name, WinogradConv2d(module))
    return model

"""What is in an image beside its colours: the residual of a blur, its spectrum, and the statistics of natural scenes.

Generators and cameras leave traces in how fine structures are distributed, whatever the picture shows. How strong
these structures are is content, and light, and resolution: so each block but the residual is free of level, and tells
the shape of a distribution alone.
"""

import math

import torch
from torch.nn import functional

SIGMA = 1.0
"""Of the blur, in pixels: what it takes away are structures of up to about three pixels."""

GAIN = 6.0
"""By which residuals are multiplied, so that they vary about as much as the photographs a network was trained on."""

WINDOW = 32
"""Side, in pixels, of the overlapping windows whose spectra are averaged."""

N_FREQUENCIES = (WINDOW // 2 + 1) ** 2
"""Columns of a spectrum: frequencies down by frequencies across, 0 to half a cycle a pixel."""

BLOCK = 8
N_BINS = 24
N_STATISTICS = 2 * (BLOCK**2 - 1) + N_BINS
"""Columns of the statistics: two for each of 63 DCT coefficients, and a histogram."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_STEP = 5  # pixels between DCT blocks: no multiple of 8, so that a JPEG's own grid is met at every phase
_SIGMA_CONTRAST = 3.0
_RANGE = 3.0  # of the histogram, in standard deviations
# In grey levels: what 8-bit rounding leaves, beside which nothing can be told.
_SILENT_POWER, _SILENT_COEFFICIENT, _SILENT_CONTRAST, _RARE = 1e-2, 0.05, 0.5, 1e-4


def residual(pixels: torch.Tensor) -> torch.Tensor:
    """Return images less their Gaussian blur.

    Parameters
    ----------
    pixels : Tensor of shape (n, channels, height, width), float
        At least 16 pixels high and wide.
    """
    return pixels - _blurred(pixels, SIGMA)


def spectrum(pixels: torch.Tensor) -> torch.Tensor:
    """Return the mean logarithm of the residual's power at each frequency, less its mean, (n, `N_FREQUENCIES`).

    Welch's method (1967, doi:10.1109/TAU.1967.1161901) in two dimensions, on luma: Hann windows that overlap by half.
    Frequencies up and down are averaged, which makes it the same for an image and its mirror image. Generators that
    enlarge a small map leave peaks in it (Durall et al. 2020, doi:10.1109/CVPR42600.2020.00791).

    Parameters
    ----------
    pixels : Tensor of shape (n, 3, side, side), float
        In 0..255.
    """
    fine = residual(_luma(pixels))[:, 0]
    hann = torch.hann_window(WINDOW, device=pixels.device)
    windows = fine.unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2) * (hann[:, None] * hann)
    power = torch.log(torch.fft.rfft2(windows).abs() ** 2 + _SILENT_POWER).mean(dim=(1, 2))
    half = WINDOW // 2
    upper = power[:, : half + 1].clone()
    upper[:, 1:half] = (power[:, 1:half] + power[:, half + 1 :].flip(1)) / 2
    upper = upper.flatten(1)
    return upper - upper.mean(dim=1, keepdim=True)


def statistics(pixels: torch.Tensor) -> torch.Tensor:
    """Return statistics of natural scenes, (n, `N_STATISTICS`), of an image's luma.

    Of each coefficient of the 8 x 8 DCT but the mean: the logarithm of its root mean square over its mean magnitude,
    which is larger the heavier its tails; and the logarithm of that magnitude, less the mean over coefficients. Then
    the logarithm of the histogram of the residual over its local standard deviation, which is that of a Gaussian in
    photographs (Ruderman 1994, doi:10.1088/0954-898X/5/4/006; Mittal, Moorthy & Bovik 2012,
    doi:10.1109/TIP.2012.2214050).

    Parameters
    ----------
    pixels : Tensor of shape (n, 3, side, side), float
        In 0..255.
    """
    luma = _luma(pixels)
    blocks = functional.unfold(luma, BLOCK, stride=_STEP)  # (n, 64, blocks)
    transform = _dct(pixels.device)
    magnitudes = (torch.kron(transform, transform) @ blocks)[:, 1:].abs()
    mean = magnitudes.mean(dim=2) + _SILENT_COEFFICIENT
    tails = torch.log((magnitudes.square().mean(dim=2).sqrt() + _SILENT_COEFFICIENT) / mean)
    level = torch.log(mean)
    fine = residual(luma)
    contrast = _blurred(fine.square(), _SIGMA_CONTRAST).clamp(min=0).sqrt() + _SILENT_CONTRAST
    normal = fine / contrast
    at = ((normal + _RANGE) * (N_BINS / (2 * _RANGE))).long().flatten(1)
    inside = (normal.flatten(1).abs() < _RANGE).float()
    counts = torch.zeros(len(luma), N_BINS, device=pixels.device).scatter_add_(1, at.clamp(0, N_BINS - 1), inside)
    histogram = torch.log(counts / at.shape[1] + _RARE)
    return torch.cat([tails, level - level.mean(dim=1, keepdim=True), histogram], dim=1)


def _luma(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels * torch.tensor(_LUMA, device=pixels.device).view(3, 1, 1)).sum(1, keepdim=True)


def _blurred(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    radius = math.ceil(3 * sigma)
    at = torch.arange(-radius, radius + 1, device=pixels.device, dtype=pixels.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = pixels.shape[1]
    pixels = functional.pad(pixels, (radius,) * 4, mode="reflect")
    for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
        pixels = functional.conv2d(pixels, kernel.view(shape).expand(channels, -1, -1, -1), groups=channels)
    return pixels


def _dct(device: torch.device) -> torch.Tensor:
    """Return the orthonormal DCT-II of `BLOCK` values as a matrix."""
    n = torch.arange(BLOCK, device=device, dtype=torch.float32)
    matrix = torch.cos(math.pi / BLOCK * (n + 0.5) * n[:, None]) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix

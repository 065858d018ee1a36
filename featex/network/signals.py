"""Signals beside the colours of an image: the residual of a blur, its spectrum, and natural scene statistics.

Generators and cameras leave traces in the distribution of fine structures, whatever the picture shows. The strength of
these structures depends on content, light and resolution, so the spectrum and the statistics are normalised and
describe only the shape of a distribution.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch.nn import functional

SIGMA = 1.0
"""Of the blur, in pixels: it removes structures of up to about three pixels."""

GAIN = 6.0
"""Factor of residuals, so that they vary about as much as the photographs on which a network was trained."""

WINDOW = 32
"""Side, in pixels, of the overlapping windows whose spectra are averaged."""

N_FREQUENCIES = (WINDOW // 2 + 1) ** 2
"""Columns of a spectrum: vertical by horizontal frequencies, from 0 to half a cycle per pixel."""

BLOCK = 8
N_BINS = 24
N_STATISTICS = 2 * (BLOCK**2 - 1) + N_BINS
"""Columns of the statistics: two for each of 63 DCT coefficients, and the histogram."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_STEP = 5  # pixels between DCT blocks; 5 and 8 have no common factor, so every phase of a JPEG grid is sampled
_SIGMA_CONTRAST = 3.0
_RANGE = 3.0  # of the histogram, in standard deviations
# In grey levels: the noise of 8-bit rounding, below which values mean nothing.
_SILENT_POWER, _SILENT_COEFFICIENT, _SILENT_CONTRAST, _RARE = 1e-2, 0.05, 0.5, 1e-4


def residual(pixels: torch.Tensor) -> torch.Tensor:
    """Return images minus their Gaussian blur.

    Parameters
    ----------
    pixels : Tensor of shape (..., height, width), float
        At least 16 pixels in height and width.
    """
    return pixels - _blurred(pixels, SIGMA)


def read(pixels: torch.Tensor, kinds: Sequence[str]) -> list[torch.Tensor]:
    """Return the requested signals of images, in the order of `kinds`.

    Parameters
    ----------
    pixels : Tensor of shape (n, 3, side, side), float
        In 0..255.
    kinds : sequence of {"spectrum", "statistics"}
    """
    luma = (pixels * torch.tensor(_LUMA, device=pixels.device).view(3, 1, 1)).sum(1)
    fine = residual(luma)
    signals = {"spectrum": lambda: spectrum(fine), "statistics": lambda: statistics(luma, fine)}
    return [signals[kind]() for kind in kinds]


def spectrum(fine: torch.Tensor) -> torch.Tensor:
    """Return the mean log power of the residual at each frequency, minus its mean, (n, `N_FREQUENCIES`).

    Welch's method (1967, doi:10.1109/TAU.1967.1161901) in two dimensions on luma, with Hann windows that overlap by
    half. Upward and downward frequencies are averaged, so an image and its mirror image have the same spectrum.
    Generators that upsample a small map leave peaks in it (Durall et al. 2020, doi:10.1109/CVPR42600.2020.00791).

    Parameters
    ----------
    fine : Tensor of shape (n, side, side), float
        The `residual` of luma in 0..255.
    """
    hann = torch.hann_window(WINDOW, periodic=False, device=fine.device)  # symmetric, so that mirror images agree
    windows = fine.unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2) * (hann[:, None] * hann)
    waves = torch.fft.rfft2(windows)
    power = torch.log(waves.real.square() + waves.imag.square() + _SILENT_POWER).mean(dim=(1, 2))
    half = WINDOW // 2
    upper = power[:, : half + 1].clone()
    upper[:, 1:half] = (power[:, 1:half] + power[:, half + 1 :].flip(1)) / 2
    upper = upper.flatten(1)
    return upper - upper.mean(dim=1, keepdim=True)


def statistics(luma: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    """Return natural scene statistics of luma, (n, `N_STATISTICS`).

    For each coefficient of the 8 x 8 DCT except the mean: the log ratio of its root mean square to its mean magnitude,
    which grows with the weight of its tails; and the log of that magnitude, minus the mean over coefficients. Then the
    log histogram of the residual divided by its local standard deviation, which is Gaussian in photographs (Ruderman
    1994, doi:10.1088/0954-898X/5/4/006; Mittal, Moorthy & Bovik 2012, doi:10.1109/TIP.2012.2214050).

    Parameters
    ----------
    luma, fine : Tensor of shape (n, side, side), float
        Luma in 0..255, and its `residual`.
    """
    blocks = functional.unfold(luma[:, None], BLOCK, stride=_STEP)  # (n, 64, blocks)
    transform = _dct(luma.device)
    magnitudes = (torch.kron(transform, transform) @ blocks)[:, 1:].abs()
    mean = magnitudes.mean(dim=2) + _SILENT_COEFFICIENT
    tails = torch.log((magnitudes.square().mean(dim=2).sqrt() + _SILENT_COEFFICIENT) / mean)
    level = torch.log(mean)
    contrast = _blurred(fine.square(), _SIGMA_CONTRAST).clamp(min=0).sqrt() + _SILENT_CONTRAST
    normal = fine / contrast
    at = ((normal + _RANGE) * (N_BINS / (2 * _RANGE))).long().flatten(1)
    inside = (normal.flatten(1).abs() < _RANGE).float()
    counts = torch.zeros(len(luma), N_BINS, device=luma.device).scatter_add_(1, at.clamp(0, N_BINS - 1), inside)
    histogram = torch.log(counts / at.shape[1] + _RARE)
    return torch.cat([tails, level - level.mean(dim=1, keepdim=True), histogram], dim=1)


def _blurred(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    height, width = (_blur(side, sigma, pixels.device) for side in pixels.shape[-2:])
    return height @ pixels @ width.T


@lru_cache(maxsize=8)
def _blur(side: int, sigma: float, device: torch.device) -> torch.Tensor:
    """Return the blur of a line, with mirrored edges, as a matrix; here a matrix product beats a convolution."""
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    lines = functional.pad(torch.eye(side)[:, None], (radius, radius), mode="reflect")
    return functional.conv1d(lines, (kernel / kernel.sum()).view(1, 1, -1))[:, 0].T.contiguous().to(device)


def _dct(device: torch.device) -> torch.Tensor:
    """Return the orthonormal DCT-II of `BLOCK` values as a matrix."""
    n = torch.arange(BLOCK, device=device, dtype=torch.float32)
    matrix = torch.cos(math.pi / BLOCK * (n + 0.5) * n[:, None]) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix

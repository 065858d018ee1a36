"""Squared distances between rows by one matrix product, on a GPU where there is one and enough to do."""

from pathlib import Path

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

LEAST_PAIRS = 10_000_000  # with fewer, importing torch and going to the GPU cost more than they save
DRIVER = Path("/proc/driver/nvidia/version")  # tells of a GPU without importing torch, which takes seconds


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances (len(rows), len(others)) between rows of float64, 0 or more."""
    if len(rows) * len(others) >= LEAST_PAIRS and DRIVER.exists():
        import torch

        if torch.cuda.is_available():
            return on_device(rows, others, "cuda")
    return euclidean_distances(rows, others, squared=True)


def on_device(rows: np.ndarray, others: np.ndarray, device: str) -> np.ndarray:
    """Return `squared_distances` as torch computes them on a device; off by rounding from those of the CPU."""
    import torch

    a, b = (torch.from_numpy(side).to(device) for side in (rows, others))
    squared = torch.addmm((a * a).sum(1)[:, None] + (b * b).sum(1), a, b.T, alpha=-2).clamp_(min=0)
    if rows is others:
        squared.fill_diagonal_(0)
    return squared.cpu().numpy()
